"""Molecules that hold a substructure."""

from __future__ import annotations

import pytest

from chem.errors import SmilesError
from chem.substructure import Substructure


@pytest.mark.parametrize(
    ("smarts", "holding", "lacking"),
    [
        ("[OX2H]", ["CCO", "OO"], ["COC", "C=O"]),
        ("C=O", ["O=CCCOO"], ["OC1CCOO1"]),
        ("c1ccccc1", ["C1=CC=CC=C1"], ["C1CCCCC1"]),
        ("[H][H]", ["[H][H]"], ["C"]),  # hydrogens of the pattern are atoms
        ("[CH3][#1]", ["CC"], ["C", "C=C"]),
        ("[C-]#[O+]", ["[C-]#[O+]"], ["C=O"]),
        ("[C@H](O)(N)C", ["C[C@@H](O)N"], ["C[C@H](O)N"]),
        ("[O]", ["C=CO(C)(C)C"], []),  # a valence that RDKit does not know
    ],
)
def test_a_pattern_is_found_where_it_is(smarts, holding, lacking):
    pattern = Substructure(smarts)
    assert [smiles for smiles in (*holding, *lacking) if pattern.is_in(smiles)] == holding


@pytest.mark.parametrize("smarts", ["", "[", "C)", "what"])
def test_what_is_no_pattern_is_refused_by_name(smarts):
    with pytest.raises(SmilesError, match="is no SMARTS; give a pattern such as"):
        Substructure(smarts)
