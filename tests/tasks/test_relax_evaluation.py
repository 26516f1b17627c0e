"""What is measured of the ways to relax noised minima."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from chem.alignment import rmsd
from chem.levels import resolve_level
from chem.potential import GradientCounter
from chem.relax import relax
from chem.types import Geometry
from cli.main import app
from models.checkpoints import save_weights
from models.morered import MoreRed, MoreRedConfig
from models.potential import DenoisingConfig, Potential, PotentialConfig
from models.structure_batch import StructureArrays
from models.structure_data import write_structures
from tasks.relax_evaluation import evaluate_relaxation, noised_minima

WATER = [[0, 0, 0.1], [0, 0.8, -0.5], [0, -0.8, -0.5]]
AMMONIA = [[0, 0, 0.3], [0.9, 0, -0.1], [-0.5, 0.8, -0.1], [-0.5, -0.8, -0.1]]


@pytest.fixture(scope="module")
def minima():
    """Water and ammonia at GFN2-xTB."""
    found = []
    for numbers, positions in (([8, 1, 1], WATER), ([7, 1, 1, 1], AMMONIA)):
        start = Geometry(numbers=np.array(numbers), positions=np.array(positions))
        ended = relax(start, resolve_level("gfn2"), GradientCounter(), fmax_ev_per_angstrom=0.002).geometry
        found.append(StructureArrays(numbers=ended.numbers, positions=ended.positions))
    return found


@pytest.fixture
def weights(tmp_path, tiny_config):
    """Function that writes random weights and gives their file."""

    def written(kind, **denoising):
        torch.manual_seed(0)
        path = tmp_path / f"{kind}{'_other' if denoising else ''}.safetensors"
        if kind == "potential":
            config = PotentialConfig(
                backbone=replace(tiny_config.backbone, cutoff_angstrom=5.0), denoising=DenoisingConfig(**denoising)
            )
            save_weights(path, Potential(config), kind, config, {})
        else:
            config = MoreRedConfig(backbone=tiny_config.backbone, form="separate" if "separate" in kind else "joint")
            save_weights(path, MoreRed(config), kind, config, {})
        return path

    return written


def test_the_noise_is_as_wide_as_asked_and_the_same_for_every_way(minima):
    many = noised_minima(minima * 200, 0.2, seed=0)
    spread = np.concatenate([(each.guess.positions - each.minimum.positions).ravel() for each in many])
    assert spread.std() == pytest.approx(0.2, rel=0.05)
    again = noised_minima(minima * 200, 0.2, seed=0)
    assert all(rmsd(one.guess.positions, other.guess.positions) < 1e-6 for one, other in zip(many, again, strict=True))


def test_the_level_itself_brings_minima_back_and_leaves_nothing_to_do(minima):
    result = evaluate_relaxation(minima, resolve_level("gfn2"), {"none": None, "gfn2": None}, noises_angstrom=(0.05,))
    nothing, itself = result.summaries
    assert (nothing.rmsd_ratio_median, nothing.evaluations_mean) == (pytest.approx(1.0), 0.0)
    assert itself.rmsd_ratio_median < 0.3
    assert itself.failure_share == 0.0
    assert itself.energy_above_minimum_median_kcal_mol == pytest.approx(0.0, abs=0.05)
    assert nothing.energy_above_minimum_median_kcal_mol > 1.0
    assert itself.gradient_calls_after_median <= 2 < nothing.gradient_calls_after_median


def test_a_network_that_knows_nothing_fails_and_its_noise_is_ranked(minima, weights):
    result = evaluate_relaxation(
        minima, resolve_level("gfn2"), {"morered-jt": weights("morered")}, noises_angstrom=(0.1, 0.3), device="cpu"
    )
    assert [each.noise_angstrom for each in result.summaries] == [0.1, 0.3]
    assert all(each.rmsd_ratio_median > 0.5 for each in result.summaries)
    assert -1.0 <= result.noise_rank_correlation["morered-jt"] <= 1.0


def test_the_commands_print_what_they_measured_and_refuse_another_level(tmp_path, minima, weights):
    write_structures(tmp_path / "minima.npz", minima, ["test", "test"], resolve_level("gfn2").key)
    given = ["evaluate", "morered", "--data", str(tmp_path / "minima.npz"), "--noise", "0.1", "--device", "cpu"]
    result = CliRunner().invoke(app, [*given, "--joint", str(weights("morered")), "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert [each["method"] for each in record["summaries"]] == ["morered-jt", "none", "mmff94", "gfn2"]
    refused = CliRunner().invoke(app, [*given, "--level", "hf/sto-3g"])
    assert "give their level with --level" in str(refused.exception)
    labelled = [
        StructureArrays(
            numbers=each.numbers,
            positions=each.positions,
            energy_ev=-10.0,
            forces_ev_per_angstrom=np.zeros_like(each.positions),
        )
        for each in minima
    ]
    write_structures(tmp_path / "labels.npz", labelled, ["test", "test"], "gfn2")
    words = ["evaluate", "potential", "--data", str(tmp_path / "labels.npz"), "--device", "cpu", "--json"]
    result = CliRunner().invoke(app, [*words, "--checkpoint", str(weights("potential"))])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["n"] == 2
    assert record["force_mae_ev_per_angstrom"] > 0.0
    assert record["trained_with_dens"]
    assert record["without_dens"] is None
    assert record["structures_per_second"] > 0.0
    assert record["level_structures_per_second"] > 0.0
    words += ["--checkpoint", str(weights("potential")), "--without-dens"]
    result = CliRunner().invoke(app, [*words, str(weights("potential", structure_share=0.0))])
    assert json.loads(result.stdout)["without_dens"]["force_mae_ev_per_angstrom"] > 0.0
    refused = CliRunner().invoke(app, [*words, str(weights("potential"))])
    assert "was trained with DeNS" in str(refused.exception)
