"""Put the proved minima of species of an archive into a database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.convert import Values, geometry_hash, to_geometry
from db.engine import writing
from db.statements import ids_by, insert_new, select_in, streamed
from db.store import add_geometries
from db.tables import CalculationRow, GeometryRow, SpeciesMinimumRow, SpeciesRow


def merge_minima(there: Session, target: Engine, levels: Mapping[int, int]) -> tuple[int, int]:
    """Add the minima that a database does not have, each with the calculation that found it.

    A minimum is known where the same structure of the same species is one at the same level.

    Args:
        there: Reading the archive.
        target: The database; species and levels of the archive are in it already.
        levels: Row ids of levels in the database, by those in the archive.

    Returns:
        How many were added, and how many were there.
    """
    table = SpeciesMinimumRow.__table__
    added = known = 0
    rows = there.execute(select(table).order_by(table.c.id), execution_options=streamed())
    for part in rows.mappings().partitions():
        minima = [dict(row) for row in part]
        with writing(target) as here:
            new = _add(there, here, minima, levels)
        added, known = added + new, known + len(minima) - new
    return added, known


def _add(there: Session, here: Session, minima: list[Values], levels: Mapping[int, int]) -> int:
    def named(column: str, table: Any) -> dict[int, Any]:
        return {row.id: row for (row,) in select_in(there, select(table), table.id, {each[column] for each in minima})}

    species, geometries = named("species_id", SpeciesRow), named("geometry_id", GeometryRow)
    calculations = named("calculation_id", CalculationRow)
    species_ids = ids_by(here, SpeciesRow.key, {row.key for row in species.values()})
    values = {number: to_geometry(row) for number, row in geometries.items()}
    geometry_ids = add_geometries(here, values.values())
    entries = [
        {
            **each,
            "species_id": species_ids[species[each["species_id"]].key],
            "level_id": levels[each["level_id"]],
            "geometry_id": geometry_ids[geometry_hash(values[each["geometry_id"]])],
        }
        for each in minima
    ]
    columns = (SpeciesMinimumRow.species_id, SpeciesMinimumRow.level_id, SpeciesMinimumRow.geometry_id)
    wanted = {each["species_id"] for each in entries}
    stored = {tuple(row) for row in select_in(here, select(*columns), SpeciesMinimumRow.species_id, wanted)}
    fresh = [each for each in entries if (each["species_id"], each["level_id"], each["geometry_id"]) not in stored]
    finders = [calculations[each["calculation_id"]] for each in fresh]
    names = [column.name for column in CalculationRow.__table__.columns if column.name != "id"]
    unique = ["kind", "subject_key", "level_key", "settings_hash"]
    insert_new(here, CalculationRow, [{name: getattr(row, name) for name in names} for row in finders], unique=unique)
    natural = select(*(getattr(CalculationRow, name) for name in unique), CalculationRow.id)
    ids = {
        tuple(identity): number
        for *identity, number in select_in(
            here, natural, CalculationRow.subject_key, {row.subject_key for row in finders}
        )
    }
    rows = [
        {
            **{name: value for name, value in each.items() if name != "id"},
            "calculation_id": ids[tuple(getattr(row, name) for name in unique)],
        }
        for each, row in zip(fresh, finders, strict=True)
    ]
    return len(insert_new(here, SpeciesMinimumRow, rows, unique=["calculation_id"]))
