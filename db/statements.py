"""Bulk statements in the dialect of the session: idempotent inserts, and look-ups by many keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.base import Base
from db.convert import Values

ROWS_PER_STATEMENT = 2_000

Entry = TypeVar("Entry")


def batches(entries: Sequence[Entry], size: int = ROWS_PER_STATEMENT) -> Iterator[Sequence[Entry]]:
    """The entries in order, `size` at a time."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def insert_new(
    session: Session, table: type[Base], rows: Sequence[Values], *, unique: Sequence[str], as_given: bool = False
) -> list[int]:
    """Insert the rows whose natural key is not there yet; what is there stays as it is.

    Rows are written in the order of their key, so that two writers never wait for each other in a circle.

    Args:
        session: In a write transaction.
        table: Where to.
        rows: Column values; all rows have the same columns. Of two with one key the first counts.
        unique: Columns of the natural key.
        as_given: Write them in the order given: of levels of theory, the order of the ids means something.

    Returns:
        Ids of the rows that were new.
    """
    statement = _insert(session, table).on_conflict_do_nothing(index_elements=list(unique))
    new: list[int] = []
    for batch in batches(rows if as_given else _distinct(rows, unique)):
        new += session.scalars(statement.returning(table.__table__.c.id), batch)
    return new


def upsert(
    session: Session, table: type[Base], rows: Sequence[Values], *, unique: Sequence[str], update: Sequence[str]
) -> None:
    """Insert rows as `insert_new` does, and overwrite the columns `update` of those that are there."""
    statement = _insert(session, table)
    changes = {column: statement.excluded[column] for column in update}
    statement = statement.on_conflict_do_update(index_elements=list(unique), set_=changes)
    for batch in batches(_distinct(rows, unique)):
        session.execute(statement, batch)


def _insert(session: Session, table: type[Base]) -> Any:
    """The two dialects' inserts have the same methods but no common type."""
    return (postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert)(table)


def _distinct(rows: Sequence[Values], unique: Sequence[str]) -> list[Values]:
    """One row of each key, sorted by key."""
    distinct = {tuple(row[column] for column in unique): row for row in reversed(rows)}
    return [distinct[key] for key in sorted(distinct)]


def select_in(
    session: Session, statement: Select[Any], column: InstrumentedAttribute[Any], values: Iterable[object]
) -> Iterator[Any]:
    """Rows of a select with `column` in `values`, a batch of values a statement."""
    for batch in batches(sorted(set(values))):  # type: ignore[type-var]
        yield from session.execute(statement.where(column.in_(batch)))


def streamed(at_once: int = ROWS_PER_STATEMENT) -> dict[str, Any]:
    """Options of a statement whose rows are to come so many at a time, by the `partitions` of its result."""
    return {"yield_per": at_once}


def ids_by(session: Session, column: InstrumentedAttribute[str], keys: Iterable[str]) -> dict[str, int]:
    """Ids of the rows whose natural key `column` is among `keys`, by key; keys that are not there are left out."""
    table = column.class_
    return dict(tuple(row) for row in select_in(session, select(column, table.id), column, keys))
