"""Keys of species and reactions depend on what they are, not on how they were written."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from rdkit import Chem

from chem.errors import InputError, UnbalancedReactionError
from chem.identity import make_reaction, mapped_smiles, order_onto, reaction_key, species_of, split_species
from chem.smiles import parse_smiles

MOLECULES = [
    "O=CCCOO", "CC(=O)[O-]", "C[NH3+]", "C[CH]O", "C[C]O", "C[N+](=O)[O-]", "C[NH+]=C[O-]", "[C-]#[O+]", "C[N+]#[C-]",
    "C=[N+]=[N-]", "c1ccncc1", "Cc1ccccc1O", "C/C=C/C", "C/C=C\\C", "C[C@H](O)[C@@H](C)F", "C[C@H](O)[C@H](C)F",
    "C[C@H](O)[C@@H](C)O", "CC[S@](C)=O", "O=C=O.CCO.O", "C/C=C/[CH]C", "COP(=O)([O-])OCC", "C[C@H]1C[C@@H](C)C1",
    "C[C@H]1C[C@H](C)C[C@@H](C)C1", "F/C=C/[C@H](Cl)/C=C\\F", "C[C@@H](F)[C@H](O)[C@H](C)F", "[CH3].[OH]",
    "O=C([O-])/C=C\\C(=O)O", "CC=C=CC", "[O-][N+](=O)c1ccccc1", "C/C=N/O",
]  # fmt: skip


def shuffled(graph, seed):
    order = list(range(graph.n_atoms))
    random.Random(seed).shuffle(order)
    return graph.permuted(tuple(order))


def identity(graph):
    return [(species.key, species.smiles, species.energy_key) for species in split_species(graph)]


@pytest.mark.parametrize("smiles", MOLECULES)
def test_a_species_does_not_depend_on_atom_order_or_writing(smiles):
    graph = parse_smiles(smiles)
    wanted = identity(graph)
    molecule = Chem.MolFromSmiles(smiles)
    for seed in range(12):
        assert identity(shuffled(graph, seed)) == wanted
        explicit = Chem.AddHs(molecule) if seed % 2 else molecule
        assert identity(parse_smiles(Chem.MolToRandomSmilesVect(explicit, 1, seed + 1)[0])) == wanted


@pytest.mark.parametrize("smiles", MOLECULES)
def test_label_and_graph_of_a_species_name_the_same_species(smiles):
    for species in split_species(parse_smiles(smiles)):
        assert species_of(species.graph) == species
        assert species_of(parse_smiles(species.smiles, species.multiplicity)) == species


def key(smiles, multiplicity=None):
    return species_of(parse_smiles(smiles, multiplicity)).key


def energy_key(smiles):
    return species_of(parse_smiles(smiles)).energy_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C/C=C/C", "C/C=C\\C"),
        ("C/C=N/O", "C/C=N\\O"),
        ("C[C@H](O)[C@@H](C)F", "C[C@H](O)[C@H](C)F"),
        ("C[C@H](O)[C@@H](C)O", "C[C@H](O)[C@H](C)O"),
        ("C[C@H]1C[C@@H](C)C1", "C[C@H]1C[C@H](C)C1"),
        ("C[C@H]1C[C@@H](C)C[C@@H](C)C1", "C[C@H]1C[C@H](C)C[C@@H](C)C1"),
        ("C[C@@H](F)[C@H](O)[C@H](C)F", "C[C@@H](F)[C@@H](O)[C@H](C)F"),
        ("CCO", "COC"),
        ("C#N", "[C-]#[NH+]"),
    ],
)
def test_isomers_of_different_energy_differ_in_both_keys(one, other):
    assert key(one) != key(other)
    assert energy_key(one) != energy_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("C[C@H](O)F", "C[C@@H](O)F"), ("CC[S@](C)=O", "CC[S@@](C)=O"), ("C[C@H](O)[C@@H](C)F", "C[C@@H](O)[C@H](C)F")],
)
def test_enantiomers_differ_but_share_their_energy(one, other):
    assert key(one) != key(other)
    assert energy_key(one) == energy_key(other)


def test_a_meso_compound_is_its_own_mirror_image():
    assert key("C[C@H](O)[C@@H](C)O") == key("C[C@@H](O)[C@H](C)O")


@pytest.mark.parametrize(("plain", "marked"), [("CC=CC", "C/C=C/C"), ("CC(O)F", "C[C@H](O)F")])
def test_what_is_unspecified_differs_from_what_is_specified(plain, marked):
    assert key(plain) != key(marked)
    assert key(marked).startswith(key(plain) + "-s")


@pytest.mark.parametrize(
    ("plain", "marked"),
    [("CC(C)O", "C[C@H](C)O"), ("COP(=O)([O-])OCC", "CO[P@](=O)([O-])OCC"), ("CC=C[CH]C", "C/C=C/[CH]C"),
     ("CC=C=CC", "CC=[C@]=CC"), ("CC=C(C)C", "C/C=C(/C)C")],
)  # fmt: skip
def test_marks_on_what_is_no_stereo_element_do_not_count(plain, marked):
    assert key(plain) == key(marked)


def test_charge_and_multiplicity_are_part_of_a_key():
    assert key("[CH2]", 1) != key("[CH2]", 3)
    assert key("[OH]") != key("[OH-]")
    assert key("O=O", 3).endswith("-m3")


def test_a_species_is_one_molecule():
    with pytest.raises(InputError, match="split_species"):
        species_of(parse_smiles("C.C"))
    assert [species.smiles for species in split_species(parse_smiles("C.C"))] == ["C", "C"]


def reaction(reactant, product, multiplicity=None):
    return parse_smiles(reactant, multiplicity), parse_smiles(product, multiplicity)


VINYL_ALCOHOL = (
    "[C:1]([H:2])([H:3])([H:4])[C:5]([H:6])=[O:7]",
    "[C:1]([H:2])([H:3])=[C:5]([H:6])[O:7][H:4]",
)


def test_a_reaction_key_ignores_order_and_direction():
    reactant, product = reaction(*VINYL_ALCOHOL)
    wanted = reaction_key(reactant, product)
    assert reaction_key(product, reactant) == wanted
    for seed in range(10):
        assert reaction_key(shuffled(reactant, seed), shuffled(product, seed)) == wanted


def test_equivalent_hydrogens_give_one_key_and_its_degeneracy():
    reactant, product = reaction(*VINYL_ALCOHOL)
    swapped = product.permuted((0, 1, 3, 2, 4, 5, 6))  # another hydrogen of the methyl group
    assert reaction_key(reactant, swapped) == reaction_key(reactant, product)
    assert make_reaction(reactant, product).degeneracy == 3
    assert make_reaction(product, reactant).degeneracy == 1


def test_inequivalent_atom_maps_of_one_pair_of_species_are_two_reactions():
    # 1,2-dihydroxyethene from glycolaldehyde: a hydrogen of the carbon goes to the carbonyl oxygen, or the hydroxyl's
    # goes there and the carbon's takes its place.
    direct = make_reaction(
        *reaction(
            "[O:1]=[C:2]([H:6])[C:3]([H:7])([H:8])[O:4][H:5]",
            "[O:1]([H:7])[C:2]([H:6])=[C:3]([H:8])[O:4][H:5]",
        )
    )
    relayed = make_reaction(
        *reaction(
            "[O:1]=[C:2]([H:6])[C:3]([H:7])([H:8])[O:4][H:5]",
            "[O:1]([H:5])[C:2]([H:6])=[C:3]([H:8])[O:4][H:7]",
        )
    )
    assert direct.reactants == relayed.reactants
    assert direct.products == relayed.products
    assert direct.key != relayed.key


def test_retention_and_inversion_are_two_reactions():
    reactant = parse_smiles("[O-:1][H:2].[C:3]([H:4])([F:5])([Cl:6])[Br:7]")
    # Hydroxide takes the place of bromine: same or opposite handedness of the carbon.
    product = "[Br-:7].[{}:3]([H:4])([F:5])([Cl:6])[O:1][H:2]"
    chiral = parse_smiles("[O-:1][H:2].[C@:3]([H:4])([F:5])([Cl:6])[Br:7]")
    keys = {reaction_key(chiral, parse_smiles(product.format(mark))) for mark in ("C@", "C@@", "C")}
    assert len(keys) == 3
    assert reaction_key(reactant, parse_smiles(product.format("C"))) not in keys


def test_mirror_images_of_a_reaction_with_one_centre_have_two_keys():
    one = reaction("[C@:1]([H:2])([F:3])([Cl:4])[Br:5]", "[C:1]([H:2])([F:3])[Cl:4].[Br:5]")
    other = reaction("[C@@:1]([H:2])([F:3])([Cl:4])[Br:5]", "[C:1]([H:2])([F:3])[Cl:4].[Br:5]")
    assert reaction_key(*one) != reaction_key(*other)


@pytest.mark.parametrize(
    ("reactant", "product"), [("CO", "CC"), ("C=O", "C=O.[H][H]"), ("[CH3]", "[CH3+]"), ("O", "[OH3+]")]
)
def test_unbalanced_sides_are_refused(reactant, product):
    with pytest.raises(UnbalancedReactionError):
        make_reaction(parse_smiles(reactant), parse_smiles(product))


def test_a_reaction_keeps_spin():
    with pytest.raises(UnbalancedReactionError, match="multiplicity"):
        make_reaction(parse_smiles("[CH2]", 1), parse_smiles("[CH2]", 3))


def test_mapped_smiles_reads_back_to_the_reaction():
    made = make_reaction(*reaction(*VINYL_ALCOHOL))
    again = make_reaction(*(parse_smiles(side) for side in mapped_smiles(made).split(">>")))
    assert again == made
    assert (again.reactant_graph, again.product_graph) == (made.reactant_graph, made.product_graph)


FROZEN_SPECIES = {
    "O=CCCOO": "C3H6O3-60f0ba17c99a29c0bbd5",
    "[C-]#[O+]": "CO-247c467196a562cb2b19",
    "[H][H]": "H2-878578e560c8dd1beb19",
    "O": "H2O-3c18b19c9c9fea6f3d15",
    "CC(=O)[O-]": "C2H3O2-7efc8edd3b314b42217c-q-1",
    "[CH3]": "CH3-6ad0de0c9a4f2db13fdd-m2",
    "c1ccccc1": "C6H6-41c97ec800b0e51172cb",
    "CNC=O": "C2H5NO-3f5af1e7e821bb77433f",
    "C/C=C/C": "C4H8-66ea5bd97d928093fb5f-s3c21a6cc87",
    "C[C@H](O)F": "C2H5FO-ebb233e4cd22f93bb950-sc601442395",
}
FROZEN_REACTION = "rx-1dde0b3e30f85662ab45"


def test_keys_never_change():
    """These strings stand in databases: a change of any of them breaks every database and needs a migration."""
    assert {smiles: key(smiles) for smiles in FROZEN_SPECIES} == FROZEN_SPECIES
    assert reaction_key(*reaction(*VINYL_ALCOHOL)) == FROZEN_REACTION


@pytest.mark.parametrize("smiles", MOLECULES)
def test_two_writings_of_a_reaction_are_put_into_one_atom_order(smiles):
    reactant = parse_smiles(smiles)
    (i, j), *_ = sorted(reactant.bonds)
    product = replace(
        reactant.without_stereo(), bonds=reactant.bonds - {(i, j)}
    )  # one bond breaks; stereo marks of the product are not known
    for seed in range(4):
        other = shuffled(reactant, seed), shuffled(product, seed)
        order = order_onto(reactant, product, other)
        assert reactant.permuted(order).bonds == other[0].bonds
        assert product.permuted(order).bonds == other[1].bonds
        assert reactant.permuted(order).numbers == other[0].numbers
        assert order_onto(product, reactant, other) is None  # a bond forms


def test_different_reactions_have_no_common_atom_order():
    ethane, ethanol = parse_smiles("CC"), parse_smiles("CCO")
    assert order_onto(ethane, ethane, (ethanol, ethanol)) is None
