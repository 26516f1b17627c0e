"""Which elementary reactions a molecule has."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from rdkit import Chem

from chem.canonical import canonical_form
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.errors import ConfigurationError, ElementError
from chem.identity import make_reaction, mapping_form, species_of
from chem.smiles import parse_smiles

RULES = EnumerationRules()
MOLECULES = [
    "O=CCCOO", "CC=O", "C=CC", "O=CCO", "CCOC=O", "C#N", "C[N+](=O)[O-]", "C1N=N1", "CNC=O", "CC(=O)[O-]", "C[NH3+]",
    "C[CH]O", "c1ccco1", "C/C=C/C", "C[C@H](O)F", "CC[S@](C)=O", "[C-]#[O+].O", "CN=[N+]=[N-]", "C=C[CH2]", "C[C]O",
    "C[C@H](F)[C@@H](C)F", "[OH].C", "C=C.[H][H]",
]  # fmt: skip


def products(reactions):
    """Products as sorted SMILES joined by dots, with the number of keys that lead there."""
    return Counter(".".join(sorted(species.smiles for species in each.products)) for each in reactions)


def enumerated(smiles, **rules):
    return enumerate_reactions(parse_smiles(smiles), EnumerationRules(**rules))


def degeneracies(graph):
    return {reaction.key: reaction.degeneracy for reaction in enumerate_reactions(graph, RULES)}


@pytest.mark.parametrize("smiles", MOLECULES)
def test_reactions_do_not_depend_on_atom_order_or_writing(smiles):
    graph = parse_smiles(smiles)
    wanted = degeneracies(graph)
    order = list(range(graph.n_atoms))
    for seed in range(3):
        random.Random(seed).shuffle(order)
        assert degeneracies(graph.permuted(tuple(order))) == wanted
        writing = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), 1, seed + 1)[0]
        assert degeneracies(parse_smiles(writing)) == wanted


@pytest.mark.parametrize("smiles", ["O=CCCOO", "C[N+](=O)[O-]", "CC(=O)[O-]", "C=C[CH2]", "c1ccco1"])
def test_degeneracy_is_the_ratio_of_symmetry_groups(smiles):
    graph = parse_smiles(smiles)
    group = canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1)).automorphisms
    for reaction in enumerate_reactions(graph, RULES):
        mapping = mapping_form(reaction.reactant_graph, reaction.product_graph)
        assert reaction.degeneracy * mapping.automorphisms == group
        assert make_reaction(reaction.reactant_graph, reaction.product_graph).degeneracy == reaction.degeneracy


@pytest.mark.parametrize("smiles", ["O=CCCOO", "CCOC=O", "CNC=O", "C/C=C/C"])
def test_every_reaction_keeps_atoms_charge_and_spin_and_stays_within_the_limits(smiles):
    for reaction in enumerated(smiles):
        before, after = reaction.reactant_graph, reaction.product_graph
        assert before.numbers == after.numbers
        assert (before.charge, before.multiplicity) == (after.charge, after.multiplicity)
        assert len(reaction.broken) <= 2
        assert len(reaction.formed) <= 2
        assert reaction.broken or reaction.formed
        assert sum((s.graph.n_atoms for s in reaction.products), 0) == before.n_atoms
        assert all(species.charge == 0 for species in reaction.products)


def test_every_product_leads_back():
    """Break two, form two is its own reverse for neutral closed-shell molecules."""
    for reaction in enumerated("O=CCO"):
        back = {each.key for each in enumerate_reactions(reaction.product_graph, RULES)}
        assert reaction.key in back, reaction.products


def test_the_hydroperoxide_channels_of_the_literature_are_there():
    reactions = enumerated("O=CCCOO")
    found = products(reactions)
    assert len(found) >= 37
    assert len(reactions) >= 42
    assert sum(reaction.degeneracy for reaction in reactions) >= 61
    assert {"CCOO.[C-]#[O+]", "OC1CCOO1", "C=CC=O.OO", "O.O=CCC=O", "C=C.O=COO", "CCC=O.O=O"} <= set(found)


@pytest.mark.parametrize(
    ("smiles", "n_products", "n_keys", "n_maps", "with_carbon_monoxide"),
    [("O=CCCOO", 37, 42, 61, 1), ("O=CCO", 11, 13, 17, 1), ("C=CC", 5, 5, 16, 0), ("CC=O", 3, 3, 9, 1),
     ("CCOC=O", 19, 21, 43, 1)],
)  # fmt: skip
def test_counts_agree_with_yarp_which_lacks_carbon_monoxide(smiles, n_products, n_keys, n_maps, with_carbon_monoxide):
    """YARP 3.0.1, break two form two; see benchmarks/enumeration.py."""
    all_reactions = enumerated(smiles)
    reactions = [r for r in all_reactions if "[C-]#[O+]" not in [species.smiles for species in r.products]]
    assert len(all_reactions) - len(reactions) == with_carbon_monoxide
    assert (len(products(reactions)), len(reactions), sum(r.degeneracy for r in reactions)) == (
        n_products,
        n_keys,
        n_maps,
    )


@pytest.mark.parametrize(
    ("reactant", "product"),
    [
        ("C#N", "[C-]#[NH+]"),
        ("CC#N", "[C-]#[N+]C"),
        ("C[N+](=O)[O-]", "CON=O"),
        ("C1N=N1", "C=[N+]=[N-]"),
        ("C=[N+]=[N-]", "C1N=N1"),
        ("CN=[N+]=[N-]", "C=N.N#N"),
        ("[C-]#[O+].O", "O=CO"),
        ("[C-]#[O+].[H][H]", "C=O"),
        ("[CH2].[H][H]", "C"),
        ("C[C]O", "CC=O"),
        ("C[CH]O", "CC[O]"),
        ("[OH].C", "O.[CH3]"),
        ("[OH-].CCl", "CO.[Cl-]"),
        ("C[CH+]C", "C=CC.[H+]"),
        ("C=CC=C", "C1=CCC1"),
        ("CC(=O)[O-]", "O=C=O.[CH3-]"),
        ("CNC=O", "CN=CO"),
    ],
)
def test_known_reactions_are_found(reactant, product):
    assert product in products(enumerated(reactant))


def test_a_diels_alder_reaction_breaks_three_pairs_and_forms_three():
    assert "C1=CCCCC1" not in products(enumerated("C=CC=C.C=C"))
    assert "C1=CCCCC1" in products(enumerated("C=CC=C.C=C", break_bonds=3, form_bonds=3))


def test_both_resonance_forms_of_a_radical_react():
    # Either end of a substituted allyl radical takes up a hydrogen atom.
    found = products(enumerated("CC=C[CH2].[H]", break_bonds=1, form_bonds=1))
    assert {"C=CCC", "CC=CC"} <= set(found)


def test_an_amide_reacts_the_same_in_both_writings():
    assert degeneracies(parse_smiles("CNC=O")) == degeneracies(parse_smiles("C[NH+]=C[O-]"))


def test_spectators_stay_on_both_sides():
    alone = {tuple(species.key for species in each.products) for each in enumerated("CC=O")}
    spectator = species_of(parse_smiles("CC")).key
    beside = enumerated("CC=O.CC")
    kept = [each for each in beside if spectator in [species.key for species in each.products]]
    assert all(spectator in [species.key for species in each.reactants] for each in beside)
    found = {tuple(sorted({species.key for species in each.products} - {spectator})) for each in kept}
    assert {tuple(sorted(keys)) for keys in alone} <= found


def test_carbenes_and_zwitterions_come_only_on_request():
    default, with_carbenes = products(enumerated("C=CO")), products(enumerated("C=CO", carbenes=True))
    assert "C[C]O" not in default
    assert "C[C]O" in with_carbenes
    assert set(default) < set(with_carbenes)
    glycine = "NCC(=O)O"
    assert "[NH3+]CC(=O)[O-]" not in products(enumerated(glycine))
    assert "[NH3+]CC(=O)[O-]" in products(enumerated(glycine, zwitterions=True))


@pytest.mark.parametrize(("smiles", "odd"), [("O=CCCOO", 0), ("CCO", 0), ("C[NH2+]CC", 1), ("C[CH]O", 1)])
def test_zwitterions_are_one_molecule_not_a_pair_of_ions_or_radicals(smiles, odd):
    found = enumerated(smiles, carbenes=True, zwitterions=True)
    products = [each.product_graph for each in found]
    assert products
    for graph in products:
        assert sum(sum(graph.numbers[atom] for atom in molecule) % 2 for molecule in graph.fragments) == odd


def test_groups_of_separated_charges_can_be_left_out():
    assert "[C-]#[NH+]" not in products(enumerated("C#N", charge_separated_groups=()))
    assert products(enumerated("CC=O", charge_separated_groups=("carbon_monoxide",)))["C.[C-]#[O+]"] == 1


@pytest.mark.parametrize(("minimum", "ring"), [(4, "C1CO1"), (5, "O.O=C1CCO1")])
def test_rings_below_the_minimum_are_not_closed(minimum, ring):
    smiles = "CC=O" if minimum == 4 else "O=CCCOO"
    assert ring in products(enumerated(smiles))
    assert ring not in products(enumerated(smiles, minimum_ring_size=minimum))


def test_small_rings_that_are_there_may_open():
    assert "CC=O" in products(enumerated("C1CO1", minimum_ring_size=6))


def test_exchange_of_like_atoms_comes_only_on_request():
    assert not enumerated("C")
    assert all(each.reactants != each.products for each in enumerated("O.O"))
    exchanged = [each for each in enumerated("O.O", degenerate=True) if each.reactants == each.products]
    assert exchanged
    assert len({each.key for each in exchanged}) == len(exchanged)


def test_loss_of_stereo_marks_alone_is_no_reaction():
    for smiles in ("C/C=C/C", "C[C@H](O)F"):
        plain = {species.key.split("-s")[0] for species in [species_of(parse_smiles(smiles))]}
        assert all({species.key.split("-s")[0] for species in each.products} != plain for each in enumerated(smiles))


def test_stereo_stays_where_no_bond_changes():
    found = products(enumerated("C[C@H](O)CC=O"))
    assert "C[C@H](O)C=CO" in found
    assert "CC(=O)CC=O.[H][H]" in found  # the centre is gone
    assert not any("C[C@@H](O)C=CO" in product for product in found)


def test_a_double_bond_that_moves_away_loses_its_geometry():
    # 1,5-sigmatropic shift: the E bond of the diene becomes single without a change of its neighbours' connectivity.
    moved = [
        each
        for each in enumerated("C/C=C/C=O", break_bonds=3, form_bonds=3)
        if [species.smiles for species in each.products] == ["C=CC=CO"]
    ]
    assert moved
    for reaction in moved:
        assert not reaction.product_graph.double_bonds
        assert reaction.reactant_graph.double_bonds


def test_the_two_ends_of_a_meso_compound_react_to_mirror_images():
    reactions = enumerated("C[C@H](F)[C@@H](C)F")
    alkenes = [each for each in reactions if "F" in [species.smiles for species in each.products]]
    keys = Counter(each.products[0].energy_key + each.products[1].energy_key for each in alkenes)
    assert max(keys.values()) >= 2
    racemic = enumerated("C[C@H](F)[C@H](C)F")
    assert sum(each.degeneracy for each in reactions) == sum(each.degeneracy for each in racemic)


@pytest.mark.parametrize("smiles", ["[Na]Cl", "C[Mg]Br", "[Fe]"])
def test_an_element_without_valence_rule_is_refused_by_name(smiles):
    with pytest.raises(ElementError, match=r"no valence rule for (Na|Mg|Fe)"):
        enumerated(smiles)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"break_bonds": 0}, "break_bonds"),
        ({"form_bonds": 5}, "form_bonds"),
        ({"minimum_ring_size": 2}, "minimum_ring_size"),
        ({"charge_separated_groups": ("nitro", "nitrox")}, "nitrox"),
    ],
)
def test_rules_out_of_range_are_refused_by_name(rules, message):
    with pytest.raises(ConfigurationError, match=message):
        EnumerationRules(**rules)
