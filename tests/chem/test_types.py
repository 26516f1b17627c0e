"""The values that flow through Cairn check themselves."""

from __future__ import annotations

import numpy as np
import pytest

from chem.errors import ElectronCountError, GeometryError, InputError
from chem.outcomes import Attempt, Check, CheckName, Outcome, Status, Verdict
from chem.types import Geometry, TSCandidate, hill_formula

WATER = Geometry(numbers=np.array([8, 1, 1]), positions=np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]))


@pytest.mark.parametrize(
    ("numbers", "formula"),
    [((8, 1, 1), "H2O"), ((1, 6, 17, 1, 35, 1), "CH3BrCl"), ((11, 17), "ClNa"), ((6,), "C")],
)
def test_hill_formula_puts_carbon_then_hydrogen_then_the_alphabet(numbers, formula):
    assert hill_formula(numbers) == formula


@pytest.mark.parametrize(("charge", "multiplicity"), [(0, 2), (1, 1), (0, 0), (11, 1), (0, 13)])
def test_wrong_parity_of_electrons_is_refused(charge, multiplicity):
    with pytest.raises(ElectronCountError, match="H2O"):
        Geometry(numbers=WATER.numbers, positions=WATER.positions, charge=charge, multiplicity=multiplicity)


@pytest.mark.parametrize(
    ("numbers", "positions"),
    [
        (np.array([8, 1, 1]), np.zeros((2, 3))),
        (np.array([8, 1, 1]), np.full((3, 3), np.nan)),
        (np.array([0, 1]), np.zeros((2, 3))),
        (np.array([], dtype=int), np.zeros((0, 3))),
    ],
)
def test_a_geometry_that_makes_no_sense_is_refused(numbers, positions):
    with pytest.raises(GeometryError):
        Geometry(numbers=numbers, positions=positions)


def test_arrays_of_a_geometry_are_copies_that_cannot_be_written():
    positions = WATER.positions.copy()
    geometry = Geometry(numbers=WATER.numbers, positions=positions)
    positions[0, 0] = 5.0
    assert geometry.positions[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        geometry.positions[0, 0] = 1.0


def test_reordering_atoms_and_back_gives_the_same_geometry():
    order = (2, 0, 1)
    back = tuple(order.index(atom) for atom in range(3))
    again = WATER.permuted(order).permuted(back)
    assert again.symbols == WATER.symbols
    assert np.array_equal(again.positions, WATER.positions)


def test_a_verdict_is_as_bad_as_its_worst_check():
    passed, unknown, failed = (
        Check(name=CheckName.IRC_ENDS_MATCH, status=status)
        for status in (Status.PASSED, Status.COULD_NOT_CHECK, Status.FAILED)
    )
    assert Verdict().status is Status.ESTIMATED
    assert Verdict(checks=(passed,)).status is Status.PASSED
    assert Verdict(checks=(passed, unknown)).status is Status.COULD_NOT_CHECK
    assert Verdict(checks=(passed, unknown, failed)).status is Status.FAILED


def test_confidence_is_a_probability():
    with pytest.raises(ValueError, match="confidence"):
        TSCandidate(geometry=WATER, generator="classical", confidence=1.5)


def test_an_attempt_fails_with_a_reason_or_has_a_transition_state():
    for outcome in Outcome:
        with pytest.raises(ValueError, match="attempt"):
            Attempt(start="classical:0", gradient_calls=1, seconds=0.1, outcome=outcome)


def test_every_refusal_is_an_input_error_and_a_value_error():
    assert issubclass(GeometryError, InputError)
    assert issubclass(ElectronCountError, ValueError)
