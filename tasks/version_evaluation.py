"""What a version of the generator and its confidence is worth on held-out reactions, one by one and in figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chem.ranking import ERROR_CAP_KCAL_MOL, capped_errors, captured_share, triage_curve
from chem.types import LevelOfTheory
from models.confidence import Scorer
from models.confidence_training import DrawnSamples, draw_samples, recommended
from models.evaluation.barrier_summary import SHARE_SENT
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig, device_of
from models.learning_data import LearningData
from tasks.candidate_errors import candidate_errors, ends_of
from tasks.learning_settings import LearnSettings

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionFigures:
    """What became of one held-out transition state.

    Attributes:
        reaction: Key of its reaction without stereo layers; conformers share it.
        origin: `campaign` or `base`.
        rmsd_angstrom: Strict RMSD of the sample that ranks first, Angstrom.
        deterministic_rmsd_angstrom: Of the sample without noise.
        barrier_error_kcal_mol: Absolute error of its barrier after the polish; None where a calculation failed.
        expected_error_kcal_mol: What the confidence expects of it; None where it is always sent to the search.
    """

    reaction: str
    origin: str
    rmsd_angstrom: float
    deterministic_rmsd_angstrom: float
    barrier_error_kcal_mol: float | None
    expected_error_kcal_mol: float | None


def sampling_of(settings: LearnSettings) -> SamplingConfig:
    """How samples are drawn: as an exploration draws them."""
    return SamplingConfig(
        n_samples=settings.candidates,
        n_steps=settings.sampling.steps,
        start_noise_angstrom=settings.sampling.start_noise_angstrom,
    )


def kept_draws(
    path: Path,
    generator: DiffusionGenerator,
    scorer: Scorer,
    learning: LearningData,
    places: list[int],
    progress: Progress,
) -> DrawnSamples:
    """Samples of some reactions, read by the trunk of a confidence; from the file where they are there already."""
    if path.exists():
        return DrawnSamples.load(path)
    trunk = scorer.trunk.to(generator.device)
    drawn = draw_samples(
        generator.model,
        trunk,
        learning.data,
        places,
        generator.sampling,
        lambda done: progress(f"drawing {path.stem}", done, len(places)),
    )
    scorer.to("cpu")
    drawn.save(path)
    return drawn


def evaluate_version(
    file: Path,
    weights: tuple[Path, Path],
    learning: LearningData,
    places: list[int],
    level: LevelOfTheory,
    settings: LearnSettings,
    progress: Progress,
) -> list[ReactionFigures]:
    """Draw, rank and polish candidates of held-out reactions; what is kept in the file is not done again.

    Args:
        file: JSON file of the result; samples and energies are kept beside it.
        weights: Of the generator and of its confidence.
        learning: Reactions.
        places: Which of them.
        level: Level of theory of the barrier errors.
        settings: Sampling, polish, workers.
        progress: Told what is done, how many of how many.
    """
    if file.exists():
        return [ReactionFigures(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
    generator = DiffusionGenerator(
        checkpoint=weights[0],
        confidence=weights[1],
        sampling=sampling_of(settings),
        device=str(device_of(settings.sampling.device)),
    )
    scorer = generator.scorer
    if scorer is None:
        raise TypeError("a generator that is evaluated needs its confidence")
    drawn = kept_draws(file.with_suffix(".npz"), generator, scorer, learning, places, progress)
    best = recommended(scorer, drawn).tolist()
    measured = candidate_errors(
        file.with_name(f"{file.stem}_errors.npz"),
        learning.data,
        drawn,
        best,
        level,
        settings.polish_gradient_calls,
        settings.workers,
        lambda done, total: progress(f"measuring barriers of {file.stem}", done, total),
    )
    expected = np.full(len(places), np.inf)
    polished = measured.polished
    if polished.any():
        expected[polished] = scorer.judge.expected(measured.features[polished])
    for row, place in enumerate(places):
        if generator.unscored(ends_of(learning.data, place)):
            expected[row] = np.inf
    deviations = drawn.rmsd.double().numpy()
    figures = [
        ReactionFigures(
            reaction=learning.identities[place].key,
            origin=str(learning.origins[place]),
            rmsd_angstrom=float(deviations[row, best[row]]),
            deterministic_rmsd_angstrom=float(deviations[row, 0]),
            barrier_error_kcal_mol=_finite(measured.errors_kcal_mol[row]),
            expected_error_kcal_mol=_finite(expected[row]),
        )
        for row, place in enumerate(places)
    ]
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps([asdict(each) for each in figures], indent=1), encoding="utf-8")
    fresh.replace(file)
    return figures


def by_reaction(figures: Sequence[ReactionFigures], origin: str) -> Array:
    """Strict RMSD of each reaction of one origin, the mean over its conformers, in the order of the keys, Angstrom."""
    found: dict[str, list[float]] = {}
    for each in figures:
        if each.origin == origin:
            found.setdefault(each.reaction, []).append(each.rmsd_angstrom)
    return np.array([np.mean(found[key]) for key in sorted(found)])


def summary(figures: Sequence[ReactionFigures], origin: str, when: str) -> dict[str, Any]:
    """Figures of one origin, by names such as `campaign_rmsd_mean_before_angstrom`.

    The barrier errors that are left are those after the worst 14 % by expectation were searched; the captured share is
    what that gains of what an oracle gains over chance.
    """
    own = [each for each in figures if each.origin == origin]
    deviations = by_reaction(figures, origin)
    errors, _ = capped_errors([_number(each.barrier_error_kcal_mol) for each in own])
    scores = _ranked([_number(each.expected_error_kcal_mol) for each in own])
    return {
        f"{origin}_rmsd_mean_{when}_angstrom": _rounded(deviations.mean()),
        f"{origin}_rmsd_median_{when}_angstrom": _rounded(np.median(deviations)),
        f"{origin}_barrier_error_mean_{when}_kcal_mol": _rounded(errors.mean()),
        f"{origin}_barrier_error_left_{when}_kcal_mol": _rounded(
            triage_curve(scores, errors, [SHARE_SENT]).scored_kcal_mol[0]
        ),
        f"{origin}_captured_share_{when}": _rounded(captured_share(scores, errors, SHARE_SENT)),
    }


def _ranked(expected_kcal_mol: Sequence[float]) -> Array:
    """Scores that rank: what is always sent comes before all others."""
    scores = np.array(expected_kcal_mol, dtype=np.float64)
    return np.where(np.isfinite(scores), scores, ERROR_CAP_KCAL_MOL + 1.0)


def _number(value: float | None) -> float:
    return float("inf") if value is None else value


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 5)
