"""Superposition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chem.alignment import align, rmsd
from chem.errors import GeometryError

POINTS = np.random.default_rng(3).normal(size=(6, 3))


def test_a_rotated_and_shifted_copy_is_recovered():
    moved = Rotation.from_rotvec([0.3, -1.2, 2.0]).apply(POINTS) + np.array([1.0, 2.0, 3.0])
    assert np.allclose(align(moved, POINTS), POINTS)
    assert rmsd(moved, POINTS) == pytest.approx(0.0, abs=1e-9)


def test_a_mirror_image_is_never_reflected_back():
    mirrored = POINTS * [1.0, 1.0, -1.0]
    moved = align(mirrored, POINTS)
    volume = np.linalg.det(moved[1:4] - moved[0])
    assert np.sign(volume) == np.sign(np.linalg.det(mirrored[1:4] - mirrored[0]))
    assert rmsd(mirrored, POINTS) > 0.1


def test_atoms_of_zero_weight_do_not_matter():
    disturbed = POINTS.copy()
    disturbed[0] += 5.0
    weights = np.array([0.0, 1, 1, 1, 1, 1])
    assert np.allclose(align(disturbed, POINTS, weights)[1:], POINTS[1:])


@pytest.mark.parametrize("weights", [np.zeros(6), -np.ones(6), np.ones(5)])
def test_senseless_weights_are_refused(weights):
    with pytest.raises(GeometryError, match="weights"):
        align(POINTS, POINTS, weights)


def test_different_shapes_are_refused():
    with pytest.raises(GeometryError, match="shape"):
        align(POINTS, POINTS[:4])
