"""A database as the source of a report: opened to read alone, and refused in words where it cannot be understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chem.errors import CairnError, DatabaseError
from db.engine import open_database, reading, shown_url
from db.level_names import level_key_of
from report.content import ReportContent
from report.from_database import campaign_report


def load_content(url: str | Path, *, campaign: str | None, level: str | None) -> ReportContent:
    """Everything that a report of a database shows.

    Args:
        url: Of the database, which is not written to.
        campaign: Name of a campaign; None for the whole database.
        level: Barriers, searches and failures of this level of theory alone, by its key or name; None for all.

    Raises:
        DatabaseError: It cannot be opened, is not Cairn's, or is damaged.
        ConfigurationError: There is no such campaign or level of theory in it.
    """
    engine = open_database(url, create=False, read_only=True)
    try:
        with understood(engine, url) as session:
            level_key = None if level is None else level_key_of(session, level)
            return campaign_report(session, campaign, level_key=level_key)
    finally:
        engine.dispose()


@contextmanager
def understood(engine: Engine, url: str | Path) -> Iterator[Session]:
    """A session for reading, in which values that make no sense are the fault of the database.

    Raises:
        DatabaseError: A row holds what this program cannot read.
    """
    try:
        with reading(engine) as session:
            yield session
    except CairnError:
        raise
    except (ValueError, TypeError, LookupError, DBAPIError) as error:
        raise DatabaseError(
            f"database {shown_url(url)} holds what Cairn cannot read ({type(error).__name__}: {_short(error)});"
            " `cairn db check` says more, a backup may be whole"
        ) from error


def _short(error: Exception, most: int = 200) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[:most]}…"
