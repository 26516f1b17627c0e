"""Species as people name them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from chem.errors import ConfigurationError, InputError, SmilesError
from chem.identity import species_of
from chem.smiles import parse_smiles
from db.engine import reading, writing
from db.level_names import level_key_of
from db.species_names import named_species
from db.store import add_levels, add_species

LABELS = ("OC1CCOO1", "O=CCCOO", "C[C@H](N)O", "C[O-]", "CO", "C/C=C/C", "[CH3]")


def stored(smiles, multiplicity=None):
    return species_of(parse_smiles(smiles, multiplicity))


@pytest.fixture
def molecules(engine):
    """Species of several charges, spins and handednesses."""
    found = {smiles: stored(smiles) for smiles in LABELS}
    with writing(engine) as session:
        add_species(session, found.values())
    return found


def keys(engine, *names):
    with reading(engine) as session:
        return [each.key for each in named_species(session, names)]


def refusal(engine, name):
    with reading(engine) as session, pytest.raises(InputError) as refused:
        named_species(session, [name])
    return str(refused.value)


def test_a_species_is_found_by_its_key_and_by_any_form_of_its_smiles(engine, molecules):
    key = molecules["OC1CCOO1"].key
    assert keys(engine, key, "OC1CCOO1", "O1OCCC1O", " OC1CCOO1 ") == [key] * 4


def test_charge_and_handedness_tell_species_apart(engine, molecules):
    assert keys(engine, "CO", "C[O-]") == [molecules["CO"].key, molecules["C[O-]"].key]
    assert keys(engine, "C[C@H](N)O", "O[C@H](C)N")[0] == molecules["C[C@H](N)O"].key
    told = refusal(engine, "C[C@@H](N)O")
    assert "of the same bonds, with another charge, multiplicity or handedness" in told
    assert molecules["C[C@H](N)O"].key in told


def test_a_radical_is_a_doublet_without_being_told(engine, molecules):
    assert keys(engine, "[CH3]") == [molecules["[CH3]"].key]


def test_a_label_names_its_species_whatever_the_multiplicity(engine):
    triplet = stored("[O][O]", 3)
    with writing(engine) as session:
        add_species(session, [triplet])
    assert keys(engine, triplet.smiles) == [triplet.key]
    assert triplet.key in refusal(engine, "O=O")  # the singlet is another species


def test_of_two_with_one_label_the_lower_multiplicity_is_meant_and_the_other_has_its_key(engine):
    singlet, triplet = stored("[CH2]"), stored("[CH2]", 3)
    assert singlet.smiles == triplet.smiles
    with writing(engine) as session:
        add_species(session, [singlet, triplet])
    assert keys(engine, "[CH2]", triplet.key) == [singlet.key, triplet.key]


def test_a_label_that_several_share_is_refused_with_their_keys(engine, molecules):
    with writing(engine) as session:
        session.execute(text("UPDATE species SET smiles = '[CH2]' WHERE smiles IN ('CO', 'C[O-]')"))
    told = refusal(engine, "[CH2]")
    assert "several species of this database are labelled [CH2]" in told
    assert molecules["CO"].key in told
    assert molecules["C[O-]"].key in told


def test_an_unknown_species_is_refused_with_the_nearest_by_canonical_smiles(engine, molecules):
    told = refusal(engine, "OCC(O)C=O")
    assert "canonical SMILES O=CC(O)CO" in told
    near = told.split("near are ")[1].split("; ")[0].split(", ")
    assert set(near[:2]) == {"O=CCCOO", "OC1CCOO1"}  # isomers before others
    assert len(near) == 5


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("C1CC", "neither the key of a species in this database nor a SMILES"),
        ("C3H6O3-0000", "neither the key"),
        ("", "the SMILES is empty"),
        ("[13CH4]", "isotope"),
        ("C.O", "names 2 molecules"),
        ("C>>O", "is a reaction"),
    ],
)
def test_what_names_no_species_is_refused_with_the_reason(engine, molecules, name, told):
    assert told in refusal(engine, name)


def test_a_database_without_species_says_so(engine):
    assert "holds none" in refusal(engine, "C")


def test_bad_smiles_are_smiles_errors(engine):
    with reading(engine) as session, pytest.raises(SmilesError):
        named_species(session, ["C1CC"])


def test_a_level_is_found_by_key_and_by_name(engine, gfn2, dft):
    with writing(engine) as session:
        add_levels(session, [gfn2, dft])
    with reading(engine) as session:
        assert {level_key_of(session, name) for name in ("gfn2", "GFN2-xTB", "gfn2-XTB", " GFN2 ")} == {gfn2.key}
        assert level_key_of(session, "b3lyp") == dft.key
        with pytest.raises(ConfigurationError, match=r"no level of theory 'hf'.*it holds: .*gfn2 \(GFN2-xTB\)"):
            level_key_of(session, "hf")


def test_a_name_of_several_levels_is_refused_with_their_keys(engine, dft):
    with writing(engine) as session:
        add_levels(session, [dft, replace(dft, options=())])
    with reading(engine) as session, pytest.raises(ConfigurationError, match=r"several levels.*give a key"):
        level_key_of(session, "b3lyp")
