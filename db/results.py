"""Writes of what calculations found: prepared end points, search results, estimated transition states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from chem.endpoints import PreparedReaction
from chem.generator import EndPoints
from chem.outcomes import Failure, Outcome, SearchResult, TransitionState
from chem.types import Geometry, LevelOfTheory, Reaction
from db.closing import NOTHING_KNOWN, Spent, finish
from db.convert import (
    Values,
    attempt_values,
    check_values,
    ends_in_stored_direction,
    geometry_hash,
    runs_backwards,
    sha256,
    transition_state_values,
)
from db.load import load_reactions
from db.statements import ids_by, insert_new, upsert
from db.store import add_geometries, add_levels, add_reactions, stored_ids
from db.tables import AttemptRow, BarrierRow, EndPointsRow, TransitionStateCheckRow, TransitionStateRow
from db.work import ClaimedCalculation

GUESSED = "guessed"  # outcome of a `guess` or `relax` calculation that made guesses of end points
PREPARED = "prepared"  # outcome of a `prepare` calculation that made end points
ESTIMATED = "estimated"  # outcome of an `estimate` calculation that gave an energy
COMPUTED = "computed"  # outcome of an `energy` calculation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """A transition state that no search stands behind, such as an accepted candidate.

    Attributes:
        reaction_key: A stored reaction.
        transition_state: In the direction and atom order in which the reaction is stored.
        error_ev: Estimated absolute error of its barrier, eV.
    """

    reaction_key: str
    transition_state: TransitionState
    error_ev: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Filed:
    """A transition state with where it belongs."""

    key: str
    state: TransitionState
    reaction_id: int | None
    calculation_id: int | None = None
    backwards: bool = False
    error_ev: float | None = None


def record_preparation(
    session: Session, claimed: ClaimedCalculation, prepared: PreparedReaction, *, spent: Spent = NOTHING_KNOWN
) -> bool:
    """Store the end points of a reaction, or why there are none, and close the calculation.

    Args:
        session: In a write transaction.
        claimed: The lease under which it was computed.
        prepared: Pairs of end points in the direction and atom order of the stored reaction, or the failure.
        spent: What else it cost.

    Returns:
        Whether anything was written; False where this very lease had stored its result already.

    Raises:
        LeaseLostError: The lease was given to another; nothing is written.
    """
    level = prepared.level
    outcome = PREPARED if prepared.failure is None else Outcome.FAILED.value
    fresh = finish(
        session,
        claimed,
        outcome=outcome if prepared.barrierless is None else Outcome.BARRIERLESS.value,
        gradient_calls=prepared.gradient_calls,
        seconds=prepared.seconds,
        spent=spent,
        failure=prepared.failure,
        barrierless=prepared.barrierless,
        program=level.program,
        version=level.version,
    )
    if fresh and prepared.pairs:
        energies = [
            {"reactant_energy_ev": pair.reactant_energy_ev, "product_energy_ev": pair.product_energy_ev}
            for pair in prepared.pairs
        ]
        _add_pairs(session, claimed, level, [pair.ends for pair in prepared.pairs], energies)
    return fresh


def record_guesses(
    session: Session,
    claimed: ClaimedCalculation,
    pairs: Sequence[EndPoints],
    *,
    level: LevelOfTheory,
    gradient_calls: int,
    seconds: float,
    noise_angstrom: Sequence[tuple[float | None, float | None]] = (),
    failure: Failure | None = None,
    spent: Spent = NOTHING_KNOWN,
) -> bool:
    """Store guesses of end points, as made or as relaxed by what is not a level of theory, and close the calculation.

    Args:
        session: In a write transaction.
        claimed: The lease under which they were made.
        pairs: In the direction and atom order of the stored reaction, the best first.
        level: By which they were ranked, or what relaxed them.
        gradient_calls: Energy-and-gradient evaluations of a level of theory.
        seconds: Wall time spent.
        noise_angstrom: How broken a network found both sides of each pair, Angstrom; empty where none looked.
        failure: Why there is none.
        spent: What else it cost.

    Returns:
        Whether anything was written; False where this very lease had stored its result already.

    Raises:
        LeaseLostError: The lease was given to another; nothing is written.
    """
    fresh = finish(
        session,
        claimed,
        outcome=GUESSED if failure is None else Outcome.FAILED.value,
        gradient_calls=gradient_calls,
        seconds=seconds,
        spent=spent,
        failure=failure,
        program=level.program,
        version=level.version,
    )
    if fresh and pairs:
        seen = noise_angstrom or [(None, None)] * len(pairs)
        noise = [{"reactant_noise_angstrom": before, "product_noise_angstrom": after} for before, after in seen]
        _add_pairs(session, claimed, level, pairs, noise)
    return fresh


def _add_pairs(
    session: Session,
    claimed: ClaimedCalculation,
    level: LevelOfTheory,
    pairs: Sequence[EndPoints],
    known: Sequence[Values],
) -> None:
    """Store pairs of end points, the best first, with what is known of each."""
    geometry_ids = add_geometries(session, (geometry for pair in pairs for geometry in (pair.reactant, pair.product)))
    reaction_id = stored_ids(session, [claimed.subject_key])[claimed.subject_key]
    level_id = add_levels(session, [level])[level]
    rows = [
        {
            "calculation_id": claimed.id,
            "rank": rank,
            "reaction_id": reaction_id,
            "level_id": level_id,
            "reactant_geometry_id": geometry_ids[geometry_hash(pair.reactant)],
            "product_geometry_id": geometry_ids[geometry_hash(pair.product)],
            **values,
        }
        for rank, (pair, values) in enumerate(zip(pairs, known, strict=True))
    ]
    insert_new(session, EndPointsRow, rows, unique=["calculation_id", "rank"])


def record_estimate(
    session: Session,
    claimed: ClaimedCalculation,
    result: TransitionState | Failure,
    *,
    level: LevelOfTheory,
    gradient_calls: int,
    seconds: float,
    outcome: str = ESTIMATED,
    spent: Spent = NOTHING_KNOWN,
) -> bool:
    """Store a transition state that was not searched for, or why its energy is not known, and close the calculation.

    Args:
        session: In a write transaction.
        claimed: The lease under which it was computed.
        result: In the direction and atom order of the stored reaction, or the failure.
        level: Level of its energies.
        gradient_calls: Energy-and-gradient evaluations spent.
        seconds: Wall time spent.
        outcome: What the calculation ended in, where it gave energies.
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
        outcome=outcome if failure is None else Outcome.FAILED.value,
        gradient_calls=gradient_calls,
        seconds=seconds,
        spent=spent,
        failure=failure,
        program=level.program,
        version=level.version,
    )
    if fresh and isinstance(result, TransitionState):
        filed = _Filed(
            key=f"estimate {claimed.id}",
            state=result,
            reaction_id=stored_ids(session, [claimed.subject_key])[claimed.subject_key],
            calculation_id=claimed.id,
        )
        _file(session, [filed])
    return fresh


def record_search(
    session: Session,
    claimed: ClaimedCalculation,
    result: SearchResult,
    *,
    found: Mapping[int, Reaction] | None = None,
    mapped_smiles: Mapping[str, str] | None = None,
    spent: Spent = NOTHING_KNOWN,
) -> bool:
    """Store everything that a search found and close the calculation, in one transaction.

    Args:
        session: In a write transaction.
        claimed: The lease under which it was computed.
        result: Every attempt; atoms in the order of the stored reaction that was searched for.
        found: By index of the attempt, the reaction that its transition state really belongs to, written from
            `reactant_end` to `product_end`. An intended attempt needs none: its ends are those of the stored reaction.
            A transition state of another attempt without one is kept and filed under no reaction.
        mapped_smiles: SMILES with atom map numbers of those reactions, by reaction key.
        spent: What else it cost.

    Returns:
        Whether anything was written; False where this very lease had stored its result already.

    Raises:
        LeaseLostError: The lease was given to another; nothing is written.
    """
    level = result.level
    fresh = finish(
        session,
        claimed,
        outcome=result.outcome.value,
        gradient_calls=result.gradient_calls,
        seconds=result.seconds,
        spent=spent,
        failure=result.best.failure,
        program=level.program,
        version=level.version,
    )
    if not fresh:
        return False
    belongs = dict(found or {})
    reaction_ids = add_reactions(session, belongs.values(), mapped_smiles)
    reaction_ids |= stored_ids(session, [claimed.subject_key])
    stored = load_reactions(session, reaction_ids)
    filed: dict[int, _Filed] = {}
    for position, attempt in enumerate(result.attempts):
        if attempt.transition_state is None:
            continue
        reaction = belongs.get(position)
        if reaction is None and attempt.outcome is Outcome.INTENDED:
            reaction = stored[claimed.subject_key]
        filed[position] = _Filed(
            key=f"search {claimed.id} attempt {position:04}",
            state=attempt.transition_state,
            reaction_id=None if reaction is None else reaction_ids[reaction.key],
            calculation_id=claimed.id,
            backwards=reaction is not None and runs_backwards(reaction, stored[reaction.key]),
        )
    ids = _file(session, list(filed.values()))
    rows = [
        {
            "calculation_id": claimed.id,
            "position": position,
            "transition_state_id": ids[filed[position].key] if position in filed else None,
            **attempt_values(attempt),
        }
        for position, attempt in enumerate(result.attempts)
    ]
    insert_new(session, AttemptRow, rows, unique=["calculation_id", "position"])
    return True


def add_estimates(session: Session, estimates: Iterable[Estimate]) -> None:
    """Store transition states that no search stands behind; a repeated one only renews its estimated error.

    Raises:
        ValueError: A reaction is not stored.
    """
    entries = list(estimates)
    reaction_ids = stored_ids(session, [entry.reaction_key for entry in entries])
    filed = []
    for entry in entries:
        state, level = entry.transition_state, entry.transition_state.level
        place = (entry.reaction_key, geometry_hash(state.geometry), level.key, level.program, level.version)
        filed.append(
            _Filed(
                key=f"estimate {sha256(*place)}",
                state=state,
                reaction_id=reaction_ids[entry.reaction_key],
                error_ev=entry.error_ev,
            )
        )
    _file(session, filed)


def _file(session: Session, filed: Sequence[_Filed]) -> dict[str, int]:
    """Store transition states with geometries, checks and barriers; returns row ids by key."""
    level_ids = add_levels(session, (entry.state.level for entry in filed))
    geometry_ids = add_geometries(
        session,
        (
            geometry
            for entry in filed
            for geometry in (entry.state.geometry, entry.state.reactant_end, entry.state.product_end)
            if geometry is not None
        ),
    )

    def geometry_id(geometry: Geometry | None) -> int | None:
        return None if geometry is None else geometry_ids[geometry_hash(geometry)]

    rows: list[Values] = []
    for entry in filed:
        first, second = ends_in_stored_direction(entry.state, backwards=entry.backwards)
        rows.append(
            {
                "key": entry.key,
                "reaction_id": entry.reaction_id,
                "calculation_id": entry.calculation_id,
                "level_id": level_ids[entry.state.level],
                "geometry_id": geometry_id(entry.state.geometry),
                "reactant_end_geometry_id": geometry_id(first),
                "product_end_geometry_id": geometry_id(second),
                **transition_state_values(entry.state, backwards=entry.backwards),
            }
        )
    insert_new(session, TransitionStateRow, rows, unique=["key"])
    ids = ids_by(session, TransitionStateRow.key, (entry.key for entry in filed))
    checks = [
        {"transition_state_id": ids[entry.key], **check_values(check)}
        for entry in filed
        for check in entry.state.verdict.checks
    ]
    insert_new(session, TransitionStateCheckRow, checks, unique=["transition_state_id", "name"])
    barriers = [
        values
        for entry in filed
        if (values := _barrier_values(entry, ids[entry.key], level_ids[entry.state.level])) is not None
    ]
    upsert(session, BarrierRow, barriers, unique=["transition_state_id"], update=["error_ev"])
    return ids


def _barrier_values(entry: _Filed, transition_state_id: int, level_id: int) -> Values | None:
    """The barrier in the direction of the stored reaction; None where the reaction or an end is unknown."""
    barrier = entry.state.barrier
    if barrier is None or entry.reaction_id is None:
        return None
    heights = (barrier.forward_ev, barrier.reverse_ev)
    forward, reverse = reversed(heights) if entry.backwards else heights
    return {
        "reaction_id": entry.reaction_id,
        "transition_state_id": transition_state_id,
        "level_id": level_id,
        "forward_ev": forward,
        "reverse_ev": reverse,
        "verdict": barrier.verdict.status.value,
        "error_ev": entry.error_ev if entry.error_ev is not None else barrier.error_ev,
    }
