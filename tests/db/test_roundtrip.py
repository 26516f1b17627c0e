"""Whatever goes into the database comes out the same."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from chem.graph import MolecularGraph
from chem.outcomes import Attempt, Check, CheckName, Failure, Outcome, Stage, Status
from chem.types import Geometry, LevelOfTheory, Species
from db.campaign_tables import CampaignRow
from db.convert import (
    attempt_values,
    check_values,
    failure_values,
    graph_values,
    plain_json,
    settings_hash,
    storable_text,
    to_failure,
    to_geometry,
    to_level,
    to_species,
    to_verdict,
)
from db.engine import open_database
from db.load import load_reactions
from db.store import add_geometries, add_levels, add_reactions, add_species
from db.tables import AttemptRow, CalculationRow, GeometryRow, LevelRow, SpeciesRow

coordinates = st.floats(allow_nan=False, allow_infinity=False)
any_text = st.text(st.characters(), max_size=40)  # NUL and half surrogates included


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def session(request):
    """One transaction for all examples, rolled back at the end."""
    if request.param == "sqlite":
        url = "sqlite://"
    else:
        url = request.getfixturevalue("postgresql_server").format("template_network")
    engine = open_database(url)
    with Session(engine) as opened:
        yield opened
        opened.rollback()
    engine.dispose()


@st.composite
def geometries(draw):
    numbers = draw(st.lists(st.integers(1, 118), min_size=1, max_size=6))
    charge = draw(st.integers(-2, 1))
    positions = draw(st.lists(coordinates, min_size=3 * len(numbers), max_size=3 * len(numbers)))
    multiplicity = 1 if (sum(numbers) - charge) % 2 == 0 else 2
    return Geometry(
        numbers=np.array(numbers),
        positions=np.array(positions).reshape(-1, 3),
        charge=charge,
        multiplicity=multiplicity,
    )


@st.composite
def graphs(draw):
    numbers = tuple(draw(st.lists(st.integers(1, 54), min_size=1, max_size=8)))
    pairs = [(i, j) for i in range(len(numbers)) for j in range(i + 1, len(numbers))]
    bonds = frozenset(draw(st.sets(st.sampled_from(pairs)))) if pairs else frozenset()
    signs = st.sampled_from((-1, 1))
    centres = draw(st.dictionaries(st.integers(0, len(numbers) - 1), signs, max_size=2))
    double_bonds = draw(st.dictionaries(st.sampled_from(pairs), signs, max_size=2)) if pairs else {}
    return MolecularGraph(
        numbers=numbers,
        bonds=bonds,
        multiplicity=1 + sum(numbers) % 2,
        tetrahedral=frozenset(centres.items()),
        double_bonds=frozenset((i, j, sign) for (i, j), sign in double_bonds.items()),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(geometry=geometries())
def test_every_bit_of_a_geometry_comes_back(session, geometry):
    (number,) = add_geometries(session, [geometry]).values()
    session.expire_all()
    stored = to_geometry(session.get_one(GeometryRow, number))
    assert stored.positions.tobytes() == geometry.positions.tobytes()
    assert stored.numbers.tolist() == geometry.numbers.tolist()
    assert (stored.charge, stored.multiplicity) == (geometry.charge, geometry.multiplicity)


@settings(deadline=None)
@given(graph=graphs(), smiles=st.text("CNO=#()[]123", min_size=1, max_size=20))
def test_a_species_comes_back(session, graph, smiles):
    species = Species(key=f"{graph!r} {smiles}"[:2000], smiles=smiles, graph=graph, energy_key=smiles)
    number = add_species(session, [species])[species.key]
    session.expire_all()
    row = session.get_one(SpeciesRow, number)
    stored = to_species(row)
    assert (stored.key, stored.smiles, stored.energy_key, stored.graph) == (species.key, smiles, smiles, graph)
    assert (row.formula, row.charge, row.multiplicity) == (species.formula, species.charge, species.multiplicity)


@settings(deadline=None)
@given(
    words=st.lists(st.text("abcXYZ-+*()0123", min_size=1, max_size=8), min_size=5, max_size=5),
    options=st.dictionaries(st.text("abc_", min_size=1), st.text("xyz.1"), max_size=3),
)
def test_a_level_of_theory_comes_back(session, words, options):
    name, method, basis, program, version = words
    level = LevelOfTheory(
        name=name, method=method, basis=basis, program=program, version=version, options=tuple(sorted(options.items()))
    )
    number = add_levels(session, [level])[level]
    session.expire_all()
    row = session.get_one(LevelRow, number)
    assert row.key == level.key
    assert to_level(row) == level


@settings(deadline=None)
@given(stage=st.sampled_from(Stage), kind=st.text("abc_", min_size=1), message=any_text)
def test_a_failure_comes_back_whatever_a_program_printed(session, stage, kind, message):
    failure = Failure(stage=stage, kind=kind, message=message)
    row = CalculationRow(
        kind="search",
        subject_key=f"{stage}",
        level_key="",
        settings_hash="",
        settings={},
        state="done",
        max_attempts=1,
        **failure_values(failure),
    )
    session.add(row)
    session.flush()
    session.expire_all()
    stored = to_failure(row)
    session.delete(row)
    session.flush()
    assert stored == Failure(stage=stage, kind=kind, message=storable_text(message))
    assert stored.message == message or "\0" in message or message.encode("utf-8", "replace").decode() != message


@settings(deadline=None)
@given(evidence=st.dictionaries(any_text, json_values, max_size=3))
def test_evidence_comes_back_as_plain_json(session, evidence):
    row = CampaignRow(name="any", settings=plain_json(evidence), seed=0, rules_hash="")
    session.add(row)
    session.flush()
    session.expire_all()
    stored = row.settings
    session.delete(row)
    session.flush()
    assert stored == plain_json(evidence) == plain_json(stored)


def test_checks_come_back_in_their_own_order():
    checks = [Check(name=name, status=Status.PASSED, evidence={"n": 1}) for name in CheckName]
    rows = [check_values(check) for check in reversed(checks)]
    assert to_verdict([(row["name"], row["status"], row["evidence"]) for row in rows]).checks == tuple(checks)


def test_a_stored_graph_has_every_field_of_a_graph():
    assert set(graph_values(MolecularGraph(numbers=(2,), bonds=frozenset()))) == {
        field.name for field in fields(MolecularGraph)
    }


def test_numpy_values_and_infinities_become_plain_json():
    evidence = {
        "converged": np.bool_(True),
        "n": np.int64(3),
        "rmsd": np.float64(0.5),
        "modes": np.array([[1.0, math.nan], [math.inf, -math.inf]]),
        "status": Status.PASSED,
        "bonds": {(0, 1), (1, 2)},
    }
    assert plain_json(evidence) == {
        "converged": True,
        "n": 3,
        "rmsd": 0.5,
        "modes": [[1.0, "nan"], ["inf", "-inf"]],
        "status": "passed",
        "bonds": [[0, 1], [1, 2]],
    }
    with pytest.raises(TypeError, match="object has no JSON form"):
        plain_json({"x": object()})


def test_settings_are_the_same_in_any_order():
    assert settings_hash({"a": 1, "b": {"c": 2, "d": 3}}) == settings_hash({"b": {"d": 3, "c": 2}, "a": 1})
    assert settings_hash({"a": 1}) != settings_hash({"a": 2})


def test_reactions_come_back_with_species_repeated_as_often_as_they_occur(session, network):
    add_reactions(session, network.reactions)
    stored = load_reactions(session, [reaction.key for reaction in network.reactions])
    for reaction in network.reactions:
        again = stored[reaction.key]
        assert (again.reactant_graph, again.product_graph) == (reaction.reactant_graph, reaction.product_graph)
        assert sorted(s.key for s in reaction.reactants) == [s.key for s in again.reactants]
        assert sorted(s.key for s in reaction.products) == [s.key for s in again.products]
        assert (again.broken, again.formed, again.degeneracy) == (reaction.broken, reaction.formed, reaction.degeneracy)


def test_an_attempt_keeps_its_cost_and_failure():
    failure = Failure(stage=Stage.SADDLE, kind="budget", message="spent")
    attempt = Attempt(start="neb", gradient_calls=7, seconds=0.25, outcome=Outcome.FAILED, failure=failure)
    row = AttemptRow(calculation_id=1, position=0, **attempt_values(attempt))
    assert (row.start, row.gradient_calls, row.seconds, row.outcome) == ("neb", 7, 0.25, "failed")
    assert to_failure(row) == failure
