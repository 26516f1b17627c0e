"""Molecules that fall into each other have no transition state, which is an outcome and no failure."""

from __future__ import annotations

import pytest

from chem.barrierless import fell_together
from chem.endpoints import prepare_end_points
from chem.graph import MolecularGraph
from chem.half_way import EndPointSettings
from chem.identity import make_reaction
from chem.levels import resolve_level
from chem.potential import GradientCounter
from chem.relax import Relaxation, relax
from chem.types import Geometry
from chem.units import kcal_mol

GFN2 = resolve_level("gfn2")
SETTINGS = EndPointSettings(n_conformers=1, n_attempts=2)
NUMBERS = (6, 1, 1, 1, 1)
PLANAR = [[0, 0, 0], [1.08, 0, 0], [-0.54, 0.94, 0], [-0.54, -0.94, 0]]
TETRAHEDRAL = [[0.63, 0.63, 0.63], [-0.63, -0.63, 0.63], [-0.63, 0.63, -0.63], [0.63, -0.63, -0.63]]
METHYL = {(0, 1), (0, 2), (0, 3)}


def graph(bonds):
    return MolecularGraph(numbers=NUMBERS, bonds=frozenset(bonds))


@pytest.mark.parametrize("reverse", [False, True])
def test_a_methyl_radical_and_a_hydrogen_atom_become_methane_without_a_barrier(reverse):
    sides = [graph(METHYL), graph({*METHYL, (0, 4)})]
    prepared = prepare_end_points(make_reaction(*(sides[::-1] if reverse else sides)), GFN2, SETTINGS)
    assert prepared.failure is None
    assert prepared.pairs == ()
    assert prepared.barrierless.apart_side == ("product" if reverse else "reactant")
    alone = (
        Geometry(numbers=[6, 1, 1, 1], positions=PLANAR, multiplicity=2),
        Geometry(numbers=[1], positions=[[0, 0, 0]], multiplicity=2),
        Geometry(numbers=NUMBERS, positions=[*PLANAR[:1], *TETRAHEDRAL]),
    )
    methyl, hydrogen, methane = (relax(each, GFN2, GradientCounter()).energy_ev for each in alone)
    assert prepared.barrierless.height_ev == pytest.approx(methyl + hydrogen - methane, abs=0.01)
    assert kcal_mol(prepared.barrierless.height_ev) > 90.0  # experiment: 105


def test_only_the_very_product_counts_as_falling_together():
    positions = [*PLANAR, [0, 0, 1.1]]
    pyramid = Relaxation(geometry=Geometry(numbers=NUMBERS, positions=positions), energy_ev=0.0, converged=True)
    apart, bound = graph(METHYL), graph({*METHYL, (0, 4)})
    assert fell_together(apart, bound, pyramid)
    assert not fell_together(bound, apart, pyramid)  # what falls apart has not fallen together
    assert not fell_together(apart, graph({*METHYL, (1, 4)}), pyramid)
    unfinished = Relaxation(geometry=pyramid.geometry, energy_ev=0.0, converged=False)
    assert not fell_together(apart, bound, unfinished)
