"""How well the ways of relaxing bring noised minima back, side by side on the same structures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from chem.alignment import rmsd
from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.perception import perceive_graph
from chem.potential import GradientCounter, single_point
from chem.relax import relax
from chem.types import Geometry, LevelOfTheory
from chem.units import kcal_mol
from models.structure_batch import StructureArrays
from tasks.relaxing import RelaxedStructure, relax_structures

BUDGET_GRADIENT_CALLS = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuessedMinimum:
    """A minimum and a guess at it.

    Attributes:
        minimum: The truth.
        guess: The guess.
        graph: Bonds of the minimum.
    """

    minimum: Geometry
    guess: Geometry
    graph: MolecularGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxationSummary:
    """What one way did at one level of noise.

    Attributes:
        method: The way.
        noise_angstrom: Standard deviation of the noise on a coordinate; None where the guesses are no noised minima.
        n: Structures.
        rmsd_ratio_median: RMSD to the minimum, after over before.
        failure_share: Share with a ratio over 1, other bonds than the minimum, or no answer.
        other_bonds_share: Share with other bonds.
        energy_above_minimum_median_kcal_mol: Of those with the right bonds.
        gradient_calls_after_median: Gradients that the level needs from there to a minimum, whichever; those that find
            none count as the whole budget.
        evaluations_mean: Gradients, or evaluations of the network, of the way itself.
        seconds_mean: Wall time of a structure.
    """

    method: str
    noise_angstrom: float | None
    n: int
    rmsd_ratio_median: float
    failure_share: float
    other_bonds_share: float
    energy_above_minimum_median_kcal_mol: float | None
    gradient_calls_after_median: float | None
    evaluations_mean: float
    seconds_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxationEvaluation:
    """What an evaluation found.

    Attributes:
        level: Key of the level of the minima, of the energies and of the gradients.
        summaries: By way and noise.
        noise_rank_correlation: By way, Spearman's coefficient of the noise that a network saw and the RMSD of the
            guess, at all levels of noise; None where that is not defined.
    """

    level: str
    summaries: tuple[RelaxationSummary, ...]
    noise_rank_correlation: Mapping[str, float | None]


def noised_minima(minima: Sequence[StructureArrays], noise_angstrom: float, seed: int) -> list[GuessedMinimum]:
    """Minima with Gaussian noise on every coordinate.

    Args:
        minima: Structures.
        noise_angstrom: Standard deviation, Angstrom.
        seed: Of the noise.
    """
    found = []
    for place, each in enumerate(minima):
        geometry = Geometry(numbers=each.numbers, positions=each.positions)
        rng = np.random.default_rng([seed, place, round(1000 * noise_angstrom)])
        noise = noise_angstrom * rng.standard_normal(geometry.positions.shape)
        found.append(
            GuessedMinimum(
                minimum=geometry,
                guess=geometry.with_positions(geometry.positions + noise),
                graph=perceive_graph(geometry),
            )
        )
    return found


def evaluate_relaxation(
    minima: Sequence[StructureArrays],
    level: LevelOfTheory,
    methods: Mapping[str, Path | None],
    *,
    noises_angstrom: Sequence[float] = (0.1, 0.2, 0.3),
    told_bonds: bool = True,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RelaxationEvaluation:
    """Relax the same noised minima every way.

    Args:
        minima: Minima that no network was trained on.
        level: Their level of theory.
        methods: Weights by way, as in `tasks.relaxing.relax_structures`; the way `none` leaves the guess as it is.
        noises_angstrom: Levels of noise.
        told_bonds: Tell networks and MMFF94 the bonds of the minimum, as an enumeration knows them.
        seed: Of the noise.
        device: Where networks run.
        progress: Told how many of how many combinations are done.
    """
    given: dict[float | None, Sequence[GuessedMinimum]]
    given = {noise: noised_minima(minima, noise, seed) for noise in noises_angstrom}
    return compare_relaxations(given, level, methods, told_bonds=told_bonds, device=device, progress=progress)


def compare_relaxations(
    given: Mapping[float | None, Sequence[GuessedMinimum]],
    level: LevelOfTheory,
    methods: Mapping[str, Path | None],
    *,
    told_bonds: bool = True,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RelaxationEvaluation:
    """Relax the same guesses every way.

    Args:
        given: Guesses by the noise on them, Angstrom; under None those that are no noised minima.
        level: Level of theory of the minima.
        methods: As in `evaluate_relaxation`.
        told_bonds: Likewise.
        device: Likewise.
        progress: Likewise.
    """
    summaries = []
    seen: dict[str, list[tuple[float, float]]] = {}
    total = len(given) * len(methods)
    for noise, guesses in given.items():
        for method, checkpoint in methods.items():
            relaxed = _relaxed(guesses, method, checkpoint, device, told_bonds=told_bonds)
            summaries.append(_summary(method, noise, guesses, relaxed, level))
            for one, each in zip(guesses, relaxed, strict=True):
                if each.noise_angstrom is not None:
                    off = rmsd(one.guess.positions, one.minimum.positions)
                    seen.setdefault(method, []).append((each.noise_angstrom, off))
            progress(len(summaries), total)
    ranks = {method: _rank_correlation(pairs) for method, pairs in seen.items()}
    return RelaxationEvaluation(level=level.key, summaries=tuple(summaries), noise_rank_correlation=ranks)


def _relaxed(
    given: Sequence[GuessedMinimum], method: str, checkpoint: Path | None, device: str, *, told_bonds: bool
) -> list[RelaxedStructure]:
    if method == "none":
        return [RelaxedStructure(geometry=each.guess, converged=False, evaluations=0, seconds=0.0) for each in given]
    graphs = [each.graph if told_bonds else None for each in given]
    return relax_structures([each.guess for each in given], graphs, method, checkpoint=checkpoint, device=device)


def _rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < 3 or len({seen for seen, _ in pairs}) < 2:
        return None
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def _gradient_calls_left(start: Geometry, level: LevelOfTheory) -> int:
    counter = GradientCounter(budget=BUDGET_GRADIENT_CALLS)
    try:
        relax(start, level, counter)
    except CalculationError:
        return BUDGET_GRADIENT_CALLS
    return counter.calls


def _summary(
    method: str,
    noise_angstrom: float | None,
    given: Sequence[GuessedMinimum],
    relaxed: Sequence[RelaxedStructure],
    level: LevelOfTheory,
) -> RelaxationSummary:
    ratios, failed, other_bonds, energies, calls = [], [], [], [], []
    for one, each in zip(given, relaxed, strict=True):
        before = rmsd(one.guess.positions, one.minimum.positions)
        ratio = rmsd(each.geometry.positions, one.minimum.positions) / before
        changed = not each.keeps_bonds_of(one.graph)
        ratios.append(ratio)
        other_bonds.append(changed)
        failed.append(ratio > 1.0 or changed or bool(each.failure))
        calls.append(_gradient_calls_left(each.geometry, level))
        if changed:
            continue
        counter = GradientCounter()
        try:
            height = single_point(each.geometry, level, counter) - single_point(one.minimum, level, counter)
        except CalculationError:
            continue
        energies.append(kcal_mol(height))
    return RelaxationSummary(
        method=method,
        noise_angstrom=noise_angstrom,
        n=len(given),
        rmsd_ratio_median=float(np.median(ratios)),
        failure_share=float(np.mean(failed)),
        other_bonds_share=float(np.mean(other_bonds)),
        energy_above_minimum_median_kcal_mol=float(np.median(energies)) if energies else None,
        gradient_calls_after_median=float(np.median(calls)) if calls else None,
        evaluations_mean=float(np.mean([each.evaluations for each in relaxed])),
        seconds_mean=float(np.mean([each.seconds for each in relaxed])),
    )
