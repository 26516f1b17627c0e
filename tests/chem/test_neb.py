"""Nudged elastic band."""

from __future__ import annotations

import pytest

from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.levels import resolve_level
from chem.neb import highest_image
from chem.potential import GradientCounter, attach
from chem.types import Geometry

LEVEL = resolve_level("gfn2")
NUMBERS = [6, 8, 1, 1]
FORMALDEHYDE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.2], [0.94, 0.05, -0.59], [-0.94, 0.05, -0.59]])
CARBENE = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.31], [0.93, -0.05, 1.6], [-1.08, 0.05, -0.24]])
ENDS = EndPoints(reactant=FORMALDEHYDE, product=CARBENE)


def energy(geometry):
    return attach(geometry, LEVEL, GradientCounter()).get_potential_energy()


def test_the_highest_image_lies_above_both_ends_and_the_band_keeps_its_budget():
    counter = GradientCounter(budget=60)
    image = highest_image(ENDS, LEVEL, counter, n_images=5)
    assert energy(image) > max(energy(FORMALDEHYDE), energy(CARBENE)) + 0.5
    assert counter.calls <= 60


def test_a_band_that_cannot_be_paid_is_not_begun():
    counter = GradientCounter(budget=6)
    with pytest.raises(CalculationError) as caught:
        highest_image(ENDS, LEVEL, counter, n_images=5)
    assert (caught.value.kind, counter.calls) == ("budget", 0)
