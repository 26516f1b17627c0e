import numpy as np
import pytest

from chem.alignment import rmsd
from chem.endpoints import prepare_end_points
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.errors import ConfigurationError
from chem.half_way import EndPointSettings, guess_ends
from chem.identity import make_reaction
from chem.levels import resolve_level
from chem.outcomes import Stage
from chem.perception import perceive_graph
from chem.smiles import parse_smiles
from chem.stereo import perceive_stereo

LEVEL = resolve_level("gfn2")
QUICK = EndPointSettings(n_conformers=2, n_attempts=3, n_embeddings=12)


def reaction_of(mapped: str):
    reactant, product = mapped.split(">>")
    return make_reaction(parse_smiles(reactant), parse_smiles(product))


VINYL_ALCOHOL = reaction_of("[C:1]([C:2](=[O:3])[H:7])([H:4])([H:5])[H:6]>>[C:1](=[C:2]([O:3][H:4])[H:7])([H:5])[H:6]")
CASES = {
    "isomerisation": VINYL_ALCOHOL,
    "carbon monoxide leaves": reaction_of(
        "[O:1]=[C:2]([H:3])[C:4]([H:5])([H:6])[H:7]>>[C-:2]#[O+:1].[C:4]([H:5])([H:6])([H:7])[H:3]"
    ),
    "hydrogen leaves": reaction_of("[O:1]=[C:2]([H:3])[H:4]>>[C-:2]#[O+:1].[H:3][H:4]"),
    "a carbene forms": reaction_of("[O:1]=[C:2]([H:3])[H:4]>>[O:1]([H:4])[C:2][H:3]"),
    "a radical takes a hydrogen": reaction_of(
        "[C:1]([H:2])([H:3])([H:4])[H:5].[C:6]([H:7])([H:8])[H:9]"
        ">>[C:1]([H:2])([H:3])[H:4].[C:6]([H:7])([H:8])([H:9])[H:5]"
    ),
    "an anion substitutes": reaction_of(
        "[F-:1].[C:2]([H:3])([H:4])([H:5])[Cl:6]>>[F:1][C:2]([H:3])([H:4])[H:5].[Cl-:6]"
    ),
    "two molecules add": reaction_of(
        "[C:1]([H:2])([H:3])=[C:4]([H:5])[H:6].[H:7][H:8]>>[C:1]([H:2])([H:3])([H:7])[C:4]([H:5])([H:6])[H:8]"
    ),
    "a spectator molecule": reaction_of("[O:1]=[C:2]([H:3])[H:4].[He:5]>>[O:1]([H:4])[C:2][H:3].[He:5]"),
}


@pytest.mark.parametrize("name", CASES)
def test_both_ends_are_the_species_of_the_reaction_in_its_atom_order(name):
    reaction = CASES[name]
    prepared = prepare_end_points(reaction, LEVEL, QUICK)
    assert prepared.failure is None, prepared.failure
    for ends in prepared.end_points:
        assert perceive_graph(ends.reactant).bonds == reaction.reactant_graph.bonds
        assert perceive_graph(ends.product).bonds == reaction.product_graph.bonds
        assert ends.reaction_key == reaction.key
    assert prepared.reactant_found == reaction.reactants
    assert prepared.product_found == reaction.products


def test_the_most_promising_pair_comes_first_and_every_call_is_counted():
    prepared = prepare_end_points(VINYL_ALCOHOL, LEVEL, QUICK)
    guesses = [pair.guess_energy_ev for pair in prepared.pairs]
    assert guesses == sorted(guesses)
    assert 0 < prepared.gradient_calls <= QUICK.budget_gradient_calls


def test_the_same_seed_gives_the_same_ends():
    first, second = (prepare_end_points(VINYL_ALCOHOL, LEVEL, QUICK) for _ in range(2))
    for one, other in zip(first.pairs, second.pairs, strict=True):
        assert rmsd(one.ends.product.positions, other.ends.product.positions) < 1e-6
        assert one.reactant_energy_ev == pytest.approx(other.reactant_energy_ev, abs=1e-8)


def test_the_ends_do_not_depend_on_how_the_reaction_was_numbered():
    order = (6, 3, 0, 5, 1, 4, 2)
    renumbered = make_reaction(
        VINYL_ALCOHOL.reactant_graph.permuted(order), VINYL_ALCOHOL.product_graph.permuted(order)
    )
    first, second = (prepare_end_points(each, LEVEL, QUICK) for each in (VINYL_ALCOHOL, renumbered))
    assert first.reaction_key == second.reaction_key
    assert [pair.guess_energy_ev for pair in first.pairs] == pytest.approx(
        [pair.guess_energy_ev for pair in second.pairs], abs=1e-6
    )


def test_reacting_molecules_lie_in_contact_not_apart():
    prepared = prepare_end_points(CASES["two molecules add"], LEVEL, QUICK)
    for ends in prepared.end_points:
        reaction = CASES["two molecules add"]
        distances = [
            np.linalg.norm(ends.reactant.positions[i] - ends.reactant.positions[j]) for i, j in reaction.formed
        ]
        assert max(distances) < 4.5


def test_a_centre_that_takes_no_part_keeps_its_handedness():
    reactant = parse_smiles("F[C@H](Cl)CC=O")
    reactions = enumerate_reactions(reactant, EnumerationRules())
    reaction = next(each for each in reactions if each.product_graph.tetrahedral and each.products[0].smiles.count("O"))
    prepared = prepare_end_points(reaction, LEVEL, QUICK)
    assert prepared.pairs, prepared.failure
    for ends in prepared.end_points:
        seen = perceive_stereo(perceive_graph(ends.product), ends.product)
        assert reaction.product_graph.tetrahedral <= seen.tetrahedral


def test_a_product_that_does_not_exist_at_the_level_is_a_failure_naming_what_it_became():
    proton_transfer = reaction_of(
        "[N:1]([H:2])([H:3])[H:4].[O:5]([H:6])[H:7]>>[N+:1]([H:2])([H:3])([H:4])[H:6].[O-:5][H:7]"
    )
    prepared = prepare_end_points(proton_transfer, LEVEL, QUICK)
    assert prepared.pairs == ()
    assert prepared.failure is not None
    assert prepared.failure.stage is Stage.PREPARE
    assert prepared.failure.kind == "collapsed"
    assert sorted(species.smiles for species in prepared.product_found) == ["N", "O"]
    assert prepared.reactant_found == proton_transfer.reactants
    assert all(species.smiles in prepared.failure.message for species in prepared.product_found)


def test_a_spent_budget_is_a_failure_and_not_an_exception():
    prepared = prepare_end_points(VINYL_ALCOHOL, LEVEL, EndPointSettings(budget_gradient_calls=5))
    assert prepared.failure is not None
    assert prepared.failure.kind == "budget"
    assert prepared.gradient_calls == 5


def test_settings_out_of_range_are_refused_with_their_name():
    with pytest.raises(ConfigurationError, match="n_conformers"):
        EndPointSettings(n_conformers=0)
    with pytest.raises(ConfigurationError, match="fmax_ev_per_angstrom"):
        EndPointSettings(fmax_ev_per_angstrom=0.0)


def test_guesses_made_beforehand_lead_to_the_same_end_points():
    guessed = guess_ends(VINYL_ALCOHOL, LEVEL, QUICK)
    assert guessed.failure is None
    assert guessed.gradient_calls >= len(guessed.pairs) > 0
    at_once = prepare_end_points(VINYL_ALCOHOL, LEVEL, QUICK)
    from_guesses = prepare_end_points(VINYL_ALCOHOL, LEVEL, QUICK, guesses=guessed.pairs)
    assert len(from_guesses.pairs) == len(at_once.pairs)
    for one, other in zip(at_once.pairs, from_guesses.pairs, strict=True):
        assert one.guess_energy_ev == pytest.approx(other.guess_energy_ev, abs=1e-6)
    assert from_guesses.gradient_calls + guessed.gradient_calls == at_once.gradient_calls


def test_a_reaction_of_which_no_structure_can_be_embedded_has_no_guess_and_says_so():
    guessed = guess_ends(VINYL_ALCOHOL, LEVEL, EndPointSettings(budget_gradient_calls=1))
    assert guessed.pairs == ()
    assert guessed.failure is not None
    assert guessed.failure.stage is Stage.PREPARE
