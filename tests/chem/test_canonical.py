"""The canonical form tells isomorphic graphs from others, and counts their symmetry."""

from __future__ import annotations

import itertools
import random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chem.canonical import canonical_form
from chem.smiles import parse_smiles


@st.composite
def colored_graphs(draw):
    n_vertices = draw(st.integers(1, 6))
    numbers = draw(st.lists(st.sampled_from([1, 6, 8]), min_size=n_vertices, max_size=n_vertices))
    colors = draw(st.lists(st.integers(0, 1), min_size=n_vertices, max_size=n_vertices))
    edges = {}
    for pair in itertools.combinations(range(n_vertices), 2):
        label = draw(st.integers(0, 2))
        if label:
            edges[pair] = label
    return numbers, edges, colors


def as_networkx(numbers, edges, colors):
    graph = nx.Graph()
    for vertex, kind in enumerate(zip(numbers, colors, strict=True)):
        graph.add_node(vertex, kind=kind)
    for (i, j), label in edges.items():
        graph.add_edge(i, j, label=label)
    return graph


def matcher(first, second):
    return nx.isomorphism.GraphMatcher(
        first,
        second,
        node_match=lambda a, b: a["kind"] == b["kind"],
        edge_match=lambda a, b: a["label"] == b["label"],
    )


def renumbered(numbers, edges, colors, order):
    place = {old: new for new, old in enumerate(order)}
    return (
        [numbers[old] for old in order],
        {tuple(sorted((place[i], place[j]))): label for (i, j), label in edges.items()},
        [colors[old] for old in order],
    )


@given(colored_graphs(), colored_graphs())
@settings(max_examples=150, deadline=None)
def test_equal_forms_mean_isomorphic_graphs(first, second):
    same = canonical_form(*first).certificate == canonical_form(*second).certificate
    assert same == matcher(as_networkx(*first), as_networkx(*second)).is_isomorphic()


@given(colored_graphs(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_form_does_not_depend_on_the_numbering(graph, rng):
    order = list(range(len(graph[0])))
    rng.shuffle(order)
    form, again = canonical_form(*graph), canonical_form(*renumbered(*graph, order))
    assert form.certificate == again.certificate
    assert form.digest == again.digest
    assert form.automorphisms == again.automorphisms
    # In canonical order the two graphs are one.
    assert renumbered(*graph, form.order) == renumbered(*renumbered(*graph, order), again.order)


@given(colored_graphs())
@settings(max_examples=150, deadline=None)
def test_automorphisms_are_counted_as_networkx_finds_them(graph):
    graph_x = as_networkx(*graph)
    assert canonical_form(*graph).automorphisms == sum(1 for _ in matcher(graph_x, graph_x).isomorphisms_iter())


@pytest.mark.parametrize(
    ("smiles", "automorphisms"),
    [
        ("C", 24),
        ("CC", 72),
        ("[H][H]", 2),
        ("c1ccccc1", 12),
        ("CC(C)(C)C", 24 * 6**4),
        ("C12C3C4C1C5C2C3C45", 48),  # cubane
        ("C1CCCCC1", 12 * 2**6),
        ("O.O.O", 6 * 2**3),
        ("OO", 2),
    ],
)
def test_symmetry_of_known_molecules(smiles, automorphisms):
    graph = parse_smiles(smiles)
    assert canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1)).automorphisms == automorphisms


def test_numpy_integers_and_plain_ones_have_one_digest():
    plain = canonical_form([6, 8], {(0, 1): 1}, [0, 2])
    numpy = canonical_form(np.array([6, 8]), {(0, 1): np.int64(1)}, np.array([0, 2]))
    assert plain.digest == numpy.digest


def test_a_dodecahedron_takes_no_exponential_time():
    graph = nx.dodecahedral_graph()
    numbers = [6] * 20
    edges = {tuple(sorted(edge)): 1 for edge in graph.edges}
    order = list(range(20))
    random.Random(0).shuffle(order)
    form = canonical_form(numbers, edges)
    assert form.automorphisms == 120
    assert form.digest == canonical_form(*renumbered(numbers, edges, [0] * 20, order)).digest
