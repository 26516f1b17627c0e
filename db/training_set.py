"""Verified transition states as a file to train on."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.errors import DatabaseError, InputError
from chem.holdout import ReactionIdentity, identity_of, split_of
from chem.outcomes import Status
from chem.types import Geometry
from db.campaign_tables import ReactionMembershipRow
from db.campaigns import campaign_id
from db.load import load_geometries, load_reactions
from db.tables import CalculationRow, LevelRow, ReactionRow, TransitionStateRow

ENDING = ".npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetSummary:
    """What was written.

    Attributes:
        level_key: Level of theory of the transition states.
        n_reactions: Different reactions.
        splits: Transition states of each split.
        n_left_out: Verified transition states with a charge or unpaired electrons, which the format cannot say.
    """

    level_key: str
    n_reactions: int
    splits: Mapping[str, int]
    n_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Example:
    """One transition state with its ends, atoms in its own order."""

    reaction_key: str
    identity: ReactionIdentity
    smiles: str
    reactant: Geometry
    ts: Geometry
    product: Geometry


def export_training_set(
    session: Session, path: Path, *, level_key: str | None = None, campaign: str | None = None
) -> TrainingSetSummary:
    """Write the verified transition states with the two ends of their reaction paths, packed as `.npz`.

    Every transition state whose verdict is `passed` and whose two ends are stored is taken, of several for one reaction
    each that differs. The identifier of an example is the key of its reaction. The split goes by the reaction and its
    sides, as `chem.holdout` says: it never changes, whatever the database learns, and the reactants for which a
    reaction is held out occur in none that is trained on. Beside what trainings read stand the identities by which
    the split goes, `identity` (n,) and `sides` (n, 2).

    Args:
        session: Open session.
        path: File to write; it is replaced in one step.
        level_key: Level of theory; needed where verified transition states of several are stored.
        campaign: Only reactions that this campaign reached.

    Returns:
        What was written.

    Raises:
        DatabaseError: There is no such transition state, no such campaign, or several levels to choose from.
        InputError: The path does not end in `.npz` or its folder is missing.
    """
    if path.suffix != ENDING or not path.resolve().parent.is_dir():
        raise InputError(f"cannot write a training set to {path}; give a name ending in {ENDING} in an existing folder")
    level_key, rows = _of_one_level(_verified(session, campaign), level_key)
    geometries = load_geometries(session, {number for row in rows for number in row.geometry_ids})
    identities = {
        key: identity_of(one.reactant_graph, one.product_graph)
        for key, one in load_reactions(session, {row.reaction_key for row in rows}).items()
    }
    examples, n_left_out = [], 0
    for row in rows:
        reactant, ts, product = (geometries[number] for number in row.geometry_ids)
        if (ts.charge, ts.multiplicity) != (0, 1):
            n_left_out += 1
            continue
        examples.append(
            _Example(
                reaction_key=row.reaction_key,
                identity=identities[row.reaction_key],
                smiles=row.smiles,
                reactant=reactant,
                ts=ts,
                product=product,
            )
        )
    if not examples:
        raise DatabaseError(
            f"no verified transition state of a neutral singlet is stored at {level_key}; explore with --verify first"
        )
    splits = [split_of(example.identity.sides) for example in examples]
    _write(path, examples, splits)
    return TrainingSetSummary(
        level_key=level_key,
        n_reactions=len({example.reaction_key for example in examples}),
        splits=dict(Counter(splits)),
        n_left_out=n_left_out,
    )


def count_verified(session: Session, *, level_key: str | None = None, campaign: str | None = None) -> tuple[str, int]:
    """Level and number of the transition states that `export_training_set` would write, ions included; none is loaded.

    Raises:
        DatabaseError: As there, but for there being none: of no level there are 0.
    """
    rows = _verified(session, campaign)
    if not rows:
        return level_key or "", 0
    if level_key is not None and all(row.level_key != level_key for row in rows):
        return level_key, 0
    found, own = _of_one_level(rows, level_key)
    return found, len(own)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """Where one verified transition state lies; ids of reactant end, transition state and product end."""

    reaction_key: str
    smiles: str
    level_key: str
    geometry_ids: tuple[int, int, int]


def _verified(session: Session, campaign: str | None) -> list[_Row]:
    """Verified transition states with both ends, each geometry once, in the order in which they were found."""
    state = TransitionStateRow
    statement = (
        select(
            ReactionRow.key,
            ReactionRow.id,
            ReactionRow.mapped_smiles,
            CalculationRow.reaction_id,
            LevelRow.key,
            state.reactant_end_geometry_id,
            state.geometry_id,
            state.product_end_geometry_id,
        )
        .join(ReactionRow, ReactionRow.id == state.reaction_id)
        .join(LevelRow, LevelRow.id == state.level_id)
        .outerjoin(CalculationRow, CalculationRow.id == state.calculation_id)
        .where(
            state.verdict == Status.PASSED.value,
            state.reactant_end_geometry_id.is_not(None),
            state.product_end_geometry_id.is_not(None),
        )
        .order_by(state.id)
    )
    if campaign is not None:
        number = campaign_id(session, campaign)
        statement = statement.join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == ReactionRow.id).where(
            ReactionMembershipRow.campaign_id == number
        )
    found: dict[tuple[str, tuple[int, ...]], _Row] = {}
    for key, number, smiles, searched, level, *ids in session.execute(statement):
        # Atoms are in the order of the reaction that was searched for; the SMILES numbers those of its own reaction.
        in_order = searched is None or searched == number
        row = _Row(reaction_key=key, smiles=smiles if in_order else "", level_key=level, geometry_ids=tuple(ids))
        found.setdefault((level, row.geometry_ids), row)
    return list(found.values())


def _of_one_level(rows: Sequence[_Row], level_key: str | None) -> tuple[str, list[_Row]]:
    """The rows of the level that is asked for, or of the only one."""
    stored = sorted({row.level_key for row in rows})
    if not stored:
        raise DatabaseError("no verified transition state with both ends is stored; explore with --verify first")
    if level_key is None and len(stored) > 1:
        raise DatabaseError(f"verified transition states of several levels are stored; choose from {', '.join(stored)}")
    wanted = stored[0] if level_key is None else level_key
    if wanted not in stored:
        raise DatabaseError(
            f"no verified transition state is stored at {wanted}; there are some at {', '.join(stored)}"
        )
    return wanted, [row for row in rows if row.level_key == wanted]


def _write(path: Path, examples: Sequence[_Example], splits: Sequence[str]) -> None:
    """Pack the examples and put the file in place of an old one in one step."""
    ends = np.cumsum([0, *(example.ts.n_atoms for example in examples)])
    handle, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.stem}-", suffix=ENDING)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(
                file,
                rxn=np.array([example.reaction_key for example in examples]),
                offset=ends.astype(np.int64),
                numbers=np.concatenate([example.ts.numbers for example in examples]).astype(np.uint8),
                reactant=np.concatenate([example.reactant.positions for example in examples]),
                ts=np.concatenate([example.ts.positions for example in examples]),
                product=np.concatenate([example.product.positions for example in examples]),
                smiles=np.array([example.smiles for example in examples]),
                split=np.array(splits),
                identity=np.array([example.identity.key for example in examples]),
                sides=np.array([example.identity.sides for example in examples]),
            )
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
