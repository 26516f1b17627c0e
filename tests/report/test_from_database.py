from datetime import UTC, datetime

import numpy as np
import pytest
from ase import units

from chem.errors import ConfigurationError
from chem.graph import MolecularGraph
from chem.outcomes import (
    Attempt,
    Check,
    CheckName,
    Failure,
    Outcome,
    SearchResult,
    Stage,
    Status,
    TransitionState,
    Verdict,
)
from chem.types import Geometry, LevelOfTheory, Reaction, Species
from chem.units import kcal_mol
from db.campaigns import add_campaign, add_reaction_members, add_species_members
from db.engine import open_database, reading, writing
from db.results import record_search
from db.store import add_reactions, add_species
from db.tables import CalculationKind
from db.work import claim, enqueue
from report.content import State
from report.from_database import campaign_report
from report.html import render_report

LEVEL = LevelOfTheory(name="gfn2", method="GFN2-xTB", program="xtb-python", version="22.1")


def molecule(key, smiles, numbers, bonds):
    return Species(
        key=key, smiles=smiles, energy_key=key, graph=MolecularGraph(numbers=numbers, bonds=frozenset(bonds))
    )


FORMALDEHYDE = molecule("formaldehyde", "C=O", (6, 8, 1, 1), {(0, 1), (0, 2), (0, 3)})
CARBENE = molecule("carbene", "[CH]O", (6, 8, 1, 1), {(0, 1), (0, 2), (1, 3)})
MONOXIDE = molecule("monoxide", "[C-]#[O+]", (6, 8), {(0, 1)})
HYDROGEN = molecule("hydrogen", "[H][H]", (1, 1), {(0, 1)})
APART = MolecularGraph(numbers=(6, 8, 1, 1), bonds=frozenset({(0, 1), (2, 3)}))
SHIFT = Reaction(  # stored towards the seed
    key="shift",
    reactant_graph=CARBENE.graph,
    product_graph=FORMALDEHYDE.graph,
    reactants=(CARBENE,),
    products=(FORMALDEHYDE,),
    degeneracy=2,
)
LOSS = Reaction(
    key="loss",
    reactant_graph=FORMALDEHYDE.graph,
    product_graph=APART,
    reactants=(FORMALDEHYDE,),
    products=(MONOXIDE, HYDROGEN),
)
SHIFT_SMILES = "[C:1]([O:2][H:4])[H:3]>>[C:1](=[O:2])([H:3])[H:4]"


def state(energy_ev, ends_ev):
    def geometry(seed):
        return Geometry(numbers=[6, 8, 1, 1], positions=np.random.default_rng(seed).normal(size=(4, 3)))

    check = Check(name=CheckName.IRC_ENDS_MATCH, status=Status.PASSED, evidence={"steps": 120})
    return TransitionState(
        geometry=geometry(0),
        energy_ev=energy_ev,
        level=LEVEL,
        verdict=Verdict(checks=(check,)),
        frequencies_cm1=(-1500.0, 900.0),
        reactant_end=geometry(1),
        product_end=geometry(2),
        reactant_end_energy_ev=ends_ev[0],
        product_end_energy_ev=ends_ev[1],
        reactant_end_frequencies_cm1=(800.0, 1200.0),
        product_end_frequencies_cm1=(1000.0, 2000.0),
    )


@pytest.fixture
def session(tmp_path):
    """A campaign from formaldehyde whose search for the loss of hydrogen ended in the shift."""
    engine = open_database(tmp_path / "network.db")
    failed = Attempt(
        start="classical:0",
        gradient_calls=10,
        seconds=0.5,
        outcome=Outcome.FAILED,
        failure=Failure(stage=Stage.SADDLE, kind="scf", message="SCF not converged"),
    )
    unintended = Attempt(
        start="classical:1",
        gradient_calls=30,
        seconds=1.5,
        outcome=Outcome.UNINTENDED,
        transition_state=state(-10.0, (-11.0, -12.0)),
    )
    with writing(engine) as session:
        add_species(session, [FORMALDEHYDE, CARBENE, MONOXIDE, HYDROGEN])
        add_reactions(session, [SHIFT, LOSS], {"shift": SHIFT_SMILES})
        add_campaign(session, name="one", settings={"depth": 1}, seed=0, rules_hash="x")
        add_species_members(session, "one", ["formaldehyde"], round_number=0)
        add_reaction_members(session, "one", ["shift", "loss"], round_number=1)
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["loss"], level_key=LEVEL.key)
    claimed = claim(engine, kind=CalculationKind.SEARCH, worker="w", limit=1, lease_seconds=60)[0]
    with writing(engine) as session:
        result = SearchResult(level=LEVEL, attempts=(failed, unintended))
        record_search(session, claimed, result, found={1: SHIFT})
    with reading(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def report(session):
    return campaign_report(session, "one", created=datetime(2026, 1, 1, tzinfo=UTC))


def entry(report, key):
    return next(reaction for reaction in report.reactions if reaction.key == key)


def test_an_unintended_transition_state_stands_under_its_own_reaction_with_its_finder(report):
    shift = entry(report, "shift")
    assert shift.state is State.PASSED
    assert shift.found_by == "loss"
    assert shift.outcome is None
    assert report.found_unintended == 1


def test_a_search_that_led_elsewhere_shows_its_attempts_and_no_barrier(report):
    loss = entry(report, "loss")
    assert loss.state is State.UNINTENDED
    assert not loss.has_barrier
    assert [attempt.start for attempt in loss.attempts] == ["classical:0", "classical:1"]
    assert loss.attempts[0].failure.kind == "scf"
    assert loss.gradient_calls == 40


def test_a_reaction_stored_towards_the_seed_is_turned_with_its_barriers_and_ends(report):
    shift = entry(report, "shift")
    assert (shift.reactants, shift.products) == (("formaldehyde",), ("carbene",))
    assert shift.barrier_forward_kcal_mol == pytest.approx(kcal_mol(2.0))
    assert shift.barrier_reverse_kcal_mol == pytest.approx(kcal_mol(1.0))
    assert shift.transition_state.reactant_end_energy_ev == -12.0
    assert shift.mapped_smiles == "[C:1](=[O:2])([H:3])[H:4]>>[C:1]([O:2][H:4])[H:3]"
    assert shift.degeneracy is None
    # forward and reverse as the barriers; the product that was stored is the reactant that is shown
    zero_point = kcal_mol(0.5 * 900.0 * units.invcm)
    before, after = (kcal_mol(0.5 * total * units.invcm) for total in (3000.0, 2000.0))
    assert shift.e0_forward_kcal_mol == pytest.approx(kcal_mol(2.0) + zero_point - before)
    assert shift.e0_reverse_kcal_mol == pytest.approx(kcal_mol(1.0) + zero_point - after)
    gibbs = shift.gibbs_298_forward_kcal_mol - shift.gibbs_298_reverse_kcal_mol
    assert gibbs == pytest.approx(shift.e0_forward_kcal_mol - shift.e0_reverse_kcal_mol, abs=2.0)
    assert shift.level == LEVEL.key


def test_species_of_reactions_are_listed_beside_the_members(report):
    assert report.seeds == ("formaldehyde",)
    assert {species.key for species in report.species} == {"formaldehyde", "carbene", "monoxide", "hydrogen"}
    assert report.title == "Reactions of C=O"


def test_level_program_settings_and_cost_are_told(report):
    assert report.level == "GFN2-xTB"
    assert report.program == "xtb-python 22.1"
    assert report.settings == {"depth": 1}
    assert report.costs.gradient_calls == 40
    assert [cost.stage for cost in report.costs.by_stage] == ["search"]


def test_another_level_of_theory_has_no_barriers(session):
    other = campaign_report(session, "one", level_key="B3LYP/6-31G*")
    assert not any(reaction.has_barrier for reaction in other.reactions)
    assert other.costs.gradient_calls == 0


def test_the_page_of_a_stored_campaign_renders(report):
    html = render_report(report)
    assert "found on the way" in html
    assert "IRC ends match" in html


def test_an_unknown_campaign_is_refused(session):
    with pytest.raises(ConfigurationError):
        campaign_report(session, "two")
