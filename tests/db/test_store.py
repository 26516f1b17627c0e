"""Writing the network: what is written twice is there once, and the first direction stays."""

from __future__ import annotations

from dataclasses import fields

import pytest
from sqlalchemy import select

from chem.errors import ConfigurationError
from chem.outcomes import Action, Decision
from chem.types import TSCandidate
from db.audits import Audit, add_audits
from db.campaigns import (
    add_campaign,
    add_reaction_members,
    add_species_members,
    load_decisions,
    mark_expanded,
    reaction_members,
    record_decisions,
    unexpanded_species,
)
from db.engine import reading, writing
from db.load import known_reactions, load_candidates, load_reactions, load_species
from db.model_versions import note_used_weights
from db.results import Estimate, add_estimates
from db.store import add_candidates, add_reactions
from db.tables import ReactionRow
from db.work import CalculationKind, enqueue

MADE = {"generator": "classical", "seed": 7}


def candidates(network):
    return {
        "shift": [
            TSCandidate(
                geometry=network.geometry(sample),
                generator="classical",
                reaction_key="shift",
                checkpoint_hash="abc",
                seed=2**40,
                sample=sample,
                confidence=0.5,
                expected_error_kcal_mol=0.1 + sample,
                unscored_reasons=("element S is unknown",) * sample,
            )
            for sample in range(3)
        ]
    }


def write_everything(session, network, gfn2):
    add_reactions(session, network.reactions, {"shift": "mapped>>smiles"})
    add_candidates(session, candidates(network), MADE)
    add_estimates(
        session, [Estimate(reaction_key="decay", transition_state=network.transition_state(status=None), error_ev=0.2)]
    )
    add_campaign(session, name="first", settings={"rounds": 2}, seed=2**40, rules_hash="rules")
    add_species_members(session, "first", [network.formaldehyde.key], round_number=0)
    add_reaction_members(session, "first", ["shift", "decay"], round_number=0)
    mark_expanded(session, "first", [network.formaldehyde.key], rules_hash="rules")
    decision = Decision(action=Action.ACCEPT, reasons=("confident",))
    record_decisions(session, "first", {"shift": decision}, round_number=0)
    add_audits(
        session,
        "first",
        [Audit(reaction_key="shift", confidence=0.9, estimated_forward_ev=1.5)],
        rounds={"shift": 0},
    )
    enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["shift", "decay"], level_key=gfn2.key)
    note_used_weights(session, {"generator": ("abc", {"rmsd_angstrom": 0.2})})


def test_everything_written_twice_is_there_once(engine, network, gfn2, count_rows):
    with writing(engine) as session:
        write_everything(session, network, gfn2)
    once = count_rows(engine)
    assert once["species"] == 4
    assert once["reaction_species"] == 10
    assert once["barrier"] == 1
    with writing(engine) as session:
        write_everything(session, network, gfn2)
        write_everything(session, network, gfn2)
    assert count_rows(engine) == once


def test_a_reaction_that_comes_the_other_way_round_stays_as_first_stored(engine, network, backwards, count_rows):
    with writing(engine) as session:
        add_reactions(session, [network.dissociation])
    once = count_rows(engine)
    with writing(engine) as session:
        add_reactions(session, [backwards(network.dissociation), network.dissociation])
    assert count_rows(engine) == once
    with reading(engine) as session:
        stored = load_reactions(session, ["dissociation"])["dissociation"]
    assert [species.smiles for species in stored.reactants] == ["C=O"]
    assert stored.product_graph == network.dissociation.product_graph


def test_the_first_of_two_directions_in_one_call_counts(engine, network, backwards):
    with writing(engine) as session:
        add_reactions(session, [backwards(network.shift), network.shift])
    with reading(engine) as session:
        assert [one.smiles for one in load_reactions(session, ["shift"])["shift"].reactants] == ["[CH]O"]


def test_thousands_of_reactions_are_written_in_a_few_statements(engine, network):
    from dataclasses import replace

    from sqlalchemy import event

    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    many = [replace(network.shift, key=f"shift {number}") for number in range(5000)]
    with writing(engine) as session:
        assert len(add_reactions(session, many)) == 5000
    assert len(statements) < 60


def test_unknown_keys_are_left_out_of_what_is_loaded(engine, network):
    with writing(engine) as session:
        add_reactions(session, [network.shift])
    with reading(engine) as session:
        assert known_reactions(session, ["shift", "unheard of"]) == {"shift"}
        assert set(load_reactions(session, ["shift", "unheard of"])) == {"shift"}
        assert set(load_species(session, [network.formaldehyde.key, "x"])) == {network.formaldehyde.key}


def test_candidates_come_back_best_first_with_their_origin(engine, network):
    with writing(engine) as session:
        add_reactions(session, [network.shift])
        assert add_candidates(session, candidates(network), MADE) == 3
        assert add_candidates(session, candidates(network), MADE) == 0
    with reading(engine) as session:
        stored = load_candidates(session, ["shift", "decay"], MADE)
        assert load_candidates(session, ["shift"], {**MADE, "seed": 8}) == {}
    assert list(stored) == ["shift"]
    for one, given in zip(stored["shift"], candidates(network)["shift"], strict=True):
        assert one.geometry.positions.tobytes() == given.geometry.positions.tobytes()
        for field in fields(TSCandidate):
            if field.name != "geometry":
                assert getattr(one, field.name) == getattr(given, field.name)


def test_work_for_a_reaction_that_is_not_stored_is_a_mistake_with_a_name(engine, network):
    with writing(engine) as session, pytest.raises(ValueError, match="not stored, such as shift; call add_reactions"):
        add_candidates(session, candidates(network), MADE)


def test_a_species_counts_as_expanded_only_for_the_rules_it_was_expanded_with(engine, network):
    keys = [network.formaldehyde.key, network.hydrogen.key]
    with writing(engine) as session:
        add_reactions(session, network.reactions)
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="rules")
        assert add_species_members(session, "first", keys, round_number=0) == 2
        assert add_species_members(session, "first", keys, round_number=1) == 0
        mark_expanded(session, "first", keys[:1], rules_hash="rules")
    with reading(engine) as session:
        assert [one.smiles for one in unexpanded_species(session, "first", rules_hash="rules", before_round=9)] == [
            "[H][H]"
        ]
        assert len(unexpanded_species(session, "first", rules_hash="wider rules", before_round=9)) == 2


def test_a_campaign_goes_on_only_with_the_settings_it_was_started_with(engine):
    with writing(engine) as session:
        first = add_campaign(session, name="first", settings={"rounds": 2}, seed=1, rules_hash="a")
        assert add_campaign(session, name="first", settings={"rounds": 2}, seed=1, rules_hash="a") == first
        with pytest.raises(
            ConfigurationError, match=r"'first' was started .* rounds was 2 and is 3; seed was 1 and is 2"
        ):
            add_campaign(session, name="first", settings={"rounds": 3}, seed=2, rules_hash="a")


def test_an_unknown_campaign_is_named_with_those_there_are(engine):
    with writing(engine) as session:
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
    with reading(engine) as session, pytest.raises(ConfigurationError, match=r"no campaign 'frist'.*it holds: first"):
        reaction_members(session, "frist")


def test_a_later_decision_replaces_the_earlier_one_and_the_first_round_stays(engine, network):
    with writing(engine) as session:
        add_reactions(session, network.reactions)
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        for number, action in enumerate((Action.REFINE, Action.ACCEPT)):
            decision = Decision(action=action, reasons=(f"round {number}",))
            record_decisions(session, "first", {"shift": decision}, round_number=number)
    with reading(engine) as session:
        assert load_decisions(session, "first") == {"shift": Decision(action=Action.ACCEPT, reasons=("round 1",))}
        assert reaction_members(session, "first") == {"shift": 0}


def test_moments_are_stored_in_utc(engine, network):
    from datetime import UTC, datetime, timedelta

    with writing(engine) as session:
        add_reactions(session, [network.shift])
    with reading(engine) as session:
        created = session.scalars(select(ReactionRow.created_at)).one()
    assert created.tzinfo is UTC
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
