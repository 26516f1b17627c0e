"""A force field's part in a round: candidates that it walked to saddle points, and what it doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chem.clashes import check_distances
from chem.errors import InputError
from chem.generator import EndPoints
from chem.search_starts import REFINED
from chem.types import TSCandidate
from models.weights_file import WeightsFile, find_weights
from tasks.model_settings import RefinementSettings

if TYPE_CHECKING:
    from models.candidate_refiner import CandidateRefiner, SecondOpinion

KIND = "potential"
BOUNDS = ("largest_force_ev_per_angstrom", "largest_spread_ev_per_angstrom", "most_negative_modes")


def refinement_weights(refinement: RefinementSettings) -> list[WeightsFile]:
    """The weights of the force fields, looked at but not loaded, the leading one first; empty where none looks.

    Raises:
        ConfigurationError: They are missing, damaged or of another model.
    """
    if refinement.method == "none":
        return []
    return [find_weights(KIND, refinement.checkpoint), *(find_weights(KIND, each) for each in refinement.committee)]


def refinement_settings(refinement: RefinementSettings) -> dict[str, Any]:
    """What decides what the force fields do, as JSON values; empty where none looks."""
    weights = refinement_weights(refinement)
    if not weights:
        return {}
    values = {
        "method": refinement.method,
        "checkpoint_sha256": weights[0].sha256,
        "committee_sha256": [each.sha256 for each in weights[1:]],
        "steps": refinement.steps,
        "starts": refinement.starts,
        **{name: getattr(refinement, name) for name in BOUNDS},
    }
    return {"refinement": values}


def with_refined(
    candidates: Mapping[str, list[TSCandidate]], ends: Mapping[str, Sequence[EndPoints]], refinement: RefinementSettings
) -> dict[str, list[TSCandidate]]:
    """Candidates of each reaction with those after them that a force field walked to saddle points of its own.

    All candidates of all reactions are one batch. Of each reaction as many are kept as the settings say: those that
    came to rest at a first-order saddle point, the lowest in energy first.

    Args:
        candidates: By reaction key, best first.
        ends: End points of at least those reactions, the most promising first.
        refinement: How.
    """
    if refinement.method == "none" or not (refinement.steps and refinement.starts):
        return dict(candidates)
    places = [(key, candidate) for key, group in candidates.items() for candidate in group]
    opinions = _refiner(refinement).look(
        [candidate for _, candidate in places], [ends[key][0] for key, _ in places], refinement.steps
    )
    sha256 = refinement_weights(refinement)[0].sha256
    walked: dict[str, list[tuple[float, TSCandidate]]] = {}
    for (key, candidate), opinion in zip(places, opinions, strict=True):
        if opinion is None or not opinion.converged or not _is_sound(opinion):
            continue
        refined = TSCandidate(
            geometry=opinion.geometry,
            generator=REFINED,
            reaction_key=candidate.reaction_key,
            checkpoint_hash=sha256,
            seed=candidate.seed,
            sample=candidate.sample,
        )
        walked.setdefault(key, []).append((opinion.energy_ev, refined))
    return {
        key: [
            *group,
            *(each for _, each in sorted(walked.get(key, []), key=lambda pair: pair[0])[: refinement.starts]),
        ]
        for key, group in candidates.items()
    }


def doubts_of(
    candidates: Sequence[Sequence[TSCandidate]], ends: Sequence[EndPoints], refinement: RefinementSettings
) -> list[tuple[str, ...]]:
    """Why the force fields would not believe the best candidate of each reaction; empty where they would.

    Args:
        candidates: Of each reaction, best first; may be empty.
        ends: The most promising end points of each.
        refinement: Bounds.
    """
    doubts: list[tuple[str, ...]] = [()] * len(ends)
    if refinement.method == "none" or all(getattr(refinement, name) is None for name in BOUNDS):
        return doubts
    known = [place for place, group in enumerate(candidates) if group]
    opinions = _refiner(refinement).look(
        [candidates[place][0] for place in known], [ends[place] for place in known], steps=0
    )
    for place, opinion in zip(known, opinions, strict=True):
        if opinion is not None:
            doubts[place] = _doubts(opinion, refinement)
    return doubts


def _doubts(opinion: SecondOpinion, bounds: RefinementSettings) -> tuple[str, ...]:
    reasons = []
    force, spread = opinion.largest_force_ev_per_angstrom, opinion.force_spread_ev_per_angstrom
    if bounds.largest_force_ev_per_angstrom is not None and force > bounds.largest_force_ev_per_angstrom:
        reasons.append(
            f"the force field finds a force of {force:.2f} eV/Angstrom, above {bounds.largest_force_ev_per_angstrom:g}"
        )
    limit = bounds.largest_spread_ev_per_angstrom
    if limit is not None and spread is not None and spread > limit:
        reasons.append(f"the force fields differ by {spread:.2f} eV/Angstrom, above {limit:g}")
    modes = opinion.n_negative_modes
    if bounds.most_negative_modes is not None and not 1 <= modes <= bounds.most_negative_modes:
        reasons.append(
            f"the force field finds {modes} modes of negative curvature, not 1 to {bounds.most_negative_modes}"
        )
    return tuple(reasons)


def _is_sound(opinion: SecondOpinion) -> bool:
    try:
        check_distances(opinion.geometry, "a refined candidate")
    except InputError:
        return False
    return True


def _refiner(refinement: RefinementSettings) -> CandidateRefiner:
    weights = refinement_weights(refinement)
    return _load(weights[0].path, tuple(each.path for each in weights[1:]), refinement.device)


@lru_cache(maxsize=1)
def _load(checkpoint: Path, committee: tuple[Path, ...], device: str) -> CandidateRefiner:
    from models.candidate_refiner import CandidateRefiner  # noqa: PLC0415 (torch)

    return CandidateRefiner(checkpoint=checkpoint, committee=committee, device=device)
