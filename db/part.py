"""The part of a network that leaves a database: a copy of its own, with nothing in it but what may leave.

Whatever is exported is read from such a copy, so that energies of species and heights above minima too come from
transition states that were asked for, and from no others. The copy is an SQLite database of this program's schema. Its
rows are numbered in the order of their natural keys: the same part is the same file, wherever it was stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, Integer, MetaData, Table, and_, func, insert, or_, select, union
from sqlalchemy.orm import Session

from chem.errors import DatabaseError
from chem.outcomes import Status
from db.base import Base
from db.convert import settings_hash
from db.engine import open_database, reading, writing
from db.part_schema import create_file
from db.portable import portable_settings, state_keys
from db.selection import Selection, chosen_states, count_by_verdict, stored_level_key
from db.statements import streamed
from db.tables import (
    AttemptRow,
    BarrierRow,
    CalculationKind,
    CalculationRow,
    CalculationState,
    GeometryRow,
    LevelRow,
    ReactionRow,
    ReactionSpeciesRow,
    SpeciesMinimumRow,
    SpeciesRow,
    TransitionStateCheckRow,
    TransitionStateRow,
)

FILE_NAME = "network.db"
Conditions = tuple[ColumnElement[bool], ...]
# What could be about energies nobody checked stays: preparations, their end points, candidates. So do campaigns.
_LEAVING_KINDS = (CalculationKind.SEARCH, CalculationKind.VERIFY, CalculationKind.ESTIMATE, CalculationKind.ENERGY)
_OF_THIS_DATABASE = {  # names of machines, and what only means something where it ran
    "campaign_id": None,
    "finished_by": None,
    "worker": None,
    "lease_expires_at": None,
    "place": 0.0,
    "barrierless_side": None,
    "barrierless_height_ev": None,
}
# The order of the rows. Levels keep the order in which they entered: the latest ranks first.
_ORDER = {
    "species": ("key",),
    "geometry": ("content_hash",),
    "level": ("id",),
    "reaction": ("key",),
    "reaction_species": ("reaction_id", "side", "species_id"),
    "calculation": ("kind", "subject_key", "level_key", "settings_hash"),
    "species_minimum": ("species_id", "level_id", "energy_ev", "calculation_id"),
    "transition_state": ("reaction_id", "level_id", "energy_ev", "key"),
    "transition_state_check": ("transition_state_id", "name"),
    "barrier": ("transition_state_id",),
    "attempt": ("calculation_id", "position"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a network in a file of its own.

    Attributes:
        engine: The open copy.
        file: Its file.
        selection: What was asked for.
        shown: The same as a selection of the copy, which knows no campaigns.
        states: How many transition states of each verdict it holds.
        left_out: How many of each other verdict the same campaign and level have.
    """

    engine: Engine
    file: Path
    selection: Selection
    shown: Selection
    states: Mapping[Status, int]
    left_out: Mapping[Status, int]


@contextmanager
def part_of(
    url: str | Path,
    folder: Path,
    *,
    campaign: str | None = None,
    level: str | None = None,
    verdicts: frozenset[Status] = frozenset({Status.PASSED}),
) -> Iterator[Part]:
    """Copy a part of a database into a folder, for as long as a `with` block lasts.

    Transition states come with their reactions, species, checks, barriers and the calculations behind them, and with
    the proved minima of those species at their levels. The database is read at one moment and may be in use.

    Args:
        url: The database.
        folder: Where the file is made; it stays there.
        campaign: Only reactions that this campaign reached.
        level: Only this level of theory, by key or name.
        verdicts: Only transition states of these verdicts.

    Raises:
        DatabaseError: The database cannot be opened, or has no such transition state.
        ConfigurationError: There is no such campaign.
    """
    source = open_database(url, read_only=True)
    try:
        with reading(source) as there:
            key = None if level is None else stored_level_key(there, level)
            selection = Selection(campaign=campaign, level_key=key, verdicts=verdicts)
            found = count_by_verdict(there, replace(selection, verdicts=None))
            states = Counter({status: count for status, count in found.items() if status in verdicts})
            if not states:
                raise DatabaseError(_nothing(selection, found))
            create_file(folder / FILE_NAME)
            engine = open_database(folder / FILE_NAME, create=False)
            try:
                with writing(engine) as here:
                    _stage(there, here, chosen_states(there, selection))
                    _number(here)
                _close_gaps(engine)
                yield Part(
                    engine=engine,
                    file=folder / FILE_NAME,
                    selection=selection,
                    shown=Selection(verdicts=verdicts),
                    states=states,
                    left_out=found - states,
                )
            finally:
                engine.dispose()
    finally:
        source.dispose()


def _nothing(selection: Selection, found: Mapping[Status, int]) -> str:
    asked = " or ".join(sorted(selection.verdicts or ()))
    place = "" if selection.level_key is None else f" at {selection.level_key}"
    place += "" if selection.campaign is None else f" in campaign {selection.campaign!r}"
    if not found:
        return f"no transition state is stored{place}; explore a network first"
    others = ", ".join(f"{count} {status.value}" for status, count in sorted(found.items()))
    return (
        f"no transition state with the verdict {asked} is stored{place}; there are {others}: name them with --verdict"
    )


def _stage(there: Session, here: Session, chosen: Conditions) -> None:
    """Copy the rows of the part as they are numbered in their own database."""
    leaving = _leaving(chosen)
    for table in _tables():
        staged = _staged(table)
        staged.create(here.connection())
        rows = there.execute(select(table).where(leaving[table.name]), execution_options=streamed())
        for part in rows.mappings().partitions():
            here.execute(insert(staged), _as_they_leave(there, table, part))


def _as_they_leave(there: Session, table: Table, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of a table with identities that hold everywhere, and without what is only known here."""
    if table is CalculationRow.__table__:
        return [_portable_calculation(row) for row in rows]
    if table is TransitionStateRow.__table__:
        keys = state_keys(there, TransitionStateRow.id, [row["id"] for row in rows])
        return [{**row, "key": keys[row["id"]]} for row in rows]
    return [dict(row) for row in rows]


def _leaving(chosen: Conditions) -> dict[str, ColumnElement[bool]]:
    """By table, the condition on the rows that belong to the chosen transition states."""
    state, calculation = TransitionStateRow, CalculationRow
    mine = and_(*chosen)
    states = select(state.id).where(mine)
    shown = select(state.reaction_id).where(mine)
    finders = select(state.calculation_id).where(mine, state.calculation_id.is_not(None))
    calculations = or_(
        calculation.id.in_(finders),
        and_(  # the search for a reaction says how it was found, also where another calculation found what is shown
            calculation.reaction_id.in_(shown),
            calculation.state == CalculationState.DONE.value,
            calculation.kind.in_([kind.value for kind in _LEAVING_KINDS]),
        ),
    )
    # A transition state has the atom order of the reaction that was searched for.
    searched = select(calculation.reaction_id).where(calculation.id.in_(finders), calculation.reaction_id.is_not(None))
    reactions = select(union(shown, searched).subquery())
    species = select(ReactionSpeciesRow.species_id).where(ReactionSpeciesRow.reaction_id.in_(reactions))
    # All versions of a program: the age of a level is that of the first.
    levels = select(LevelRow.key).where(LevelRow.id.in_(select(state.level_id).where(mine)))
    ids_of_levels = select(LevelRow.id).where(LevelRow.key.in_(levels))
    minima = and_(SpeciesMinimumRow.species_id.in_(species), SpeciesMinimumRow.level_id.in_(ids_of_levels))
    geometries: Any = union(
        *(
            select(column).where(mine, column.is_not(None))
            for column in (state.geometry_id, state.reactant_end_geometry_id, state.product_end_geometry_id)
        ),
        select(SpeciesMinimumRow.geometry_id).where(minima),
    )
    return {
        "species": SpeciesRow.id.in_(species),
        "geometry": GeometryRow.id.in_(select(geometries.subquery())),
        "level": LevelRow.key.in_(levels),
        "reaction": ReactionRow.id.in_(reactions),
        "reaction_species": ReactionSpeciesRow.reaction_id.in_(reactions),
        "calculation": or_(calculations, calculation.id.in_(select(SpeciesMinimumRow.calculation_id).where(minima))),
        "species_minimum": minima,
        "transition_state": mine,
        "transition_state_check": TransitionStateCheckRow.transition_state_id.in_(states),
        "barrier": BarrierRow.transition_state_id.in_(states),
        "attempt": AttemptRow.transition_state_id.in_(states),
    }


def _portable_calculation(row: Mapping[str, Any]) -> dict[str, Any]:
    settings = portable_settings(row["settings"], row["finished_at"])
    return {**row, **_OF_THIS_DATABASE, "settings": settings, "settings_hash": settings_hash(settings)}


def _number(here: Session) -> None:
    """Move the staged rows to their tables, numbered in their order, and what refers to them along with them."""
    numbers: dict[str, Table] = {}
    for table in _tables():
        staged, name = _staged(table), table.name
        rows: Any = staged
        columns: dict[str, Any] = {}
        for column in table.columns:
            columns[column.name] = staged.c[column.name]
            for key in column.foreign_keys:
                other = numbers[key.column.table.name].alias()
                rows = rows.outerjoin(other, other.c.old == staged.c[column.name])
                columns[column.name] = other.c.new
        numbers[name] = own = _numbers(table)
        own.create(here.connection())
        place = func.row_number().over(order_by=[columns[each] for each in _ORDER[name]])
        here.execute(insert(own).from_select(["old", "new"], select(staged.c.id, place).select_from(rows)))
        columns["id"] = own.c.new
        moved = select(*columns.values()).select_from(rows.join(own, own.c.old == staged.c.id)).order_by(own.c.new)
        here.execute(insert(table).from_select(list(columns), moved))
    for table in _tables():
        _staged(table).drop(here.connection())


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.name in _ORDER]


def _staged(table: Table) -> Table:
    columns = [Column(column.name, column.type, primary_key=column.primary_key) for column in table.columns]
    return Table(f"staged_{table.name}", MetaData(), *columns)


def _numbers(table: Table) -> Table:
    columns = (Column("old", Integer, primary_key=True), Column("new", Integer))
    return Table(f"numbers_{table.name}", MetaData(), *columns, prefixes=["TEMPORARY"])


def _close_gaps(engine: Engine) -> None:
    """Leave one compact file without a log beside it."""
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # VACUUM is not for transactions
        for command in ("VACUUM", "PRAGMA journal_mode=DELETE", "BEGIN"):
            connection.exec_driver_sql(command)
