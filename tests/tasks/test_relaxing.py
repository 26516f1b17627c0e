"""Ways to relax a guess, in one form."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from chem.alignment import rmsd
from chem.errors import ConfigurationError, InputError
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import relax
from chem.types import Geometry
from chem.xyz import read_xyz_structures, write_xyz
from cli.main import app
from models.checkpoints import save_weights
from models.morered import KIND_OF, MoreRed, MoreRedConfig
from models.potential import Potential, PotentialConfig
from tasks.relaxing import METHODS, relax_structures

ETHANOL = """\
C -0.8883 0.1670 -0.0273
C 0.4658 -0.5116 -0.0368
O 1.4311 0.3229 0.5867
H -0.8487 1.1175 -0.5695
H -1.6471 -0.4704 -0.4896
H -1.1964 0.3978 0.9977
H 0.7920 -0.7224 -1.0597
H 0.4246 -1.4559 0.5138
H 1.4671 1.1550 0.0848
"""
NETWORKS = {"morered-jt": "joint", "morered-as": "separate", "morered-itp": "separate", "potential": ""}


@pytest.fixture(scope="module")
def ethanol():
    """Minimum at GFN2-xTB."""
    lines = [line.split() for line in ETHANOL.splitlines()]
    numbers = np.array([{"C": 6, "O": 8, "H": 1}[line[0]] for line in lines])
    start = Geometry(numbers=numbers, positions=np.array([[float(word) for word in line[1:]] for line in lines]))
    return relax(start, resolve_level("gfn2"), GradientCounter()).geometry


@pytest.fixture
def guess(ethanol):
    noise = np.random.default_rng(0).standard_normal(ethanol.positions.shape)
    return ethanol.with_positions(ethanol.positions + 0.1 * noise)


@pytest.fixture
def weights(tmp_path, tiny_config):
    """Function that writes random weights for a method and gives their file; None where it needs none."""

    def written(method):
        if method not in NETWORKS:
            return None
        torch.manual_seed(0)
        path = tmp_path / f"{method}.safetensors"
        if method == "potential":
            config = PotentialConfig(backbone=replace(tiny_config.backbone, cutoff_angstrom=5.0))
            save_weights(path, Potential(config), "potential", config, {})
        else:
            config = MoreRedConfig(backbone=tiny_config.backbone, form=NETWORKS[method])
            save_weights(path, MoreRed(config), KIND_OF[config.form], config, {})
        return path

    return written


@pytest.mark.parametrize("method", ["gfn2", "mmff94"])
def test_a_broken_guess_ends_nearer_its_minimum_with_its_bonds(ethanol, guess, method):
    (found,) = relax_structures([guess], [perceive_graph(ethanol)], method)
    assert found.converged
    assert found.keeps_bonds_of(perceive_graph(ethanol))
    assert rmsd(found.geometry.positions, ethanol.positions) < 0.5 * rmsd(guess.positions, ethanol.positions)


@pytest.mark.parametrize("method", [method for method in NETWORKS if method.startswith("morered")])
@pytest.mark.parametrize("told", [True, False])
def test_with_the_shipped_weights_displaced_ethanol_lands_nearer_its_minimum_than_it_started(ethanol, told, method):
    graph, ratios = perceive_graph(ethanol), []
    for seed in range(3):
        noise = np.random.default_rng(seed).standard_normal(ethanol.positions.shape)
        start = ethanol.with_positions(ethanol.positions + 0.2 * noise)
        (found,) = relax_structures([start], [graph if told else None], method, device="cpu")
        before, after = (rmsd(each.positions, ethanol.positions) for each in (start, found.geometry))
        ratios.append(after / before)
        assert found.noise_angstrom > 0.1
    assert max(ratios) < 1.0
    assert np.mean(ratios) < 0.7


@pytest.mark.parametrize("method", METHODS)
def test_every_way_answers_for_each_guess_in_its_place(ethanol, guess, weights, method):
    water = Geometry(numbers=np.array([8, 1, 1]), positions=np.array([[0, 0, 0.1], [0, 0.8, -0.5], [0, -0.8, -0.5]]))
    guesses = [guess, water, ethanol]
    found = relax_structures(guesses, [None] * 3, method, checkpoint=weights(method), device="cpu")
    assert [each.geometry.n_atoms for each in found] == [9, 3, 9]
    assert all(np.array_equal(each.geometry.numbers, one.numbers) for each, one in zip(found, guesses, strict=True))
    assert all((each.noise_angstrom is not None) == method.startswith("morered") for each in found)


def test_a_molecule_without_parameters_is_a_failure_not_a_fault():
    odd = Geometry(
        numbers=np.array([5, 1, 1, 1]), positions=np.array([[0, 0, 0], [1.2, 0, 0], [-0.6, 1, 0], [-0.6, -1, 0]])
    )
    (found,) = relax_structures([odd], [None], "mmff94")
    assert not found.converged
    assert "MMFF94 has no parameters" in found.failure
    assert np.array_equal(found.geometry.positions, odd.positions)


def test_an_unknown_way_and_weights_of_another_form_are_refused(guess, weights):
    with pytest.raises(ConfigurationError, match="'uff' is unknown; give one of morered-jt"):
        relax_structures([guess], [None], "uff")
    with pytest.raises(ConfigurationError, match="holds a morered model, not a morered_separate model"):
        relax_structures([guess], [None], "morered-as", checkpoint=weights("morered-jt"), device="cpu")


def test_the_command_relaxes_every_structure_of_a_file(tmp_path, ethanol, guess):
    both = tmp_path / "both.xyz"
    for place, each in enumerate((guess, ethanol)):
        write_xyz(tmp_path / f"{place}.xyz", each)
    both.write_text((tmp_path / "0.xyz").read_text() + (tmp_path / "1.xyz").read_text())
    output = tmp_path / "relaxed.extxyz"
    result = CliRunner().invoke(app, ["relax", str(both), "--method", "gfn2", "-o", str(output), "--json"])
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)["structures"]
    assert first["converged"]
    assert second["converged"]
    assert first["moved_angstrom"] > 0.1 > second["moved_angstrom"]
    assert first["evaluations"] > second["evaluations"]
    written = read_xyz_structures(output)
    assert rmsd(written[0].positions, ethanol.positions) < 0.05


@pytest.mark.parametrize("method", ["morered-jt", "potential"])
def test_networks_refuse_ions(ethanol, weights, method):
    ion = replace(ethanol, charge=1, multiplicity=2)
    with pytest.raises(InputError, match=r"not charge \+1 and multiplicity 2; relax with gfn2"):
        relax_structures([ion], [None], method, checkpoint=weights(method), device="cpu")
