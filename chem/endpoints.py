"""End points of a reaction in 3D: reactant and product relaxed, near each other, in one atom order.

Both ends come from one structure. Structures half way, in which the changing bonds are stretched and everything else
fits both sides, are embedded at random; each slides downhill to the distance windows of the reactant and of the product
and is relaxed there. So the ends share a conformation, reacting atoms face each other, nothing has to pass through
anything, and a side of several molecules lies in contact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from chem.alignment import align, rmsd
from chem.barrierless import BarrierlessStep, SideName, barrierless_step, fell_together
from chem.distance_windows import APART, CLOSE, FloatArray
from chem.endpoint_checks import check_relaxed, holds_stereo, same_handedness, species_found
from chem.equivalent_atoms import Permutation, least_motion, mapping_generators
from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.guess import guess_positions
from chem.half_way import (
    DISTINCT_ANGSTROM,
    EndPointSettings,
    distance_difference,
    geometry_of,
    half_way_structures,
    no_structure,
    slide,
)
from chem.model_hessian import model_hessian
from chem.outcomes import Failure, Stage
from chem.potential import GradientCounter, attach
from chem.relax import Relaxation, relax
from chem.types import LevelOfTheory, Reaction, Species

_Positions = Callable[[SideName, tuple[float, float]], FloatArray]  # of one side, reacting atoms so far apart


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedPair:
    """One pair of end points with what it is expected to be worth.

    Attributes:
        ends: Both geometries, the product superposed on the reactant.
        reactant_energy_ev: Electronic energy of the reactant side.
        product_energy_ev: Electronic energy of the product side.
        motion_angstrom: Root-mean-square distance between the superposed ends.
        guess_energy_ev: Electronic energy half way, at the guess interpolated between the ends, by which pairs are
            ranked; infinite where it has no self-consistent field.
    """

    ends: EndPoints
    reactant_energy_ev: float
    product_energy_ev: float
    motion_angstrom: float
    guess_energy_ev: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedReaction:
    """Everything that preparing one reaction brought.

    Attributes:
        reaction_key: Identity of the reaction.
        level: Level of theory of geometries and energies.
        pairs: End points, the most promising first; empty where all attempts failed.
        gradient_calls: Energy-and-gradient evaluations spent.
        seconds: Wall time.
        failure: Why there is no pair.
        barrierless: Where there is no pair because the molecules of one side fall into each other, what they gain; the
            failure is None then.
        reactant_found: Species that the reactant side relaxed to: the wanted ones where there is a pair, else those of
            the first attempt that became something else; empty where no relaxation got that far.
        product_found: The same of the product side.
    """

    reaction_key: str
    level: LevelOfTheory
    pairs: tuple[PreparedPair, ...]
    gradient_calls: int
    seconds: float
    failure: Failure | None = None
    barrierless: BarrierlessStep | None = None
    reactant_found: tuple[Species, ...] = ()
    product_found: tuple[Species, ...] = ()

    @property
    def end_points(self) -> tuple[EndPoints, ...]:
        """The pairs as generators take them."""
        return tuple(pair.ends for pair in self.pairs)


@dataclass(slots=True, kw_only=True, eq=False)
class _Progress:
    """What the attempts at one reaction have brought so far."""

    pairs: list[PreparedPair] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    reactant_found: tuple[Species, ...] = ()  # what a side became instead, in the first attempt that lost it
    product_found: tuple[Species, ...] = ()
    held: set[str] = field(default_factory=set)  # sides that were the wanted species in some attempt
    joined: dict[SideName, tuple[FloatArray, float]] = field(default_factory=dict)  # sides that became the other one


def prepare_end_points(
    reaction: Reaction,
    level: LevelOfTheory,
    settings: EndPointSettings | None = None,
    spent: GradientCounter | None = None,
    guesses: Sequence[EndPoints] = (),
) -> PreparedReaction:
    """Build and relax both ends of a reaction.

    Attempts that relax to another species, lose their handedness or do not converge are dropped; only when all are
    does the result hold a failure, with what the ends became.

    Args:
        reaction: Atom-mapped reaction.
        level: Level of theory of the relaxations.
        settings: Numbers of structures, seed, budget and thresholds.
        spent: Everything is counted there as well.
        guesses: Guesses of both sides to begin with (`chem.half_way.guess_ends`), the best first; without any they are
            made here.

    Raises:
        ElementError: The level has no parameters for an element.
    """
    settings = EndPointSettings() if settings is None else settings
    begun = time.monotonic()
    counter = GradientCounter(budget=settings.budget_gradient_calls, parent=spent)
    progress = _Progress()
    try:
        _attempt_all(reaction, level, settings, counter, progress, guesses)
    except CalculationError as error:  # the budget of the whole reaction, or no Lewis structure
        progress.failures.append(Failure(stage=Stage.PREPARE, kind=error.kind, message=str(error)))
    progress.pairs.sort(key=lambda pair: pair.guess_energy_ev)
    found = bool(progress.pairs)
    barrierless = None if found else _barrierless(reaction, level, counter, progress)
    return PreparedReaction(
        reaction_key=reaction.key,
        level=level,
        pairs=tuple(progress.pairs),
        gradient_calls=counter.calls,
        seconds=time.monotonic() - begun,
        failure=None if found or barrierless is not None else _summary(progress.failures, settings),
        barrierless=barrierless,
        reactant_found=_found(reaction.reactants, progress.reactant_found, "reactant", progress),
        product_found=_found(reaction.products, progress.product_found, "product", progress),
    )


def _barrierless(
    reaction: Reaction, level: LevelOfTheory, counter: GradientCounter, progress: _Progress
) -> BarrierlessStep | None:
    """What molecules gain that fell into each other wherever they were let go, the other side being what they became.

    None where none did, where they also stood apart once, or where one of them alone could not be computed.
    """
    for name, (positions, energy) in progress.joined.items():
        if name in progress.held:
            continue
        graph = reaction.reactant_graph if name == "reactant" else reaction.product_graph
        try:
            return barrierless_step(graph, name, positions, energy, level, counter)
        except CalculationError as error:
            progress.failures.append(Failure(stage=Stage.PREPARE, kind=error.kind, message=str(error)))
    return None


def _found(
    wanted: tuple[Species, ...], other: tuple[Species, ...], name: str, progress: _Progress
) -> tuple[Species, ...]:
    """What one side relaxed to: where there is no pair, what it became instead speaks first."""
    if progress.pairs or (name in progress.held and not other):
        return wanted
    return other


def _attempt_all(
    reaction: Reaction,
    level: LevelOfTheory,
    settings: EndPointSettings,
    counter: GradientCounter,
    progress: _Progress,
    guesses: Sequence[EndPoints],
) -> None:
    generators = mapping_generators(reaction.reactant_graph, reaction.product_graph)
    for start in _starts(reaction, level, settings, counter, guesses):
        try:
            pair = _relaxed_pair(reaction, start, generators, level, settings, counter, progress)
        except CalculationError as error:
            if counter.remaining < 1:
                raise
            progress.failures.append(Failure(stage=Stage.PREPARE, kind=error.kind, message=str(error)))
            continue
        if pair is not None and all(_differ(pair, other) for other in progress.pairs):
            progress.pairs.append(pair)
        if len(progress.pairs) == settings.n_conformers:
            return


def _starts(
    reaction: Reaction,
    level: LevelOfTheory,
    settings: EndPointSettings,
    counter: GradientCounter,
    guesses: Sequence[EndPoints],
) -> Iterator[_Positions]:
    """Where each attempt begins."""
    for pair in guesses[: settings.n_attempts]:
        yield partial(_guessed_side, reaction, pair)
    if not guesses:
        for start in half_way_structures(reaction, level, settings, counter)[: settings.n_attempts]:
            yield partial(slide, reaction, start)


def _guessed_side(reaction: Reaction, pair: EndPoints, side: SideName, shares: tuple[float, float]) -> FloatArray:
    """One side of a guess as it is, unless reacting atoms are wanted further apart."""
    positions = (pair.reactant if side == "reactant" else pair.product).positions
    return positions if shares is CLOSE else slide(reaction, positions, side, shares)


def _relaxed_pair(
    reaction: Reaction,
    start: _Positions,
    generators: list[Permutation],
    level: LevelOfTheory,
    settings: EndPointSettings,
    counter: GradientCounter,
    progress: _Progress,
) -> PreparedPair | None:
    """Relax both sides of one start; None, with the reason noted, where an end fails."""
    before = _relaxed_side(reaction, start, "reactant", level, settings, counter, progress)
    if before is None:
        return None
    after = _relaxed_side(reaction, start, "product", level, settings, counter, progress)
    if after is None:
        return None
    reactant = before.geometry.positions

    def allowed(positions: FloatArray) -> bool:
        relabelled = after.geometry.with_positions(positions)
        return holds_stereo(reaction.product_graph, relabelled) and same_handedness(
            reaction.reactant_graph, reaction.product_graph, before.geometry, relabelled
        )

    product = least_motion(after.geometry.positions, reactant, generators, allowed)
    if not allowed(product):
        progress.failures.append(
            Failure(stage=Stage.PREPARE, kind="stereo", message="a centre that the reaction leaves alone was inverted")
        )
        return None
    product = align(product, reactant)
    ends = EndPoints(
        reactant=before.geometry, product=after.geometry.with_positions(product), reaction_key=reaction.key
    )
    try:
        middle = geometry_of(reaction, guess_positions(ends))
        guess_energy = float(attach(middle, level, counter).get_potential_energy())
    except CalculationError:
        guess_energy = float("inf")
    return PreparedPair(
        ends=ends,
        reactant_energy_ev=before.energy_ev,
        product_energy_ev=after.energy_ev,
        motion_angstrom=rmsd(product, reactant),
        guess_energy_ev=guess_energy,
    )


def _relaxed_side(
    reaction: Reaction,
    start: _Positions,
    name: SideName,
    level: LevelOfTheory,
    settings: EndPointSettings,
    counter: GradientCounter,
    progress: _Progress,
) -> Relaxation | None:
    """Relax one side; where that becomes another species, once more from reacting atoms further apart."""
    graph, other = reaction.reactant_graph, reaction.product_graph
    if name == "product":
        graph, other = other, graph
    for shares in (CLOSE, APART):
        positions = start(name, shares)
        result = relax(
            geometry_of(reaction, positions),
            level,
            counter,
            fmax_ev_per_angstrom=settings.fmax_ev_per_angstrom,
            max_steps=settings.max_steps,
            hessian=model_hessian(graph, positions),
        )
        failure = check_relaxed(graph, result, name)
        if failure is None:
            progress.held.add(name)
            return result
        progress.failures.append(failure)
        if failure.kind != "collapsed":
            return None
        if shares is APART and fell_together(graph, other, result):
            progress.joined.setdefault(name, (positions, result.energy_ev))
        found = species_found(result.geometry)
        if name == "reactant":
            progress.reactant_found = progress.reactant_found or found
        else:
            progress.product_found = progress.product_found or found
    return None


def _differ(pair: PreparedPair, other: PreparedPair) -> bool:
    reactants = distance_difference(pair.ends.reactant.positions, other.ends.reactant.positions)
    products = distance_difference(pair.ends.product.positions, other.ends.product.positions)
    return max(reactants, products) > DISTINCT_ANGSTROM


def _summary(failures: list[Failure], settings: EndPointSettings) -> Failure:
    """One failure for all attempts: the most telling kind, with its first message."""
    if not failures:
        return no_structure(settings)
    for kind in ("collapsed", "stereo", "not_converged"):
        for failure in failures:
            if failure.kind == kind:
                return failure
    return failures[0]
