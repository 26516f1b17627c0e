"""Look after a database: check that it is sound, give back its free space, copy it to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, insert, inspect, select, text
from sqlalchemy.orm import Session

import db.campaign_tables  # noqa: F401  (fills the metadata)
from chem.errors import DatabaseError
from db.base import Base
from db.engine import database_file, open_database, reading, shown_url, writing
from db.schema import VERSION_TABLE
from db.tables import CalculationRow, CalculationState
from db.work import database_now

COPIED_AT_ONCE = 2000
_VACUUM = {
    "sqlite": ("VACUUM", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)", "BEGIN"),
    "postgresql": ("VACUUM ANALYZE",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a check of a database found.

    Attributes:
        problems: What is wrong, in words; empty where nothing is.
        rows: Number of rows of each table.
        bytes: Size on disk; None where it is not known.
        expired_leases: Calculations whose worker has not been heard of; the next claim takes them up.
    """

    problems: tuple[str, ...]
    rows: dict[str, int]
    bytes: int | None
    expired_leases: int


def check(url: str | Path) -> Health:
    """Check the storage of a database, its tables against those of this program, and every reference between rows.

    Raises:
        DatabaseError: It cannot be opened at all.
    """
    engine = open_database(url, create=False)
    try:
        with reading(engine) as session:
            connection = session.connection()
            problems = [*_storage(connection), *_schema(connection), *_references(connection)]
            expired = select(func.count()).where(
                CalculationRow.state == CalculationState.RUNNING.value,
                CalculationRow.lease_expires_at < database_now(session),
            )
            return Health(
                problems=tuple(problems),
                rows=_counts(session),
                bytes=_size(connection, url),
                expired_leases=session.scalars(expired).one(),
            )
    finally:
        engine.dispose()


def vacuum(url: str | Path) -> tuple[int | None, int | None]:
    """Give free space back and renew the statistics of the query planner; nothing else changes.

    Returns:
        Size on disk before and after, bytes; None where it is not known.

    Raises:
        DatabaseError: The database cannot be opened.
    """
    engine = open_database(url, create=False)
    try:
        with engine.connect() as connection:
            before = _size(connection, url)
        outside = engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name != "sqlite" else engine
        with outside.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only=OFF")
                connection.exec_driver_sql("COMMIT")  # which `writing` and `reading` begin, and VACUUM forbids
            for command in _VACUUM[engine.dialect.name]:
                connection.exec_driver_sql(command)
        with engine.connect() as connection:
            return before, _size(connection, url)
    finally:
        engine.dispose()


def copy(source: str | Path, target: str | Path) -> dict[str, int]:
    """Copy everything from one database to an empty or new one, of either kind.

    The source is read at one moment and may be in use. Row ids stay. The target gets all rows or none.

    Returns:
        Number of rows copied of each table.

    Raises:
        DatabaseError: One cannot be opened, or the target holds a network already.
    """
    origin = open_database(source, create=False)
    try:
        destination = open_database(target)
        try:
            with reading(origin) as there, writing(destination) as here:
                taken = sorted(name for name, count in _counts(here).items() if count)
                if taken:
                    raise DatabaseError(
                        f"database {shown_url(target)} holds rows already ({', '.join(taken)}); copy to an empty or new"
                        " one"
                    )
                return _copied(there, here)
        finally:
            destination.dispose()
    finally:
        origin.dispose()


def _copied(there: Session, here: Session) -> dict[str, int]:
    counts = {}
    for table in Base.metadata.sorted_tables:
        rows = there.execute(select(table).order_by(table.c.id).execution_options(yield_per=COPIED_AT_ONCE))
        counts[table.name] = 0
        for part in rows.mappings().partitions(COPIED_AT_ONCE):
            here.execute(insert(table), [dict(row) for row in part])
            counts[table.name] += len(part)
        if here.get_bind().dialect.name == "postgresql" and counts[table.name]:
            sequence = func.pg_get_serial_sequence(table.name, "id")
            here.execute(select(func.setval(sequence, select(func.max(table.c.id)).scalar_subquery())))
    return counts


def _storage(connection: Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []  # PostgreSQL checks its pages as it reads them
    found = [row[0] for row in connection.execute(text("PRAGMA integrity_check"))]
    return [] if found == ["ok"] else [f"damaged file: {each}" for each in found]


def _schema(connection: Connection) -> list[str]:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return [f"a table is not as it should be: {each}" for each in compare_metadata(context, Base.metadata)]


def _references(connection: Connection) -> list[str]:
    """Rows that name a row which is not there; SQLite enforces this only where a program asks it to."""
    found = []
    there = set(inspect(connection).get_table_names())
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            if not {table.name, key.column.table.name} <= there:
                continue  # which `_schema` tells
            other = key.column.table.alias()
            missing = (
                select(func.count())
                .select_from(table.outerjoin(other, key.parent == other.c[key.column.name]))
                .where(key.parent.is_not(None), other.c[key.column.name].is_(None))
            )
            if count := connection.execute(missing).scalar_one():
                found.append(f"{count} rows of {table.name} name a {key.column.table.name} that is not there")
    return found


def _counts(session: Session) -> dict[str, int]:
    there = set(inspect(session.connection()).get_table_names())
    return {
        table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
        for table in Base.metadata.sorted_tables
        if table.name in there
    }


def _size(connection: Connection, url: str | Path) -> int | None:
    if connection.dialect.name == "postgresql":
        size: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        return size
    file = database_file(url)
    if file is None:
        return None
    parts = (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"))
    return sum(part.stat().st_size for part in parts if part.is_file())
