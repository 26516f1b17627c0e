"""Questions about a few species or reactions are answered through indexes, on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, text

from db.campaigns import add_campaign
from db.changes import changes
from db.engine import reading, writing
from db.neighbours import leaving_steps, neighbours
from db.results import record_search
from db.shown import shown_reactions
from db.species_names import named_species
from db.totals import failures
from db.transition_states import states_with_frequencies

LARGE = (
    "calculation|barrier|reaction|transition_state|reaction_species|species|end_points|transition_state_check|geometry"
)
ALIASES = "search|state|side"  # of the views
SCANS = {  # an index of failures alone is not large
    "sqlite": re.compile(rf"^SCAN (?:{LARGE}|{ALIASES})\b(?! USING INDEX ix_calculation_failures)"),
    "postgresql": re.compile(rf"Seq Scan on (?:{LARGE})\b"),
}


def scans(engine, ask):
    """Steps of the plans of everything that a question asks which read a large table from end to end."""
    asked = []

    def note(_connection, _cursor, statement, parameters, _context, many):
        if statement.lstrip().upper().startswith(("SELECT", "WITH")) and not many:
            asked.append((statement, parameters))

    kind = engine.dialect.name
    with reading(engine) as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", note)
        ask(session)
        event.remove(connection, "before_cursor_execute", note)
        if kind == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))  # else small tables are read whole
        command = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
        steps = [
            str(row[-1])
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"{command} {statement}", parameters)
        ]
    assert asked
    assert len(steps) >= len(asked)
    return [step for step in steps if SCANS[kind].search(step.strip())]


@pytest.fixture
def stored(engine, network, search):
    """A search and a campaign in the database."""
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")


QUESTIONS = {
    "a species by key or SMILES": lambda session, _: named_species(session, ["C=O", "species [H][H]"]),
    "its reactions": lambda session, _: neighbours(session, *named_species(session, ["C=O"])),
    "its reactions at a level": lambda session, level: neighbours(
        session, *named_species(session, ["C=O"]), level_key=level
    ),
    "its reactions in a campaign": lambda session, _: neighbours(
        session, *named_species(session, ["C=O"]), campaign="first"
    ),
    "its rates": lambda session, _: leaving_steps(session, neighbours(session, *named_species(session, ["[CH]O"]))),
    "what is shown of some reactions": lambda session, _: shown_reactions(session, [1, 2]),
    "frequencies of some transition states": lambda session, _: states_with_frequencies(session, [1, 2]),
    "what is new": lambda session, _: changes(session, datetime(2030, 1, 1, tzinfo=UTC)),
    "which verdicts are new": lambda session, _: changes(session, datetime(2030, 1, 1, tzinfo=UTC), what=["verdict"]),
    "what failed": lambda session, _: failures(session),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_reads_no_large_table_from_end_to_end(engine, stored, gfn2, question):
    assert scans(engine, lambda session: QUESTIONS[question](session, gfn2.key)) == []


def test_a_whole_table_is_seen_to_be_read(engine, stored):
    assert scans(engine, lambda session: session.execute(text("SELECT SUM(seconds) FROM calculation")))
