"""`cairn conformers` and `cairn path` on small molecules."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from ase.units import kB
from typer.testing import CliRunner

from chem.alignment import rmsd
from chem.clashes import closest_ratio
from chem.ensemble import boltzmann_weights, ensemble_correction_ev
from chem.errors import InputError
from chem.types import Geometry
from chem.xyz import read_xyz_structures, write_xyz
from cli.main import app
from models.checkpoints import save_weights
from models.dig import Dig, DigConfig

HCN = Geometry(numbers=np.array([1, 6, 7]), positions=np.array([[0.0, 0.0, -1.07], [0.0, 0.0, 0.0], [0.0, 0.0, 1.15]]))
HNC = Geometry(numbers=np.array([1, 6, 7]), positions=np.array([[0.0, 0.0, 2.15], [0.0, 0.0, 0.0], [0.0, 0.0, 1.17]]))


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_weights_fall_with_energy_and_spread_with_temperature():
    energies = [0.0, kB * 300 * np.log(3.0)]
    assert boltzmann_weights(energies, 300.0).tolist() == pytest.approx([0.75, 0.25])
    assert boltzmann_weights([5.0, 5.0], 10.0).tolist() == [0.5, 0.5]
    assert ensemble_correction_ev(energies, 300.0) == pytest.approx(-kB * 300 * np.log(4 / 3))
    assert ensemble_correction_ev([-7.0], 300.0) == 0.0
    assert boltzmann_weights(energies, 3000.0)[1] > 0.4
    assert boltzmann_weights([5.0, 5.0], 10.0, [1, 2]).tolist() == pytest.approx([1 / 3, 2 / 3])
    assert ensemble_correction_ev([1.0], 300.0, [2]) == pytest.approx(-kB * 300 * np.log(2))
    for given in (([], 300.0), ([0.0], 0.0)):
        with pytest.raises(InputError):
            boltzmann_weights(*given)


def test_butane_is_anti_and_gauche(tmp_path):
    output = tmp_path / "butane.extxyz"
    result = run("conformers", "CCCC", "-n", 8, "-o", output, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    anti, gauche = record["conformers"]
    assert (anti["relative_energy_kcal_mol"], record["not_proved"]) == (0.0, 0)
    assert min(each["lowest_frequency_cm1"] for each in (anti, gauche)) > 50.0
    assert 0.2 < gauche["relative_energy_kcal_mol"] < 1.5
    assert anti["weight"] + gauche["weight"] == pytest.approx(1.0)
    assert (anti["degeneracy"], gauche["degeneracy"]) == (1, 2)
    assert -0.65 < record["ensemble_correction_kcal_mol"] < 0.0
    ends = [np.linalg.norm(each.positions[0] - each.positions[3]) for each in read_xyz_structures(output)]
    assert ends[0] > 3.7 > ends[1]


def test_two_molecules_and_an_unknown_method_are_refused():
    assert "holds 2 molecules; give one" in str(run("conformers", "O.O").exception)
    assert "'md' is unknown; give etkdg or dig" in str(run("conformers", "O", "--method", "md").exception)


@pytest.mark.parametrize("method", ["linear", "idpp"])
def test_a_path_leads_from_one_end_to_the_other(tmp_path, method):
    for name, geometry in (("r", HCN), ("p", HNC)):
        write_xyz(tmp_path / f"{name}.xyz", geometry)
    output = tmp_path / "path.extxyz"
    words = ("path", tmp_path / "r.xyz", tmp_path / "p.xyz", "--method", method, "-n", 5, "-o", output)
    result = run(*words, "--level", "gfn2", "--json")
    assert result.exit_code == 0, result.output
    images = json.loads(result.stdout)["images"]
    assert [each["image"] for each in images] == list(range(7))
    assert images[0]["energy_above_reactant_kcal_mol"] == 0.0
    assert 5.0 < images[-1]["energy_above_reactant_kcal_mol"] < 25.0
    if method == "linear":  # HNC lies the other way round: carbon and nitrogen go through each other
        assert min(each["shortest_distance_ratio"] for each in images) < 0.6
        return
    structures = read_xyz_structures(output)
    assert min(closest_ratio(each) for each in structures) > 0.6
    moves = [rmsd(one.positions, other.positions) for one, other in itertools.pairwise(structures)]
    fixed = [np.abs(one.positions - other.positions).max() for one, other in itertools.pairwise(structures)]
    assert max(fixed) < 1.0  # in one frame, without a jump
    assert max(moves) < 0.7


def test_the_product_of_a_path_lies_on_its_reactant_wherever_it_was_given(tmp_path):
    bent = Geometry(numbers=np.array([8, 1, 1]), positions=np.array([[0, 0, 0.1], [0, 0.8, -0.5], [0, -0.8, -0.5]]))
    moved = bent.with_positions(bent.positions[:, [1, 2, 0]] + [7.0, 0.0, 3.0])
    for name, geometry in (("r", bent), ("p", moved)):
        write_xyz(tmp_path / f"{name}.xyz", geometry)
    output = tmp_path / "path.extxyz"
    result = run("path", tmp_path / "r.xyz", tmp_path / "p.xyz", "-n", 1, "-o", output)
    assert result.exit_code == 0, result.output
    first, middle, last = read_xyz_structures(output)
    assert np.allclose(first.positions, last.positions, atol=1e-5)
    assert np.allclose(first.positions, middle.positions, atol=0.1)


def test_conformers_of_several_stereoisomers_are_refused_by_name():
    assert "its conformers are C/C=C/C, C/C=C\\C; give one of them" in str(
        run("conformers", "CC=CC", "-n", 5).exception
    )
    assert run("conformers", "C/C=C/C", "-n", 1).exit_code == 0


def test_one_atom_is_an_ensemble_and_a_path_of_its_own(tmp_path):
    result = run("conformers", "[Ar]", "-n", 1, "--json")
    assert result.exit_code == 0, result.output
    (one,) = json.loads(result.stdout)["conformers"]
    assert (one["weight"], one["degeneracy"], one["lowest_frequency_cm1"]) == (1.0, 1, None)
    write_xyz(tmp_path / "one.xyz", Geometry(numbers=np.array([18]), positions=np.zeros((1, 3))))
    result = run("path", tmp_path / "one.xyz", tmp_path / "one.xyz", "-n", 1, "--json")
    assert result.exit_code == 0, result.output


def test_what_is_no_way_is_refused(tmp_path):
    for name, geometry in (("r", HCN), ("p", HNC)):
        write_xyz(tmp_path / f"{name}.xyz", geometry)
    result = run("path", tmp_path / "r.xyz", tmp_path / "p.xyz", "--method", "spline")
    assert "'spline' is unknown; give idpp, linear or dig" in str(result.exception)


@pytest.fixture
def weights(tmp_path, tiny_config):
    """Random weights of DiG."""
    torch.manual_seed(0)
    config = DigConfig(backbone=tiny_config.backbone)
    save_weights(tmp_path / "dig.safetensors", Dig(config), "dig", config, {})
    return tmp_path / "dig.safetensors"


def test_a_network_draws_guesses_that_are_relaxed_like_any_other(weights, monkeypatch):
    def drawn(_model, batch, _sampling):
        return torch.tensor([[0.0, 0.0, -0.45], [0.0, 0.0, 0.45]]).expand(len(batch), 2, 3)

    words = ("conformers", "[HH]", "--method", "dig", "-n", 3, "--checkpoint", weights, "--device", "cpu")
    untrained = run(*words)
    assert "no conformer is left" in str(untrained.exception)
    monkeypatch.setattr("models.dig_conformers.draw_structures", drawn)
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["method"], record["guesses"], len(record["conformers"])) == ("dig", 3, 1)
    refused = run("conformers", "[NH4+]", "--method", "dig", "--checkpoint", weights, "--device", "cpu")
    assert "not charge +1 and multiplicity 1; choose another method" in str(refused.exception)
    refused = run("conformers", "CS", "--method", "dig", "--checkpoint", weights, "--device", "cpu")
    assert "not trained on the atomic numbers 16" in str(refused.exception)


def test_a_network_draws_a_path_between_two_structures(tmp_path, weights):
    for name, geometry in (("r", HCN), ("p", HNC)):
        write_xyz(tmp_path / f"{name}.xyz", geometry)
    words = ("path", tmp_path / "r.xyz", tmp_path / "p.xyz", "--method", "dig", "-n", 1, "--checkpoint", weights)
    result = run(*words, "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["images"]) == 3
