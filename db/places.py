"""The order of the queue: which of the waiting calculations is done first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from db.convert import settings_hash
from db.statements import batches
from db.tables import CalculationKind, CalculationRow, CalculationState


def set_places(
    session: Session,
    places: Mapping[str, float],
    *,
    kind: CalculationKind,
    level_key: str,
    settings: Mapping[str, Any],
) -> None:
    """Say which of the waiting calculations are to be done first: the smallest place, 0 where nothing is said.

    One that has a smaller place already keeps it.

    Args:
        session: In a write transaction.
        places: By reaction key.
        kind: Kind of calculation.
        level_key: Its level of theory.
        settings: What it was queued with.
    """
    changed = update(CalculationRow).where(
        CalculationRow.kind == kind.value,
        CalculationRow.level_key == level_key,
        CalculationRow.settings_hash == settings_hash(settings),
        CalculationRow.state == CalculationState.PENDING.value,
        CalculationRow.place > bindparam("new_place"),  # another campaign may want it sooner
        CalculationRow.subject_key == bindparam("reaction_key"),
    )
    rows = [{"reaction_key": key, "new_place": place} for key, place in sorted(places.items())]
    for batch in batches(rows):
        session.connection().execute(changed.values(place=bindparam("new_place")), batch)
