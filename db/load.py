"""Reads that rebuild domain values by key: species, reactions, geometries, end points, candidates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.generator import EndPoints
from chem.types import Geometry, Reaction, Species, TSCandidate
from db.convert import settings_hash, to_geometry, to_reaction, to_species
from db.statements import select_in
from db.tables import (
    CalculationKind,
    CalculationRow,
    CandidateRow,
    EndPointsRow,
    GeometryRow,
    ReactionRow,
    ReactionSpeciesRow,
    Side,
    SpeciesRow,
)


def load_species(session: Session, keys: Iterable[str]) -> dict[str, Species]:
    """Species by key; keys that are not stored are left out."""
    return {row.key: to_species(row) for (row,) in select_in(session, select(SpeciesRow), SpeciesRow.key, keys)}


def known_reactions(session: Session, keys: Iterable[str]) -> frozenset[str]:
    """Those of the keys that are stored."""
    return frozenset(key for (key,) in select_in(session, select(ReactionRow.key), ReactionRow.key, keys))


def load_reactions(session: Session, keys: Iterable[str]) -> dict[str, Reaction]:
    """Reactions by key, in the direction and atom order in which they are stored; unknown keys are left out."""
    rows = {row.id: row for (row,) in select_in(session, select(ReactionRow), ReactionRow.key, keys)}
    sides: dict[int, list[tuple[Side, int, Species]]] = defaultdict(list)
    species: dict[int, Species] = {}
    joined = select(ReactionSpeciesRow, SpeciesRow).join(SpeciesRow, SpeciesRow.id == ReactionSpeciesRow.species_id)
    for side, row in select_in(session, joined, ReactionSpeciesRow.reaction_id, rows):
        if row.id not in species:
            species[row.id] = to_species(row)
        sides[side.reaction_id].append((Side(side.side), side.stoichiometric_count, species[row.id]))
    return {row.key: to_reaction(row, sides[row.id]) for row in rows.values()}


def load_geometries(session: Session, ids: Iterable[int]) -> dict[int, Geometry]:
    """Geometries by row id."""
    return {row.id: to_geometry(row) for (row,) in select_in(session, select(GeometryRow), GeometryRow.id, ids)}


def load_end_points(
    session: Session,
    reaction_keys: Iterable[str],
    level_key: str,
    settings: Mapping[str, Any],
    kind: CalculationKind = CalculationKind.PREPARE,
) -> dict[str, list[EndPoints]]:
    """End points by reaction key, the most promising pair first; reactions without any are left out.

    Args:
        session: Open session.
        reaction_keys: Stored reactions.
        level_key: Level that was asked for.
        settings: Settings of the calculation that made them.
        kind: What that was: a preparation, or one of the guesses that it begins with.
    """
    statement = (
        select(CalculationRow.subject_key, EndPointsRow.reactant_geometry_id, EndPointsRow.product_geometry_id)
        .join(CalculationRow, CalculationRow.id == EndPointsRow.calculation_id)
        .where(
            CalculationRow.kind == kind.value,
            CalculationRow.level_key == level_key,
            CalculationRow.settings_hash == settings_hash(settings),
        )
        .order_by(CalculationRow.subject_key, EndPointsRow.rank)
    )
    rows = list(select_in(session, statement, CalculationRow.subject_key, reaction_keys))
    geometries = load_geometries(session, {number for _, *pair in rows for number in pair})
    result: dict[str, list[EndPoints]] = defaultdict(list)
    for key, first, second in rows:
        pair = EndPoints(reactant=geometries[first], product=geometries[second], reaction_key=key)
        result[key].append(pair)
    return dict(result)


def load_candidates(
    session: Session, reaction_keys: Iterable[str], settings: Mapping[str, Any]
) -> dict[str, list[TSCandidate]]:
    """Candidates by reaction key, best first, that were made with these settings (see `db.store.add_candidates`)."""
    statement = (
        select(ReactionRow.key, CandidateRow)
        .join(ReactionRow, ReactionRow.id == CandidateRow.reaction_id)
        .where(CandidateRow.settings_hash == settings_hash(settings))
        .order_by(CandidateRow.reaction_id, CandidateRow.rank)
    )
    rows = list(select_in(session, statement, ReactionRow.key, reaction_keys))
    geometries = load_geometries(session, (row.geometry_id for _, row in rows))
    result: dict[str, list[TSCandidate]] = defaultdict(list)
    for key, row in rows:
        result[key].append(
            TSCandidate(
                geometry=geometries[row.geometry_id],
                generator=row.generator,
                reaction_key=key,
                checkpoint_hash=row.checkpoint_hash,
                seed=row.seed,
                sample=row.sample,
                confidence=row.confidence,
                expected_error_kcal_mol=row.expected_error_kcal_mol,
                unscored_reasons=tuple(row.unscored_reasons or ()),
            )
        )
    return dict(result)
