"""Open a database: SQLite file or PostgreSQL server, with the right schema or not at all."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from chem.errors import DatabaseError
from db.schema import Schema, SchemaState, find_schema, migrate, schema_versions

BUSY_TIMEOUT_MS = 30_000  # four writers on one SQLite file: no error with it, a quarter of transactions fail without
_SCHEMA_LOCK = 0x636169726E  # PostgreSQL advisory lock while the schema is made: "cairn" in ASCII
_READ_ONLY = "cairn_read_only"
_READ_ONLY_OPTIONS = {_READ_ONLY: True, "postgresql_readonly": True}
_MAY_NOT_WRITE = ("42501", "25006")  # PostgreSQL: insufficient privilege, read-only transaction
_DAMAGED = "SQLITE_CORRUPT"


def open_database(url: str | Path, *, create: bool = True, read_only: bool = False) -> Engine:
    """Open a database and make sure that it has this program's schema.

    Args:
        url: Path of an SQLite file, or a URL such as `sqlite:///network.db` or `postgresql://user@host/network`.
        create: Make the file and the tables where there are none.
        read_only: Refuse every write through the engine, also in `writing`, and do not even set the way of journalling;
            needs a database that exists.

    Returns:
        An engine; call its `dispose` when done.

    Raises:
        DatabaseError: The database cannot be reached or created, does not exist while `create` is off, holds another
            program's tables, or has another schema version than this program.
    """
    target = _parse(url)
    name = _name(target)
    create = create and not read_only
    _prepare_file(target, name, create=create)
    engine = (_read_only_engine if read_only else _engine)(target, name)
    if read_only:
        engine = engine.execution_options(**_READ_ONLY_OPTIONS)
    try:
        with _connection_errors(name), reading(engine) as session:
            schema = find_schema(session.connection())
        if schema.state is SchemaState.EMPTY and create:
            schema = _migrate(engine, name, when=SchemaState.EMPTY)
        _refuse_other_schemas(schema, name)
        if not read_only:
            _set_write_ahead_log(engine, name)
    except BaseException:
        engine.dispose()
        raise
    return engine


def upgrade(url: str | Path) -> tuple[str, str]:
    """Bring the schema of an existing database to this program's version, keeping what it holds.

    Args:
        url: As in `open_database`.

    Returns:
        The schema versions before and after.

    Raises:
        DatabaseError: The database does not exist, is not Cairn's, or is newer than this program.
    """
    target = _parse(url)
    name = _name(target)
    _prepare_file(target, name, create=False)
    engine = _engine(target, name)
    try:
        with _connection_errors(name), reading(engine) as session:
            before = find_schema(session.connection())
        after = _migrate(engine, name, when=SchemaState.OLDER) if before.state is SchemaState.OLDER else before
        _refuse_other_schemas(after, name)
    finally:
        engine.dispose()
    return before.version, after.version


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session in one write transaction: committed at the end, rolled back on an exception.

    On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`), so that reading first and writing later is safe.

    Raises:
        DatabaseError: This user may only read.
    """
    try:
        with Session(engine) as session, session.begin():
            yield session
    except DBAPIError as error:
        if not _may_not_write(error):
            raise
        raise DatabaseError(
            f"database {_name(engine.url)} may only be read by this user ({str(error.orig).strip()}); give an account"
            " that may write, or a file that you may write to"
        ) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that sees one consistent state, blocks no writer and cannot write.

    Raises:
        DatabaseError: The file is damaged.
    """
    options: dict[str, Any] = dict(_READ_ONLY_OPTIONS)
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    try:
        with Session(engine.execution_options(**options)) as session, session.begin():
            yield session
    except DBAPIError as error:
        if not getattr(error.orig, "sqlite_errorname", "").startswith(_DAMAGED):
            raise
        raise DatabaseError(
            f"database {_name(engine.url).removeprefix('file:')} is damaged ({str(error.orig).strip()}); restore a"
            " backup, or copy what can still be read with the command .recover of sqlite3"
        ) from error


def database_file(url: str | Path) -> Path | None:
    """The file of an SQLite database; None for a server or a database in memory."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite" or _in_memory(parsed):
        return None
    return Path(str(parsed.database))


def shown_url(url: str | Path) -> str:
    """The URL as it may be shown: without its password."""
    return _parse(url).render_as_string(hide_password=True)


def without_password(url: str) -> str:
    """The URL without its password, which goes into PGPASSWORD for this process and its children.

    What Prefect keeps of a run are its parameters; a password is not to be among them.
    """
    parsed = _parse(url)
    if parsed.password is None:
        return url
    os.environ["PGPASSWORD"] = str(parsed.password)
    bare = URL.create(
        parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
    )  # `URL.set` leaves out what is None
    return bare.render_as_string(hide_password=False)


def _may_not_write(error: DBAPIError) -> bool:
    """Whether a statement failed for want of the right to write."""
    if getattr(error.orig, "sqlstate", None) in _MAY_NOT_WRITE:
        return True
    return getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_READONLY")


def _parse(url: str | Path) -> URL:
    """A path means an SQLite file; PostgreSQL is always spoken to through psycopg 3."""
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite", database=str(url))
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(
            f"database {url!r} is not a URL; give sqlite:///path/to/file.db or postgresql://user@host/name"
        ) from error
    backend = parsed.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return parsed
    raise DatabaseError(f"database {_name(parsed)}: {backend} is not supported; use sqlite or postgresql")


def _name(url: URL) -> str:
    """What messages call the database: the path of the file, or the URL without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return url.render_as_string(hide_password=True)


def _in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _prepare_file(url: URL, name: str, *, create: bool) -> None:
    """Refuse a missing SQLite file, or make its folder."""
    if url.get_backend_name() != "sqlite" or _in_memory(url) or name.startswith("file:"):
        return
    path = Path(name)
    if path.is_dir():
        raise DatabaseError(f"database {name} is a folder; give the path of a file in it, such as {path / 'cairn.db'}")
    if not create:
        if not path.exists():
            raise DatabaseError(f"database {name} does not exist; check the path, or explore a network into it first")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"database {name}: its folder cannot be created ({error}); give another path") from error


def _read_only_engine(url: URL, name: str) -> Engine:
    """An engine whose connections have no right to write.

    A write-ahead log wants a file beside an SQLite database even from readers. Where the folder takes none and there is
    no log, nobody writes, and the file is read as it lies.
    """
    if url.get_backend_name() != "sqlite":
        return _engine(url, name).execution_options(postgresql_readonly=True)
    if _in_memory(url) or name.startswith("file:"):
        return _engine(url, name)
    path = Path(name).absolute()
    query = {"mode": "ro", "uri": "true"}
    if not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        query["immutable"] = "1"
    return _engine(URL.create(url.drivername, database=f"file:{quote(str(path))}", query=query), name)


def _engine(url: URL, name: str) -> Engine:
    if url.get_backend_name() == "sqlite":
        shared = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}} if _in_memory(url) else {}
        engine = create_engine(url, **shared)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    try:
        return create_engine(url, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseError(
            f"database {name} needs psycopg, which is not installed; run: pip install 'cairn[postgresql]'"
        ) from error


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_on_sqlite_begin` says so
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _set_write_ahead_log(engine: Engine, name: str) -> None:
    """Switch an SQLite file to its write-ahead log, once; the file remembers. Never before it is known to be ours."""
    if engine.dialect.name != "sqlite":
        return
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while not _try_write_ahead_log(engine):
        if time.monotonic() > deadline:
            raise DatabaseError(f"database {name} is in use by another program; end that program or wait for it")
        time.sleep(0.02)


def _try_write_ahead_log(engine: Engine) -> bool:
    """False where another process is using the file; SQLite does not wait for its lock in this one case."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=OFF")
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    finally:
        connection.close()
    return True


def _migrate(engine: Engine, name: str, *, when: SchemaState) -> Schema:
    """Migrate unless another process was faster, and say what the database is then."""
    with _connection_errors(name), writing(engine) as session:
        if engine.dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})
        connection = session.connection()
        if find_schema(connection).state is when:
            migrate(connection)
        return find_schema(connection)


def _refuse_other_schemas(schema: Schema, name: str) -> None:
    own = schema_versions()[-1]
    match schema.state:
        case SchemaState.EMPTY:
            raise DatabaseError(f"database {name} holds no network; check its name, or explore a network into it first")
        case SchemaState.OLDER:
            raise DatabaseError(
                f"database {name} has schema version {schema.version}, older than this program's {own};"
                " run `cairn db upgrade` on it"
            )
        case SchemaState.NEWER:
            raise DatabaseError(
                f"database {name} has schema version {schema.version}, which this program, with schema version {own},"
                " does not know: a newer Cairn wrote it; update Cairn"
                " (`cairn db upgrade` only brings older databases forward)"
            )
        case SchemaState.FOREIGN:
            raise DatabaseError(
                f"database {name} holds tables of another program and no Cairn schema (this program has version {own});"
                " give an empty or new database"
            )
        case _:
            return


@contextmanager
def _connection_errors(name: str) -> Iterator[None]:
    """Say which database cannot be used; a driver's own message names no file."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().replace("\n", " ")
        raise DatabaseError(
            f"database {name} cannot be used: {reason}; check the path or URL, and that you may write there"
        ) from error
