"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json

import pytest

from cli.main import run

HCN = "3\nhydrogen cyanide\nC 0.0 0.0 0.0\nN 0.0 0.0 1.15\nH 0.0 0.0 -1.07\n"
HNC = "3\nhydrogen isocyanide\nC 0.0 0.0 0.0\nN 0.0 0.0 1.17\nH 0.0 0.0 2.17\n"


@pytest.fixture
def hcn(tmp_path):
    (tmp_path / "hcn.xyz").write_text(HCN)
    (tmp_path / "hnc.xyz").write_text(HNC)
    return str(tmp_path / "hcn.xyz"), str(tmp_path / "hnc.xyz")


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_enumerate_prints_one_json_object_a_reaction_and_nothing_else(capsys):
    assert run(["enumerate", "CC=O", "--json"]) == 0
    printed = capsys.readouterr()
    records = json_lines(printed.out)
    assert printed.err == ""
    fields = {"key", "reactants", "products", "mapped_smiles", "broken", "formed", "degeneracy"}
    assert all(fields <= set(record) for record in records)
    assert all(record["reactants"] == ["CC=O"] for record in records)
    assert ["C=CO"] in [record["products"] for record in records]
    assert len({record["key"] for record in records}) == len(records)


def test_the_bonds_of_enumerate_are_those_of_its_mapped_smiles(capsys):
    from chem.smiles import parse_smiles

    run(["enumerate", "O=CCO", "--json"])
    for record in json_lines(capsys.readouterr().out):
        before, after = (parse_smiles(side) for side in record["mapped_smiles"].split(">>"))
        assert {tuple(pair) for pair in record["broken"]} == {(i + 1, j + 1) for i, j in before.bonds - after.bonds}
        assert {tuple(pair) for pair in record["formed"]} == {(i + 1, j + 1) for i, j in after.bonds - before.bonds}


def test_several_smiles_are_one_reacting_system(capsys):
    run(["enumerate", "C=C", "O", "--json"])
    records = json_lines(capsys.readouterr().out)
    assert all(sorted(record["reactants"]) == ["C=C", "O"] for record in records)
    assert ["CCO"] in [record["products"] for record in records]


def test_depth_two_expands_the_products(capsys):
    run(["enumerate", "C=O", "--depth", "2", "--json"])
    assert {record["depth"] for record in json_lines(capsys.readouterr().out)} == {1}  # CO and H2 react no further
    run(["enumerate", "CC=O", "--depth", "2", "--json"])
    assert {record["depth"] for record in json_lines(capsys.readouterr().out)} == {1, 2}


def test_the_table_of_enumerate_names_the_products(capsys):
    assert run(["enumerate", "CC=O"]) == 0
    assert "C=CO" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["enumerate", "C1CC"], "C1CC"),
        (["enumerate", ""], "empty"),
        (["enumerate", "[Na]Cl"], "Na"),
        (["enumerate", "CC=O", "--multiplicity", "2"], "multiplicity"),
        (["enumerate", "CC=O", "--break", "9"], "--break"),
        (["enumerat"], "enumerat"),
        (["ts", "missing.xyz", "missing.xyz"], "missing.xyz"),
        (["query", "reactions", "--db", "sqlite:////nowhere/at/all.db"], "all.db"),
        (["query", "reactions", "--verdict", "perhaps"], "perhaps"),
        (["explore", "C1CC"], "C1CC"),
        (["explore", "CC.O"], "CC.O"),
        (["explore", "CC", "--verify", "some"], "verify"),
        (["explore", "CC", "--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_bad_input_exits_with_2_and_names_what_was_wrong(capsys, tmp_path, monkeypatch, arguments, named):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert named in printed.err
    assert "Traceback" not in printed.err


def test_ts_finds_and_verifies_the_isomerisation_of_hydrogen_cyanide(capsys, tmp_path, hcn):
    output = tmp_path / "ts.xyz"
    assert run(["ts", *hcn, "--json", "-o", str(output)]) == 0
    (record,) = json_lines(capsys.readouterr().out)
    assert record["outcome"] == "intended"
    assert set(record["checks"].values()) == {"passed"}
    assert len(record["imaginary_frequencies_cm1"]) == 1
    assert record["barrier_forward_kcal_mol"] > record["barrier_reverse_kcal_mol"] > 20
    assert record["ts"]["symbols"] == ["C", "N", "H"]
    assert len(record["ts"]["positions"]) == 3
    assert output.read_text().splitlines()[0].strip() == "3"


def test_ts_refuses_atoms_in_another_order(capsys, tmp_path, hcn):
    swapped = tmp_path / "swapped.xyz"
    swapped.write_text("3\n\nN 0.0 0.0 0.0\nC 0.0 0.0 1.17\nH 0.0 0.0 2.17\n")
    assert run(["ts", hcn[0], str(swapped)]) == 2
    assert "same order" in capsys.readouterr().err


def test_ts_refuses_a_multiplicity_of_the_wrong_parity(capsys, hcn):
    assert run(["ts", *hcn, "--multiplicity", "2"]) == 2
    assert "multiplicity 2" in capsys.readouterr().err


def test_a_level_that_is_not_there_is_named_with_those_that_are(capsys, hcn):
    assert run(["ts", *hcn, "--level", "gfn7"]) == 2
    printed = capsys.readouterr().err
    assert "gfn7" in printed
    assert "gfn2" in printed


def test_help_teaches_by_example(capsys):
    for command in ("explore", "enumerate", "ts"):
        assert run([command, "--help"]) == 0
        assert f"cairn {command}" in capsys.readouterr().out
