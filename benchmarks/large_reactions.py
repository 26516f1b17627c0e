"""Reactions of molecules with 24 to 50 atoms, as mapped SMILES: textbook pericyclic steps and eliminations.

python benchmarks/large_reactions.py > large_reactions.txt
OMP_NUM_THREADS=1 python -m benchmarks.saddle_starts --large large_reactions.txt
"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import AllChem

TEMPLATES = {
    "Claisen": "[C:1]=[C:2][O:3][C:4][C:5]=[C:6]>>[O:3]=[C:2][C:1][C:6][C:5]=[C:4]",
    "Cope": "[C:1]=[C:2][C:3][C:4][C:5]=[C:6]>>[C:3]=[C:2][C:1][C:6][C:5]=[C:4]",
    "retro-Diels-Alder": "[C:1]1[C:2]=[C:3][C:4][C:5][C:6]1>>[C:1]=[C:2][C:3]=[C:4].[C:5]=[C:6]",
    "ester pyrolysis": "[C:1](=[O:2])[O:3][C:4][C:5][H:6]>>[C:1]([O:2][H:6])=[O:3].[C:4]=[C:5]",
    "decarboxylation": "[O:1]=[C:2][C:3][C:4](=[O:5])[O:6][H:7]>>[H:7][O:1][C:2]=[C:3].[C:4](=[O:5])=[O:6]",
    "retro-ene": "[H:1][O:2][C:3][C:4][C:5]=[C:6]>>[O:2]=[C:3].[C:4]=[C:5][C:6][H:1]",
    "ring opening": "[C:1]1[C:2]=[C:3][C:4]1>>[C:1]=[C:2][C:3]=[C:4]",
}
SUBSTRATES = (
    ("Claisen", "C=COCC=CCCCCC"),
    ("Claisen", "C=C(C)OC(C)C=CCCC"),
    ("Claisen", "C=C(OCC=C)CCCC(=O)OC"),
    ("Cope", "C=CC(C)C(C)C=CCCC"),
    ("Cope", "C=CC(C)(C#N)C(C)C=CCCO"),
    ("Cope", "CC=CC(CC)C(C)C=C"),
    ("retro-Diels-Alder", "C1C=CCC(C(=O)OC)C1C(=O)OC"),
    ("retro-Diels-Alder", "CC1C=CC(C)C(C#N)C1CCC"),
    ("retro-Diels-Alder", "C1C=C(CCCC)CC(C(=O)OCC)C1"),
    ("ester pyrolysis", "CC(=O)OC(C)CCCCC"),
    ("ester pyrolysis", "CCC(=O)OCCCCCCC"),
    ("ester pyrolysis", "CC(=O)OC1CCCCC1CC"),
    ("decarboxylation", "CCCCC(=O)C(CC)C(=O)O"),
    ("decarboxylation", "CC(C)C(=O)C(CCC)C(=O)O"),
    ("decarboxylation", "CCCCCC(=O)C(C)(C)C(=O)O"),
    ("retro-ene", "OC(CCC)(CC)CC=C"),
    ("retro-ene", "OC(C)(CCCC)CC=CC"),
    ("retro-ene", "OC1(CC=C)CCCCC1C"),
    ("ring opening", "C1C=C(CCCC)C1CCC"),
    ("ring opening", "CC1C=CC1CCCCC"),
)


def mapped(name: str, substrate: str) -> str:
    """Reaction SMILES with every atom mapped, hydrogens included; the first match of the template counts."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(substrate))
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    reaction = AllChem.ReactionFromSmarts(TEMPLATES[name])
    products = reaction.RunReactants((molecule,))[0]
    sides = []
    for product in products:
        for atom in product.GetAtoms():
            atom.SetAtomMapNum(atom.GetIntProp("react_atom_idx") + 1)
        Chem.SanitizeMol(product)
        Chem.AssignStereochemistry(product, cleanIt=True, force=True)
        sides.append(Chem.MolToSmiles(product, allHsExplicit=True))
    return f"{Chem.MolToSmiles(molecule, allHsExplicit=True)}>>{'.'.join(sides)}"


def main() -> None:
    """One reaction a line: mapped SMILES, its name, number of atoms."""
    for name, substrate in SUBSTRATES:
        line = mapped(name, substrate)
        n_atoms = Chem.AddHs(Chem.MolFromSmiles(substrate)).GetNumAtoms()
        if not 24 <= n_atoms <= 50:
            raise SystemExit(f"{substrate} has {n_atoms} atoms, not 24 to 50")
        print(line, name.replace(" ", "_"), n_atoms, sep="\t")


if __name__ == "__main__":
    main()
