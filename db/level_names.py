"""Levels of theory as people name them: by key, or by the name that they were given."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.errors import ConfigurationError
from db.tables import LevelRow


def level_key_of(session: Session, name: str) -> str:
    """Key of a stored level of theory; no program for it has to be installed.

    Args:
        session: To read with.
        name: Its key, or the name under which it ran, such as `gfn2`; upper or lower case.

    Raises:
        ConfigurationError: There is none in the database, or several go by the name.
    """
    known: dict[str, set[str]] = {}
    for key, called in session.execute(select(LevelRow.key, LevelRow.name).order_by(LevelRow.id)):
        known.setdefault(key, set()).add(called)
    wanted = name.strip().lower()
    exact = [key for key in known if key.lower() == wanted]
    found = exact or [key for key, names in known.items() if wanted in {each.lower() for each in names}]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(f"several levels of this database are called {name!r}: {'; '.join(found)}; give a key")
    held = "; ".join(f"{', '.join(sorted(names))} ({key})" for key, names in known.items()) or "none"
    raise ConfigurationError(f"no level of theory {name!r} in this database; it holds: {held}")
