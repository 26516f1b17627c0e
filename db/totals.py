"""Counts and costs: progress of a campaign, what was spent on what, which failures occurred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from chem.outcomes import Failure, Stage
from db.campaign_tables import ReactionMembershipRow, SpeciesMembershipRow
from db.campaigns import campaign_id
from db.convert import SIDE_SEPARATOR, settings_hash
from db.tables import (
    AbandonedAttemptRow,
    CalculationKind,
    CalculationRow,
    CalculationState,
    CandidateRow,
    ReactionRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """How many of a campaign's things are in one state of one stage.

    Attributes:
        stage: species, reaction, candidate, or a kind of calculation.
        state: Of species: expanded or unexpanded. Of reactions: their triage, polish, accept, refine, reject or
            undecided. Of candidates: generated. Of calculations: pending, running, or what they ended in (prepared,
            estimated, intended, unintended, failed).
        count: How many.
        gradient_calls: Spent on them.
        seconds: Wall time spent on them.
    """

    stage: str
    state: str
    count: int
    gradient_calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one kind of calculation with one program cost.

    Attributes:
        kind: Kind of calculation.
        level: Key of the level of theory.
        program: Program that ran; empty where none has yet.
        version: Its version.
        calculations: How many are finished.
        gradient_calls: Energy-and-gradient evaluations.
        seconds: Wall time.
        hessian_calls: Analytic Hessians; None, as the three below, where of no calculation known.
        scf_cycles: Iterations of self-consistent fields.
        cpu_seconds: CPU time of the workers.
        peak_memory_gib: Largest resident memory of a worker, GiB.
        abandoned: Leases that ended without a result; what they spent is not known.
    """

    kind: str
    level: str
    program: str
    version: str
    calculations: int
    gradient_calls: int
    seconds: float
    hessian_calls: int | None
    scf_cycles: int | None
    cpu_seconds: float | None
    peak_memory_gib: float | None
    abandoned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueProgress:
    """Where the calculations stand that differ only in their reaction.

    Attributes:
        total: How many there are.
        ended: How many have ended.
        running: How many run.
        gradient_calls: Spent on those that ended.
    """

    total: int
    ended: int
    running: int
    gradient_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Calculations of one kind and level that failed in the same way.

    Attributes:
        calculation_kind: What they were to do.
        level: Key of their level of theory.
        example: One such failure.
        reaction_key: The reaction of the example.
        reactants: SMILES of its reactants.
        products: SMILES of its products.
        count: How many.
        gradient_calls: Spent on them.
    """

    calculation_kind: str
    level: str
    example: Failure
    reaction_key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    count: int
    gradient_calls: int


def queue_progress(
    session: Session, *, kind: CalculationKind, level_key: str, settings: Mapping[str, Any]
) -> QueueProgress:
    """Where the calculations of one kind, level and set of settings stand; meant to be polled."""
    ended = CalculationRow.state.in_([CalculationState.DONE.value, CalculationState.FAILED.value])
    statement = select(
        func.count(),
        func.count().filter(ended),
        func.count().filter(CalculationRow.state == CalculationState.RUNNING.value),
        func.coalesce(func.sum(CalculationRow.gradient_calls), 0),
    ).where(
        CalculationRow.kind == kind.value,
        CalculationRow.level_key == level_key,
        CalculationRow.settings_hash == settings_hash(settings),
    )
    total, done, running, calls = session.execute(statement).one()
    return QueueProgress(total=total, ended=done, running=running, gradient_calls=int(calls))


def progress(session: Session, campaign: str) -> list[StageProgress]:
    """Where a campaign stands; one short query, meant to be polled by a progress bar.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    number = campaign_id(session, campaign)
    members = select(ReactionMembershipRow.reaction_id).where(ReactionMembershipRow.campaign_id == number)
    none = (literal(0), literal(0.0))
    expanded = case((SpeciesMembershipRow.expanded_at.is_(None), "unexpanded"), else_="expanded")
    triage = func.coalesce(ReactionMembershipRow.action, "undecided")
    state = func.coalesce(CalculationRow.outcome, CalculationRow.state)
    statement = union_all(
        select(literal("species"), expanded, func.count(), *none)
        .where(SpeciesMembershipRow.campaign_id == number)
        .group_by(expanded),
        select(literal("reaction"), triage, func.count(), *none)
        .where(ReactionMembershipRow.campaign_id == number)
        .group_by(triage),
        select(literal("candidate"), literal("generated"), func.count(), *none)
        .select_from(CandidateRow)
        .where(CandidateRow.reaction_id.in_(members)),
        select(
            CalculationRow.kind,
            state,
            func.count(),
            func.sum(CalculationRow.gradient_calls),
            func.sum(CalculationRow.seconds),
        )
        .where(_is_work_of(number))
        .group_by(CalculationRow.kind, state),
    )
    found = [
        StageProgress(stage=stage, state=state, count=count, gradient_calls=int(calls), seconds=float(seconds))
        for stage, state, count, calls, seconds in session.execute(statement)
    ]
    order = ("species", "reaction", "candidate", *(kind.value for kind in CalculationKind))
    return sorted(
        (entry for entry in found if entry.count),
        key=lambda entry: (order.index(entry.stage) if entry.stage in order else len(order), entry.stage, entry.state),
    )


def costs(session: Session, *, campaign: str | None = None) -> list[Cost]:
    """What everything cost, by kind, level and program; with `campaign` only what was done for it."""
    abandoned = (
        select(AbandonedAttemptRow.calculation_id, func.count().label("leases"))
        .group_by(AbandonedAttemptRow.calculation_id)
        .subquery()
    )
    program, version = func.coalesce(CalculationRow.program, ""), func.coalesce(CalculationRow.version, "")
    groups = (CalculationRow.kind, CalculationRow.level_key, program, version)
    statement = (
        select(
            *groups,
            func.count(CalculationRow.finished_at),
            func.sum(CalculationRow.gradient_calls),
            func.sum(CalculationRow.seconds),
            func.sum(CalculationRow.hessian_calls),
            func.sum(CalculationRow.scf_cycles),
            func.sum(CalculationRow.cpu_seconds),
            func.max(CalculationRow.peak_memory_gib),
            func.coalesce(func.sum(abandoned.c.leases), 0),
        )
        .outerjoin(abandoned, abandoned.c.calculation_id == CalculationRow.id)
        .group_by(*groups)
        .order_by(*groups)
    )
    rows = session.execute(_of_campaign(session, statement, campaign))
    return [
        Cost(
            kind=kind,
            level=level,
            program=name,
            version=release,
            calculations=count,
            gradient_calls=int(calls),
            seconds=float(seconds),
            hessian_calls=hessians,
            scf_cycles=cycles,
            cpu_seconds=cpu_seconds,
            peak_memory_gib=peak,
            abandoned=int(leases),
        )
        for kind, level, name, release, count, calls, seconds, hessians, cycles, cpu_seconds, peak, leases in rows
        if count or leases
    ]


def failures(session: Session, *, campaign: str | None = None) -> list[FailureGroup]:
    """Failed calculations by kind, level, stage and kind of failure, the most frequent first, each with one example."""
    groups = (
        CalculationRow.kind,
        CalculationRow.level_key,
        CalculationRow.failure_stage,
        CalculationRow.failure_kind,
    )
    grouped = (
        select(
            func.min(CalculationRow.id).label("example_id"),
            func.count().label("n_calculations"),
            func.sum(CalculationRow.gradient_calls).label("gradient_calls"),
        )
        .where(CalculationRow.failure_kind.is_not(None))
        .group_by(*groups)
    )
    totals = _of_campaign(session, grouped, campaign).subquery()
    statement = (
        select(
            *groups,
            CalculationRow.failure_message,
            CalculationRow.subject_key,
            ReactionRow.reactant_smiles,
            ReactionRow.product_smiles,
            totals.c.n_calculations,
            totals.c.gradient_calls,
        )
        .join(totals, totals.c.example_id == CalculationRow.id)
        .outerjoin(ReactionRow, ReactionRow.id == CalculationRow.reaction_id)
        .order_by(totals.c.n_calculations.desc(), *groups)
    )
    return [
        FailureGroup(
            calculation_kind=row.kind,
            level=row.level_key,
            example=Failure(stage=Stage(row.failure_stage), kind=row.failure_kind, message=row.failure_message),
            reaction_key=row.subject_key,
            reactants=tuple(row.reactant_smiles.split(SIDE_SEPARATOR)) if row.reactant_smiles else (),
            products=tuple(row.product_smiles.split(SIDE_SEPARATOR)) if row.product_smiles else (),
            count=row.n_calculations,
            gradient_calls=int(row.gradient_calls),
        )
        for row in session.execute(statement)
    ]


def _of_campaign(session: Session, statement: Select[Any], campaign: str | None) -> Select[Any]:
    """Only calculations of a campaign, where one is named."""
    if campaign is None:
        return statement
    return statement.where(_is_work_of(campaign_id(session, campaign)))


def _is_work_of(campaign: int) -> ColumnElement[bool]:
    """Whether a calculation is for a reaction of a campaign, or the minimum of a species that the campaign paid for."""
    members = select(ReactionMembershipRow.reaction_id).where(ReactionMembershipRow.campaign_id == campaign)
    paid = and_(CalculationRow.kind == CalculationKind.MINIMUM.value, CalculationRow.campaign_id == campaign)
    return or_(CalculationRow.reaction_id.in_(members), paid)
