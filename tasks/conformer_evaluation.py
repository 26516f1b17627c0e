"""How near guesses of conformers come to a minimum, drawn by DiG beside ETKDG, on the same molecules."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.alignment import rmsd
from chem.conformers import embedded_guesses
from chem.equivalent_atoms import least_motion, mapping_generators
from chem.graph import MolecularGraph
from chem.perception import perceive_graph
from chem.types import Geometry
from models.dig_conformers import guessed_conformers, load_dig
from models.structure_batch import StructureArrays

NEAR_ANGSTROM = 0.5  # of a guess whose relaxation mostly ends in the conformer that it is near

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformerSummary:
    """What one way of guessing did.

    Attributes:
        method: `dig` or `etkdg`.
        n: Molecules.
        samples: Guesses of each.
        rmsd_median_angstrom: Deviation of a guess from the minimum, median of all guesses: like atoms exchanged and the
            structure mirrored as suits it best.
        best_rmsd_median_angstrom: Of the nearest guess of each molecule.
        near_share: Share of molecules with a guess within `NEAR_ANGSTROM`.
        right_bonds_share: Share of guesses whose distances show the bonds that were asked for.
        seconds_mean: Wall time of a guess.
    """

    method: str
    n: int
    samples: int
    rmsd_median_angstrom: float
    best_rmsd_median_angstrom: float
    near_share: float
    right_bonds_share: float
    seconds_mean: float


def evaluate_conformers(
    minima: Sequence[StructureArrays],
    *,
    checkpoint: Path | None = None,
    samples: int = 10,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[ConformerSummary, ...]:
    """Guess the same molecules both ways, from their bonds alone.

    Args:
        minima: Minima that the network was not trained on, one of each molecule.
        checkpoint: Weights of DiG; None takes those that Cairn ships.
        samples: Guesses of each molecule.
        seed: Of the guesses.
        device: Where the network runs.
        progress: Told how many of how many molecules are done.

    Raises:
        ConfigurationError: The weights are missing, damaged or of another model.
        ElementError: The network does not know an element.
    """
    model = load_dig(checkpoint, device=device)
    geometries = [Geometry(numbers=each.numbers, positions=each.positions) for each in minima]
    graphs = [perceive_graph(each) for each in geometries]
    ways: dict[str, Callable[[MolecularGraph, int], Sequence[FloatArray]]] = {
        "dig": lambda graph, own: guessed_conformers(model, graph, samples, own),
        "etkdg": lambda graph, own: embedded_guesses(graph, samples, own)[0],
    }
    found = []
    for number, (method, way) in enumerate(ways.items()):
        deviations, right, seconds = [], [], 0.0
        for place, (graph, minimum) in enumerate(zip(graphs, geometries, strict=True)):
            began = time.perf_counter()
            guesses = way(graph.without_stereo(), seed + place)
            seconds += time.perf_counter() - began
            deviations.append([deviation_angstrom(graph, each, minimum.positions) for each in guesses])
            right += [perceive_graph(minimum.with_positions(each)).bonds == graph.bonds for each in guesses]
            progress(number * len(graphs) + place + 1, len(ways) * len(graphs))
        best = np.array([min(each) for each in deviations])
        found.append(
            ConformerSummary(
                method=method,
                n=len(graphs),
                samples=samples,
                rmsd_median_angstrom=float(np.median(np.concatenate(deviations))),
                best_rmsd_median_angstrom=float(np.median(best)),
                near_share=float((best < NEAR_ANGSTROM).mean()),
                right_bonds_share=float(np.mean(right)),
                seconds_mean=seconds / len(right),
            )
        )
    return tuple(found)


def deviation_angstrom(graph: MolecularGraph, guess: FloatArray, minimum: FloatArray) -> float:
    """RMSD of a guess to a minimum over exchanges of like atoms and the mirror image, Angstrom.

    Args:
        graph: Bonds, in the atom order of both; handedness plays no part.
        guess: Positions, shape (n_atoms, 3).
        minimum: Likewise.
    """
    generators = mapping_generators(graph.without_stereo(), graph.without_stereo())
    images = (guess, guess * np.array([1.0, 1.0, -1.0]))
    return min(rmsd(least_motion(image, minimum, generators, lambda _: True), minimum) for image in images)
