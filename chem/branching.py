"""How a species divides among the steps that lead away from it, at one temperature and at the very beginning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chem.flux import rate_constant
from chem.kinetics import error_factor, path_rate
from chem.outcomes import Status, TransitionState
from chem.units import KCAL_MOL_PER_EV


class RateSource(StrEnum):
    """What a rate was computed from."""

    FREQUENCIES = "frequencies"  # transition-state theory with the vibrations of all three points, and tunnelling
    BARRIER = "barrier"  # Eyring's equation with the electronic barrier alone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leaving:
    """A step away from a species, in that direction.

    Attributes:
        key: Key of the reaction.
        reactants: The species, as often as it takes part, and its partners.
        products: What they become.
        n_taken: How many molecules of the species one turn takes.
        barrier_forward_kcal_mol: Height above the reactants.
        barrier_reverse_kcal_mol: Height above the products.
        error_bar_95_kcal_mol: Half-width of the error bar of the height; None where none is known.
        verdict: Of the transition state.
        level: Key of the level of theory of the barrier.
        degeneracy: Equivalent paths in this direction.
        transition_state: With its ends in this direction; None where it is not at hand.
    """

    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    n_taken: int
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_kcal_mol: float | None
    verdict: Status
    level: str
    degeneracy: int
    transition_state: TransitionState | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branch:
    """What goes along a step.

    Attributes:
        step: Which.
        rate_per_s: Share of the species that the step takes in a second, at the concentration of its partners.
        rate_from: What the rate was computed from.
        rate_factor_95: Factor by which the error bar makes it uncertain; None where there is no error bar.
        ratio: Its share of all steps; None where all rates vanish.
        products_ratio: Share of all steps to the same products; likewise.
    """

    step: Leaving
    rate_per_s: float
    rate_from: RateSource
    rate_factor_95: float | None
    ratio: float | None
    products_ratio: float | None


def branching(steps: Iterable[Leaving], temperature_k: float, concentration_mol_per_l: float = 1.0) -> list[Branch]:
    """How a species divides, the most of the products first.

    A step of the species alone whose transition state passed every check and has the frequencies of all three points
    has the rate of `chem.kinetics.path_rate`; all others that of `chem.flux.rate_constant`, from complexes in contact.
    Both are multiplied by the number of equivalent paths.

    Args:
        steps: All away from the species. Those that change nothing count for nothing.
        temperature_k: Temperature.
        concentration_mol_per_l: Of each partner.
    """
    rates = [
        (step, *_rate(step, temperature_k, concentration_mol_per_l))
        for step in steps
        if sorted(step.reactants) != sorted(step.products)
    ]
    total = sum(rate for _, rate, _ in rates)
    by_products: dict[tuple[str, ...], float] = defaultdict(float)
    for step, rate, _ in rates:
        by_products[step.products] += rate
    found = [
        Branch(
            step=step,
            rate_per_s=rate,
            rate_from=source,
            rate_factor_95=(
                None
                if step.error_bar_95_kcal_mol is None
                else error_factor(step.error_bar_95_kcal_mol / KCAL_MOL_PER_EV, temperature_k)
            ),
            ratio=rate / total if total else None,
            products_ratio=by_products[step.products] / total if total else None,
        )
        for step, rate, source in rates
    ]
    return sorted(found, key=lambda each: (-by_products[each.step.products], -each.rate_per_s, each.step.key))


def _rate(step: Leaving, temperature_k: float, concentration: float) -> tuple[float, RateSource]:
    if len(step.reactants) == 1 and step.transition_state is not None:
        found = path_rate(step.transition_state, temperature_k, degeneracy=step.degeneracy)
        if found is not None:
            return found.value, RateSource.FREQUENCIES
    # Neither way is faster than without a barrier.
    raised = max(0.0, -step.barrier_forward_kcal_mol, -step.barrier_reverse_kcal_mol)
    molecules = len(step.reactants)
    constant = rate_constant(step.barrier_forward_kcal_mol + raised, molecules, temperature_k)
    turns = step.degeneracy * constant * concentration ** (molecules - 1)
    return step.n_taken * turns, RateSource.BARRIER
