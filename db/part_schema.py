"""The schema of this program in one fixed wording, for files whose bytes are to depend on their rows alone.

What the migrations leave behind is the same schema, but the order of constraints in a table that one of them rebuilt
changes from process to process.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

import db.campaign_tables  # noqa: F401  (fills the metadata)
from db.base import Base
from db.engine import open_database, reading
from db.schema import VERSION_TABLE, schema_versions


def create_file(file: Path) -> None:
    """Make an SQLite file with all tables and views and no rows."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(";\n".join(_statements()))


@cache
def _statements() -> tuple[str, ...]:
    dialect = sqlite.dialect()
    tables = []
    for table in Base.metadata.sorted_tables:
        tables.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        tables += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    # Views, and the table that holds the version, are written in the migrations alone.
    migrated = open_database("sqlite://")
    with reading(migrated) as session:
        wanted = text("SELECT sql FROM sqlite_master WHERE type = 'view' OR name = :version ORDER BY name")
        others = list(session.scalars(wanted, {"version": VERSION_TABLE}))
    migrated.dispose()
    version = f"INSERT INTO {VERSION_TABLE} VALUES ('{schema_versions()[-1]}')"  # noqa: S608 - our own number
    return ("BEGIN", *tables, *others, version, "COMMIT")
