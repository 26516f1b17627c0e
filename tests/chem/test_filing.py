"""An unintended transition state is filed under the reaction that it really is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chem.filing import inherit_stereo, reactions_found
from chem.identity import make_reaction, reaction_key
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.perception import perceive_graph
from chem.smiles import parse_smiles
from chem.types import Geometry, LevelOfTheory

LEVEL = LevelOfTheory(name="gfn2", method="GFN2-xTB")
NUMBERS = np.array([6, 7, 1])
HCN = Geometry(numbers=NUMBERS, positions=np.array([[0.0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]]))
HNC = Geometry(numbers=NUMBERS, positions=np.array([[0.0, 0, 0], [0, 0, 1.17], [0, 0, 2.17]]))
TS = Geometry(numbers=NUMBERS, positions=np.array([[0.0, 0, 0], [0, 0, 1.19], [0.0, 1.1, 0.4]]))
MODE = np.array([[0.0, 0, 0], [0, 0, 0], [0, 0, 1.0]])


def result(first, last):
    checks = (
        Check(name=CheckName.MODE_MOVES_CHANGING_BONDS, status=Status.FAILED, evidence={}),
        Check(name=CheckName.IRC_ENDS_MATCH, status=Status.FAILED, evidence={"found_key": "x"}),
    )
    state = TransitionState(
        geometry=TS,
        energy_ev=-148.0,
        level=LEVEL,
        verdict=Verdict(checks=checks),
        reactant_end=first,
        product_end=last,
        reactant_end_energy_ev=-151.0 if first is HCN else -150.0,
        product_end_energy_ev=-151.0 if last is HCN else -150.0,
        imaginary_mode=MODE,
    )
    attempt = Attempt(
        start="classical:0", gradient_calls=9, seconds=0.1, outcome=Outcome.UNINTENDED, transition_state=state
    )
    return SearchResult(level=LEVEL, attempts=(attempt,))


@pytest.fixture
def searched():
    """Loss of hydrogen: something else."""
    graph = parse_smiles("C#N")
    return make_reaction(graph, replace(graph, bonds=frozenset({(0, 1)}), multiplicity=1))


def test_the_reaction_of_the_ends_is_named_whichever_end_comes_first(searched):
    key = reaction_key(perceive_graph(HCN), perceive_graph(HNC))
    named = []
    for first, last in ((HCN, HNC), (HNC, HCN)):
        judged, found = reactions_found(result(first, last), searched)
        assert found[0].key == key
        state = judged.attempts[0].transition_state
        named.append((found[0].reactants, state.reactant_end_energy_ev))
    assert named[0] == named[1]


def test_its_checks_are_those_of_its_own_reaction(searched):
    judged, _ = reactions_found(result(HCN, HNC), searched)
    checks = {check.name: check for check in judged.attempts[0].transition_state.verdict.checks}
    assert {check.status for check in checks.values()} == {Status.PASSED}
    assert checks[CheckName.IRC_ENDS_MATCH].evidence["searched_key"] == searched.key


def test_an_intended_attempt_is_left_alone(searched):
    before = result(HCN, HNC)
    before = replace(before, attempts=(replace(before.attempts[0], outcome=Outcome.INTENDED),))
    after, found = reactions_found(before, searched)
    assert found == {}
    assert after.attempts[0] is before.attempts[0]


def test_stereo_is_inherited_where_no_bond_changes():
    template = parse_smiles("C[C@H](O)F")
    assert inherit_stereo(template.without_stereo(), template).tetrahedral == template.tetrahedral
    (centre, _), *_ = template.tetrahedral
    cut = replace(
        template.without_stereo(), bonds=frozenset(pair for pair in template.bonds if pair != (centre, centre + 1))
    )
    assert inherit_stereo(cut, template).tetrahedral == frozenset()
