"""Content of a page made up from real molecules: a network around 3-hydroperoxypropanal with every kind of outcome."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdMolDescriptors

from chem.outcomes import (
    Check,
    CheckName,
    Failure,
    Outcome,
    Stage,
    Status,
)
from chem.types import Geometry
from report.content import (
    AttemptEntry,
    Costs,
    ReactionEntry,
    ReportContent,
    SpeciesEntry,
    StageCost,
    TSEntry,
)

SEED = "O=CCCOO"
FAILURES = (
    Failure(
        stage=Stage.SADDLE,
        kind="budget",
        message="the budget of 300 gradient calls is spent; raise saddle.gradient_budget",
    ),
    Failure(stage=Stage.SADDLE, kind="not_converged", message="fmax is 0.21 eV/Angstrom after 150 steps"),
    Failure(stage=Stage.PREPARE, kind="collapsed", message="the product relaxed to O=CCO.[C-]#[O+] before any search"),
    Failure(stage=Stage.SADDLE, kind="scf", message="SCF not converged at an O-O distance of 0.71 Angstrom"),
)


def bond_switches(smiles, most):
    """Mapped (reactant, product) pairs that break two bonds and form two others, valences kept; then plain fissions."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    Chem.Kekulize(molecule)
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
        atom.SetNoImplicit(True)
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    seen = set()
    for (a, b), (c, d) in itertools.combinations(bonds, 2):
        if len({a, b, c, d}) < 4:
            continue
        for pairs in (((a, c), (b, d)), ((a, d), (b, c))):
            product = Chem.RWMol(molecule)
            for i, j in ((a, b), (c, d)):
                change_order(product, i, j, -1)
            for i, j in pairs:
                change_order(product, i, j, +1)
            with rdBase.BlockLogs():
                if Chem.SanitizeMol(product, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
                    continue
            label = plain(product)
            if label in seen or label == plain(molecule):
                continue
            seen.add(label)
            yield molecule, product.GetMol()
            if len(seen) == most:
                return


def change_order(molecule, i, j, change):
    bond = molecule.GetBondBetweenAtoms(i, j)
    order = (0 if bond is None else int(bond.GetBondTypeAsDouble())) + change
    if bond is not None:
        molecule.RemoveBond(i, j)
    if order:
        molecule.AddBond(i, j, {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}[order])


def plain(molecule):
    copy = Chem.Mol(molecule)
    for atom in copy.GetAtoms():
        atom.SetAtomMapNum(0)
        atom.SetNoImplicit(False)
    return Chem.MolToSmiles(Chem.RemoveHs(copy, sanitize=False), canonical=True) if copy.GetNumAtoms() else ""


def mapped(molecule):
    return Chem.MolToSmiles(molecule, allHsExplicit=True)


def fragments(molecule):
    return tuple(sorted(Chem.CanonSmiles(part) for part in plain(molecule).split(".")))


def embedded(molecule, seed):
    """Coordinates of the molecules of one side, each embedded alone and set 3 Angstrom apart."""
    positions = np.zeros((molecule.GetNumAtoms(), 3))
    shift = 0.0
    for atoms in Chem.GetMolFrags(molecule):
        part = Chem.RWMol(molecule)
        for index in sorted(set(range(molecule.GetNumAtoms())) - set(atoms), reverse=True):
            part.RemoveAtom(index)
        part = part.GetMol()
        with rdBase.BlockLogs():
            Chem.SanitizeMol(part, catchErrors=True)
            if rdDistGeom.EmbedMolecule(part, randomSeed=seed, useRandomCoords=True) != 0:
                return None
        local = part.GetConformer().GetPositions()
        local += [shift - local[:, 0].min(), 0.0, 0.0]
        shift = local[:, 0].max() + 3.0
        positions[sorted(atoms)] = local
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    return Geometry(numbers=numbers, positions=positions)


def synthetic_ts(reactant, product, seed, forward, reverse):
    ends = embedded(reactant, seed), embedded(product, seed)
    if None in ends:
        return None
    start, end = (side.positions - side.positions.mean(axis=0) for side in ends)
    u, _, vt = np.linalg.svd(end.T @ start)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return TSEntry(
        geometry=ends[0].with_positions(0.75 * start + 0.25 * end @ rotation),
        reactant_end=ends[0],
        product_end=ends[1],
        energy_ev=-620.0 + forward / 23.06,
        reactant_end_energy_ev=-620.0,
        product_end_energy_ev=-620.0 + (forward - reverse) / 23.06,
        imaginary_frequencies_cm1=(-(400.0 + 37 * seed),),
    )


def checks(status):
    rest = Status.COULD_NOT_CHECK if status is Status.COULD_NOT_CHECK else Status.PASSED
    return (
        Check(
            name=CheckName.ONE_IMAGINARY_MODE, status=Status.PASSED, evidence={"imaginary_frequencies_cm1": [-1204.3]}
        ),
        Check(
            name=CheckName.MODE_MOVES_CHANGING_BONDS,
            status=Status.PASSED,
            evidence={"overlap": 0.87654321, "threshold": 0.3},
        ),
        Check(
            name=CheckName.IRC_ENDS_MATCH,
            status=Status.FAILED if status is Status.FAILED else rest,
            evidence={"product_end_smiles": "C=CC=O.OO", "steps": 212},
        ),
        Check(name=CheckName.ENERGIES_ORDERED, status=rest, evidence={"lowest_gap_kcal_mol": 12.4}),
    )


def make_content(most=45):
    """A report of up to `most` invented reactions in every state."""
    random = np.random.default_rng(7)
    species, reactions = {SEED: SEED}, []
    for number, (reactant, product) in enumerate(bond_switches(SEED, most)):
        products = fragments(product)
        species |= dict.fromkeys(products, products[0])
        reverse = float(random.uniform(15, 95))
        forward = float(random.uniform(24, 98))
        common = {
            "key": f"C3H6O3:{number:03d}",
            "reactants": (SEED,),
            "products": products,
            "mapped_smiles": f"{mapped(reactant)}>>{mapped(product)}",
            "degeneracy": 1 + number % 2,
            "gradient_calls": int(random.integers(60, 900)),
            "seconds": float(random.uniform(0.8, 40)),
        }
        kind = number % 9
        if kind in (0, 1, 2, 3, 4):
            status = (Status.PASSED, Status.PASSED, Status.PASSED, Status.COULD_NOT_CHECK, Status.FAILED)[kind]
            reactions.append(
                ReactionEntry(
                    **common,
                    barrier_forward_kcal_mol=forward,
                    barrier_reverse_kcal_mol=reverse,
                    e0_forward_kcal_mol=forward - 2.0 if number % 2 else None,
                    e0_reverse_kcal_mol=reverse - 2.0 if number % 2 else None,
                    gibbs_298_forward_kcal_mol=forward - 1.0 if number % 2 else None,
                    gibbs_298_reverse_kcal_mol=reverse - 1.0 if number % 2 else None,
                    level="b3lyp-d3bj/def2-svp" if number % 2 else "GFN2-xTB",
                    verdict=status,
                    outcome=Outcome.INTENDED if status is not Status.FAILED else Outcome.FAILED,
                    checks=checks(status),
                    transition_state=synthetic_ts(reactant, product, number, forward, reverse),
                    attempts=(
                        AttemptEntry(
                            start="classical:0",
                            outcome=Outcome.FAILED,
                            gradient_calls=300,
                            seconds=9.1,
                            failure=FAILURES[0],
                        ),
                        AttemptEntry(start="classical:1", outcome=Outcome.INTENDED, gradient_calls=44, seconds=2.0),
                    ),
                    found_by=f"C3H6O3:{number + 6:03d}" if number % 18 == 0 else None,
                )
            )
        elif kind == 5:
            reactions.append(ReactionEntry(**common, barrier_forward_kcal_mol=forward, verdict=Status.ESTIMATED))
        elif kind == 6:
            reactions.append(
                ReactionEntry(**common, outcome=Outcome.UNINTENDED)
                if number % 4
                else ReactionEntry(**common, outcome=Outcome.BARRIERLESS, dissociation_kcal_mol=reverse)
            )
        elif kind == 7:
            reactions.append(
                ReactionEntry(**common, outcome=Outcome.FAILED, failure=FAILURES[number // 9 % len(FAILURES)])
            )
        else:
            reactions.append(
                ReactionEntry(**common)
                if number % 2
                else ReactionEntry(**common, outcome=Outcome.FAILED, failure=FAILURES[1])
            )
    return ReportContent(
        title="Reactions of 3-hydroperoxypropanal (invented numbers)",
        created=datetime(2026, 1, 15, 9, 30, tzinfo=UTC),
        level="GFN2-xTB",
        program="xtb-python 22.1",
        seeds=(SEED,),
        settings={
            "enumeration": {"break_bonds": 2, "form_bonds": 2},
            "saddle": {"gradient_budget": 300, "fmax_ev_angstrom": 0.01},
        },
        species=tuple(entry(smiles) for smiles in species),
        reactions=tuple(reactions),
        costs=Costs(
            gradient_calls=18204,
            wall_seconds=812.0,
            by_stage=(
                StageCost(stage="enumerate", wall_seconds=1.2),
                StageCost(stage="prepare", gradient_calls=2104, wall_seconds=44.0),
                StageCost(stage="saddle", gradient_calls=9100, wall_seconds=402.0),
                StageCost(stage="irc", gradient_calls=7000, wall_seconds=365.0),
            ),
        ),
    )


def entry(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    return SpeciesEntry(
        key=smiles,
        smiles=smiles,
        formula=rdMolDescriptors.CalcMolFormula(molecule),
        charge=Chem.GetFormalCharge(molecule),
    )
