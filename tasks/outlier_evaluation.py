"""Whether the likelihood of DiG tells minima from structures that are none: noised, stretched, or of other bonds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.graph import MolecularGraph
from chem.perception import perceive_graph
from chem.ranking import auroc
from chem.types import Geometry
from models.dig_conformers import load_dig
from models.dig_outliers import likelihood_per_degree_of_freedom
from models.structure_batch import StructureArrays

STRETCH = 1.3  # of a bond
NOISES_ANGSTROM = (0.05, 0.1, 0.2)

FloatArray = NDArray[np.float64]
Structure = tuple[MolecularGraph, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierSummary:
    """What the likelihood of structures, per degree of freedom, says of them.

    Attributes:
        n: Minima.
        auroc: By kind of outlier, how often the minimum is likelier than an outlier: those of all minima against all
            minima. None where no minimum allows that kind.
        n_outliers: Of each kind.
        median: Of the minima, nats at lengths in Angstrom.
        p5: What one minimum of twenty lies under.
        seconds_mean: Wall time of a structure.
    """

    n: int
    auroc: dict[str, float | None]
    n_outliers: dict[str, int]
    median: float
    p5: float
    seconds_mean: float


def evaluate_outliers(
    minima: Sequence[StructureArrays],
    *,
    checkpoint: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> OutlierSummary:
    """Score minima, and what is made of them.

    Args:
        minima: Minima that the network was not trained on.
        checkpoint: Weights of DiG; None takes those that Cairn ships.
        seed: Of the outliers and of the noise of the score.
        device: Where the network runs.
        progress: Told how many of how many kinds of structures are done.

    Raises:
        ConfigurationError: The weights are missing, damaged or of another model.
    """
    model = load_dig(checkpoint, device=device)
    rng = np.random.default_rng(seed)
    sound: list[Structure] = [
        (perceive_graph(Geometry(numbers=each.numbers, positions=each.positions)), each.positions) for each in minima
    ]
    kinds: dict[str, list[Structure]] = {
        f"noise_{noise:g}_angstrom": [
            (graph, where + noise * rng.standard_normal(where.shape)) for graph, where in sound
        ]
        for noise in NOISES_ANGSTROM
    }
    stretched = [stretched_bond(graph, where, rng) for graph, where in sound]
    kinds["stretched_bond"] = [each for each in stretched if each is not None]
    told = [(other_bonds(graph, rng), where) for graph, where in sound]
    kinds["other_bonds"] = [(graph, where) for graph, where in told if graph is not None]
    began = time.perf_counter()
    own = _scores(likelihood_per_degree_of_freedom(model, sound, seed=seed))
    seconds = (time.perf_counter() - began) / len(sound)
    progress(1, len(kinds) + 1)
    found: dict[str, float | None] = {}
    for number, (kind, structures) in enumerate(kinds.items()):
        scores = _scores(likelihood_per_degree_of_freedom(model, structures, seed=seed))
        positive = [True] * len(own) + [False] * len(scores)
        found[kind] = auroc(own + scores, positive)
        progress(number + 2, len(kinds) + 1)
    return OutlierSummary(
        n=len(own),
        auroc=found,
        n_outliers={kind: len(structures) for kind, structures in kinds.items()},
        median=float(np.median(own)),
        p5=float(np.quantile(own, 0.05)),
        seconds_mean=seconds,
    )


def _scores(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def stretched_bond(graph: MolecularGraph, positions: FloatArray, rng: np.random.Generator) -> Structure | None:
    """A structure with one bond of no ring longer by `STRETCH`, all beyond it moved along; None where all are in rings.

    Args:
        graph: Its bonds.
        positions: Shape (n_atoms, 3), Angstrom.
        rng: Chooses the bond.
    """
    bonds = sorted(graph.bonds)
    for place in rng.permutation(len(bonds)).tolist():
        pair = bonds[place]
        apart = replace(graph.without_stereo(), bonds=graph.bonds - {pair})
        beyond = next(fragment for fragment in apart.fragments if pair[1] in fragment)
        if pair[0] not in beyond:
            moved = positions.copy()
            moved[list(beyond)] += (STRETCH - 1.0) * (positions[pair[1]] - positions[pair[0]])
            return graph, moved
    return None


def other_bonds(graph: MolecularGraph, rng: np.random.Generator) -> MolecularGraph | None:
    """Bonds with one hydrogen on another heavy atom, what a structure is told that relaxed to an isomer.

    Args:
        graph: The true bonds.
        rng: Chooses the hydrogen and the atom; None where there is no choice.
    """
    hydrogens = [
        place for place, number in enumerate(graph.numbers) if number == 1 and len(graph.neighbors[place]) == 1
    ]
    heavy = [place for place, number in enumerate(graph.numbers) if number != 1]
    choices = [(hydrogen, atom) for hydrogen in hydrogens for atom in heavy if atom not in graph.neighbors[hydrogen]]
    if not choices:
        return None
    hydrogen, atom = choices[int(rng.integers(len(choices)))]
    (old,) = graph.neighbors[hydrogen]
    changed = graph.bonds - {(min(hydrogen, old), max(hydrogen, old))} | {(min(hydrogen, atom), max(hydrogen, atom))}
    return replace(graph.without_stereo(), bonds=frozenset(changed))
