"""End points of a reaction in 3D: reactant and product relaxed, near each other, in one atom order.

Both ends come from one structure. Structures half way, in which the changing bonds are stretched and everything else
fits both sides, are embedded at random; each slides downhill to the distance windows of the reactant and of the product
and is relaxed there. So the ends share a conformation, reacting atoms face each other, nothing has to pass through
anything, and a side of several molecules lies in contact.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from chem.alignment import align, rmsd
from chem.barrierless import BarrierlessStep, SideName, barrierless_step, fell_together
from chem.distance_windows import APART, CLOSE, FloatArray, windows_between, windows_of
from chem.embedding import embed, fit, seed_from, strain
from chem.endpoint_checks import check_relaxed, holds_stereo, same_handedness, species_found
from chem.equivalent_atoms import Permutation, least_motion, mapping_generators
from chem.errors import CalculationError, ConfigurationError
from chem.generator import EndPoints
from chem.guess import guess_positions
from chem.model_hessian import model_hessian
from chem.outcomes import Failure, Stage
from chem.potential import GradientCounter, attach
from chem.relax import Relaxation, relax
from chem.types import Geometry, LevelOfTheory, Reaction, Species

DISTINCT_ANGSTROM = 0.25  # root-mean-square difference of pair distances over which structures count as different
LARGEST_STRAIN = 0.5  # Angstrom^2, of a half-way structure that still counts as one


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPointSettings:
    """How end points are made.

    Attributes:
        n_conformers: Pairs of end points wanted.
        n_attempts: Half-way structures carried through the relaxations, at most.
        n_embeddings: Half-way structures embedded, from which the best are taken.
        seed: Seed of the embedding.
        budget_gradient_calls: Gradient calls for the whole reaction.
        fmax_ev_per_angstrom: Largest force on an atom of a relaxed end, eV/Angstrom.
        max_steps: Steps of one relaxation.
    """

    n_conformers: int = 3
    n_attempts: int = 6
    n_embeddings: int = 40
    seed: int = 0
    budget_gradient_calls: int = 1500
    fmax_ev_per_angstrom: float = 0.05
    max_steps: int = 300

    def __post_init__(self) -> None:
        """Counts and thresholds are positive."""
        for name in ("n_conformers", "n_attempts", "n_embeddings", "budget_gradient_calls", "max_steps"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.fmax_ev_per_angstrom > 0:
            raise ConfigurationError(f"fmax_ev_per_angstrom must be positive, got {self.fmax_ev_per_angstrom}")


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
) -> PreparedReaction:
    """Build and relax both ends of a reaction.

    Attempts that relax to another species, lose their handedness or do not converge are dropped; only when all are
    does the result hold a failure, with what the ends became.

    Args:
        reaction: Atom-mapped reaction.
        level: Level of theory of the relaxations.
        settings: Numbers of structures, seed, budget and thresholds.
        spent: Everything is counted there as well.

    Raises:
        ElementError: The level has no parameters for an element.
    """
    settings = EndPointSettings() if settings is None else settings
    begun = time.monotonic()
    counter = GradientCounter(budget=settings.budget_gradient_calls, parent=spent)
    progress = _Progress()
    try:
        _attempt_all(reaction, level, settings, counter, progress)
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
) -> None:
    generators = mapping_generators(reaction.reactant_graph, reaction.product_graph)
    for start in half_way_structures(reaction, level, settings, counter)[: settings.n_attempts]:
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


def half_way_structures(
    reaction: Reaction, level: LevelOfTheory, settings: EndPointSettings, counter: GradientCounter
) -> list[FloatArray]:
    """Distinct structures with every changing bond half made, lowest energy first.

    Args:
        reaction: Atom-mapped reaction.
        level: Level of theory of the energies.
        settings: Number of embeddings and seed.
        counter: Counts one call for each structure.

    Returns:
        Positions, shape (n_atoms, 3), Angstrom, in the atom order of the reaction.
    """
    windows = windows_between(reaction.reactant_graph, reaction.product_graph)
    ranked: list[tuple[float, int, FloatArray]] = []
    for number in range(settings.n_embeddings):
        positions = embed(windows, seed_from(settings.seed, reaction.key, number))
        if strain(positions, windows) > LARGEST_STRAIN:
            continue
        if not _slides_to_both(reaction, positions):
            positions = positions * np.array([1.0, 1.0, -1.0])  # of one centre, the mirror image is the other hand
            if not _slides_to_both(reaction, positions):
                continue
        try:
            energy = float(attach(_geometry(reaction, positions), level, counter).get_potential_energy())
        except CalculationError:
            if counter.remaining < 1:
                raise
            continue  # no self-consistent field: not a structure to start from
        ranked.append((energy, number, positions))
    chosen: list[FloatArray] = []
    for _, _, positions in sorted(ranked, key=lambda each: each[:2]):
        if all(_distance_difference(positions, other) > DISTINCT_ANGSTROM for other in chosen):
            chosen.append(positions)
    return chosen


def _slides_to_both(reaction: Reaction, positions: FloatArray) -> bool:
    """Whether both sides reached from a structure half way have the handedness that their graphs specify."""
    return all(
        not (graph.tetrahedral or graph.double_bonds)
        or holds_stereo(graph, _geometry(reaction, fit(positions, windows_of(graph))))
        for graph in (reaction.reactant_graph, reaction.product_graph)
    )


def _geometry(reaction: Reaction, positions: FloatArray) -> Geometry:
    graph = reaction.reactant_graph
    return Geometry(
        numbers=np.array(graph.numbers), positions=positions, charge=graph.charge, multiplicity=graph.multiplicity
    )


def _relaxed_pair(
    reaction: Reaction,
    start: FloatArray,
    generators: list[Permutation],
    level: LevelOfTheory,
    settings: EndPointSettings,
    counter: GradientCounter,
    progress: _Progress,
) -> PreparedPair | None:
    """Slide one half-way structure to both sides and relax them; None, with the reason noted, where an end fails."""
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
        middle = _geometry(reaction, guess_positions(ends))
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
    start: FloatArray,
    name: SideName,
    level: LevelOfTheory,
    settings: EndPointSettings,
    counter: GradientCounter,
    progress: _Progress,
) -> Relaxation | None:
    """Slide to one side and relax; where that becomes another species, once more from reacting atoms further apart."""
    graph, other = reaction.reactant_graph, reaction.product_graph
    if name == "product":
        graph, other = other, graph
    for shares in (CLOSE, APART):
        positions = fit(start, windows_of(graph, reaction.broken + reaction.formed, shares))
        result = relax(
            _geometry(reaction, positions),
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


def _distance_difference(first: FloatArray, second: FloatArray) -> float:
    """Root-mean-square difference of all pair distances, Angstrom: blind to frame and mirror image."""
    distances = [np.linalg.norm(each[:, None] - each[None, :], axis=-1) for each in (first, second)]
    return float(np.sqrt(((distances[0] - distances[1]) ** 2).mean()))


def _differ(pair: PreparedPair, other: PreparedPair) -> bool:
    reactants = _distance_difference(pair.ends.reactant.positions, other.ends.reactant.positions)
    products = _distance_difference(pair.ends.product.positions, other.ends.product.positions)
    return max(reactants, products) > DISTINCT_ANGSTROM


def _summary(failures: list[Failure], settings: EndPointSettings) -> Failure:
    """One failure for all attempts: the most telling kind, with its first message."""
    if not failures:
        return Failure(
            stage=Stage.PREPARE,
            kind="embedding",
            message=f"none of {settings.n_embeddings} embeddings fits both sides and the stereo centres",
        )
    for kind in ("collapsed", "stereo", "not_converged"):
        for failure in failures:
            if failure.kind == kind:
                return failure
    return failures[0]
