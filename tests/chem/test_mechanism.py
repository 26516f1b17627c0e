"""From minima and transition states to a mechanism, and what Cantera makes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from chem.errors import ConfigurationError, InputError
from chem.identity import make_reaction
from chem.kinetics import BOLTZMANN_EV_PER_K, equilibrium_constant
from chem.levels import resolve_level
from chem.mechanism import ProvedReaction, build_mechanism, collision_rate, rate_constant
from chem.microkinetics import MicrokineticModel, ReactorConditions, cantera_solution
from chem.outcomes import Status
from chem.potential import GradientCounter
from chem.smiles import parse_smiles
from chem.species_minimum import find_species_minimum
from chem.types import Geometry

GFN2 = resolve_level("gfn2")
MAPPED = {
    "shift": "[C:1](=[O:2])([H:3])[H:4]>>[C:1]([O:2][H:4])[H:3]",
    "split": "[C:1](=[O:2])([H:3])[H:4]>>[C-:1]#[O+:2].[H:3][H:4]",
    "decay": "[C:1]([O:2][H:4])[H:3]>>[C-:1]#[O+:2].[H:3][H:4]",
}
HEIGHTS_EV = {"shift": 3.4, "split": 3.7, "decay": 2.0}  # above the reactants
MODES_CM1 = (-1900.0, 800.0, 1200.0, 1500.0, 2500.0, 2900.0)
PLANAR = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.25], [1.0, 0.0, -0.4], [0.9, 0.0, 1.0]])


@pytest.fixture(scope="module")
def reactions():
    return {
        name: make_reaction(*(parse_smiles(side) for side in mapped.split(">>"))) for name, mapped in MAPPED.items()
    }


@pytest.fixture(scope="module")
def species(reactions):
    return {each.key: each for one in reactions.values() for each in (*one.reactants, *one.products)}


@pytest.fixture(scope="module")
def minima(species):
    """Proved at GFN2-xTB."""
    return {
        key: find_species_minimum(each.graph, GFN2, GradientCounter(), n_embeddings=1) for key, each in species.items()
    }


@pytest.fixture(scope="module")
def proved(reactions, minima):
    """Transition states of the right composition at chosen heights, so that nothing has to be searched."""
    made = []
    for name, reaction in reactions.items():
        numbers = np.array(reaction.reactant_graph.numbers)
        base = sum(minima[each.key].energy_ev for each in reaction.reactants)
        made.append(
            ProvedReaction(
                key=name,
                reactants=tuple(each.key for each in reaction.reactants),
                products=tuple(each.key for each in reaction.products),
                degeneracy=reaction.degeneracy,
                geometry=Geometry(numbers=numbers, positions=PLANAR),
                energy_ev=base + HEIGHTS_EV[name],
                frequencies_cm1=MODES_CM1,
                verdict=Status.PASSED,
                error_bar_95_kcal_mol=8.0,
            )
        )
    return made


@pytest.fixture(scope="module")
def mechanism(species, minima, proved):
    return build_mechanism(GFN2.key, species, minima, proved)


def key_of(species, smiles):
    (key,) = (key for key, each in species.items() if each.smiles == smiles)
    return key


def test_a_minimum_knows_its_symmetry_and_has_no_imaginary_mode(species, minima):
    hydrogen = minima[key_of(species, "[H][H]")]
    formaldehyde = minima[key_of(species, "C=O")]
    assert (hydrogen.symmetry_number, formaldehyde.symmetry_number) == (2, 2)
    assert len(formaldehyde.frequencies_cm1) == 6
    assert min(formaldehyde.frequencies_cm1) > 900.0


def test_polynomials_give_the_free_energies_to_a_hundredth_of_a_kcal(mechanism):
    assert max(each.polynomial.largest_error_kcal_mol for each in mechanism.species.values()) < 0.01


def test_names_are_formulas_with_a_number_among_isomers(mechanism):
    names = sorted(each.name for each in mechanism.species.values())
    assert names == ["CH2O_1", "CH2O_2", "CO_1", "H2_1"]


@pytest.mark.parametrize("temperature_k", [300.0, 500.0, 1000.0, 1500.0])
def test_cantera_has_our_rates_within_two_percent_and_the_exported_expression_exactly(mechanism, temperature_k):
    gas = cantera_solution(mechanism)
    gas.TP = temperature_k, 1e5
    for place, (key, each) in enumerate(mechanism.reactions.items()):
        own = mechanism.rate_constant(key, temperature_k).value
        assert gas.forward_rate_constants[place] == pytest.approx(own, rel=0.02)
        assert gas.forward_rate_constants[place] == pytest.approx(float(each.rate.rate(temperature_k)), rel=1e-6)


@pytest.mark.parametrize("temperature_k", [300.0, 700.0, 1500.0])
def test_the_reverse_rates_of_cantera_are_those_of_our_equilibrium(mechanism, temperature_k):
    gas = cantera_solution(mechanism)
    gas.TP = temperature_k, 1e5
    concentration = 1e5 / (8314.46261815324 * temperature_k)  # kmol / m^3 of the standard state
    for place, each in enumerate(mechanism.reactions.values()):
        sides = [
            [mechanism.species[key].minimum.thermochemistry(temperature_k) for key in side]
            for side in (each.proved.reactants, each.proved.products)
        ]
        constant = equilibrium_constant(*sides) * concentration ** (len(sides[1]) - len(sides[0]))
        ratio = gas.forward_rate_constants[place] / gas.reverse_rate_constants[place]
        assert ratio == pytest.approx(constant, rel=0.02)


def test_every_reaction_is_balanced(mechanism):
    for each in cantera_solution(mechanism).reactions():
        sides = []
        for side in (each.reactants, each.products):
            atoms: Counter[str] = Counter()
            for name, count in side.items():
                (one,) = (known for known in mechanism.species.values() if known.name == name)
                atoms.update({element: count * number for element, number in one.composition.items()})
            sides.append(atoms)
        assert sides[0] == sides[1]


def test_series_follow_the_rates_of_strong_tunnelling(mechanism):
    assert max(each.rate.largest_error for each in mechanism.reactions.values()) < 1.002


def test_two_molecules_react_no_faster_than_they_meet(species, minima, proved):
    split = next(each for each in proved if each.key == "split")
    back = replace(split, reactants=split.products, products=split.reactants, energy_ev=split.energy_ev - 30.0)
    meet = collision_rate([minima[key] for key in back.reactants], 500.0)
    assert rate_constant(back, minima, 500.0).value == pytest.approx(meet, rel=1e-3)
    slow = replace(back, energy_ev=split.energy_ev)
    assert rate_constant(slow, minima, 500.0).value < 1e-6 * meet


def test_molecules_of_hydrogen_and_carbon_monoxide_meet_as_kinetic_theory_says(species, minima):
    pair = [minima[key_of(species, smiles)] for smiles in ("[H][H]", "[C-]#[O+]")]
    reduced_kg = 2.016 * 28.010 / (2.016 + 28.010) * 1.66054e-27
    speed = np.sqrt(8 * 1.380649e-23 * 300.0 / (np.pi * reduced_kg))
    assert collision_rate(pair, 300.0) == pytest.approx(np.pi * 25e-20 * speed * 6.02214e23 * 1e6, rel=1e-4)
    assert collision_rate(pair[:1], 300.0) is None


def test_what_has_no_minimum_or_no_vibrations_is_left_out_with_why(species, minima, proved):
    carbene = next(key for key, each in species.items() if each.smiles not in {"C=O", "[H][H]", "[C-]#[O+]"})
    known = {key: each for key, each in minima.items() if key != carbene}
    silent = [replace(each, frequencies_cm1=()) if each.key == "decay" else each for each in proved]
    made = build_mechanism(GFN2.key, species, known, silent)
    assert set(made.reactions) == {"split"}
    assert "no proved minimum of" in made.left_out["shift"]
    assert set(made.left_out) == {"shift", "decay"}
    with pytest.raises(InputError, match="no vibrations"):
        build_mechanism(GFN2.key, species, minima, [replace(proved[0], frequencies_cm1=())])


@pytest.fixture
def model(mechanism, species):
    return MicrokineticModel(
        mechanism, {key_of(species, "C=O"): 1.0}, ReactorConditions(temperature_k=1500.0, time_s=1e9)
    )


def test_after_long_enough_the_reactor_is_at_equilibrium(model):
    last = {key: values[-1] for key, values in model.run().mole_fractions.items()}
    assert last == pytest.approx(model.equilibrium(), rel=0.02)


def test_the_turns_of_the_reactions_account_for_what_was_made(model, mechanism, species):
    profile = model.run()
    hydrogen, carbene = key_of(species, "[H][H]"), mechanism.reactions["shift"].proved.products[0]
    total = 1.0 + profile.net_turns["split"] + profile.net_turns["decay"]  # molecules, of one at the start
    made = profile.net_turns["split"] + profile.net_turns["decay"]
    assert profile.mole_fractions[hydrogen][-1] == pytest.approx(made / total, rel=1e-3)
    left = profile.net_turns["shift"] - profile.net_turns["decay"]
    assert profile.mole_fractions[carbene][-1] * total == pytest.approx(left, abs=1e-6)


def test_before_equilibrium_the_slow_step_is_the_one_that_matters(mechanism, species):
    model = MicrokineticModel(
        mechanism, {key_of(species, "C=O"): 1.0}, ReactorConditions(temperature_k=1000.0, time_s=1.0)
    )
    influences = {each.reaction_key: each for each in model.influences(key_of(species, "[H][H]"))}
    strongest = max(influences.values(), key=lambda each: abs(each.sensitivity))
    total = sum(each.sensitivity for each in influences.values())
    assert total == pytest.approx(1.0, abs=0.05)  # all rates twice as fast: twice as much of it
    thermal = BOLTZMANN_EV_PER_K * 1000.0 * 23.0605
    assert strongest.factor_95 == pytest.approx(np.exp(abs(strongest.sensitivity) * 8.0 / thermal), rel=1e-4)


def test_a_band_of_heights_encloses_the_profile_and_is_drawn_from_its_seed(mechanism, species):
    hydrogen = key_of(species, "[H][H]")
    model = MicrokineticModel(
        mechanism, {key_of(species, "C=O"): 1.0}, ReactorConditions(temperature_k=1000.0, time_s=1.0)
    )
    one, other = (model.bands([hydrogen], n_samples=12, seed=3)[hydrogen] for _ in range(2))
    assert np.array_equal(one.quantiles, other.quantiles)
    low, _, high = one.quantiles[:, -1]
    last = model.run().mole_fractions[hydrogen][-1]  # the heights are themselves again
    assert low < last < high
    assert high > 3.0 * low


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature_k": 200.0}, "from 300 to 1500 K"),
        ({"time_s": 0.0}, "time_s"),
        ({"pressure_bar": -1.0}, "pressure"),
    ],
)
def test_conditions_outside_the_fit_are_refused(given, message):
    with pytest.raises(ConfigurationError, match=message):
        ReactorConditions(**given)


def test_a_start_that_takes_part_in_nothing_is_refused(mechanism):
    with pytest.raises(ConfigurationError, match="neon takes part in no reaction"):
        MicrokineticModel(mechanism, {"neon": 1.0}, ReactorConditions())
