"""Which schema a database has, and the migrations that lead to this program's."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

VERSION_TABLE = "cairn_version"  # not Alembic's default name, which other programs' databases have too

_alembic_lock = threading.Lock()  # Alembic keeps the running migration in module globals


class SchemaState(StrEnum):
    """How a database relates to this program."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a database was found to be.

    Attributes:
        state: How it relates to this program.
        version: Its schema version; empty where it has none.
    """

    state: SchemaState
    version: str = ""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    location = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@cache
def schema_versions() -> tuple[str, ...]:
    """All schema versions that this program knows, oldest first; read once, so that a running process keeps its own."""
    revisions = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(reversed([revision.revision for revision in revisions]))


def find_schema(connection: Connection) -> Schema:
    """Look at the tables of a database, changing nothing."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return Schema(state=SchemaState.EMPTY)
    if VERSION_TABLE not in tables:
        return Schema(state=SchemaState.FOREIGN)
    version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    if version is None:
        return Schema(state=SchemaState.FOREIGN)
    known = schema_versions()
    if version == known[-1]:
        return Schema(state=SchemaState.CURRENT, version=version)
    return Schema(state=SchemaState.OLDER if version in known else SchemaState.NEWER, version=version)


def migrate(connection: Connection) -> None:
    """Run all missing migrations inside the transaction of `connection`."""
    with _alembic_lock:
        command.upgrade(_config(connection), "head")
