"""Identity of species and reactions: keys that depend on neither atom order, direction nor resonance form.

A species key reads `formula-constitution[-qCHARGE][-mMULTIPLICITY][-sSTEREO]`, a reaction key
`rx-mapping[-qCHARGE][-mMULTIPLICITY][-sSTEREO]`. Constitution and mapping are digests of canonical certificates
(`chem.canonical`); the stereo layer is the digest of the same graph with CIP labels as colours, absent where nothing is
specified.
"""

from __future__ import annotations

from functools import lru_cache

from chem.canonical import CanonicalForm, canonical_form
from chem.errors import InputError, UnbalancedReactionError
from chem.graph import MolecularGraph, subgraph
from chem.lewis import charge_and_multiplicity_of_fragments
from chem.smiles import to_rdkit, write_mapped_smiles, write_smiles
from chem.stereo import stereo_elements, stereo_labels
from chem.types import Pair, Reaction, Species, hill_formula

_ATOM_LABELS = {"R": 1, "S": 2, "r": 3, "s": 4}
_BOND_LABELS = {"E": 1, "Z": 2}
_CACHED = 8192  # entries of each cache


def _stereo_coloring(graph: MolecularGraph) -> tuple[list[int], dict[Pair, int]]:
    """CIP labels as integers: one an atom, one a double bond; empty where nothing is specified."""
    if not graph.tetrahedral and not graph.double_bonds:
        return [0] * graph.n_atoms, {}
    return _cip_coloring(graph)


@lru_cache(maxsize=_CACHED)
def _cip_coloring(graph: MolecularGraph) -> tuple[list[int], dict[Pair, int]]:
    colors = [0] * graph.n_atoms
    atom_labels, bond_labels = stereo_labels(to_rdkit(graph))
    for atom, label in atom_labels:
        colors[atom] = _ATOM_LABELS.get(label, 0)
    return colors, {(i, j): _BOND_LABELS.get(label, 0) for i, j, label in bond_labels}


def _with_real_stereo(graph: MolecularGraph) -> MolecularGraph:
    """The graph without the marks that mean nothing.

    Such are marks on an atom with two like ligands or on a bond that is not double. They come from geometries, and from
    reactions in which a double bond moves away.
    """
    if not graph.tetrahedral and not graph.double_bonds:
        return graph
    centres, bonds = stereo_elements(to_rdkit(graph))
    return graph.with_stereo(
        frozenset(each for each in graph.tetrahedral if each[0] in centres),
        frozenset(each for each in graph.double_bonds if (each[0], each[1]) in bonds),
    )


def _stereo_form(graph: MolecularGraph) -> CanonicalForm | None:
    colors, labels = _stereo_coloring(graph)
    if not any(colors) and not labels:
        return None
    return canonical_form(graph.numbers, {pair: 1 + labels.get(pair, 0) for pair in graph.bonds}, colors)


@lru_cache(maxsize=_CACHED)
def species_of(graph: MolecularGraph) -> Species:
    """The species of one connected molecule, with its graph in canonical atom order.

    Raises:
        InputError: The graph holds several molecules.
    """
    if len(graph.fragments) != 1:
        raise InputError(
            f"{hill_formula(graph.numbers)} with {len(graph.fragments)} separate molecules is not one species; use"
            " split_species"
        )
    graph = _with_real_stereo(graph)
    form = _stereo_form(graph) or canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1))
    return _species_in_order(graph.permuted(form.order))


@lru_cache(maxsize=_CACHED)
def _species_in_order(graph: MolecularGraph) -> Species:
    """The species of a graph in canonical order: made once, whatever orders it is met in."""
    form = canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1))
    key = f"{hill_formula(graph.numbers)}-{form.digest}"
    if graph.charge:
        key += f"-q{graph.charge:+d}"
    if graph.multiplicity != 1:
        key += f"-m{graph.multiplicity}"
    stereo = _stereo_form(graph)
    if stereo is None:
        plain = graph.without_stereo()
        return Species(key=key, smiles=write_smiles(plain), graph=plain, energy_key=key)
    mirror = _stereo_form(graph.mirrored()) or stereo
    return Species(
        key=f"{key}-s{stereo.digest[:10]}",
        smiles=write_smiles(graph),
        graph=graph,
        energy_key=f"{key}-s{min(stereo.digest, mirror.digest)[:10]}",
    )


@lru_cache(maxsize=_CACHED)
def split_species(graph: MolecularGraph) -> tuple[Species, ...]:
    """Species of the connected components, sorted by key, repeated as often as they occur."""
    if len(graph.fragments) == 1:
        return (species_of(graph),)
    parts = []
    states = charge_and_multiplicity_of_fragments(graph)
    for atoms, (charge, multiplicity) in zip(graph.fragments, states, strict=True):
        parts.append(species_of(subgraph(graph, atoms, charge, multiplicity)))
    return tuple(sorted(parts, key=lambda species: species.key))


@lru_cache(maxsize=_CACHED)
def mapping_form(reactant: MolecularGraph, product: MolecularGraph) -> CanonicalForm:
    """Canonical form of a reaction read in one direction: bonds labelled 1 kept, 2 broken, 3 formed."""
    edges = {}
    for pair in reactant.bonds | product.bonds:
        edges[pair] = 1 if pair in reactant.bonds and pair in product.bonds else 2 if pair in reactant.bonds else 3
    return canonical_form(reactant.numbers, edges)


def check_balanced(reactant: MolecularGraph, product: MolecularGraph) -> None:
    """Raise `UnbalancedReactionError` unless both sides hold the same atoms in one order, charge and spin."""
    if reactant.numbers != product.numbers:
        raise UnbalancedReactionError(
            f"reactants {hill_formula(reactant.numbers)} and products {hill_formula(product.numbers)} must hold the"
            " same atoms, mapped one to one"
        )
    if (reactant.charge, reactant.multiplicity) != (product.charge, product.multiplicity):
        raise UnbalancedReactionError(
            f"reactants have charge {reactant.charge} and multiplicity {reactant.multiplicity}, products"
            f" {product.charge} and {product.multiplicity}; an elementary step keeps both"
        )


def reaction_key(reactant: MolecularGraph, product: MolecularGraph) -> str:
    """Key of an atom-mapped reaction, independent of atom order and direction.

    Two atom maps of one pair of sides share a key exactly when symmetry makes them equal. Stereo layers count where
    they are specified.

    Raises:
        UnbalancedReactionError: The sides hold different atoms, charge or multiplicity.
    """
    check_balanced(reactant, product)
    forward, backward = mapping_form(reactant, product), mapping_form(product, reactant)
    return _key_from_forms(reactant, product, forward, backward)


def _key_from_forms(
    reactant: MolecularGraph, product: MolecularGraph, forward: CanonicalForm, backward: CanonicalForm
) -> str:
    key = f"rx-{min(forward.digest, backward.digest)}"
    if reactant.charge:
        key += f"-q{reactant.charge:+d}"
    if reactant.multiplicity != 1:
        key += f"-m{reactant.multiplicity}"
    one, other = _stereo_mapping_form(reactant, product), _stereo_mapping_form(product, reactant)
    if one is None or other is None:
        return key
    return f"{key}-s{min(one.digest, other.digest)[:10]}"


def _stereo_mapping_form(reactant: MolecularGraph, product: MolecularGraph) -> CanonicalForm | None:
    """Canonical form of the mapping coloured with the stereo labels of both sides; None where neither has any."""
    if not (reactant.tetrahedral or product.tetrahedral or reactant.double_bonds or product.double_bonds):
        return None
    (colors_a, bonds_a), (colors_b, bonds_b) = _stereo_coloring(reactant), _stereo_coloring(product)
    if not (any(colors_a) or any(colors_b) or bonds_a or bonds_b):
        return None
    edges = {}
    for pair in reactant.bonds | product.bonds:
        kind = 1 if pair in reactant.bonds and pair in product.bonds else 2 if pair in reactant.bonds else 3
        edges[pair] = kind + 4 * bonds_a.get(pair, 0) + 16 * bonds_b.get(pair, 0)
    colors = [a + 8 * b for a, b in zip(colors_a, colors_b, strict=True)]
    return canonical_form(reactant.numbers, edges, colors)


@lru_cache(maxsize=_CACHED)
def _automorphisms(graph: MolecularGraph) -> int:
    form = _stereo_form(graph) or canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1))
    return form.automorphisms


def make_reaction(reactant: MolecularGraph, product: MolecularGraph, degeneracy: int | None = None) -> Reaction:
    """The reaction between two graphs of one atom order, its atoms renumbered canonically.

    Args:
        reactant: Reactant molecules as one graph.
        product: Product molecules in the same atom order.
        degeneracy: Equivalent atom maps merged into the key; by default all that the symmetry of the reactants makes:
            the order of their automorphism group over that of the mapping, stereo labels kept by both.

    Raises:
        UnbalancedReactionError: The sides hold different atoms, charge or multiplicity.
    """
    check_balanced(reactant, product)
    reactant, product = _with_real_stereo(reactant), _with_real_stereo(product)
    forward, backward = mapping_form(reactant, product), mapping_form(product, reactant)
    symmetric = _stereo_mapping_form(reactant, product) or forward
    if degeneracy is None:
        group = _automorphisms(reactant)
        degeneracy = group // symmetric.automorphisms
    return Reaction(
        key=_key_from_forms(reactant, product, forward, backward),
        reactant_graph=reactant.permuted(symmetric.order),
        product_graph=product.permuted(symmetric.order),
        reactants=split_species(reactant),
        products=split_species(product),
        degeneracy=degeneracy,
    )


def order_onto(
    reactant: MolecularGraph, product: MolecularGraph, onto: tuple[MolecularGraph, MolecularGraph]
) -> tuple[int, ...] | None:
    """How the atoms of a reaction are to be reordered to stand as in another writing of it, in the same direction.

    Args:
        reactant: Reactant molecules as one graph.
        product: Product molecules in the same atom order.
        onto: The two sides of the other writing.

    Returns:
        Atom k of the other writing is atom `order[k]` of this one, one of the equivalent ways; None where the two are
        different reactions.
    """
    places = []
    for one, other in ((reactant, product), onto):
        form = _stereo_mapping_form(one, other) or mapping_form(one, other)
        places.append(form.order)
    order = tuple(here for _, here in sorted(zip(places[1], places[0], strict=False)))
    if len(order) != onto[0].n_atoms or reactant.n_atoms != onto[0].n_atoms:
        return None
    same = all(
        one.permuted(order).without_stereo() == other.without_stereo()
        for one, other in zip((reactant, product), onto, strict=True)
    )
    return order if same else None


def mapped_smiles(reaction: Reaction) -> str:
    """Atom-mapped reaction SMILES with every hydrogen, map numbers being atom places counted from 1."""
    return f"{write_mapped_smiles(reaction.reactant_graph)}>>{write_mapped_smiles(reaction.product_graph)}"
