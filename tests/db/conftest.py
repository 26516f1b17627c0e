"""Databases of both kinds, each fresh for its test, and a small network of real molecules to put into them."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import text

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
from db.engine import open_database, writing
from db.store import add_reactions
from db.tables import CalculationKind
from db.work import claim, enqueue

GFN2 = LevelOfTheory(name="gfn2", method="GFN2-xTB", program="xtb-python", version="22.1")
DFT = LevelOfTheory(
    name="b3lyp", method="B3LYP", basis="6-31G*", program="pyscf", version="2.14", options=(("dispersion", "d3bj"),)
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def empty_url(request, tmp_path):
    """URL of a database that has no tables yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with request.getfixturevalue("postgresql_database")(tables=False) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database_url(request, tmp_path):
    """URL of a database with all tables and no rows."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'network.db'}"
        open_database(url).dispose()
        yield url
        return
    with request.getfixturevalue("postgresql_database")(tables=True) as url:
        yield url


@pytest.fixture
def engine(database_url):
    """An open database without rows."""
    opened = open_database(database_url)
    yield opened
    opened.dispose()


def _molecule(smiles: str, numbers: tuple[int, ...], bonds: set[tuple[int, int]]) -> Species:
    graph = MolecularGraph(numbers=numbers, bonds=frozenset(bonds))
    return Species(key=f"species {smiles}", smiles=smiles, graph=graph, energy_key=f"energy {smiles}")


def _graph(numbers: tuple[int, ...], bonds: set[tuple[int, int]]) -> MolecularGraph:
    return MolecularGraph(numbers=numbers, bonds=frozenset(bonds))


class Network:
    """Formaldehyde, hydroxymethylene and what they fall into; keys are made up, graphs are real."""

    formaldehyde = _molecule("C=O", (6, 8, 1, 1), {(0, 1), (0, 2), (0, 3)})
    hydroxymethylene = _molecule("[CH]O", (6, 8, 1, 1), {(0, 1), (0, 2), (1, 3)})
    carbon_monoxide = _molecule("[C-]#[O+]", (6, 8), {(0, 1)})
    hydrogen = _molecule("[H][H]", (1, 1), {(0, 1)})

    @property
    def shift(self) -> Reaction:
        """Formaldehyde to hydroxymethylene."""
        return Reaction(
            key="shift",
            reactant_graph=self.formaldehyde.graph,
            product_graph=self.hydroxymethylene.graph,
            reactants=(self.formaldehyde,),
            products=(self.hydroxymethylene,),
            degeneracy=2,
        )

    @property
    def dissociation(self) -> Reaction:
        """Formaldehyde to hydrogen and carbon monoxide."""
        return Reaction(
            key="dissociation",
            reactant_graph=self.formaldehyde.graph,
            product_graph=_graph((6, 8, 1, 1), {(0, 1), (2, 3)}),
            reactants=(self.formaldehyde,),
            products=(self.carbon_monoxide, self.hydrogen),
        )

    @property
    def decay(self) -> Reaction:
        """Hydroxymethylene to hydrogen and carbon monoxide."""
        return Reaction(
            key="decay",
            reactant_graph=self.hydroxymethylene.graph,
            product_graph=_graph((6, 8, 1, 1), {(0, 1), (2, 3)}),
            reactants=(self.hydroxymethylene,),
            products=(self.carbon_monoxide, self.hydrogen),
        )

    @property
    def exchange(self) -> Reaction:
        """Two hydrogen molecules swap atoms: the same species twice on both sides."""
        return Reaction(
            key="exchange",
            reactant_graph=_graph((1, 1, 1, 1), {(0, 1), (2, 3)}),
            product_graph=_graph((1, 1, 1, 1), {(0, 2), (1, 3)}),
            reactants=(self.hydrogen, self.hydrogen),
            products=(self.hydrogen, self.hydrogen),
        )

    @property
    def reactions(self) -> tuple[Reaction, ...]:
        """All of them."""
        return (self.shift, self.dissociation, self.decay, self.exchange)

    def geometry(self, seed: int = 0) -> Geometry:
        """The four atoms of CH2O somewhere."""
        positions = np.random.default_rng(seed).normal(size=(4, 3))
        return Geometry(numbers=np.array([6, 8, 1, 1]), positions=positions)

    def transition_state(
        self,
        *,
        seed: int = 0,
        energy_ev: float = -10.0,
        ends_ev: tuple[float, float] | None = (-12.0, -11.0),
        status: Status | None = Status.PASSED,
        level: LevelOfTheory = GFN2,
    ) -> TransitionState:
        """A transition state with every field filled."""
        checks = () if status is None else (Check(name=CheckName.IRC_ENDS_MATCH, status=status, evidence={"n": 1}),)
        return TransitionState(
            geometry=self.geometry(seed),
            energy_ev=energy_ev,
            level=level,
            verdict=Verdict(checks=checks),
            frequencies_cm1=(-1500.0, 900.0, 1200.0, 1800.0, 2900.0, 3000.0),
            reactant_end=self.geometry(seed + 1) if ends_ev else None,
            product_end=self.geometry(seed + 2) if ends_ev else None,
            reactant_end_energy_ev=ends_ev[0] if ends_ev else None,
            product_end_energy_ev=ends_ev[1] if ends_ev else None,
        )

    def search_result(self, *, level: LevelOfTheory = GFN2) -> SearchResult:
        """A failed attempt, an unintended one, an intended one, and one with a second imaginary mode."""
        return SearchResult(
            level=level,
            attempts=(
                _failed("classical:0", "scf"),
                _found("classical:1", Outcome.UNINTENDED, self.transition_state(seed=10, ends_ev=(-11.5, -13.0))),
                _found("neb", Outcome.INTENDED, self.transition_state(seed=20)),
                _failed("neb:1", "second_order", self.transition_state(seed=30, status=Status.FAILED)),
            ),
        )


def _failed(start: str, kind: str, state: TransitionState | None = None) -> Attempt:
    failure = Failure(stage=Stage.SADDLE, kind=kind, message=f"{kind} at {start}")
    return Attempt(
        start=start, gradient_calls=10, seconds=0.5, outcome=Outcome.FAILED, failure=failure, transition_state=state
    )


def _found(start: str, outcome: Outcome, state: TransitionState) -> Attempt:
    return Attempt(start=start, gradient_calls=30, seconds=1.5, outcome=outcome, transition_state=state)


@pytest.fixture
def network() -> Network:
    """A small network to store."""
    return Network()


@pytest.fixture
def gfn2() -> LevelOfTheory:
    """The level of theory of most tests."""
    return GFN2


@pytest.fixture
def dft() -> LevelOfTheory:
    """Another level of theory."""
    return DFT


def reversed_reaction(reaction: Reaction) -> Reaction:
    """The same key written from products to reactants."""
    return Reaction(
        key=reaction.key,
        reactant_graph=reaction.product_graph,
        product_graph=reaction.reactant_graph,
        reactants=reaction.products,
        products=reaction.reactants,
        degeneracy=reaction.degeneracy,
    )


@pytest.fixture
def backwards():
    """Function that writes a reaction the other way round."""
    return reversed_reaction


@pytest.fixture
def count_rows():
    """Function that counts the rows of every table."""
    from db.campaign_tables import Base
    from db.engine import reading

    def counts(engine) -> dict[str, int]:
        with reading(engine) as session:
            return {
                name: session.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar_one()
                for name in Base.metadata.tables
            }

    return counts


@pytest.fixture
def search(engine, network, gfn2):
    """Function that queues and claims the search for a reaction."""

    def claimed(key="shift", *, level=gfn2, kind=CalculationKind.SEARCH):
        with writing(engine) as session:
            add_reactions(session, network.reactions, {"shift": "mapped"})
            enqueue(session, kind=kind, reaction_keys=[key], level_key=level.key)
        (one,) = claim(engine, kind=kind, worker="one", limit=1, lease_seconds=60)
        return one

    return claimed
