"""Files of reactions: what each format means, and what is said of a file that is not as it should be."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from chem.errors import ConfigurationError, InputError
from models.rdb7 import last_geometry
from models.reaction_data import read_reactions
from models.transition1x import read_transition1x

NUMBERS = np.array([6, 8, 1, 1])


def structures(seed=0):
    """Reactant, transition state and product of four atoms."""
    return np.random.default_rng(seed).normal(size=(3, 4, 3))


def packed(n=3, **changes):
    """Arrays of n reactions; a change to None leaves an array out."""
    whole = np.stack([structures(seed) for seed in range(n)])
    arrays = {
        "rxn": np.arange(10, 10 + n),
        "offset": np.arange(0, 4 * n + 1, 4),
        "numbers": np.tile(NUMBERS, n).astype(np.uint8),
        "reactant": whole[:, 0].reshape(-1, 3),
        "ts": whole[:, 1].reshape(-1, 3),
        "product": whole[:, 2].reshape(-1, 3),
        "smiles": np.array(["mapped"] * n),
        "split": np.array(["train", "val", "test"][:n]),
        **changes,
    }
    return {name: array for name, array in arrays.items() if array is not None}


def test_packed_reactions_come_back_as_they_were(tmp_path):
    np.savez(tmp_path / "data.npz", **packed())
    data = read_reactions(tmp_path / "data.npz")
    assert len(data) == 3
    assert data.splits.tolist() == ["train", "val", "test"]
    assert data.identifiers.tolist() == ["10", "11", "12"]
    assert data.smiles == ("mapped",) * 3
    for seed, reaction in enumerate(data.reactions):
        reactant, ts, product = structures(seed)
        assert reaction.numbers.tolist() == NUMBERS.tolist()
        assert np.array_equal(reaction.ends, np.stack([reactant, product]))
        assert np.array_equal(reaction.ts, ts)


def test_without_splits_and_names_all_are_for_training_and_counted(tmp_path):
    np.savez(tmp_path / "data.npz", **packed(split=None, rxn=None, smiles=None, dE0_kcal=np.zeros(3)))
    data = read_reactions(tmp_path / "data.npz")
    assert set(data.splits) == {"train"}
    assert data.identifiers.tolist() == ["0", "1", "2"]
    assert data.smiles == ("", "", "")


def with_nan(place):
    values = packed()["ts"].copy()
    values[place, 1] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ts": None}, "no array ts"),
        ({"split": None, "splits": np.array(["train"] * 3)}, "rename it to split"),
        ({"product": None, "products": np.zeros((12, 3))}, "rename it to product"),
        ({"ts": with_nan(6)}, "reaction 11: a position of ts"),
        ({"ts": with_nan(0)}, "reaction 10: a position of ts"),
        ({"numbers": np.tile([6, 8, 1, 0], 3)}, "reaction 10: atomic numbers"),
        ({"reactant": np.zeros((11, 3))}, "reactant has shape"),
        ({"numbers": np.ones(11)}, "numbers has shape"),
        ({"offset": np.array([0, 4, 4, 12])}, "offset must rise"),
        ({"offset": np.array([0])}, "offset must rise"),
        ({"split": np.array(["train"] * 2)}, "split has 2 entries for 3"),
        ({"smiles": np.array(["a", None], dtype=object)}, "no .npz file of plain arrays"),
    ],
)
def test_a_packed_file_that_is_wrong_is_refused_by_name_with_what_is_wrong(tmp_path, changes, said):
    path = tmp_path / "data.npz"
    np.savez(path, **packed(**changes))
    with pytest.raises(InputError, match=said) as caught:
        read_reactions(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.npz", "notes.txt", "text.npz", "text.h5"])
def test_files_that_hold_no_reactions_are_named(tmp_path, name):
    if not name.startswith("missing"):
        (tmp_path / name).write_text("nothing of the kind")
    if name.endswith(".h5"):
        pytest.importorskip("h5py", reason="h5py is not installed: pip install 'cairn[data]'")
    with pytest.raises(InputError, match=name):
        read_reactions(tmp_path / name)


def test_reading_packed_reactions_imports_neither_hdf5_nor_ase_nor_rdkit(tmp_path):
    np.savez(tmp_path / "data.npz", **packed())
    program = (
        "import sys; from pathlib import Path; from models.reaction_data import read_reactions;"
        f"read_reactions(Path({str(tmp_path / 'data.npz')!r}));"
        "sys.exit(','.join({'h5py', 'ase', 'rdkit', 'scipy', 'sqlalchemy', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.fixture
def transition1x(tmp_path):
    """A file in the layout of Transition1x, with the first reaction of `train` linked from `data` as well."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install 'cairn[data]'")
    path = tmp_path / "transition1x.h5"
    with h5py.File(path, "w") as file:
        for number, split in enumerate(("train", "train", "val")):
            reaction = file.create_group(f"{split}/CH2O/rxn{number:04d}")
            reaction["atomic_numbers"] = NUMBERS
            reaction["positions"] = np.zeros((9, 4, 3))  # the path, which is not wanted
            for name, positions in zip(("reactant", "transition_state", "product"), structures(number), strict=True):
                reaction[f"{name}/positions"] = positions[None]
                reaction[f"{name}/atomic_numbers"] = NUMBERS
        file["data/CH2O/rxn0000"] = file["train/CH2O/rxn0000"]
    return path


def test_transition1x_gives_the_ends_and_the_transition_state_of_each_reaction_once(transition1x):
    data = read_reactions(transition1x)
    assert data.identifiers.tolist() == ["CH2O/rxn0000", "CH2O/rxn0001", "CH2O/rxn0002"]
    assert data.splits.tolist() == ["train", "train", "val"]
    for number, reaction in enumerate(data.reactions):
        reactant, ts, product = structures(number)
        assert np.array_equal(reaction.ends, np.stack([reactant, product]))
        assert np.array_equal(reaction.ts, ts)


def test_transition1x_without_splits_is_for_training(transition1x):
    import h5py

    with h5py.File(transition1x, "r+") as file:
        del file["train"]
        del file["val"]
    assert read_reactions(transition1x).splits.tolist() == ["train"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("product/positions", None, "no product/positions"),
        ("product/atomic_numbers", [6, 8, 1, 7], "same atoms in the same order"),
        ("reactant/positions", np.full((1, 4, 3), np.inf), "position of reactant is not finite"),
        ("transition_state/positions", np.zeros((1, 3, 3)), "one position for each atom"),
    ],
)
def test_a_broken_reaction_of_transition1x_is_named(transition1x, name, value, said):
    import h5py

    with h5py.File(transition1x, "r+") as file:
        del file[f"val/CH2O/rxn0002/{name}"]
        if value is not None:
            file[f"val/CH2O/rxn0002/{name}"] = value
    with pytest.raises(InputError, match=said) as caught:
        read_reactions(transition1x)
    assert "val/CH2O/rxn0002" in str(caught.value)


def test_an_hdf5_file_of_something_else_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install 'cairn[data]'")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = [1]
    with pytest.raises(InputError, match="none of the groups"):
        read_reactions(tmp_path / "other.h5")


def test_a_missing_hdf5_library_is_named_with_its_installation(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        read_transition1x(tmp_path / "transition1x.h5")


def qchem_output(symbols, *steps):
    """What Q-Chem prints of the geometries of an optimisation."""
    blocks = []
    for positions in steps:
        rows = [
            f"{place:5d}      {symbol:2s}   {x:14.10f} {y:14.10f} {z:14.10f}"
            for place, (symbol, (x, y, z)) in enumerate(zip(symbols, positions, strict=True), start=1)
        ]
        rule = " " + 64 * "-"
        title = "             Standard Nuclear Orientation (Angstroms)\n    I     Atom           X                Y"
        blocks.append("\n".join([rule, title, rule, *rows, rule, " Molecular Point Group    C1", " Total energy -1.0"]))
    return "\n".join(["Welcome to Q-Chem", *blocks, "Thank you very much for using Q-Chem"])


@pytest.fixture
def rdb7(tmp_path):
    """Two reactions in the layout of RDB7, one as logs and one as XYZ files."""
    folder = tmp_path / "rdb7"
    rows = ["idx,rsmi,psmi,ea,dh"]
    for number in (3, 12):
        place = folder / "wb97xd3" / f"rxn{number:06d}"
        place.mkdir(parents=True)
        rows.append(f"{number},[C:1](=[O:2])([H:3])[H:4],[O:2]([C:1][H:3])[H:4],1.0,2.0")
        for name, positions in zip(("r", "ts", "p"), structures(number), strict=True):
            stem = place / f"{name}{number:06d}"
            if number == 3:
                stem.with_suffix(".log").write_text(qchem_output("COHH", positions + 1.0, positions))
            else:
                write(stem.with_suffix(".xyz"), Atoms("COHH", positions=positions))
    (folder / "wb97xd3.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_rdb7_is_read_from_its_table_and_the_last_geometries_of_its_logs(rdb7):
    data = read_reactions(rdb7)
    assert data.identifiers.tolist() == ["3", "12"]
    assert set(data.splits) == {"train"}
    assert data.smiles[0] == "[C:1](=[O:2])([H:3])[H:4]>>[O:2]([C:1][H:3])[H:4]"
    for number, reaction in zip((3, 12), data.reactions, strict=True):
        reactant, ts, product = structures(number)
        assert reaction.numbers.tolist() == NUMBERS.tolist()
        assert np.allclose(reaction.ends, np.stack([reactant, product]), atol=1e-7)
        assert np.allclose(reaction.ts, ts, atol=1e-7)


def test_a_column_of_splits_may_be_added_to_the_table_of_rdb7(rdb7):
    table = rdb7 / "wb97xd3.csv"
    head, first, second = table.read_text().split()
    table.write_text(f"{head},split\n{first},val\n{second},\n")
    assert read_reactions(rdb7).splits.tolist() == ["val", "train"]


def test_rdb7_is_refused_with_what_is_missing_or_contradicts(rdb7):
    table = rdb7 / "wb97xd3.csv"
    right = table.read_text()
    log = rdb7 / "wb97xd3" / "rxn000003" / "ts000003.log"
    text = log.read_text()
    for found, said in (
        (right.replace("[O:2])([H:3]", "[N:2])([H:3]"), "atoms of rsmi"),
        (right.replace("[H:4],[O:2]", "[H:3],[O:2]"), "number its atoms"),
        (right.replace("12,", "14,"), "no folder rxn000014"),
        (right.replace("12,", "twelve,"), "whole number"),
        (right.replace("psmi", "products"), "no column psmi"),
        ("idx,rsmi,psmi\n", "no reactions"),
    ):
        table.write_text(found)
        with pytest.raises(InputError, match=said):
            read_reactions(rdb7)
    table.write_text(right)
    for found, said in (
        ("Have a nice day", "Standard Nuclear"),
        (text.replace(" H ", " O "), "reaction 3: reactant and ts"),
    ):
        log.write_text(found)
        with pytest.raises(InputError, match=said):
            read_reactions(rdb7)
    log.unlink()
    with pytest.raises(InputError, match="neither"):
        read_reactions(rdb7)
    table.unlink()
    with pytest.raises(InputError, match=r"no wb97xd3.csv"):
        read_reactions(rdb7)


def test_an_output_without_a_geometry_has_none():
    assert last_geometry("Welcome to Q-Chem") is None
