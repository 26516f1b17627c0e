"""Reading and writing SMILES."""

from __future__ import annotations

import random

import pytest

from chem.errors import ElectronCountError, ElementError, InputError, SmilesError
from chem.identity import species_of
from chem.smiles import parse_smiles, write_mapped_smiles, write_smiles


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("C(", "syntax"),
        ("Xx", "syntax"),
        ("C(C)(C)(C)(C)C", "valence"),
        ("c1cccn1", "kekulize"),
        ("C1CC", "syntax"),
        ("CC ethane", "blanks"),
        ("C\nC", "blanks"),
        ("C>>C", "reaction"),
        ("[2H]C", "isotope"),
        ("[13CH4]", "isotope"),
        ("[CH3:1]C", "maps only some"),
        ("[H:1][H:1]", "one number twice"),
        ("F[H]F", "cannot be drawn|valence"),
        (5, "must be a string"),
        (None, "must be a string"),
        (b"C", "must be a string"),
    ],
)
def test_bad_smiles_is_refused_by_name_with_the_reason(smiles, reason):
    with pytest.raises(SmilesError, match=reason) as caught:
        parse_smiles(smiles)
    if smiles != "" and not (isinstance(smiles, str) and not smiles.strip()):
        assert repr(smiles) in str(caught.value)


@pytest.mark.parametrize("smiles", ["*C", "[*]", "C~*"])
def test_dummy_atoms_are_refused(smiles):
    with pytest.raises(ElementError, match="dummy"):
        parse_smiles(smiles)


@pytest.mark.parametrize(("smiles", "multiplicity"), [("C", 2), ("[CH3]", 1), ("C", 0), ("[H+3]", None), ("[H]", 3)])
def test_impossible_charge_or_multiplicity_is_refused(smiles, multiplicity):
    with pytest.raises(ElectronCountError):
        parse_smiles(smiles, multiplicity)


def test_every_refusal_is_an_input_error():
    for smiles in ("", "C(", "*", "[2H]"):
        with pytest.raises(InputError):
            parse_smiles(smiles)


@pytest.mark.parametrize(
    ("smiles", "n_atoms", "charge", "multiplicity"),
    [
        ("[H][H]", 2, 0, 1),
        ("[H+]", 1, 1, 1),
        ("[H]", 1, 0, 2),
        ("[OH-]", 2, -1, 1),
        ("[O][O]", 2, 0, 1),
        ("[CH2]", 3, 0, 1),
        ("C[CH]C", 10, 0, 2),
        ("C.C", 10, 0, 1),
        (" CC\n", 8, 0, 1),
        ("c1ccccc1", 12, 0, 1),
        ("[Na]Cl", 2, 0, 1),
        ("[Fe]", 1, 0, 1),
    ],
)
def test_atoms_charge_and_lowest_multiplicity_are_read(smiles, n_atoms, charge, multiplicity):
    graph = parse_smiles(smiles)
    assert (graph.n_atoms, graph.charge, graph.multiplicity) == (n_atoms, charge, multiplicity)


def test_triplet_oxygen_is_written_with_two_radicals_and_singlet_with_a_double_bond():
    assert write_smiles(parse_smiles("O=O")) == "O=O"
    assert write_smiles(parse_smiles("[O][O]", 3)) == "[O][O]"
    assert parse_smiles("O=O", 3) == parse_smiles("[O][O]", 3)


@pytest.mark.parametrize(
    ("smiles", "again"),
    [("C[NH+]=C[O-]", "CNC=O"), ("C1=CC=CC=C1", "c1ccccc1"), ("[C]=O", "[C-]#[O+]"), ("[H]OC", "CO"),
     ("F\\C=C\\F", "F/C=C/F"), ("C[S+](C)[O-]", "CS(C)=O")],
)  # fmt: skip
def test_one_molecule_is_written_one_way(smiles, again):
    assert write_smiles(parse_smiles(smiles)) == again


def test_map_numbers_order_the_atoms():
    graph = parse_smiles("[O:3]([H:1])[H:2]")
    assert graph.numbers == (1, 1, 8)
    assert graph.bonds == {(0, 2), (1, 2)}


@pytest.mark.parametrize(
    "smiles",
    ["O=CCCOO", "C[C@H](O)F", "F/C=C/[C@H](Cl)C", "CC[S@](C)=O", "C[C@H]1C[C@@H](C)C1", "CC(=O)[O-]", "[C-]#[O+].O",
     "C=C[CH2]", "C[C@H]1CC[C@@H](C)CC1", "c1ccncc1", "C/C=N\\O"],
)  # fmt: skip
def test_mapped_smiles_reads_back_to_the_very_graph(smiles):
    graph = parse_smiles(smiles)
    for seed in range(10):
        order = list(range(graph.n_atoms))
        random.Random(seed).shuffle(order)
        shuffled = graph.permuted(tuple(order))
        assert parse_smiles(write_mapped_smiles(shuffled)) == shuffled


@pytest.mark.parametrize("smiles", ["[CH2]", "C[C]O", "C=C[CH2]", "[O-][N+]=O", "CC#[O+]", "[NH4+]", "C[Si](C)C"])
def test_labels_of_odd_electron_counts_read_back(smiles):
    species = species_of(parse_smiles(smiles))
    assert species_of(parse_smiles(species.smiles, species.multiplicity)) == species
