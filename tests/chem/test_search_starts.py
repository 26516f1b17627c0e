"""Which starts a search tries, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chem.alignment import rmsd
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.search_starts import REFINED, search_starts
from chem.types import Geometry, TSCandidate

NUMBERS = np.array([6, 7, 1])
ENDS = EndPoints(
    reactant=Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]]),
    product=Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.17], [0, 0, 2.17]]),
)


def moved(shift):
    """A bent guess whose hydrogen is `shift` Angstrom farther out than in the first of its kind."""
    geometry = Geometry(numbers=NUMBERS, positions=[[0, 0, 0], [0, 0, 1.2], [3.0 + shift, 0, 0.6]])
    return TSCandidate(geometry=geometry, generator="learned")


def places(starts):
    return [start.geometry.positions[2, 0] for start in starts if start.generator == "learned"]


def test_the_recommended_comes_first_and_the_classical_guess_last():
    starts = search_starts([moved(1.0), moved(0.0)], ENDS)
    assert places(starts) == [4.0, 3.0]
    assert [start.generator for start in starts] == ["learned", "learned", "classical"]


def test_what_a_force_field_led_to_goes_first():
    walked = replace(moved(2.0), generator=REFINED)
    starts = search_starts([moved(0.0), moved(1.0), walked], ENDS)
    assert [start.generator for start in starts] == [REFINED, "learned", "learned", "classical"]


def test_candidates_that_hardly_differ_are_tried_once():
    assert places(search_starts([moved(0.0), moved(0.01), moved(1.0), moved(0.99)], ENDS)) == [3.0, 4.0]


def test_at_most_three_others_are_tried():
    starts = search_starts([moved(float(place)) for place in range(8)], ENDS)
    assert [start.generator for start in starts] == ["learned"] * 4 + ["classical"]


def test_a_turned_copy_is_no_other_start():
    first = moved(0.0)
    turned = TSCandidate(
        geometry=first.geometry.with_positions(first.geometry.positions[:, [1, 2, 0]] + 5.0), generator="learned"
    )
    assert rmsd(first.geometry.positions, turned.geometry.positions) < 1e-9
    assert len(search_starts([first, turned], ENDS)) == 2


def test_a_classical_guess_is_tried_once_and_also_where_there_is_no_candidate():
    guesses = ClassicalGenerator(n_candidates=1).generate([ENDS])[0]
    for candidates in (guesses, []):
        (start,) = search_starts(candidates, ENDS)
        assert start.geometry.positions.tolist() == guesses[0].geometry.positions.tolist()
