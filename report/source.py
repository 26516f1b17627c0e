"""A database as the source of a report: opened to read alone, and refused in words where it cannot be understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chem.errors import CairnError, ConfigurationError, DatabaseError
from db.engine import open_database, reading, shown_url
from db.tables import LevelRow
from report.content import ReportContent
from report.from_database import campaign_report


def load_content(url: str | Path, *, campaign: str | None, level_key: str | None) -> ReportContent:
    """Everything that a report of a database shows.

    Args:
        url: Of the database, which is not written to.
        campaign: Name of a campaign; None for the whole database.
        level_key: Barriers, searches and failures of this level of theory alone; None for all.

    Raises:
        DatabaseError: It cannot be opened, is not Cairn's, or is damaged.
        ConfigurationError: There is no such campaign or level of theory in it.
    """
    engine = open_database(url, create=False, read_only=True)
    try:
        with understood(engine, url) as session:
            check_level(session, level_key)
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


def check_level(session: Session, level_key: str | None) -> None:
    """Refuse a level of theory at which the database holds nothing.

    Raises:
        ConfigurationError: It is named, with those that are there.
    """
    known = sorted(set(session.scalars(select(LevelRow.key))))
    if level_key is not None and level_key not in known:
        raise ConfigurationError(
            f"the database holds nothing at the level of theory {level_key!r}; known are {', '.join(known) or 'none'}"
        )


def _short(error: Exception, most: int = 200) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[:most]}…"
