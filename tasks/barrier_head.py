"""What the barrier head of a campaign expects of candidates; the network is imported where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chem.barrier_estimate import BarrierEstimate, PointEnergies
from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.outcomes import Action, Decision
from chem.potential import GradientCounter, single_point
from chem.triage import weighed
from chem.types import Geometry, LevelOfTheory, TSCandidate
from models.weights_file import find_weights
from tasks.barrier_head_weights import KIND, load_head
from tasks.calculations import shared_pool
from tasks.settings import ExploreSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointJob:
    """Energies of a candidate and its ends."""

    key: str
    ends: EndPoints
    candidate: Geometry
    level: LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Decisions in the light of what the barrier head expects.

    Attributes:
        decisions: By reaction key.
        cpu_seconds: What the energies took, s.
    """

    decisions: dict[str, Decision]
    cpu_seconds: float = 0.0


def weigh_candidates(
    settings: ExploreSettings,
    ends: Mapping[str, EndPoints],
    candidates: Mapping[str, list[TSCandidate]],
    decisions: Mapping[str, Decision],
) -> Weighed:
    """Reject hopeless candidates among those that are to be polished; without a head nothing changes.

    Args:
        settings: Of the campaign.
        ends: End points by reaction key.
        candidates: Of each reaction, best first.
        decisions: What the first look decided.
    """
    asked = [key for key, decision in decisions.items() if decision.action is Action.POLISH]
    if settings.barrier_head is None or not asked:
        return Weighed(decisions=dict(decisions))
    jobs = [
        PointJob(key=key, ends=ends[key], candidate=candidates[key][0].geometry, level=settings.theory) for key in asked
    ]
    energies: dict[str, PointEnergies] = {}
    seconds = 0.0
    for finished in shared_pool(settings.workers).run(point_energies, jobs):
        seconds += finished.cpu_seconds or 0.0
        if finished.value is not None:  # what has no energy, or lost its worker, is polished as it would have been
            energies[finished.job.key] = finished.value
    known = [job for job in jobs if job.key in energies]
    head = load_head(find_weights(KIND, settings.barrier_head.checkpoint).path, settings.barrier_head.device)
    found = head.estimate(
        [job.ends for job in known], [job.candidate for job in known], [energies[job.key] for job in known]
    )
    estimates: dict[str, BarrierEstimate | None] = dict(zip([job.key for job in known], found, strict=True))
    bound = settings.barrier_head.reject_above_kcal_mol
    sure = {job.key: candidates[job.key][0].confidence for job in known}
    return Weighed(
        decisions={key: weighed(look, sure.get(key), estimates.get(key), bound) for key, look in decisions.items()},
        cpu_seconds=seconds,
    )


def point_energies(job: PointJob) -> PointEnergies | None:
    """Energies of a candidate and its ends; None where one fails."""
    counter = GradientCounter()
    try:
        before, after, candidate = (
            single_point(each, job.level, counter) for each in (job.ends.reactant, job.ends.product, job.candidate)
        )
    except CalculationError:
        return None
    return PointEnergies(reactant_ev=before, product_ev=after, candidate_ev=candidate)
