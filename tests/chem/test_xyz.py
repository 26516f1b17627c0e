"""Geometries in files."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest

from chem.errors import ElectronCountError, GeometryError
from chem.types import Geometry
from chem.xyz import read_xyz, write_extended_xyz, write_xyz


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


@pytest.mark.parametrize(
    "value",
    [
        "passed",
        "q\"uo'te <b>&amp;</b> \u202eright\nnew\r\nline \\ = \u00e9",
        "F",
        "T, F",
        "1 2 3",
        "1_0",
        "-1.5e3",
        "nan",
        "",
        "_JSON [1]",
        "C/C=C\\C",
        "[C-]#[O+]",
        "{a} [b] 'c'",
        ["F", "[H][H]", 'a"b'],
        [],
        2.5,
        -3,
        True,
    ],
)
def test_what_is_known_of_a_structure_is_read_back_by_ase_as_it_was(tmp_path, value):
    atom = Geometry(numbers=[2], positions=[[0.0, 0.0, 0.0]])
    known = {"value": value, "nothing": None, "energy": -1.5}
    write_extended_xyz(tmp_path / "atoms.extxyz", iter([(atom, known)] * 2))
    first, second = ase.io.read(tmp_path / "atoms.extxyz", ":")
    for frame in (first, second):
        read = frame.info["value"]
        assert (read.tolist() if isinstance(read, np.ndarray) else read) == value
        assert type(read) is type(value) or isinstance(read, (np.generic, np.ndarray))
        assert "nothing" not in frame.info
        assert frame.get_potential_energy() == -1.5
