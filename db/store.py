"""Writes of the network itself: species, reactions, geometries, levels, candidates.

Every function is idempotent on natural keys, runs in the caller's transaction (`db.engine.writing`) and writes in bulk
statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.types import Geometry, LevelOfTheory, Reaction, Species, TSCandidate
from db.convert import (
    Values,
    geometry_hash,
    geometry_values,
    level_values,
    reaction_values,
    settings_hash,
    species_values,
)
from db.statements import ids_by, insert_new
from db.tables import (
    CandidateRow,
    GeometryRow,
    LevelRow,
    ReactionRow,
    ReactionSpeciesRow,
    Side,
    SpeciesRow,
)


def add_species(session: Session, species: Iterable[Species]) -> dict[str, int]:
    """Store species.

    Returns:
        Row ids by species key.
    """
    distinct = {one.key: one for one in species}
    insert_new(session, SpeciesRow, [species_values(one) for one in distinct.values()], unique=["key"])
    return ids_by(session, SpeciesRow.key, distinct)


def add_reactions(
    session: Session, reactions: Iterable[Reaction], mapped_smiles: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Store reactions with their species.

    A key that is there keeps the direction, the atom order and the mapped SMILES with which it was first stored; go on
    with what `db.load.load_reactions` returns.

    Args:
        session: In a write transaction.
        reactions: Any number; the first of each key counts.
        mapped_smiles: SMILES with atom map numbers, by reaction key; empty where not given.

    Returns:
        Row ids by reaction key.
    """
    distinct: dict[str, Reaction] = {}
    for reaction in reactions:
        distinct.setdefault(reaction.key, reaction)
    species_ids = add_species(session, (one for r in distinct.values() for one in (*r.reactants, *r.products)))
    smiles = mapped_smiles or {}
    rows = [reaction_values(reaction, smiles.get(reaction.key, "")) for reaction in distinct.values()]
    new = set(insert_new(session, ReactionRow, rows, unique=["key"]))
    ids = ids_by(session, ReactionRow.key, distinct)
    sides = [
        values
        for key, reaction in distinct.items()
        if ids[key] in new  # the same key may have been stored the other way round
        for values in _side_values(ids[key], reaction, species_ids)
    ]
    insert_new(session, ReactionSpeciesRow, sides, unique=["reaction_id", "side", "species_id"])
    return ids


def _side_values(reaction_id: int, reaction: Reaction, species_ids: Mapping[str, int]) -> Iterable[Values]:
    for side, species in ((Side.REACTANT, reaction.reactants), (Side.PRODUCT, reaction.products)):
        for key, count in Counter(one.key for one in species).items():
            yield {
                "reaction_id": reaction_id,
                "species_id": species_ids[key],
                "side": side.value,
                "stoichiometric_count": count,
            }


def add_geometries(session: Session, geometries: Iterable[Geometry]) -> dict[str, int]:
    """Store geometries, each once.

    Returns:
        Row ids by `db.convert.geometry_hash`.
    """
    distinct = {geometry_hash(geometry): geometry for geometry in geometries}
    insert_new(
        session, GeometryRow, [geometry_values(geometry) for geometry in distinct.values()], unique=["content_hash"]
    )
    return ids_by(session, GeometryRow.content_hash, distinct)


def add_levels(session: Session, levels: Iterable[LevelOfTheory]) -> dict[LevelOfTheory, int]:
    """Store levels of theory, one row for each version of a program.

    Returns:
        Row ids by level.
    """
    distinct = list(dict.fromkeys(levels))
    ids = _level_ids(session, distinct)
    if new := [level_values(level) for level in distinct if level not in ids]:  # rare, and an insert is compiled anew
        insert_new(session, LevelRow, new, unique=["key", "name", "program", "version"])
        ids = _level_ids(session, distinct)
    return ids


def _level_ids(session: Session, levels: Collection[LevelOfTheory]) -> dict[LevelOfTheory, int]:
    columns = select(LevelRow.key, LevelRow.name, LevelRow.program, LevelRow.version, LevelRow.id)
    rows = session.execute(columns.where(LevelRow.key.in_(sorted({level.key for level in levels}))))
    ids = {tuple(identity): number for *identity, number in rows}
    named = {level: ids.get((level.key, level.name, level.program, level.version)) for level in levels}
    return {level: number for level, number in named.items() if number is not None}


def add_candidates(
    session: Session, candidates: Mapping[str, Sequence[TSCandidate]], settings: Mapping[str, Any]
) -> int:
    """Store guessed transition states.

    Args:
        session: In a write transaction.
        candidates: By reaction key, best first; atoms in the order of the stored reaction.
        settings: Everything that decided them, as JSON values: level and settings of the end points, generator.

    Returns:
        How many were new.

    Raises:
        ValueError: A reaction is not stored.
    """
    reaction_ids = stored_ids(session, candidates)
    geometry_ids = add_geometries(session, (one.geometry for group in candidates.values() for one in group))
    rows = [
        {
            "reaction_id": reaction_ids[key],
            "settings_hash": settings_hash(settings),
            "rank": rank,
            "generator": one.generator,
            "checkpoint_hash": one.checkpoint_hash,
            "seed": one.seed,
            "sample": one.sample,
            "confidence": one.confidence,
            "expected_error_kcal_mol": one.expected_error_kcal_mol,
            "unscored_reasons": list(one.unscored_reasons) or None,
            "geometry_id": geometry_ids[geometry_hash(one.geometry)],
        }
        for key, group in candidates.items()
        for rank, one in enumerate(group)
    ]
    unique = ["reaction_id", "settings_hash", "rank"]
    return len(insert_new(session, CandidateRow, rows, unique=unique))


def stored_ids(session: Session, reaction_keys: Iterable[str]) -> dict[str, int]:
    """Row ids of reactions that must be stored already.

    Raises:
        ValueError: One is not.
    """
    keys = list(reaction_keys)
    ids = ids_by(session, ReactionRow.key, keys)
    if missing := sorted(set(keys) - set(ids)):
        raise ValueError(f"{len(missing)} reactions are not stored, such as {missing[0]}; call add_reactions first")
    return ids
