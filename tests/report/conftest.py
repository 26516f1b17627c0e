"""Made-up networks for reports: fixtures, and formaldehyde in databases; real molecules, invented numbers."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest

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
from tests.report.made_up import make_content


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
