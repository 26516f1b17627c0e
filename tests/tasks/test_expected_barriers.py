"""Barriers that the shipped head expects of stored transition states: asked once, kept, and never taken for proof."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chem.errors import ConfigurationError
from chem.outcomes import Status
from chem.units import kcal_mol
from cli.main import run
from db.engine import open_database, reading, writing
from db.expected_barriers import expected_barriers, states_to_ask_for
from db.queries import reactions
from models.barrier_estimates import BarrierHead
from report.detail import reaction_detail
from report.direction import turned
from report.from_database import campaign_report
from report.records import reaction_record
from tasks.expected_barriers import expect_barriers, expect_barriers_of_campaign


@pytest.fixture
def head():
    return BarrierHead(device="cpu")


@pytest.fixture
def engine(explored):
    made = open_database(explored[0].database)
    yield made
    with writing(made) as session:
        session.execute(text("DELETE FROM expected_barrier"))
    made.dispose()


def test_a_proved_transition_state_is_asked_for_once_and_told_beside_the_barrier_of_its_level(engine, head):
    counted = []
    assert expect_barriers(engine, head, progress=lambda *numbers: counted.append(numbers)) == 1
    assert counted == [(1, 1)]
    assert expect_barriers(engine, head) == 0
    with reading(engine) as session:
        (shown,) = [each for each in reactions(session) if each.verdict is Status.PASSED]
        assert expected_barriers(session, [shown.transition_state_id]) == {shown.transition_state_id: shown.expected}
        assert states_to_ask_for(session, level_key=head.level, checkpoint_sha256="another") != []
    assert shown.expected.verdict is Status.ESTIMATED
    assert shown.expected.reference == "CCSD(T)-F12 with zero-point energy"
    assert shown.expected.checkpoint_sha256 == head.checkpoint.sha256
    # about 45 kcal/mol by coupled cluster, with zero-point energy
    assert shown.expected.barrier_forward_kcal_mol == pytest.approx(45.0, abs=15.0)
    difference = shown.barrier_forward_kcal_mol - shown.barrier_reverse_kcal_mol
    own = shown.expected.barrier_forward_kcal_mol - shown.expected.barrier_reverse_kcal_mol
    assert own != pytest.approx(difference, abs=0.01)
    assert reaction_record(shown)["expected"]["verdict"] == "estimated"


def test_error_bars_of_proved_transition_states_are_those_measured_at_stationary_points(engine, head):
    head.network.stationary_factor.fill_(2.0)
    expect_barriers(engine, head)
    with reading(engine) as session:
        narrow = next(each.expected for each in reactions(session) if each.expected is not None)
    with writing(engine) as session:
        session.execute(text("DELETE FROM expected_barrier"))
    head.network.stationary_factor.fill_(4.0)
    head.network.stationary_shift_kcal_mol.add_(1.5)
    expect_barriers(engine, head)
    with reading(engine) as session:
        wide = next(each.expected for each in reactions(session) if each.expected is not None)
    assert wide.error_bar_95_forward_kcal_mol == pytest.approx(2 * narrow.error_bar_95_forward_kcal_mol)
    assert wide.barrier_forward_kcal_mol == pytest.approx(narrow.barrier_forward_kcal_mol + 1.5, abs=1e-4)


def test_a_campaign_without_a_head_asks_for_nothing_and_one_with_a_head_for_its_own(explored, engine, head):
    settings, name = explored
    assert expect_barriers_of_campaign.fn(settings, name) == 0
    with pytest.raises(ConfigurationError, match="no campaign"):
        expect_barriers(engine, head, campaign="another")
    assert expect_barriers(engine, head, campaign=name) == 1


def test_the_page_tells_it_in_the_direction_in_which_the_reaction_is_written(explored, engine, head):
    expect_barriers(engine, head)
    with reading(engine) as session:
        (shown,) = [each for each in reactions(session) if each.verdict is Status.PASSED]
        content = campaign_report(session, explored[1])
    (entry,) = [each for each in content.reactions if each.key == shown.key]
    forward, reverse = shown.expected.barrier_forward_kcal_mol, shown.expected.barrier_reverse_kcal_mol
    stored = (entry.expected.reverse_kcal_mol, entry.expected.forward_kcal_mol)
    assert (stored if entry.turned else stored[::-1]) == (forward, reverse)
    back = turned(entry)
    assert back.expected.forward_kcal_mol == entry.expected.reverse_kcal_mol
    assert turned(back).expected == entry.expected
    assert reaction_detail(entry)["expected"]["reference"] == shown.expected.reference


def test_no_expected_barrier_is_stored_as_anything_but_an_estimate(engine, head):
    expect_barriers(engine, head)
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.execute(text("UPDATE expected_barrier SET verdict = 'passed'"))


def test_the_command_tells_what_it_did(explored, engine, head, capsys):
    assert run(["expect-barriers", "--db", explored[0].database, "--device", "cpu", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["new"] == 1
    assert record["level"] == head.level
    assert run(["query", "reactions", "--db", explored[0].database, "--verdict", "passed", "--json"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert row["expected"]["checkpoint_sha256"] == record["checkpoint_sha256"]
    with reading(engine) as session:
        stored = session.execute(text("SELECT forward_ev FROM expected_barrier")).scalar_one()
    assert kcal_mol(stored) == pytest.approx(row["expected"]["barrier_forward_kcal_mol"])
