"""Growing a network by steps and by pairs."""

from __future__ import annotations

from collections import Counter

from chem.enumeration import EnumerationRules
from chem.expansion import expand, join_graphs, pair_reactions
from chem.identity import split_species
from chem.smiles import parse_smiles

RULES = EnumerationRules()


def species(*smiles):
    return [split_species(parse_smiles(each))[0] for each in smiles]


def test_each_species_is_expanded_once():
    directed = list(expand(parse_smiles("CC=O"), RULES, 3))
    expanded = Counter(tuple(each.key for each in reaction.reactants) for reaction, _ in directed)
    steps = {(tuple(each.key for each in reaction.reactants), step) for reaction, step in directed}
    assert len(steps) == len(expanded)


def test_joined_molecules_keep_their_atoms_bonds_and_stereo():
    first, second = parse_smiles("C/C=C/C"), parse_smiles("[OH]")
    joined = join_graphs((first, second))
    assert joined.n_atoms == first.n_atoms + 2
    assert joined.multiplicity == 2
    assert {each.smiles for each in split_species(joined)} == {"C/C=C/C", "[OH]"}


def test_pairs_react_only_where_both_partners_take_part():
    found = pair_reactions(species("C=C"), species("O"), RULES, maximum_atoms=20, maximum_pairs=10)
    assert ["CCO"] in [[each.smiles for each in reaction.products] for reaction in found]
    for reaction in found:
        touched = {atom for pair in (*reaction.broken, *reaction.formed) for atom in pair}
        assert all(touched & set(fragment) for fragment in reaction.reactant_graph.fragments)


def test_the_number_and_size_of_pairs_are_capped():
    assert pair_reactions(species("C=C"), species("O"), RULES, maximum_atoms=20, maximum_pairs=0) == []
    assert pair_reactions(species("C=C"), species("O"), RULES, maximum_atoms=8, maximum_pairs=9) == []


def test_a_species_reacts_with_its_like():
    found = pair_reactions(species("C=C"), [], RULES, maximum_atoms=20, maximum_pairs=1)
    assert ["C1CCC1"] in [[each.smiles for each in reaction.products] for reaction in found]
