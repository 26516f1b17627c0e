"""The schema of a database: made by migrations, refused where it is of another version, upgraded without loss."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text

from chem.errors import DatabaseError
from db.campaign_tables import Base
from db.engine import open_database, reading, upgrade, writing
from db.schema import VERSION_TABLE, schema_versions
from db.store import add_species
from db.tables import CalculationRow


def set_version(url: str, version: str) -> None:
    engine = open_database(url)
    with writing(engine) as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :version"), {"version": version})
    engine.dispose()


def test_a_new_database_has_the_newest_schema_and_opens_again(empty_url):
    open_database(empty_url).dispose()
    engine = open_database(empty_url, create=False)
    with reading(engine) as session:
        assert session.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == schema_versions()[-1]
    engine.dispose()


def test_the_migrations_build_exactly_the_tables_of_the_metadata(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def written_out(constraint):
    """A constraint or an index with the condition of a partial one as text."""
    options = {name: str(value) for name, value in constraint.get("dialect_options", {}).items()}
    return str({**constraint, "dialect_options": options})


def test_the_migrations_build_exactly_the_constraints_of_the_metadata(tmp_path):
    migrated = open_database(tmp_path / "migrated.db")
    created = create_engine("sqlite://")
    Base.metadata.create_all(created)
    for table in Base.metadata.tables:
        for method in ("get_check_constraints", "get_unique_constraints", "get_foreign_keys", "get_indexes"):
            expected, found = (
                sorted(map(written_out, getattr(inspect(engine), method)(table))) for engine in (created, migrated)
            )
            assert found == expected, (table, method)
    migrated.dispose()
    created.dispose()


def test_an_older_schema_is_refused_with_both_versions_until_it_is_upgraded(tmp_path, network):
    from alembic import command

    from db.engine import _engine, _parse
    from db.schema import _config

    path = tmp_path / "old.db"
    engine = _engine(_parse(path), str(path))
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0001")
    with writing(engine) as session:
        add_species(session, [network.hydrogen])
    engine.dispose()
    newest = schema_versions()[-1]
    with pytest.raises(
        DatabaseError, match=rf"old\.db has schema version 0001, older than .* {newest};.*cairn db upgr"
    ):
        open_database(path)
    assert upgrade(path) == ("0001", newest)
    assert upgrade(path) == (newest, newest)
    engine = open_database(path)
    with reading(engine) as session:
        assert session.scalar(text("SELECT smiles FROM species_summary")) == "[H][H]"
    engine.dispose()


OF_BEFORE = (  # two reactions with transition states at two levels, and calculations, as schema version 0011 has them
    (
        "INSERT INTO level (id, key, name, method, basis, program, version, options) VALUES"
        " (1, 'low', 'low', 'low', '', 'p', '1', '[]'), (2, 'high', 'high', 'high', '', 'p', '1', '[]')"
    ),
    (
        "INSERT INTO geometry (id, content_hash, n_atoms, charge, multiplicity, numbers, positions)"
        " VALUES (1, 'hash', 1, 0, 1, '', '')"
    ),
    (
        "INSERT INTO reaction (id, key, reactant_smiles, product_smiles, mapped_smiles, broken, formed, degeneracy,"
        " reactant_graph, product_graph, created_at)"
        " SELECT value, 'rx-' || value, 'C', 'N', '', '[]', '[]', 1, '{}', '{}', '2026-01-01 00:00:00.000000'"
        " FROM (SELECT 1 AS value UNION SELECT 2) AS numbers"
    ),
    (
        "INSERT INTO transition_state"
        " (id, key, reaction_id, level_id, geometry_id, energy_ev, frequencies_cm1, verdict, created_at) VALUES"
        " (1, 'a', 1, 1, 1, 0, '[]', 'passed', '2026-01-01 00:00:00.000000'),"
        " (2, 'b', 1, 1, 1, 0, '[]', 'could_not_check', '2026-01-01 00:00:00.000000'),"
        " (3, 'c', 1, 2, 1, 0, '[]', 'could_not_check', '2026-01-01 00:00:00.000000'),"
        " (4, 'd', 1, 2, 1, 0, '[]', 'passed', '2026-01-01 00:00:00.000000'),"
        " (5, 'e', 2, 1, 1, 0, '[]', 'failed', '2026-01-01 00:00:00.000000')"
    ),
    (
        "INSERT INTO barrier (id, reaction_id, transition_state_id, level_id, forward_ev, reverse_ev, verdict) VALUES"
        " (1, 1, 1, 1, 2.0, 1.0, 'passed'), (2, 1, 2, 1, 1.0, 1.0, 'could_not_check'), (3, 1, 4, 2, 3.0, 1.0, 'passed')"
    ),
    (
        "INSERT INTO calculation (kind, subject_key, reaction_id, level_key, settings_hash, settings, state, attempt,"
        " faults, max_attempts, enqueued_at, gradient_calls, seconds, outcome, place)"
        " SELECT kind, 'rx-1', 1, level_key, '', '{}', 'done', 1, 0, 3, '2026-01-01 00:00:00.000000', 1, 1.0,"
        " outcome, 0"
        " FROM (SELECT 'prepare' AS kind, 'low' AS level_key, 'prepared' AS outcome"
        " UNION SELECT 'search', 'low', 'intended' UNION SELECT 'search', 'high', 'failed') AS done"
    ),
)
RANKINGS = (
    "SELECT * FROM transition_state_ranking ORDER BY reaction_id, place",
    "SELECT * FROM calculation_ranking ORDER BY reaction_id, place",
    "SELECT * FROM reaction_summary ORDER BY reaction_id",
)


def test_an_upgrade_leaves_what_is_shown_of_a_network_as_it_was(empty_url):
    from alembic import command

    from db.engine import _engine, _parse
    from db.schema import _config

    engine = _engine(_parse(empty_url), empty_url)
    with writing(engine) as session:
        command.upgrade(_config(session.connection()), "0011")
        for statement in OF_BEFORE:
            session.execute(text(statement))
    with reading(engine) as session:
        before = [session.execute(text(statement)).all() for statement in RANKINGS]
    engine.dispose()
    assert upgrade(empty_url) == ("0011", schema_versions()[-1])
    engine = open_database(empty_url, create=False)
    with reading(engine) as session:
        assert [session.execute(text(statement)).all() for statement in RANKINGS] == before
        assert [row[-1] for row in before[0]] == [1, 1, 2, 2, 1]  # places at the levels: high, low, low, high; low
        assert session.execute(text("SELECT COUNT(*) FROM change_log")).scalar_one() == 2 + 5
        assert session.execute(text("SELECT COUNT(*) FROM level_difference")).scalar_one() == 1
    engine.dispose()


def test_what_calculations_of_an_older_schema_cost_is_not_known(tmp_path):
    from alembic import command

    from db.engine import _engine, _parse
    from db.schema import _config

    path = tmp_path / "old.db"
    engine = _engine(_parse(path), str(path))
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0004")
        connection.execute(
            text(
                "INSERT INTO calculation (kind, subject_key, level_key, settings_hash, settings, state, attempt,"
                " faults, max_attempts, enqueued_at, gradient_calls, seconds)"
                " VALUES ('search', 'shift', 'GFN2-xTB', '', '{}', 'done', 1, 0, 3, '2026-01-01 00:00:00', 80, 4.0)"
            )
        )
    engine.dispose()
    upgrade(path)
    engine = open_database(path)
    with reading(engine) as session:
        (row,) = session.scalars(select(CalculationRow))
        assert (row.gradient_calls, row.seconds) == (80, 4.0)
        assert (row.hessian_calls, row.scf_cycles, row.cpu_seconds, row.peak_memory_gib) == (None, None, None, None)
    engine.dispose()


def test_a_newer_schema_is_refused_with_both_versions(database_url):
    set_version(database_url, "9001")
    for use in (open_database, upgrade):
        with pytest.raises(
            DatabaseError, match=rf"network.* version 9001.*version {schema_versions()[-1]},.*update Cairn"
        ):
            use(database_url)
