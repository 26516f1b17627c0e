"""Classical guesses of a transition state from its two ends: interpolated distances, no training.

The image-dependent pair potential (10.1063/1.4878664) asks for the geometry whose pair distances come nearest, in a
weighted least-squares sense, to wanted ones. Wanted are the means of both ends, except for bonds that form or break:
those are stretched to a multiple of their bonded length, as transition states have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from chem.alignment import align
from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.perception import perceive_graph
from chem.types import Pair, TSCandidate

STRETCH = 1.33  # changing bonds in transition states, multiples of the bonded length; RDB7 p10 to p90 1.21 to 1.55
NUDGE_ANGSTROM = 0.02
CONVERGED_GRADIENT = 1e-6  # Angstrom^-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one guess is made.

    Attributes:
        forming_stretch: Length of the bonds that only the product has, multiples of their length there.
        breaking_stretch: Length of the bonds that only the reactant has, multiples of their length there.
        weight_of_product: Share of the product in the distances of all other pairs, 0 to 1.
    """

    forming_stretch: float = STRETCH
    breaking_stretch: float = STRETCH
    weight_of_product: float = 0.5


# In the order in which they are tried, by how many more saddles of RDB7's validation split each reaches.
RECIPES = (
    Recipe(),
    Recipe(forming_stretch=1.2, breaking_stretch=1.2),
    Recipe(forming_stretch=1.4, breaking_stretch=1.4),
    Recipe(forming_stretch=1.5, breaking_stretch=1.2, weight_of_product=0.3),
    Recipe(forming_stretch=1.2, breaking_stretch=1.5, weight_of_product=0.7),
)


def changing_bonds(ends: EndPoints) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Bonds that break and bonds that form, perceived from the ends, each sorted."""
    before, after = perceive_graph(ends.reactant).bonds, perceive_graph(ends.product).bonds
    return tuple(sorted(before - after)), tuple(sorted(after - before))


def pair_distances(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of all pairs i < j in row-major order, shape (n_atoms (n_atoms - 1) / 2,), Angstrom."""
    first, second = np.triu_indices(len(positions), k=1)
    distances: NDArray[np.float64] = np.linalg.norm(positions[first] - positions[second], axis=1)
    return distances


def wanted_distances(ends: EndPoints, recipe: Recipe) -> NDArray[np.float64]:
    """Pair distances that a recipe asks for, in the order of `pair_distances`, Angstrom."""
    before, after = pair_distances(ends.reactant.positions), pair_distances(ends.product.positions)
    wanted = (1.0 - recipe.weight_of_product) * before + recipe.weight_of_product * after
    n_atoms = ends.reactant.n_atoms
    index = np.zeros((n_atoms, n_atoms), dtype=np.int64)
    index[np.triu_indices(n_atoms, k=1)] = np.arange(wanted.size)
    broken, formed = changing_bonds(ends)
    for pair in broken:
        wanted[index[pair]] = recipe.breaking_stretch * before[index[pair]]
    for pair in formed:
        wanted[index[pair]] = recipe.forming_stretch * after[index[pair]]
    return wanted


def fit_distances(start: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions whose pair distances fit wanted ones with weights 1/d^4, by L-BFGS from a start.

    Args:
        start: Shape (n_atoms, 3), Angstrom; its handedness survives.
        wanted: In the order of `pair_distances`, Angstrom.

    Returns:
        Fitted positions, shape (n_atoms, 3), Angstrom.
    """
    first, second = np.triu_indices(len(start), k=1)
    weights = wanted**-4

    def misfit(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        positions = flat.reshape(-1, 3)
        vectors = positions[first] - positions[second]
        distances = np.maximum(np.linalg.norm(vectors, axis=1), 1e-6)
        excess = distances - wanted
        pull = (2.0 * weights * excess / distances)[:, None] * vectors
        gradient = np.zeros_like(positions)
        np.add.at(gradient, first, pull)
        np.subtract.at(gradient, second, pull)
        return float(weights @ excess**2), gradient.ravel()

    result = minimize(
        misfit, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": CONVERGED_GRADIENT}
    )
    positions: NDArray[np.float64] = result.x.reshape(-1, 3)
    return positions


def leave_plane(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same positions, nudged out of an exact line or plane, which no gradient of distances leaves.

    The nudge is fixed in the molecule's own axes, so that it turns with the molecule.
    """
    centered = positions - positions.mean(axis=0)
    _, extents, axes = np.linalg.svd(centered)
    spread = np.zeros(3)
    spread[: len(extents)] = extents / np.sqrt(len(positions))
    pattern = np.random.default_rng(0).normal(scale=NUDGE_ANGSTROM, size=positions.shape)
    nudged: NDArray[np.float64] = positions + (pattern * (spread < NUDGE_ANGSTROM)) @ axes
    return nudged


def guess_positions(ends: EndPoints, recipe: Recipe | None = None) -> NDArray[np.float64]:
    """One guess, fitted from the midpoint of the aligned ends; shape (n_atoms, 3), Angstrom."""
    product = align(ends.product.positions, ends.reactant.positions)
    midpoint = leave_plane(0.5 * (ends.reactant.positions + product))
    return fit_distances(midpoint, wanted_distances(ends, Recipe() if recipe is None else recipe))


def linear_path(ends: EndPoints, n_images: int) -> list[NDArray[np.float64]]:
    """Straight path of every atom between the aligned ends, which are not included; arguments as in `idpp_path`."""
    first = ends.reactant.positions
    last = align(ends.product.positions, first)
    return [first + share * (last - first) for share in np.arange(1, n_images + 1) / (n_images + 1)]


def idpp_path(ends: EndPoints, n_images: int) -> list[NDArray[np.float64]]:
    """Path between the ends by pair-distance interpolation (10.1063/1.4878664), the aligned ends not included.

    Args:
        ends: Reactant and product.
        n_images: Interior images.

    Returns:
        Positions of each image from reactant to product, each of shape (n_atoms, 3), Angstrom.
    """
    first = ends.reactant.positions
    last = align(ends.product.positions, first)
    before, after = pair_distances(first), pair_distances(last)
    midpoint = 0.5 * (first + last)
    nudge = leave_plane(midpoint) - midpoint  # one for all images, so that they leave it to the same side
    path: list[NDArray[np.float64]] = []
    for share in np.arange(1, n_images + 1) / (n_images + 1):
        image = fit_distances((1.0 - share) * first + share * last + nudge, (1.0 - share) * before + share * after)
        path.append(align(image, path[-1] if path else first))
    return path


class ClassicalGenerator:
    """Bond-aware distance interpolation as a `chem.generator.Generator`.

    Args:
        n_candidates: Guesses for each reaction, 1 to the number of recipes.

    Raises:
        ConfigurationError: `n_candidates` is out of range.
    """

    name = "classical"

    def __init__(self, n_candidates: int = 3) -> None:
        if not 1 <= n_candidates <= len(RECIPES):
            raise ConfigurationError(f"n_candidates must lie in 1 to {len(RECIPES)}, got {n_candidates}")
        self.n_candidates = n_candidates

    def generate(self, reactions: Sequence[EndPoints]) -> list[list[TSCandidate]]:
        """Candidates of each reaction in the order of `RECIPES`; deterministic."""
        return [
            [
                TSCandidate(
                    geometry=ends.reactant.with_positions(guess_positions(ends, recipe)),
                    generator=self.name,
                    reaction_key=ends.reaction_key,
                    seed=place,
                )
                for place, recipe in enumerate(RECIPES[: self.n_candidates])
            ]
            for ends in reactions
        ]
