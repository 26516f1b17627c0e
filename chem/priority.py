"""Which barriers to verify next: those whose uncertainty would change the answer before those whose would not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chem.flux import Conditions, Flux, simulate
from chem.kinetics import error_factor
from chem.network import Step, lowest_passes
from chem.units import KCAL_MOL_PER_EV


def by_flux(seeds: Iterable[str], steps: Sequence[Step], conditions: Conditions) -> dict[str, float]:
    """How much more of the seeds' amount may go through a step with the lowest than with the highest barrier.

    What a step would carry grows with its rate constant as long as its reactants last; in an equilibrium it changes
    nothing. One simulation serves all steps.

    Args:
        seeds: Keys of the species at hand.
        steps: Known reactions; those without an error bar count as certain.
        conditions: Temperature, time and concentration.

    Returns:
        By key of the step, unitless, only for steps with an error bar; the largest first, ties by key.

    Raises:
        CalculationError: The rate equations could not be integrated.
    """
    at_hand = set(seeds)
    flux = simulate(at_hand, steps, conditions)
    total = conditions.concentration_mol_per_l * len(at_hand)
    scores = {}
    for step in steps:
        if step.error_bar_95_kcal_mol is None:
            continue
        factor = error_factor(step.error_bar_95_kcal_mol / KCAL_MOL_PER_EV, conditions.temperature_k)
        scores[step.key] = max(
            _swing(flux, before, turns / total, factor)
            for (before, *_), turns in zip(
                step.directions, (flux.steps[step.key].forward, flux.steps[step.key].reverse), strict=True
            )
        )
    return _ordered(scores)


def by_pass(seeds: Iterable[str], steps: Sequence[Step]) -> dict[str, float]:
    """How far the lowest pass to a species may move within the error bar of a step, kcal/mol.

    A step that lies on a lowest pass may move it by its error bar; another one by what it could undercut.

    Args:
        seeds: Keys of the species at hand.
        steps: Known reactions; those without an error bar count as certain.

    Returns:
        By key of the step, only for steps with an error bar; the largest first, ties by key.
    """
    passes = lowest_passes(seeds, steps)
    taken = {each.step_key for each in passes.values()}
    scores = {}
    for step in steps:
        error = step.error_bar_95_kcal_mol
        if error is None:
            continue
        scores[step.key] = error if step.key in taken else 0.0
        for before, after, forward, _ in step.directions:
            if any(each not in passes for each in before):
                continue
            start = max(passes[each].level_kcal_mol for each in before)
            lowest = max(start + forward - error, *(passes[each].height_kcal_mol for each in before))
            undercut = max(passes[each].height_kcal_mol - lowest for each in after)
            scores[step.key] = max(scores[step.key], undercut)
    return _ordered(scores)


def _swing(flux: Flux, before: tuple[str, ...], turns: float, factor: float) -> float:
    """Difference of what a direction carries at its fastest and at its slowest, at most what there is to carry."""
    available = min(flux.shares[each] / before.count(each) for each in before)
    return min(available, turns * factor) - min(available, turns / factor)


def _ordered(scores: dict[str, float]) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))
