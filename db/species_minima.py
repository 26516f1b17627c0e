"""Proved minima of species: queued, stored, and read back by species and level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from chem.outcomes import Failure, Outcome
from chem.species_minimum import SpeciesMinimum
from chem.types import LevelOfTheory
from db.closing import NOTHING_KNOWN, Spent, finish
from db.convert import geometry_hash, plain_json, settings_hash, to_failure
from db.load import load_geometries
from db.statements import insert_new, select_in
from db.store import add_geometries, add_levels
from db.tables import CalculationKind, CalculationRow, CalculationState, LevelRow, SpeciesMinimumRow, SpeciesRow
from db.work import MAX_ATTEMPTS, ClaimedCalculation

PROVED = "proved"  # outcome of a `minimum` calculation that found one


def enqueue_minima(
    session: Session, species_keys: Iterable[str], *, level_key: str, settings: Mapping[str, Any]
) -> frozenset[str]:
    """Queue a minimum for each species; one that is there, in whatever state, stays as it is.

    Mirror images share a minimum, so one of them stands for both.

    Args:
        session: In a write transaction.
        species_keys: Stored species.
        level_key: Level of theory.
        settings: What else decides the result, as JSON values.

    Returns:
        Keys of the species that stand for all.
    """
    given = plain_json(settings)
    chosen: dict[str, str] = {}
    statement = select(SpeciesRow.energy_key, SpeciesRow.key)
    for energy_key, key in sorted(select_in(session, statement, SpeciesRow.key, species_keys)):
        chosen.setdefault(energy_key, key)
    rows = [
        {
            "kind": CalculationKind.MINIMUM.value,
            "subject_key": key,
            "reaction_id": None,
            "level_key": level_key,
            "settings_hash": settings_hash(given),
            "settings": given,
            "state": CalculationState.PENDING.value,
            "max_attempts": MAX_ATTEMPTS,
        }
        for key in chosen.values()
    ]
    insert_new(session, CalculationRow, rows, unique=["kind", "subject_key", "level_key", "settings_hash"])
    return frozenset(chosen.values())


def record_minimum(
    session: Session,
    claimed: ClaimedCalculation,
    result: SpeciesMinimum | Failure,
    *,
    level: LevelOfTheory,
    gradient_calls: int,
    seconds: float,
    spent: Spent = NOTHING_KNOWN,
) -> bool:
    """Store a minimum, or why there is none, and close the calculation.

    Args:
        session: In a write transaction.
        claimed: The lease under which it was computed.
        result: The minimum or the failure.
        level: Of its energy.
        gradient_calls: Energy-and-gradient evaluations spent.
        seconds: Wall time spent.
        spent: What else it cost.

    Returns:
        Whether anything was written; False where this very lease had stored its result already.

    Raises:
        LeaseLostError: The lease was given to another; nothing is written.
    """
    failure = result if isinstance(result, Failure) else None
    fresh = finish(
        session,
        claimed,
        outcome=PROVED if failure is None else Outcome.FAILED.value,
        gradient_calls=gradient_calls,
        seconds=seconds,
        spent=spent,
        failure=failure,
        program=level.program,
        version=level.version,
    )
    if fresh and isinstance(result, SpeciesMinimum):
        geometry_ids = add_geometries(session, [result.geometry])
        row = {
            "species_id": session.scalars(select(SpeciesRow.id).where(SpeciesRow.key == claimed.subject_key)).one(),
            "calculation_id": claimed.id,
            "level_id": add_levels(session, [level])[level],
            "geometry_id": geometry_ids[geometry_hash(result.geometry)],
            "energy_ev": result.energy_ev,
            "frequencies_cm1": list(result.frequencies_cm1),
            "symmetry_number": result.symmetry_number,
            "n_conformers": result.n_conformers,
        }
        insert_new(session, SpeciesMinimumRow, [row], unique=["calculation_id"])
    return fresh


def species_minima(session: Session, species_keys: Iterable[str], *, level_key: str) -> dict[str, SpeciesMinimum]:
    """The lowest proved minimum of each species at a level, its own or its mirror image's; those without are left out.

    Of a mirror image the structure is that of the other hand: energies and vibrations are the same.
    """
    wanted, proved = aliased(SpeciesRow), aliased(SpeciesRow)
    statement = (
        select(wanted.key, SpeciesMinimumRow)
        .join(proved, proved.energy_key == wanted.energy_key)
        .join(SpeciesMinimumRow, SpeciesMinimumRow.species_id == proved.id)
        .join(LevelRow, LevelRow.id == SpeciesMinimumRow.level_id)
        .where(LevelRow.key == level_key)
    )
    lowest: dict[str, SpeciesMinimumRow] = {}
    for key, row in select_in(session, statement, wanted.key, species_keys):
        if key not in lowest or (row.energy_ev, row.id) < (lowest[key].energy_ev, lowest[key].id):
            lowest[key] = row
    geometries = load_geometries(session, {row.geometry_id for row in lowest.values()})
    return {
        key: SpeciesMinimum(
            geometry=geometries[row.geometry_id],
            energy_ev=row.energy_ev,
            frequencies_cm1=tuple(float(value) for value in row.frequencies_cm1),
            symmetry_number=row.symmetry_number,
            n_conformers=row.n_conformers,
        )
        for key, row in lowest.items()
    }


def failed_minima(session: Session, species_keys: Iterable[str], *, level_key: str) -> dict[str, Failure]:
    """Why species have no minimum at a level, of those for which one was looked for in vain."""
    statement = select(CalculationRow).where(
        CalculationRow.kind == CalculationKind.MINIMUM.value, CalculationRow.level_key == level_key
    )
    rows = [row for (row,) in select_in(session, statement, CalculationRow.subject_key, species_keys)]
    return {row.subject_key: failure for row in rows if (failure := to_failure(row)) is not None}
