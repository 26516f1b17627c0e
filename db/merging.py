"""Put the rows of an archive into a database: what is there stays as it is, what is not there is added.

Rows meet by natural keys that hold in every database (`db.portable`). A reaction that is stored already keeps its
direction and its atom order; transition states that come to it are turned to fit. Rows are written a few thousand in a
transaction, so that work on the database goes on meanwhile; each transaction leaves it whole, and an import that was
cut short goes on where it was when it is repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.convert import Values
from db.engine import reading, writing
from db.merging_minima import merge_minima
from db.merging_states import merge_states
from db.portable import CalculationIdentity, calculation_ids, portable_identity
from db.statements import ids_by, insert_new, select_in, streamed
from db.tables import CalculationKind, CalculationRow, LevelRow, ReactionRow, ReactionSpeciesRow, SpeciesRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge did, by table.

    Attributes:
        added: Rows that were new.
        known: Rows that were there.
    """

    added: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)

    def count(self, table: str, *, added: int, of: int) -> None:
        """Count so many new ones of so many."""
        self.added[table] += added
        self.known[table] += of - added


def merge(archive: Engine, target: Engine) -> Merged:
    """Add everything in an archive that a database does not have.

    Calculations of the database, open or done, are neither changed nor counted as done.

    Args:
        archive: A database as `db.part.part_of` makes it.
        target: The database.

    Raises:
        DatabaseError: A reaction of the archive is another than that of the same key in the database.
    """
    merged = Merged()
    with reading(archive) as there:
        levels = _merge_levels(there, target, merged)
        for rows in _parts(there, SpeciesRow.__table__):
            with writing(target) as here:
                new = insert_new(here, SpeciesRow, _without_ids(rows), unique=["key"])
            merged.count("species", added=len(new), of=len(rows))
        for rows in _parts(there, ReactionRow.__table__):
            with writing(target) as here:
                merged.count("reactions", added=_merge_reactions(there, here, rows), of=len(rows))
        for rows in _parts(there, CalculationRow.__table__):
            own = [row for row in rows if row["kind"] != CalculationKind.MINIMUM.value]  # with what they found
            with writing(target) as here:
                merged.count("calculations", added=_merge_calculations(there, here, own), of=len(own))
        added, known = merge_states(there, target, levels)
        merged.count("transition_states", added=added, of=added + known)
        added, known = merge_minima(there, target, levels)
        merged.count("species_minima", added=added, of=added + known)
    return merged


def _parts(there: Session, table: Any) -> Iterator[list[Values]]:
    """Rows in the order of their ids, which in an archive is that of their keys, so that writers meet in one order."""
    rows = there.execute(select(table).order_by(table.c.id), execution_options=streamed())
    for part in rows.mappings().partitions():
        yield [dict(row) for row in part]


def _without_ids(rows: list[Values]) -> list[Values]:
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def _merge_levels(there: Session, target: Engine, merged: Merged) -> dict[int, int]:
    """Add levels in the order in which they entered the archive; returns ids here by ids there."""
    natural = ("key", "name", "program", "version")
    ids: dict[int, int] = {}
    for rows in _parts(there, LevelRow.__table__):
        with writing(target) as here:
            statement = select(*(getattr(LevelRow, name) for name in natural), LevelRow.id)
            keys = {row["key"] for row in rows}
            before = {tuple(identity) for *identity, _ in select_in(here, statement, LevelRow.key, keys)}
            new = [row for row in rows if tuple(row[name] for name in natural) not in before]
            insert_new(here, LevelRow, _without_ids(new), unique=natural, as_given=True)
            after = {tuple(identity): number for *identity, number in select_in(here, statement, LevelRow.key, keys)}
        ids |= {row["id"]: after[tuple(row[name] for name in natural)] for row in rows}
        merged.count("levels", added=len(new), of=len(rows))
    return ids


def _merge_reactions(there: Session, here: Session, rows: list[Values]) -> int:
    """Add reactions, and who stands on which side of the new ones."""
    new = set(insert_new(here, ReactionRow, _without_ids(rows), unique=["key"]))
    ids = ids_by(here, ReactionRow.key, (row["key"] for row in rows))
    fresh = {row["id"]: ids[row["key"]] for row in rows if ids[row["key"]] in new}
    statement = select(
        ReactionSpeciesRow.reaction_id,
        ReactionSpeciesRow.side,
        ReactionSpeciesRow.stoichiometric_count,
        SpeciesRow.key,
    ).join(SpeciesRow, SpeciesRow.id == ReactionSpeciesRow.species_id)
    sides = list(select_in(there, statement, ReactionSpeciesRow.reaction_id, fresh))
    species = ids_by(here, SpeciesRow.key, {side.key for side in sides})
    entries = [
        {
            "reaction_id": fresh[side.reaction_id],
            "side": side.side,
            "species_id": species[side.key],
            "stoichiometric_count": side.stoichiometric_count,
        }
        for side in sides
    ]
    insert_new(here, ReactionSpeciesRow, entries, unique=["reaction_id", "side", "species_id"])
    return len(new)


def _merge_calculations(there: Session, here: Session, rows: list[Values]) -> int:
    """Add what was computed, as done; a calculation of this database that comes back from an archive is known."""
    keys = _reaction_keys(there, rows)
    ids = ids_by(here, ReactionRow.key, keys.values())
    known = calculation_ids(here, ids.values())
    entries = [
        {**row, "reaction_id": None if row["reaction_id"] is None else ids[keys[row["reaction_id"]]]}
        for row in _without_ids(rows)
        if _identity(row) not in known
    ]
    unique = ["kind", "subject_key", "level_key", "settings_hash"]
    return len(insert_new(here, CalculationRow, entries, unique=unique))


def _reaction_keys(there: Session, rows: list[Values]) -> dict[int, str]:
    numbers = {row["reaction_id"] for row in rows} - {None}
    statement = select(ReactionRow.id, ReactionRow.key)
    return dict(tuple(row) for row in select_in(there, statement, ReactionRow.id, numbers))


def _identity(row: Mapping[str, Any]) -> CalculationIdentity:
    names = ("kind", "subject_key", "level_key", "settings", "finished_at")
    return portable_identity(**{name: row[name] for name in names})
