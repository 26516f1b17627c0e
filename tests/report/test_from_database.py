from datetime import UTC, datetime

import pytest
from ase import units

from chem.errors import ConfigurationError
from chem.units import kcal_mol
from db.engine import open_database, reading
from report.content import State
from report.from_database import campaign_report
from report.html import render_report

LEVEL = "GFN2-xTB"


@pytest.fixture
def session(tmp_path, store_network):
    """A campaign from formaldehyde whose search for the loss of hydrogen ended in the shift."""
    store_network(tmp_path / "network.db")
    engine = open_database(tmp_path / "network.db")
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
    assert shift.level == LEVEL


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


def test_the_page_of_a_stored_campaign_renders(report, read_page):
    data, details = read_page(render_report(report))
    shift = data["reactions"]["key"].index("shift")
    assert data["reactions"]["key"][data["reactions"]["found_by"][shift]] == "loss"
    assert details[shift]["turned"]
    assert "The IRC ends match the reaction" in [check["label"] for check in details[shift]["checks"]]


def test_a_report_without_details_says_the_same_of_every_state_and_barrier(session, report):
    light = campaign_report(session, "one", with_details=False)
    for whole, part in zip(report.reactions, light.reactions, strict=True):
        assert part.transition_state is None
        same = ("key", "state", "reactants", "barrier_forward_kcal_mol", "verdict", "level", "found_by", "turned")
        assert [getattr(part, name) for name in same] == [getattr(whole, name) for name in same]


def test_a_whole_database_is_the_network_of_all_its_campaigns(session):
    whole = campaign_report(session, None)
    assert {reaction.key for reaction in whole.reactions} == {"shift", "loss"}
    assert whole.campaigns == ("one",)
    assert whole.seeds == ("formaldehyde",)


def test_programs_versions_and_the_report_of_what_was_spent_are_told(report):
    (work,) = report.work
    assert (work.kind, work.level, work.program) == ("search", LEVEL, "xtb-python 22.1")
    assert work.gradient_calls == 40
    assert report.version.startswith("Cairn ")


def test_an_unknown_campaign_is_refused(session):
    with pytest.raises(ConfigurationError):
        campaign_report(session, "two")
