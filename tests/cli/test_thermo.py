"""`cairn thermo`."""

from __future__ import annotations

import json

import pytest

from cli.main import run

WATER = "3\n\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n"


@pytest.fixture
def water(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text(WATER)
    return str(path)


def test_water_has_its_entropy_at_two_temperatures(capsys, water):
    assert run(["thermo", water, "--temperature", "298.15", "--temperature", "1000", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["outcome"], record["symmetry_number"]) == ("converged", 2)
    entropies = [each["entropy_cal_mol_k"] for each in record["thermochemistry"]]
    assert entropies == pytest.approx([45.1, 55.6], abs=0.3)  # NIST-JANAF
    assert len(record["frequencies_cm1"]) == 3


def test_people_get_a_table(capsys, water):
    assert run(["thermo", water]) == 0
    told = capsys.readouterr().out
    assert "ZPE, kcal/mol" in told
    assert "298.15" in told


def test_a_saddle_point_keeps_its_reaction_mode_out(capsys, tmp_path):
    guess = tmp_path / "guess.xyz"
    guess.write_text("3\n\nC 0 0 0\nN 0 0 1.15\nH 1.5 0 1.1\n")
    assert run(["thermo", str(guess), "--saddle", "--level", "hf/3-21g", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    real = [mode for mode in record["frequencies_cm1"] if mode > 0]
    assert len(real) == 2
    zero_point = record["thermochemistry"][0]["zero_point_energy_kcal_mol"]
    assert zero_point == pytest.approx(sum(real) / 2 * 2.859144e-3, rel=1e-4)


def test_a_spent_budget_is_told(capsys, water):
    assert run(["thermo", water, "--budget", "1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["outcome"], record["failure"]["kind"]) == ("failed", "budget")


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--standard-state", "1 mole"], "1 mole"), (["--temperature", "-5"], "-5"), (["--charge", "1"], "charge 1")],
)
def test_wrong_conditions_are_named(capsys, water, options, named):
    assert run(["thermo", water, *options]) == 2
    assert named in capsys.readouterr().err


def test_several_molecules_are_refused(capsys, tmp_path):
    path = tmp_path / "two.xyz"
    path.write_text("2\n\nHe 0 0 0\nHe 0 0 5\n")
    assert run(["thermo", str(path)]) == 2
    assert "several molecules" in capsys.readouterr().err
