"""Whether molecules hold a substructure, written as SMARTS."""

from __future__ import annotations

from functools import lru_cache

from rdkit import Chem, rdBase

from chem.errors import SmilesError


class Substructure:
    """A pattern to look for.

    Args:
        smarts: SMARTS, such as `[OX2H]` or `C=O`. Hydrogens count as atoms where the pattern has one.

    Raises:
        SmilesError: It is no SMARTS.
    """

    def __init__(self, smarts: str) -> None:
        with rdBase.BlockLogs():
            pattern = Chem.MolFromSmarts(smarts.strip())
        if pattern is None or pattern.GetNumAtoms() == 0:
            raise SmilesError(
                f"substructure {smarts!r} is no SMARTS; give a pattern such as '[OX2H]' for a hydroxyl group"
            )
        self._pattern = pattern
        self._with_hydrogens = any(atom.GetAtomicNum() == 1 for atom in pattern.GetAtoms())
        self._matches = lru_cache(maxsize=None)(self._match)  # the species of a network stand in many reactions

    def is_in(self, smiles: str) -> bool:
        """Whether a molecule holds it.

        Args:
            smiles: A label of a species, as `chem.smiles.write_smiles` writes it.
        """
        return self._matches(smiles)

    def _match(self, smiles: str) -> bool:
        with rdBase.BlockLogs():
            molecule = Chem.MolFromSmiles(smiles, sanitize=False)
            # valences that RDKit does not know are no reason to match nothing
            molecule.UpdatePropertyCache(strict=False)
            Chem.SanitizeMol(molecule, Chem.SANITIZE_ALL ^ Chem.SANITIZE_PROPERTIES, catchErrors=True)
            Chem.AssignStereochemistry(molecule, cleanIt=True)
            if self._with_hydrogens:
                molecule = Chem.AddHs(molecule)
            return bool(molecule.HasSubstructMatch(self._pattern, useChirality=True))
