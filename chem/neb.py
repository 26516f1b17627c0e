"""Climbing-image nudged elastic band, as the source of one more start for the saddle search."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from ase.mep import NEB
from ase.optimize import FIRE
from numpy.typing import NDArray

from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.guess import idpp_path
from chem.potential import GradientCounter, attach
from chem.types import Geometry, LevelOfTheory

N_IMAGES = 7
MAX_ITERATIONS = 60
FMAX_EV_PER_ANGSTROM = 0.5  # a rough band is enough: Sella finishes
SPRING_EV_PER_ANGSTROM2 = 1.0


def highest_image(
    ends: EndPoints,
    level: LevelOfTheory,
    counter: GradientCounter,
    *,
    n_images: int = N_IMAGES,
    max_iterations: int = MAX_ITERATIONS,
    fmax_ev_per_angstrom: float = FMAX_EV_PER_ANGSTROM,
    path: Sequence[NDArray[np.float64]] | None = None,
) -> Geometry:
    """Relax a band with a climbing image (10.1063/1.1329672) and return its highest image.

    It need not converge: after `max_iterations`, or once the budget
    of `counter` cannot pay another iteration, the highest image is returned as it is.

    Args:
        ends: Reactant and product, relaxed at the level.
        level: Level of theory.
        counter: Counts every gradient; one iteration costs `n_images` of them.
        n_images: Interior images.
        max_iterations: Steps of the whole band.
        fmax_ev_per_angstrom: Largest force of the band at which to stop.
        path: Interior images to begin with, shape (n_atoms, 3) each, Angstrom, near the reactant; None interpolates
            pair distances.

    Raises:
        CalculationError: A gradient failed, or the budget does not cover the first iteration.
    """
    path = idpp_path(ends, n_images) if path is None else path
    n_images = len(path)
    geometries = [ends.reactant, *(ends.reactant.with_positions(image) for image in path), ends.product]
    images = [attach(geometry, level, counter) for geometry in geometries]
    affordable = counter.remaining // n_images - 1  # the two ends are evaluated once as well
    if affordable < 1:
        raise CalculationError("budget", f"a band of {n_images} images needs more than {counter.remaining:.0f} calls")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ASE warns of images that coincide, which the highest one does not mind
        band = NEB(images, k=SPRING_EV_PER_ANGSTROM2, climb=True, method="improvedtangent")
        FIRE(band, logfile=None).run(fmax=fmax_ev_per_angstrom, steps=int(min(max_iterations, affordable - 1)))
    energies = [image.calc.results["energy"] for image in images[1:-1]]
    return ends.reactant.with_positions(images[1 + int(np.argmax(energies))].positions)
