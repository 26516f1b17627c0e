"""What known barriers of a database reach, and what that hangs on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event, text

from chem.network import lowest_passes, way_to
from chem.outcomes import Status
from chem.units import kcal_mol
from db.campaigns import add_campaign, add_reaction_members
from db.engine import reading, writing
from db.known_network import known_network
from db.reachable import network_bottlenecks, reached_species
from db.results import Estimate, add_estimates, record_search
from db.species_names import named_species
from db.steps import steps_of
from db.store import add_reactions


@pytest.fixture
def found(engine, network, search):
    """The shift proved, the decay found on the way."""
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})


def reached(engine, *names, with_names=(), network_of=None, **conditions):
    with reading(engine) as session:
        named = named_species(session, [*names, *with_names])
        known = known_network(session, **(network_of or {}))
        found = reached_species(session, known, named[: len(names)], with_species=named[len(names) :], **conditions)
    return {each.smiles: each for each in found}


def test_the_pass_of_a_way_is_its_highest_transition_state_above_the_start(engine, found):
    there = reached(engine, "C=O")
    assert set(there) == {"[CH]O", "[C-]#[O+]", "[H][H]"}
    assert there["[CH]O"].pass_height_kcal_mol == pytest.approx(kcal_mol(2.0))
    assert there["[CH]O"].energy_above_start_kcal_mol == pytest.approx(kcal_mol(1.0))
    hydrogen = there["[H][H]"]
    assert hydrogen.pass_height_kcal_mol == pytest.approx(kcal_mol(1.0 + 1.5))
    assert hydrogen.energy_above_start_kcal_mol == pytest.approx(kcal_mol(1.0 + 1.5 - 3.0))
    assert (hydrogen.depth, hydrogen.last_step_key, hydrogen.highest_step_key) == (2, "decay", "decay")
    assert (hydrogen.last_step_reactants, hydrogen.starts) == (("[CH]O",), ("C=O",))


def test_a_limit_holds_for_the_whole_way(engine, found):
    assert set(reached(engine, "C=O", max_height_kcal_mol=kcal_mol(2.2))) == {"[CH]O"}
    assert list(reached(engine, "C=O", limit=1)) == ["[CH]O"]


def test_steps_go_in_reverse_and_ask_for_every_partner(engine, found):
    assert reached(engine, "[H][H]") == {}
    there = reached(engine, "[H][H]", with_names=["[C-]#[O+]"])
    assert there["[CH]O"].last_step_reactants == ("[C-]#[O+]", "[H][H]")
    assert there["[CH]O"].starts == ("[C-]#[O+]", "[H][H]")
    assert there["C=O"].pass_height_kcal_mol == pytest.approx(kcal_mol(3.0))


def test_what_co_reactants_make_alone_is_left_out(engine, found):
    assert reached(engine, "[H][H]", with_names=["C=O"]) == {}
    assert set(reached(engine, "C=O", with_names=["[H][H]"])) == {"[CH]O", "[C-]#[O+]"}


def test_ways_and_passes_are_those_of_the_steps_one_by_one(engine, found):
    with reading(engine) as session:
        heights = {"shift": (2.0, 1.0, None), "decay": (1.5, 3.0, None)}
        steps = steps_of(session, heights)
    passes = lowest_passes(["species C=O"], steps)
    for each in reached(engine, "C=O").values():
        assert each.pass_height_kcal_mol == pytest.approx(passes[each.key].height_kcal_mol)
        assert each.energy_above_start_kcal_mol == pytest.approx(passes[each.key].level_kcal_mol)
        assert each.last_step_key == way_to(each.key, passes, steps)[-1]


def test_a_way_is_worth_its_worst_step_and_names_all_its_levels(engine, network, found, dft):
    with writing(engine) as session:
        state = network.transition_state(energy_ev=-10.5, level=dft, status=Status.COULD_NOT_CHECK)
        add_estimates(session, [Estimate(reaction_key="decay", transition_state=state)])
        session.execute(
            text(
                "DELETE FROM barrier WHERE reaction_id = (SELECT id FROM reaction WHERE key = 'decay')"
                " AND verdict = 'passed'"
            )
        )
    there = reached(engine, "C=O")
    assert (there["[CH]O"].verdict, there["[CH]O"].levels) == (Status.PASSED, ("GFN2-xTB",))
    assert there["[H][H]"].verdict is Status.COULD_NOT_CHECK
    assert set(there["[H][H]"].levels) == {"GFN2-xTB", dft.key}
    assert set(reached(engine, "C=O", network_of={"verdicts": [Status.PASSED]})) == {"[CH]O"}
    assert reached(engine, "C=O", network_of={"level_key": dft.key}) == {}


def test_barriers_that_failed_a_check_lead_nowhere(engine, found):
    with writing(engine) as session:
        session.execute(text("UPDATE transition_state SET verdict = 'failed'"))
    assert reached(engine, "C=O") == {}


def test_a_campaign_knows_its_own_steps(engine, found):
    with writing(engine) as session:
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "first", ["shift"], round_number=1)
    assert set(reached(engine, "C=O", network_of={"campaign": "first"})) == {"[CH]O"}


def test_a_database_without_barriers_reaches_nothing(engine, network):
    with writing(engine) as session:
        add_reactions(session, network.reactions)
    assert reached(engine, "C=O") == {}


def test_the_step_that_all_else_lies_behind_is_the_first_bottleneck(engine, found):
    with reading(engine) as session:
        known = known_network(session)
        necks, looked_for = network_bottlenecks(session, known, named_species(session, ["C=O"]), most=5)
    assert looked_for.is_complete
    first, second = necks
    assert (first.key, first.n_over, first.n_highest, first.n_cut_off, first.n_raised) == ("shift", 3, 1, 3, 0)
    assert (second.key, second.n_over, second.n_highest, second.n_cut_off) == ("decay", 2, 2, 2)
    assert first.reactants == ("C=O",)
    assert first.barrier_forward_kcal_mol == pytest.approx(kcal_mol(2.0))
    assert (first.verdict, first.level) == (Status.PASSED, "GFN2-xTB")
    assert set(first.examples) == {"[CH]O", "[C-]#[O+]", "[H][H]"}


def test_many_steps_take_as_many_statements_as_few(engine, network):
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def count():
        statements.clear()
        with reading(engine) as session:
            named = named_species(session, ["C=O"])
            known = known_network(session)
            reached_species(session, known, named)
            network_bottlenecks(session, known, named, most=100)
        return len(statements)

    def store(reactions):
        with writing(engine) as session:
            add_reactions(session, reactions)
            state = network.transition_state()
            add_estimates(session, [Estimate(reaction_key=one.key, transition_state=state) for one in reactions])

    store([network.shift])
    few = count()
    store([_copy(network, number) for number in range(100)])
    assert count() == few


def _copy(network, number):
    """A further product of formaldehyde."""
    product = replace(network.hydroxymethylene, key=f"product {number}", energy_key=f"energy {number}")
    return replace(network.shift, key=f"shift {number}", products=(product,))
