"""Made-up networks: 3-hydroperoxypropanal in a report, formaldehyde in databases; real molecules, invented numbers."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdMolDescriptors

from chem.graph import MolecularGraph
from chem.outcomes import (
    Attempt,
    Check,
    CheckName,
    Failure,
    Outcome,
    SearchResult,
    Stage,
    Status,
    TransitionState,
    Verdict,
)
from chem.types import Geometry, LevelOfTheory, Reaction, Species
from db.campaigns import add_campaign, add_reaction_members, add_species_members
from db.engine import open_database, writing
from db.results import Estimate, add_estimates, record_search
from db.store import add_reactions, add_species
from db.tables import CalculationKind
from db.work import claim, enqueue
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


@pytest.fixture(scope="session")
def content():
    return make_content()


@pytest.fixture(scope="session")
def build():
    return make_content


HOSTILE = "q\"uo'te, <b>&amp;</b> \u202eright\u200f\nnew\r\nline \\ | ` =1+1 \u00e9"
GFN2 = LevelOfTheory(name="gfn2", method="GFN2-xTB", program="xtb-python", version="22.1")
DFT = LevelOfTheory(name="b3lyp", method="B3LYP", basis="6-31G*", program="pyscf", version="2.14")
ATOMS = (6, 8, 1, 1)
FORMALDEHYDE = MolecularGraph(numbers=ATOMS, bonds=frozenset({(0, 1), (0, 2), (0, 3)}))
CARBENE = MolecularGraph(numbers=ATOMS, bonds=frozenset({(0, 1), (0, 2), (1, 3)}))
APART = MolecularGraph(numbers=ATOMS, bonds=frozenset({(0, 1), (2, 3)}))


def found_state(seed, status=Status.PASSED, level=GFN2, ends_ev=(-12.0, -11.0)):
    """A saddle point of CH2O somewhere, with both ends."""

    def somewhere(number):
        return Geometry(numbers=ATOMS, positions=np.random.default_rng(number).normal(size=(4, 3)))

    rows = () if status is Status.ESTIMATED else (Check(name=CheckName.IRC_ENDS_MATCH, status=status, evidence={}),)
    return TransitionState(
        geometry=somewhere(seed),
        energy_ev=-10.0 + seed / 1000,
        level=level,
        verdict=Verdict(checks=tuple(replace(row, evidence={"steps": seed, "note": HOSTILE}) for row in rows)),
        frequencies_cm1=(-1500.0 - seed, 900.0, 1200.0),
        reactant_end=somewhere(seed + 1),
        product_end=somewhere(seed + 2),
        reactant_end_energy_ev=ends_ev[0],
        product_end_energy_ev=ends_ev[1],
    )


class Filled:
    """Fills databases with formaldehyde, hydroxymethylene, and what they fall into, under any labels."""

    def __init__(self, labels=("C=O", "[CH]O", "[C-]#[O+]", "[H][H]"), beginning=""):
        graphs = (
            FORMALDEHYDE,
            CARBENE,
            MolecularGraph(numbers=(6, 8), bonds=frozenset({(0, 1)})),
            MolecularGraph(numbers=(1, 1), bonds=frozenset({(0, 1)})),
        )
        self.beginning = beginning
        self.species = tuple(
            Species(key=f"{beginning}{name}", smiles=label, energy_key=f"{beginning}{name}", graph=graph)
            for name, label, graph in zip(("a", "b", "c", "d"), labels, graphs, strict=True)
        )

    def reaction(self, name):
        """shift, loss or decay."""
        a, b, c, d = self.species
        before, after, reactants, products = {
            "shift": (FORMALDEHYDE, CARBENE, (a,), (b,)),
            "loss": (FORMALDEHYDE, APART, (a,), (c, d)),
            "decay": (CARBENE, APART, (b,), (c, d)),
        }[name]
        return Reaction(
            key=f"{self.beginning}{name}",
            reactant_graph=before,
            product_graph=after,
            reactants=reactants,
            products=products,
            degeneracy=2,
        )

    def fill(self, url):
        """Three reactions.

        The search for the shift found it, the decay on the way, both passed, and one that failed a check; the loss is
        estimated; the decay was also found at a density functional, where it could not be checked.
        """
        engine = open_database(url)
        shift, loss, decay = (self.reaction(name) for name in ("shift", "loss", "decay"))
        with writing(engine) as session:
            add_reactions(session, [shift, loss, decay], {shift.key: HOSTILE})
            add_campaign(session, name="one", settings={}, seed=0, rules_hash="")
            add_reaction_members(session, "one", [decay.key], round_number=1)
        failed = Failure(stage=Stage.SADDLE, kind="second_order", message=HOSTILE)
        self.record(
            engine,
            shift,
            SearchResult(
                level=GFN2,
                attempts=(
                    attempt("classical:0", Outcome.UNINTENDED, found_state(10, ends_ev=(-11.5, -13.0))),
                    attempt(HOSTILE, Outcome.INTENDED, found_state(20)),
                    attempt("neb", Outcome.FAILED, found_state(30, Status.FAILED), failed),
                ),
            ),
            found={0: turned(decay), 2: shift},
        )
        state = found_state(40, Status.COULD_NOT_CHECK, DFT)
        self.record(
            engine, decay, SearchResult(level=DFT, attempts=(attempt("guess", Outcome.INTENDED, state),)), level=DFT
        )
        with writing(engine) as session:
            estimate = Estimate(reaction_key=loss.key, transition_state=found_state(50, Status.ESTIMATED), error_ev=0.1)
            add_estimates(session, [estimate])
        engine.dispose()

    @staticmethod
    def record(engine, reaction, result, *, level=GFN2, found=None):
        with writing(engine) as session:
            enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=[reaction.key], level_key=level.key)
        claimed = claim(engine, kind=CalculationKind.SEARCH, worker="host:1", limit=1, lease_seconds=60)[0]
        with writing(engine) as session:
            record_search(session, claimed, result, found=found)


def turned(reaction):
    """The same reaction written from products to reactants."""
    return replace(
        reaction,
        reactant_graph=reaction.product_graph,
        product_graph=reaction.reactant_graph,
        reactants=reaction.products,
        products=reaction.reactants,
    )


def attempt(start, outcome, state, failure=None):
    return Attempt(
        start=start, outcome=outcome, transition_state=state, failure=failure, gradient_calls=10, seconds=0.5
    )


@pytest.fixture(scope="session")
def filled():
    """Class that fills databases."""
    return Filled


@pytest.fixture(scope="session")
def hostile():
    """Text that breaks what does not expect it."""
    return HOSTILE


@pytest.fixture(scope="module")
def network_url(tmp_path_factory):
    """URL of a small network with every verdict; its texts are hostile. Nothing may be written to it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('stored') / 'network.db'}"
    Filled(labels=(HOSTILE, "F", "C/C=C\\C", "1 2"), beginning="\u202e<k>&'\"").fill(url)
    return url


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: drives a Chromium; skipped where there is none")


def read(html):
    """What the scripts of a page read, and the details of all its reactions by rising barrier."""
    data = json.loads(re.search(r'id="report-data">(.*?)</script>', html, flags=re.DOTALL)[1])
    parts = re.findall(r'id="details-\d+">(.*?)</script>', html)
    return data, [each for part in parts for each in json.loads(gzip.decompress(base64.b64decode(part)))]


@pytest.fixture(scope="session")
def read_page():
    return read


LEVEL = LevelOfTheory(name="gfn2", method="GFN2-xTB", program="xtb-python", version="22.1")


def molecule(key, smiles, numbers, bonds):
    return Species(
        key=key, smiles=smiles, energy_key=key, graph=MolecularGraph(numbers=numbers, bonds=frozenset(bonds))
    )


ALDEHYDE = molecule("formaldehyde", "C=O", (6, 8, 1, 1), {(0, 1), (0, 2), (0, 3)})
HYDROXYMETHYLENE = molecule("carbene", "[CH]O", (6, 8, 1, 1), {(0, 1), (0, 2), (1, 3)})
MONOXIDE = molecule("monoxide", "[C-]#[O+]", (6, 8), {(0, 1)})
HYDROGEN = molecule("hydrogen", "[H][H]", (1, 1), {(0, 1)})
FALLEN_APART = MolecularGraph(numbers=(6, 8, 1, 1), bonds=frozenset({(0, 1), (2, 3)}))
SHIFT = Reaction(  # stored towards the seed
    key="shift",
    reactant_graph=HYDROXYMETHYLENE.graph,
    product_graph=ALDEHYDE.graph,
    reactants=(HYDROXYMETHYLENE,),
    products=(ALDEHYDE,),
    degeneracy=2,
)
LOSS = Reaction(
    key="loss",
    reactant_graph=ALDEHYDE.graph,
    product_graph=FALLEN_APART,
    reactants=(ALDEHYDE,),
    products=(MONOXIDE, HYDROGEN),
)
SHIFT_SMILES = "[C:1]([O:2][H:4])[H:3]>>[C:1](=[O:2])([H:3])[H:4]"


def state(energy_ev, ends_ev):
    """A saddle point of made-up structure above its two ends."""

    def geometry(seed):
        return Geometry(numbers=[6, 8, 1, 1], positions=np.random.default_rng(seed).normal(size=(4, 3)))

    check = Check(name=CheckName.IRC_ENDS_MATCH, status=Status.PASSED, evidence={"steps": 120})
    return TransitionState(
        geometry=geometry(0),
        energy_ev=energy_ev,
        level=LEVEL,
        verdict=Verdict(checks=(check,)),
        frequencies_cm1=(-1500.0, 900.0),
        reactant_end=geometry(1),
        product_end=geometry(2),
        reactant_end_energy_ev=ends_ev[0],
        product_end_energy_ev=ends_ev[1],
        reactant_end_frequencies_cm1=(800.0, 1200.0),
        product_end_frequencies_cm1=(1000.0, 2000.0),
    )


def stored_network(path, rename=str):
    """A database with one campaign from formaldehyde whose search for the loss of hydrogen ended in the shift.

    Texts that a stranger may have written are what `rename` makes of them.
    """
    failed = Attempt(
        start="classical:0",
        gradient_calls=10,
        seconds=0.5,
        outcome=Outcome.FAILED,
        failure=Failure(stage=Stage.SADDLE, kind="scf", message=rename("SCF not converged")),
    )
    unintended = Attempt(
        start="classical:1",
        gradient_calls=30,
        seconds=1.5,
        outcome=Outcome.UNINTENDED,
        transition_state=state(-10.0, (-11.0, -12.0)),
    )
    species = [replace(each, smiles=rename(each.smiles)) for each in (ALDEHYDE, HYDROXYMETHYLENE, MONOXIDE, HYDROGEN)]
    engine = open_database(path)
    with writing(engine) as session:
        add_species(session, species)
        add_reactions(session, [SHIFT, LOSS], {"shift": rename(SHIFT_SMILES)})
        add_campaign(session, name=rename("one"), settings={"depth": 1}, seed=0, rules_hash="x")
        add_species_members(session, rename("one"), ["formaldehyde"], round_number=0)
        add_reaction_members(session, rename("one"), ["shift", "loss"], round_number=1)
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["loss"], level_key=LEVEL.key)
    claimed = claim(engine, kind=CalculationKind.SEARCH, worker="w", limit=1, lease_seconds=60)[0]
    with writing(engine) as session:
        result = SearchResult(level=LEVEL, attempts=(failed, unintended))
        record_search(session, claimed, result, found={1: SHIFT})
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def store_network():
    return stored_network
