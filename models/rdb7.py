"""Reading RDB7 as published (10.1038/s41597-022-01529-6, Zenodo 6618262; geometries Zenodo 3715478)."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.errors import InputError
from models.reaction_data import TRAIN, ReactionData, Structure, reaction_from

TABLE = "wb97xd3.csv"
COLUMNS = ("idx", "rsmi", "psmi")
ENDINGS = (".log", ".xyz")
GEOMETRY_TITLE = "Standard Nuclear Orientation (Angstroms)"


def read_rdb7(folder: Path) -> ReactionData:
    """Read the table of reactions and their geometries.

    Put into one folder:

    - `wb97xd3.csv` with the columns `idx`, `rsmi`, `psmi` (atom-mapped SMILES, numbers from 1 in the order of the
      geometries); further columns such as `ea` and `dh` are left alone. The published table knows no splits: a column
      `split` may be added, without it all reactions are for training.
    - the unpacked archive `wb97xd3.tar.gz`: anywhere below, a folder `rxn000012` for the reaction with `idx` 12, in it
      the reactant, product complex and transition state as `r000012`, `p000012` and `ts000012`, each ending in `.log`
      (Q-Chem's output, of which the last geometry counts) or `.xyz`.

    Raises:
        InputError: A file or column is missing, a file cannot be read, or atoms and SMILES contradict each other.
    """
    table = folder / TABLE
    if not table.is_file():
        raise InputError(f"{folder} has no {TABLE}; put it and the unpacked wb97xd3.tar.gz of RDB7 there")
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{table} has no column {', '.join(missing)}; take the table of Zenodo 6618262")
        rows = list(reader)
    if not rows:
        raise InputError(f"{table} lists no reactions; take the table of Zenodo 6618262")
    places = {found.name: found for found in folder.rglob("rxn[0-9]*") if found.is_dir()}
    reactions = []
    for row in rows:
        where = f"{table}, reaction {row['idx']}"
        number = _number(where, row["idx"])
        place = places.get(f"rxn{number}")
        if place is None:
            raise InputError(f"{where}: no folder rxn{number} below {folder}; unpack wb97xd3.tar.gz there")
        reactant, ts, product = (_structure(where, place / f"{name}{number}") for name in ("r", "ts", "p"))
        for side, structure in (("rsmi", reactant), ("psmi", product)):
            expected = _mapped_numbers(where, side, row[side])
            if not np.array_equal(expected, structure.numbers):
                raise InputError(
                    f"{where}: the atoms of {side} are {expected.tolist()} in the order of their map numbers, those of"
                    f" {place} {structure.numbers.tolist()}; leave the reaction out"
                )
        reactions.append(reaction_from(where, reactant, ts, product))
    return ReactionData(
        reactions=tuple(reactions),
        splits=np.array([row.get("split") or TRAIN for row in rows], dtype=str),
        identifiers=np.array([row["idx"] for row in rows], dtype=str),
        smiles=tuple(f"{row['rsmi']}>>{row['psmi']}" for row in rows),
    )


def last_geometry(text: str) -> Structure | None:
    """The last geometry that a Q-Chem output prints, None where there is none.

    An optimisation prints one before every step and the converged one last; a frequency job after it repeats that.
    """
    from ase.data import atomic_numbers  # noqa: PLC0415

    _, title, rest = text.rpartition(GEOMETRY_TITLE)
    if not title:
        return None
    numbers, positions = [], []
    for line in rest.splitlines()[1:]:
        words = line.split()
        if len(words) == 5 and words[1] in atomic_numbers:
            numbers.append(atomic_numbers[words[1]])
            positions.append([float(word) for word in words[2:]])
        elif numbers:
            break
    return Structure(numbers=np.array(numbers, dtype=np.int64), positions=np.array(positions, dtype=np.float64))


def _number(where: str, text: str) -> str:
    if not re.fullmatch(r"\d+", text):
        raise InputError(f"{where}: idx must be a whole number; take the table of Zenodo 6618262")
    return f"{int(text):06d}"


def _structure(where: str, stem: Path) -> Structure:
    """One geometry, from whichever file is there."""
    found = [stem.with_suffix(ending) for ending in ENDINGS if stem.with_suffix(ending).is_file()]
    if not found:
        raise InputError(f"{where}: there is neither {stem}.log nor {stem}.xyz; unpack wb97xd3.tar.gz again")
    path = found[0]
    if path.suffix == ".xyz":
        from chem.xyz import read_xyz  # noqa: PLC0415

        geometry = read_xyz(path)
        return Structure(numbers=np.asarray(geometry.numbers), positions=np.asarray(geometry.positions))
    try:
        structure = last_geometry(path.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        raise InputError(f"{path} holds a damaged geometry: {error}; unpack wb97xd3.tar.gz again") from error
    if structure is None or not len(structure.numbers):
        raise InputError(f"{path} holds no '{GEOMETRY_TITLE}'; give the output of Q-Chem, or the geometry as .xyz")
    return structure


def _mapped_numbers(where: str, side: str, smiles: str) -> NDArray[np.int64]:
    """Atomic numbers in the order of the map numbers, shape (n_atoms,)."""
    from rdkit import Chem  # noqa: PLC0415

    molecule = Chem.MolFromSmiles(smiles, sanitize=False)
    if molecule is None:
        raise InputError(f"{where}: {side} {smiles!r} is no SMILES; take the table of Zenodo 6618262")
    by_map = {atom.GetAtomMapNum(): atom.GetAtomicNum() for atom in molecule.GetAtoms()}
    if set(by_map) != set(range(1, molecule.GetNumAtoms() + 1)):
        raise InputError(f"{where}: {side} {smiles!r} does not number its atoms from 1 on; each needs its own number")
    return np.array([by_map[number] for number in sorted(by_map)], dtype=np.int64)
