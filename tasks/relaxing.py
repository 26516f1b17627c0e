"""Relaxing guessed structures with any of the ways that there are, side by side in one form."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ase.optimize import BFGS

from chem.errors import CalculationError, ConfigurationError
from chem.graph import MolecularGraph
from chem.levels import resolve_level
from chem.mmff import relax_mmff94
from chem.perception import perceive_graph
from chem.potential import GradientCounter, check_elements
from chem.relax import FMAX_EV_PER_ANGSTROM, MAX_STEP_ANGSTROM, relax
from chem.types import Geometry

METHODS = ("morered-jt", "morered-as", "morered-itp", "potential", "mmff94", "gfn2")
MAX_STEPS = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelaxedStructure:
    """What a way of relaxing made of a guess.

    Attributes:
        geometry: The last structure; the guess itself where nothing could be done.
        converged: Whether it came to rest.
        evaluations: Gradients, or evaluations of a network.
        seconds: Wall time; of structures that were relaxed together an equal share.
        noise_angstrom: How broken a network found the guess, Angstrom; None for other ways.
        failure: Why nothing could be done; empty where it could.
    """

    geometry: Geometry
    converged: bool
    evaluations: int
    seconds: float
    noise_angstrom: float | None = None
    failure: str = ""

    def keeps_bonds_of(self, graph: MolecularGraph) -> bool:
        """Whether its bonds, as seen from distances, are those of a graph in the same atom order."""
        return perceive_graph(self.geometry).bonds == graph.bonds


def relax_structures(
    guesses: Sequence[Geometry],
    graphs: Sequence[MolecularGraph | None],
    method: str,
    *,
    checkpoint: Path | None = None,
    device: str = "auto",
) -> list[RelaxedStructure]:
    """Relax guesses one way.

    Args:
        guesses: Structures.
        graphs: Bonds of each in its atom order, where they are known; MMFF94 perceives those that are not.
        method: One of `METHODS`.
        checkpoint: Weights for the ways of a network; None takes those that Cairn ships.
        device: Where a network runs.

    Raises:
        ConfigurationError: The method is unknown, or weights are missing or of another model.
        ElementError: A network or the level does not know an element.
        InputError: A guess for a network is charged or has unpaired electrons.
    """
    if method not in METHODS:
        raise ConfigurationError(f"method {method!r} is unknown; give one of {', '.join(METHODS)}")
    if method.startswith("morered-"):
        return _by_network(guesses, graphs, method.removeprefix("morered-"), checkpoint, device)
    if method == "potential":
        return _by_potential(guesses, checkpoint, device)
    if method == "gfn2":
        for each in guesses:
            check_elements(each, resolve_level("gfn2"))
        return [_timed(each, _gfn2) for each in guesses]
    bonds = [perceive_graph(guess) if graph is None else graph for guess, graph in zip(guesses, graphs, strict=True)]
    return [_timed(guess, partial(_mmff94, graph=graph)) for guess, graph in zip(guesses, bonds, strict=True)]


def _mmff94(guess: Geometry, graph: MolecularGraph) -> tuple[Geometry, bool, int]:
    geometry, converged = relax_mmff94(guess, graph)
    return geometry, converged, 0  # RDKit does not count


def _timed(guess: Geometry, way: Callable[[Geometry], tuple[Geometry, bool, int]]) -> RelaxedStructure:
    began = time.perf_counter()
    try:
        geometry, converged, evaluations = way(guess)
    except CalculationError as error:
        seconds = time.perf_counter() - began
        return RelaxedStructure(geometry=guess, converged=False, evaluations=0, seconds=seconds, failure=str(error))
    seconds = time.perf_counter() - began
    return RelaxedStructure(geometry=geometry, converged=converged, evaluations=evaluations, seconds=seconds)


def _gfn2(guess: Geometry) -> tuple[Geometry, bool, int]:
    counter = GradientCounter()
    ended = relax(guess, resolve_level("gfn2"), counter, max_steps=MAX_STEPS)
    return ended.geometry, ended.converged, counter.calls


def _by_network(
    guesses: Sequence[Geometry],
    graphs: Sequence[MolecularGraph | None],
    variant: str,
    checkpoint: Path | None,
    device: str,
) -> list[RelaxedStructure]:
    from models.morered_relaxation import RelaxationConfig  # noqa: PLC0415 (torch)
    from models.relaxer import Relaxer  # noqa: PLC0415

    relaxer = Relaxer(RelaxationConfig(variant=variant), checkpoint=checkpoint, device=device)
    began = time.perf_counter()
    relaxed = relaxer.relax(guesses, graphs)
    seconds = (time.perf_counter() - began) / max(1, len(relaxed))
    return [
        RelaxedStructure(
            geometry=each.geometry,
            converged=each.relaxed,
            evaluations=each.evaluations,
            seconds=seconds,
            noise_angstrom=each.noise_angstrom,
        )
        for each in relaxed
    ]


def _by_potential(guesses: Sequence[Geometry], checkpoint: Path | None, device: str) -> list[RelaxedStructure]:
    from ase import Atoms  # noqa: PLC0415

    from models.potential_calculator import PotentialCalculator, load_potential  # noqa: PLC0415 (torch)
    from models.relaxer import check_known, check_neutral  # noqa: PLC0415

    check_neutral(guesses)
    model = load_potential(checkpoint, device=device)
    check_known(guesses, model.config.backbone.elements)

    def way(guess: Geometry) -> tuple[Geometry, bool, int]:
        atoms = Atoms(numbers=guess.numbers, positions=guess.positions)
        atoms.calc = PotentialCalculator(model)
        optimiser = BFGS(atoms, logfile=None, maxstep=MAX_STEP_ANGSTROM)
        converged = bool(optimiser.run(fmax=FMAX_EV_PER_ANGSTROM, steps=MAX_STEPS))
        return guess.with_positions(atoms.positions), converged, optimiser.nsteps + 1

    return [_timed(each, way) for each in guesses]
