"""What is measured of conformers that are drawn from bonds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from chem.conformers import embedded_guesses
from chem.smiles import parse_smiles
from cli.main import app
from models.checkpoints import save_weights
from models.dig import Dig, DigConfig
from models.structure_batch import StructureArrays
from models.structure_data import write_structures
from tasks.conformer_evaluation import deviation_angstrom, evaluate_conformers
from tests.readme import json_fields


@pytest.fixture(scope="module")
def molecules():
    """Ethanol and propane, embedded."""
    found = []
    for smiles in ("CCO", "CCC"):
        graph = parse_smiles(smiles)
        (positions,), _ = embedded_guesses(graph, 1, 7)
        found.append((graph, StructureArrays(numbers=np.array(graph.numbers), positions=positions)))
    return found


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_config):
    """A network that was not trained."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("dig") / "dig.safetensors"
    config = DigConfig(backbone=tiny_config.backbone, n_steps=5)
    save_weights(path, Dig(config), "dig", config, {})
    return path


def test_a_turned_mirrored_and_relabelled_structure_does_not_deviate(molecules):
    graph, each = molecules[1]
    turned = each.positions @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]) * np.array([1.0, 1.0, -1.0]) + 3.0
    carbons = [place for place, number in enumerate(graph.numbers) if number == 6]
    ends = [one for one in carbons if sum(one in pair for pair in graph.bonds) == 4][:3]
    assert len(ends) == 3
    assert deviation_angstrom(graph, turned, each.positions) == pytest.approx(0.0, abs=1e-6)
    hydrogens = [
        next(iter({*pair} - {carbons[0]})) for pair in graph.bonds if carbons[0] in pair and not {*pair} <= set(carbons)
    ]
    exchanged = each.positions.copy()
    exchanged[[hydrogens[0], hydrogens[1]]] = exchanged[[hydrogens[1], hydrogens[0]]]
    assert deviation_angstrom(graph, exchanged, each.positions) < 0.7


def test_embedded_guesses_have_their_bonds_and_an_untrained_network_has_not(molecules, weights):
    found = {
        each.method: each
        for each in evaluate_conformers([each for _, each in molecules], checkpoint=weights, samples=3, device="cpu")
    }
    assert found["etkdg"].right_bonds_share == 1.0
    assert found["dig"].right_bonds_share < 0.5
    assert found["etkdg"].best_rmsd_median_angstrom <= found["etkdg"].rmsd_median_angstrom
    assert (found["dig"].n, found["dig"].samples) == (2, 3)


def test_the_command_prints_both_ways_side_by_side(molecules, weights, tmp_path):
    data = tmp_path / "minima.npz"
    write_structures(data, [each for _, each in molecules], ["test", "test"], "GFN2-xTB")
    words = ["evaluate", "dig", "--data", str(data), "--checkpoint", str(weights), "--samples", "2"]
    record = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
    assert sorted(json_fields("evaluate dig")) == sorted([*record, *record["summaries"][0]])
    assert [each["method"] for each in record["summaries"]] == ["dig", "etkdg"]
    assert record["level"] == "GFN2-xTB"
    assert set(record["n_outliers"]) == set(record["outlier_auroc"])
    assert record["n_outliers"]["stretched_bond"] == 2
    assert record["log_likelihood_per_degree_of_freedom_p5"] <= record["log_likelihood_per_degree_of_freedom_median"]
    assert "etkdg" in CliRunner().invoke(app, words, catch_exceptions=False).stdout
