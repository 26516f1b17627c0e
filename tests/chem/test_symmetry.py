"""Rotational symmetry numbers."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import molecule

from chem.symmetry import symmetry_number
from chem.types import Geometry


def geometry_of(name):
    atoms = molecule(name)
    electrons = int(atoms.numbers.sum())
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, multiplicity=1 + electrons % 2)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("H", 1),
        ("H2", 2),
        ("HCN", 1),
        ("CO2", 2),
        ("H2O", 2),
        ("NH3", 3),
        ("CH4", 12),
        ("C2H4", 4),
        ("C2H6", 6),
        ("C6H6", 12),
        ("CH3OH", 1),
        ("H2O2", 2),
        ("C3H6_D3h", 6),
        ("CH3CH2OH", 1),
    ],
)
def test_the_symmetry_number_is_that_of_the_point_group(name, number):
    assert symmetry_number(geometry_of(name)) == number


def test_it_depends_on_neither_frame_nor_order_of_the_atoms():
    methane = geometry_of("CH4")
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    turned = methane.with_positions(methane.positions @ rotation + 1.0)
    assert symmetry_number(turned.permuted(random.permutation(5))) == 12


def test_a_distorted_molecule_has_less_of_it():
    methane = geometry_of("CH4")
    positions = methane.positions.copy()
    positions[1] *= 1.6
    assert symmetry_number(methane.with_positions(positions)) == 3
