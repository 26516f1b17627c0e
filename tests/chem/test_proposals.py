"""Which drawn structures are reactions, and that they are held against the rules of the enumeration."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from chem.allowed_changes import PairsMoved, has_allowed_electrons, pairs_moved
from chem.distance_windows import windows_of
from chem.embedding import embed, seed_from
from chem.enumeration import EnumerationRules, enumerate_reactions, with_bonds
from chem.errors import CalculationError, ElementError
from chem.perception import perceive_graph
from chem.proposals import MEANING, PLAUSIBLE, Proposal, Reason, judged, sieve
from chem.smiles import parse_smiles
from chem.types import Geometry

B2F2 = EnumerationRules()
MOLECULES = ["O=CCCOO", "CC=O", "C#N", "C[N+](=O)[O-]", "c1ccco1", "C[C@H](O)F", "C=C.[H][H]", "C=C[CH2]", "CC(=O)[O-]"]


def geometry(graph, positions):
    return Geometry(
        numbers=np.array(graph.numbers), positions=positions, charge=graph.charge, multiplicity=graph.multiplicity
    )


def structure(graph):
    """A geometry with the bonds of a graph, its molecules apart."""
    for seed in range(10):
        positions = embed(windows_of(graph), seed_from(seed))
        for number, atoms in enumerate(graph.fragments):
            positions[list(atoms)] += 6.0 * number
        made = geometry(graph, positions)
        if perceive_graph(made).bonds == graph.bonds:
            return made
    raise AssertionError("no embedding has the bonds that were asked for")


def drawn(before, after, number=0):
    return Proposal(reactant=structure(before), ts=structure(before), product=after, seed=0, sample=number)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_every_enumerated_reaction_is_sound_within_the_same_bounds(smiles):
    graph = parse_smiles(smiles)
    rules = PLAUSIBLE if graph.charge else B2F2  # of an ion, the best Lewis structures may be further apart
    for reaction in enumerate_reactions(graph, B2F2):
        found = judged(reaction.reactant_graph, reaction.product_graph.bonds, rules)
        assert not isinstance(found, Reason), (found, reaction.broken, reaction.formed)
        assert found[0].key == reaction.key
        assert found[0].degeneracy == reaction.degeneracy


@pytest.mark.parametrize("smiles", MOLECULES)
def test_every_sound_change_within_the_bounds_of_the_enumeration_is_enumerated(smiles):
    graph = parse_smiles(smiles)
    keys = {reaction.key for reaction in enumerate_reactions(graph, B2F2)}
    generator = random.Random(0)
    free = sorted(set(combinations(range(graph.n_atoms), 2)) - graph.bonds)
    sound = 0
    for _ in range(600):
        broken = generator.sample(sorted(graph.bonds), min(generator.randint(0, 2), len(graph.bonds)))
        formed = generator.sample(free, min(generator.randint(0, 2), len(free)))
        found = judged(graph, (graph.bonds - set(broken)) | set(formed), B2F2)
        if not isinstance(found, Reason):
            sound += 1
            assert found[0].key in keys
    assert sound or smiles in {"C[N+](=O)[O-]", "CC(=O)[O-]"}


def test_moved_pairs_count_one_bond_of_a_double_bond_once():
    ketone, enol = parse_smiles("CC=O"), parse_smiles("CC=O")
    carbon, oxygen = 0, 2
    hydrogen = next(n for n in ketone.neighbors[carbon] if ketone.numbers[n] == 1)
    bonds = (ketone.bonds - {(carbon, hydrogen)}) | {(oxygen, hydrogen)}
    moved = pairs_moved(ketone, with_bonds(enol, bonds), B2F2.valence_rules)
    assert moved == PairsMoved(broken=2, formed=2)  # C-H and the pi bond of C=O; O-H and the pi bond of C=C


def test_electrons_are_allowed_as_the_rules_say():
    rules, wider = B2F2.valence_rules, EnumerationRules(carbenes=True, zwitterions=True).valence_rules
    assert has_allowed_electrons(parse_smiles("C[N+](=O)[O-]"), rules)
    assert has_allowed_electrons(parse_smiles("[C-]#[O+]"), rules)
    carbene = parse_smiles("[CH]O", multiplicity=1)
    assert not has_allowed_electrons(carbene, rules)
    assert has_allowed_electrons(carbene, wider)
    ylide = parse_smiles("C[NH2+][O-]")
    assert not has_allowed_electrons(ylide, rules)
    assert has_allowed_electrons(ylide, wider)


@pytest.fixture
def acetaldehyde():
    return parse_smiles("CC=O")


def changed(graph, broken, formed):
    return with_bonds(graph, (graph.bonds - set(broken)) | set(formed))


def hydrogens(graph, atom):
    return [n for n in graph.neighbors[atom] if graph.numbers[n] == 1]


def test_like_draws_are_one_reaction_with_how_often_it_was_drawn(acetaldehyde):
    first, second, _ = hydrogens(acetaldehyde, 0)
    enols = [changed(acetaldehyde, [(0, h)], [(2, h)]) for h in (first, second, first)]
    carbonyl = hydrogens(acetaldehyde, 1)[0]
    decarbonylated = changed(acetaldehyde, [(0, 1), (1, carbonyl)], [(0, carbonyl)])
    proposals = [drawn(acetaldehyde, structure(each), number) for number, each in enumerate([decarbonylated, *enols])]
    found = sieve(proposals, PLAUSIBLE, acetaldehyde)
    assert [len(each.draws) for each in found.reactions] == [3, 1]
    assert [each.sample for each in found.reactions[0].draws] == [1, 2, 3]
    assert found.n_sound == 4
    assert found.reasons == {}
    keys = {each.key for each in enumerate_reactions(acetaldehyde, B2F2)}
    assert {each.reaction.key for each in found.reactions} <= keys
    assert {one.smiles for one in found.reactions[1].reaction.products} == {"C", "[C-]#[O+]"}


def test_what_is_thrown_away_says_why(acetaldehyde):
    a, b, _ = hydrogens(acetaldehyde, 0)
    carbonyl = hydrogens(acetaldehyde, 1)[0]
    whole = structure(acetaldehyde)
    collapsed = whole.positions.copy()
    collapsed[0] = collapsed[1] + 0.05
    cases = {
        Reason.UNCHANGED: whole,
        Reason.CLASH: whole.with_positions(collapsed),
        Reason.UNBALANCED: replace(whole, charge=1, multiplicity=2),
        Reason.ELECTRONS: structure(changed(acetaldehyde, [(0, a)], [])),
        Reason.EXCHANGE: structure(changed(acetaldehyde, [(0, a), (1, carbonyl)], [(1, a), (0, carbonyl)])),
    }
    proposals = [drawn(acetaldehyde, after, number) for number, after in enumerate(cases.values())]
    found = sieve(proposals, PLAUSIBLE, acetaldehyde)
    assert {each.proposal.sample: each.reason for each in found.thrown_away} == dict(enumerate(cases))
    assert list(found.reasons) == [reason for reason in Reason if reason in cases]
    assert set(found.reasons.values()) == {1}
    assert set(MEANING) == set(Reason)
    pentavalent = acetaldehyde.bonds | {(0, 2), (0, carbonyl)}
    assert judged(acetaldehyde, pentavalent) is Reason.LEWIS
    ketene = (acetaldehyde.bonds - {(0, a), (1, carbonyl)}) | {(min(a, carbonyl), max(a, carbonyl))}
    assert judged(acetaldehyde, ketene, EnumerationRules(break_bonds=1, form_bonds=4)) is Reason.BROKEN
    assert judged(acetaldehyde, ketene, EnumerationRules(break_bonds=4, form_bonds=1)) is Reason.FORMED
    oxirane = (acetaldehyde.bonds - {(0, b)}) | {(0, 2), (1, b)}
    assert judged(acetaldehyde, oxirane, EnumerationRules(minimum_ring_size=4)) is Reason.RING
    assert not isinstance(judged(acetaldehyde, oxirane), Reason)


def test_a_reactant_that_was_drawn_as_well_must_be_one(acetaldehyde):
    hydrogen = hydrogens(acetaldehyde, 0)[0]
    enol = changed(acetaldehyde, [(0, hydrogen)], [(2, hydrogen)])
    radicals = changed(acetaldehyde, [(0, hydrogen)], [])
    good = Proposal(reactant=structure(acetaldehyde), ts=structure(enol), product=structure(enol), seed=0, sample=0)
    bad = replace(good, reactant=structure(radicals))
    found = sieve([good, bad])
    assert [each.reaction.reactants[0].smiles for each in found.reactions] == ["CC=O"]
    assert found.reasons == {Reason.REACTANT: 1}


def test_a_centre_that_takes_no_part_keeps_its_hand():
    graph = parse_smiles("C[C@H](F)C=O")
    keys = {each.key for each in enumerate_reactions(graph, B2F2)}
    plain = graph.without_stereo()
    for reaction in enumerate_reactions(plain, B2F2)[:20]:
        order = reaction.reactant_graph
        assert order.tetrahedral == frozenset()
    carbon = next(i for i, n in enumerate(graph.numbers) if n == 6 and len(graph.neighbors[i]) == 3)
    hydrogen = hydrogens(graph, carbon)[0]
    other = next(n for n in graph.neighbors[carbon] if graph.numbers[n] == 6)
    lost = changed(graph, [(min(carbon, hydrogen), max(carbon, hydrogen)), (min(carbon, other), max(carbon, other))],
                   [(min(other, hydrogen), max(other, hydrogen))])  # fmt: skip
    found = judged(graph, lost.bonds)
    assert not isinstance(found, Reason)
    assert found[0].key in keys


def test_elements_without_valence_rules_are_refused():
    with pytest.raises(ElementError, match="no valence rule for He"):
        judged(parse_smiles("[He].C"), frozenset({(0, 1)}))


def test_a_side_without_lewis_structure_is_an_error_of_the_pure_function(acetaldehyde):
    with pytest.raises(CalculationError, match="no Lewis structure"):
        pairs_moved(acetaldehyde, with_bonds(acetaldehyde, acetaldehyde.bonds | {(0, 2), (0, 6)}), B2F2.valence_rules)
