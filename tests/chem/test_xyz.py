"""Geometries in files."""

from __future__ import annotations

import numpy as np
import pytest

from chem.errors import ElectronCountError, GeometryError
from chem.types import Geometry
from chem.xyz import read_xyz, write_xyz


def test_what_is_written_is_read_back(tmp_path):
    water = Geometry(numbers=np.array([8, 1, 1]), positions=np.array([[0.0, 0, 0.1], [0.8, 0, -0.5], [-0.8, 0, -0.5]]))
    write_xyz(tmp_path / "water.xyz", water, "energy_ev=-1")
    again = read_xyz(tmp_path / "water.xyz")
    assert again.symbols == water.symbols
    assert np.allclose(again.positions, water.positions, atol=1e-6)


@pytest.mark.parametrize("content", ["", "nonsense", "2\n\nH 0 0 0\n", "1\n\nQq 0 0 0\n", "1\n\nX 0 0 0\n"])
def test_a_file_that_is_no_xyz_is_named(tmp_path, content):
    path = tmp_path / "wrong.xyz"
    path.write_text(content)
    with pytest.raises(GeometryError, match=r"wrong\.xyz"):
        read_xyz(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GeometryError, match=r"nowhere\.xyz"):
        read_xyz(tmp_path / "nowhere.xyz")


def test_charge_and_multiplicity_must_fit_the_atoms(tmp_path):
    path = tmp_path / "h.xyz"
    path.write_text("1\n\nH 0 0 0\n")
    assert read_xyz(path, multiplicity=2).multiplicity == 2
    with pytest.raises(ElectronCountError):
        read_xyz(path)
