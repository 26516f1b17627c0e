"""`cairn evaluate generator`: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from chem.errors import InputError
from cli.evaluate import evaluate_app
from models.checkpoints import save_weights
from models.confidence import Scorer, ScorerConfig
from models.reactdiff import ReactDiff

FORMALDEHYDE = [[0, 0, 0], [0, 0, 1.2], [0.94, 0.05, -0.59], [-0.94, 0.05, -0.59]]
CARBENE = [[0, 0, 0], [0, 0, 1.31], [0.93, -0.05, 1.6], [-1.08, 0.05, -0.24]]
BETWEEN = [[0, 0, 0], [0, 0, 1.28], [1.05, 0.0, 0.60], [-1.05, 0.0, -0.40]]
APART = [[0, 0, 0], [0, 0, 1.13], [4.0, 0.0, 0.0], [4.0, 0.0, 0.74]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_config):
    """Three reactions, one of them of silicon in place of carbon, and untrained weights."""
    folder = tmp_path_factory.mktemp("evaluate")
    np.savez(
        folder / "data.npz",
        offset=[0, 4, 8, 12],
        numbers=[6, 8, 1, 1, 6, 8, 1, 1, 14, 8, 1, 1],
        reactant=np.array(FORMALDEHYDE * 3),
        ts=np.array(BETWEEN * 3),
        product=np.array(CARBENE + APART + CARBENE),
        split=np.array(["val", "val", "val"]),
        rxn=[10, 11, 12],
        smiles=np.array(["", "", ""]),
    )
    torch.manual_seed(0)
    sha256 = save_weights(folder / "g.safetensors", ReactDiff(tiny_config), "reactdiff", tiny_config, {})
    config = ScorerConfig(trunk=tiny_config, hidden=4)
    save_weights(folder / "c.safetensors", Scorer(config), "confidence", config, {"generator_sha256": sha256})
    (folder / "curve.csv").write_text(
        "step,train_deviation_angstrom,val_rmsd_median_angstrom\n10,0.5,0.4\n20,0.4,0.3\n"
    )
    return folder


def run(folder, *arguments, split="val"):
    given = ["generator", "--data", str(folder / "data.npz"), "--split", split, "--steps", "1", "--device", "cpu"]
    given += ["--checkpoint", str(folder / "g.safetensors"), *(str(each) for each in arguments)]
    return CliRunner().invoke(evaluate_app, given)


def test_json_prints_one_object_and_nothing_else_and_says_what_was_left_out(folder):
    done = run(folder, "--samples", 3, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["n"], found["n_unsupported"], found["samples"], found["network_evaluations"]) == (2, 1, 3, 1)
    assert found["rmsd_strict_angstrom"]["recommended"] is None
    assert found["auroc"] is None
    assert found["barrier_error_kcal_mol"] is None
    assert found["by_product_fragments"]["2"]["n"] == 1
    assert found["swapped_multi_fragment"]["n"] == 1


def test_barriers_are_measured_in_workers_and_everything_lands_in_the_folder(folder, tmp_path):
    done = run(
        folder, "--confidence", folder / "c.safetensors", "--samples", 2, "--barriers", "gfn2", "--polish", 2,
        "--workers", 1, "-o", tmp_path / "out", "--curve", folder / "curve.csv", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    errors = found["barrier_error_kcal_mol"]
    assert (errors["level"], errors["polish_gradient_calls"], errors["structure"]) == ("GFN2-xTB", 2, "recommended")
    assert found["rmsd_strict_angstrom"]["recommended"]["n"] == 2
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == found
    with (tmp_path / "out" / "reactions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["reaction"] for row in rows] == ["10", "11"]
    capped = [min(float(row["recommended_barrier_error_raw_kcal_mol"]), 50.0) for row in rows]
    assert np.mean(capped) == pytest.approx(errors["raw"])
    for name in ("deviations", "calibration", "triage", "learning_curve"):
        assert "</svg>" in (tmp_path / "out" / f"{name}.svg").read_text(), name


def test_for_people_there_are_tables_with_the_groups(folder):
    done = run(folder, "--samples", 2, "--confidence", folder / "c.safetensors")
    assert done.exit_code == 0, done.output
    for words in ("recommended", "2 product molecules", "2+ reactant molecules (swapped)", "1-9 atoms", "AUROC"):
        assert words in done.stdout


def test_the_same_seed_gives_the_same_figures(folder):
    first, second = (json.loads(run(folder, "--samples", 3, "--seed", 4, "--json").stdout) for _ in range(2))
    assert first.pop("seconds_per_ts") > 0
    assert second.pop("seconds_per_ts") > 0
    assert first == second


def test_what_cannot_be_evaluated_is_refused_with_the_remedy(folder):
    for arguments, words in (
        ({"split": "tset"}, "the file has val"),
        ({"arguments": ("--barriers", "gfn9")}, "unknown level of theory 'gfn9'"),
    ):
        done = run(folder, *arguments.get("arguments", ()), split=arguments.get("split", "val"))
        assert isinstance(done.exception, InputError)
        assert words in str(done.exception)
    done = run(folder, "--curve", folder / "curve.csv")
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit | typer.Exit)
