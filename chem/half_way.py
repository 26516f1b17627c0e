"""Structures half way between the sides of a reaction, from which both of its ends are made.

Changing bonds are stretched and everything else fits both sides, so that ends which come from one structure share a
conformation, their reacting atoms face each other, and molecules of one side lie in contact.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from chem.barrierless import SideName
from chem.distance_windows import CLOSE, FloatArray, windows_between, windows_of
from chem.embedding import embed, fit, seed_from, strain
from chem.endpoint_checks import holds_stereo
from chem.errors import CalculationError, ConfigurationError, InputError
from chem.generator import EndPoints
from chem.outcomes import Failure, Stage
from chem.potential import GradientCounter, attach
from chem.types import Geometry, LevelOfTheory, Reaction

DISTINCT_ANGSTROM = 0.25  # root-mean-square difference of pair distances over which structures count as different
LARGEST_STRAIN = 0.5  # Angstrom^2, of a half-way structure that still counts as one
SPARE = 2  # guesses made for each that is wanted, so that broken ones can be replaced


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
class GuessedReaction:
    """Unrelaxed ends of one reaction.

    Attributes:
        reaction_key: Identity of the reaction.
        level: Level of theory by whose energies the half-way structures were ranked.
        pairs: Guesses of both sides, in the frame of the structure that they come from; the most promising first.
        gradient_calls: Energies evaluated.
        seconds: Wall time.
        failure: Why there is none.
    """

    reaction_key: str
    level: LevelOfTheory
    pairs: tuple[EndPoints, ...]
    gradient_calls: int
    seconds: float
    failure: Failure | None = None


def guess_ends(
    reaction: Reaction, level: LevelOfTheory, settings: EndPointSettings, spent: GradientCounter | None = None
) -> GuessedReaction:
    """Both sides of a reaction as `chem.endpoints.prepare_end_points` begins with them, before any relaxation.

    Args:
        reaction: Atom-mapped reaction.
        level: Level of theory of the ranking.
        settings: Numbers of structures, seed and budget; twice `n_attempts` guesses are made.
        spent: Everything is counted there as well.

    Raises:
        ElementError: The level has no parameters for an element.
    """
    begun = time.monotonic()
    counter = GradientCounter(budget=settings.budget_gradient_calls, parent=spent)
    pairs: tuple[EndPoints, ...] = ()
    failure: Failure | None = None
    try:
        starts = half_way_structures(reaction, level, settings, counter)[: SPARE * settings.n_attempts]
    except CalculationError as error:  # the budget, or no Lewis structure
        failure = Failure(stage=Stage.PREPARE, kind=error.kind, message=str(error))
    else:
        pairs = tuple(pair for start in starts if (pair := _both_sides(reaction, start)) is not None)
        failure = None if pairs else no_structure(settings)
    return GuessedReaction(
        reaction_key=reaction.key,
        level=level,
        pairs=pairs,
        gradient_calls=counter.calls,
        seconds=time.monotonic() - begun,
        failure=failure,
    )


def _both_sides(reaction: Reaction, start: FloatArray) -> EndPoints | None:
    """The sides reached from one structure; None where atoms of one lie on top of each other."""
    before, after = (geometry_of(reaction, slide(reaction, start, side)) for side in ("reactant", "product"))
    try:
        return EndPoints(reactant=before, product=after, reaction_key=reaction.key)
    except InputError:
        return None


def slide(reaction: Reaction, start: FloatArray, side: SideName, shares: tuple[float, float] = CLOSE) -> FloatArray:
    """A structure moved into the distance windows of one side.

    Args:
        reaction: Atom-mapped reaction.
        start: Positions, shape (n_atoms, 3), Angstrom.
        side: Which one.
        shares: How far apart reacting atoms are put that the side does not bind (`chem.distance_windows`).
    """
    graph = reaction.reactant_graph if side == "reactant" else reaction.product_graph
    return fit(start, windows_of(graph, reaction.broken + reaction.formed, shares))


def no_structure(settings: EndPointSettings) -> Failure:
    """That no embedding gave a structure to start from."""
    return Failure(
        stage=Stage.PREPARE,
        kind="embedding",
        message=f"none of {settings.n_embeddings} embeddings fits both sides and the stereo centres",
    )


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
            energy = float(attach(geometry_of(reaction, positions), level, counter).get_potential_energy())
        except CalculationError:
            if counter.remaining < 1:
                raise
            continue  # no self-consistent field: not a structure to start from
        ranked.append((energy, number, positions))
    chosen: list[FloatArray] = []
    for _, _, positions in sorted(ranked, key=lambda each: each[:2]):
        if all(distance_difference(positions, other) > DISTINCT_ANGSTROM for other in chosen):
            chosen.append(positions)
    return chosen


def _slides_to_both(reaction: Reaction, positions: FloatArray) -> bool:
    """Whether both sides reached from a structure half way have the handedness that their graphs specify."""
    return all(
        not (graph.tetrahedral or graph.double_bonds)
        or holds_stereo(graph, geometry_of(reaction, fit(positions, windows_of(graph))))
        for graph in (reaction.reactant_graph, reaction.product_graph)
    )


def geometry_of(reaction: Reaction, positions: FloatArray) -> Geometry:
    """Positions as a geometry of the atoms of a reaction."""
    graph = reaction.reactant_graph
    return Geometry(
        numbers=np.array(graph.numbers), positions=positions, charge=graph.charge, multiplicity=graph.multiplicity
    )


def distance_difference(first: FloatArray, second: FloatArray) -> float:
    """Root-mean-square difference of all pair distances, Angstrom: blind to frame and mirror image."""
    distances = [np.linalg.norm(each[:, None] - each[None, :], axis=-1) for each in (first, second)]
    return float(np.sqrt(((distances[0] - distances[1]) ** 2).mean()))
