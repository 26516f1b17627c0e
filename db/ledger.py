"""What calculations cost, tier by tier and altogether, and for each reaction that was verified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from chem.outcomes import Status
from db.campaign_tables import CampaignRow, ReactionMembershipRow
from db.campaigns import campaign_id
from db.tables import CalculationRow, TransitionStateRow
from db.totals import Cost, costs

TOTAL = "total"

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCost:
    """What the calculations of one kind at one level cost.

    Attributes:
        kind: Kind of calculation; `total` for all of them.
        level: Key of the level of theory; empty for the total.
        calculations: How many are finished.
        gradient_calls: Energy-and-gradient evaluations.
        hessian_calls: Analytic Hessians; None, as the three below, where of no calculation known.
        scf_cycles: Iterations of self-consistent fields.
        cpu_seconds: CPU time of the workers.
        peak_memory_gib: Largest resident memory of a worker, GiB.
        gpu_seconds: Time of graphics cards that campaigns paid for, of the total; None for a tier, where it is not
            kept.
        wall_seconds: Wall time; of calculations that ran side by side added up.
        abandoned_attempts: Begun and ended without a result; what they spent is not known.
        verified_reactions: Reactions with a transition state that passed every check and that these calculations found.
    """

    kind: str
    level: str
    calculations: int
    gradient_calls: int
    hessian_calls: int | None
    scf_cycles: int | None
    cpu_seconds: float | None
    gpu_seconds: float | None
    wall_seconds: float
    peak_memory_gib: float | None
    abandoned_attempts: int
    verified_reactions: int

    @property
    def gradient_calls_per_verified(self) -> float | None:
        """Gradient calls for each verified reaction; None without one."""
        return self.gradient_calls / self.verified_reactions if self.verified_reactions else None

    @property
    def cpu_seconds_per_verified(self) -> float | None:
        """CPU time for each verified reaction; None without one, or where it is not known."""
        if self.cpu_seconds is None or not self.verified_reactions:
            return None
        return self.cpu_seconds / self.verified_reactions

    @property
    def wall_seconds_per_verified(self) -> float | None:
        """Wall time for each verified reaction; None without one."""
        return self.wall_seconds / self.verified_reactions if self.verified_reactions else None


def ledger(session: Session, *, campaign: str | None = None) -> list[TierCost]:
    """What was spent, by kind and level, the total last.

    Args:
        session: To read with.
        campaign: Only what was done for its reactions, whoever paid; GPU time is what it paid itself.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    tiers: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for cost in costs(session, campaign=campaign):
        tiers[cost.kind, cost.level].append(cost)
    verified: dict[tuple[str, str], int] = {
        (kind, level): count for kind, level, count in session.execute(_verified(session, campaign, by_tier=True))
    }
    (anywhere,) = session.execute(_verified(session, campaign, by_tier=False)).one()
    paid = select(func.coalesce(func.sum(CampaignRow.spent_gpu_seconds), 0.0))
    if campaign is not None:
        paid = paid.where(CampaignRow.name == campaign)
    gpu_seconds = float(session.scalars(paid).one())
    found = [_summed(key, parts, verified.get(key, 0), None) for key, parts in sorted(tiers.items())]
    everything = [part for parts in tiers.values() for part in parts]
    return [*found, _summed((TOTAL, ""), everything, anywhere, gpu_seconds)]


def _verified(session: Session, campaign: str | None, *, by_tier: bool) -> Select[Any]:
    """How many reactions have a transition state that passed every check, by kind and level that found it."""
    tier = (CalculationRow.kind, CalculationRow.level_key) if by_tier else ()
    statement = (
        select(*tier, func.count(func.distinct(TransitionStateRow.reaction_id)))
        .join(CalculationRow, CalculationRow.id == TransitionStateRow.calculation_id)
        .where(TransitionStateRow.verdict == Status.PASSED.value)
        .group_by(*tier)
    )
    if campaign is not None:
        members = select(ReactionMembershipRow.reaction_id).where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign)
        )
        statement = statement.where(CalculationRow.reaction_id.in_(members))
    return statement


def _known(joined: Callable[[list[Number]], Number], values: Iterable[Number | None]) -> Number | None:
    """Sum or largest of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return joined(known) if known else None


def _summed(tier: tuple[str, str], parts: Iterable[Cost], verified: int, gpu_seconds: float | None) -> TierCost:
    given = list(parts)
    return TierCost(
        kind=tier[0],
        level=tier[1],
        calculations=sum(each.calculations for each in given),
        gradient_calls=sum(each.gradient_calls for each in given),
        hessian_calls=_known(sum, [each.hessian_calls for each in given]),
        scf_cycles=_known(sum, [each.scf_cycles for each in given]),
        cpu_seconds=_known(sum, [each.cpu_seconds for each in given]),
        gpu_seconds=gpu_seconds,
        wall_seconds=sum(each.seconds for each in given),
        peak_memory_gib=_known(max, [each.peak_memory_gib for each in given]),
        abandoned_attempts=sum(each.abandoned for each in given),
        verified_reactions=verified,
    )
