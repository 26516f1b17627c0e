"""Looking after a database: what is damaged is found, and a copy holds the same network."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chem.errors import DatabaseError
from chem.outcomes import Action, Decision
from db.campaigns import add_campaign, add_reaction_members, record_decisions
from db.engine import database_file, open_database, reading, writing
from db.queries import reactions
from db.results import record_search
from db.store import add_reactions
from db.upkeep import check, copy, vacuum


@pytest.fixture
def filled(engine, network, search, database_url):
    """URL of a database with a search and a campaign in it."""
    claimed = search("shift")
    with writing(engine) as session:
        record_search(session, claimed, network.search_result(), found={1: network.decay})
        add_campaign(session, name="first", settings={"level": "GFN2-xTB"}, seed=2**40, rules_hash="")
        add_reaction_members(session, "first", ["shift", "decay"], round_number=1)
        record_decisions(
            session, "first", {"shift": Decision(action=Action.REFINE, reasons=("doubtful",))}, round_number=1
        )
    return database_url


def known(url):
    engine = open_database(url, create=False)
    try:
        with reading(engine) as session:
            return reactions(session)
    finally:
        engine.dispose()


def test_a_sound_database_has_no_problems(filled):
    health = check(filled)
    assert health.problems == ()
    assert health.rows["reaction"] == 4
    assert health.bytes > 0
    assert health.expired_leases == 0


def test_a_row_that_names_a_missing_one_is_found(tmp_path, network):
    url = f"sqlite:///{tmp_path / 'network.db'}"
    engine = open_database(url)
    with writing(engine) as session:
        add_reactions(session, network.reactions, {})
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("DELETE FROM reaction WHERE key = 'shift'")
        connection.commit()
    engine.dispose()
    (problem,) = check(url).problems
    assert problem == "2 rows of reaction_species name a reaction that is not there"


def test_a_table_that_was_changed_by_hand_is_found(tmp_path):
    url = f"sqlite:///{tmp_path / 'network.db'}"
    engine = open_database(url)
    with writing(engine) as session:
        session.execute(text("DROP TABLE audit"))
    engine.dispose()
    assert any("audit" in problem for problem in check(url).problems)


def test_a_lease_that_ran_out_is_told(engine, search, database_url):
    search("shift")
    with writing(engine) as session:
        session.execute(text("UPDATE calculation SET lease_expires_at = '2001-01-01 00:00:00'"))
    assert check(database_url).expired_leases == 1


def test_a_copy_holds_the_same_network_and_takes_new_rows(filled, empty_url, network):
    counts = copy(filled, empty_url)
    assert counts["reaction"] == 4
    assert known(empty_url) == known(filled)
    assert check(empty_url).problems == ()
    engine = open_database(empty_url)
    with writing(engine) as session:
        add_campaign(session, name="second", settings={}, seed=0, rules_hash="")  # ids go on behind the copied ones
    engine.dispose()


def test_a_file_becomes_a_backup_of_a_server_and_the_other_way_round(filled, tmp_path):
    backup = f"sqlite:///{tmp_path / 'backup.db'}"
    copy(filled, backup)
    assert known(backup) == known(filled)


def test_a_database_with_rows_is_no_target(filled, tmp_path):
    other = f"sqlite:///{tmp_path / 'other.db'}"
    copy(filled, other)
    with pytest.raises(DatabaseError, match="holds rows already"):
        copy(filled, other)


def test_vacuum_gives_space_back_and_keeps_the_network(filled):
    before = known(filled)
    engine = open_database(filled)
    with writing(engine) as session:
        session.execute(text("CREATE TABLE waste AS SELECT * FROM geometry"))
        session.execute(text("DROP TABLE waste"))
    engine.dispose()
    larger, smaller = vacuum(filled)
    assert smaller > 0
    if database_file(filled) is not None:
        assert smaller < larger
    assert known(filled) == before
