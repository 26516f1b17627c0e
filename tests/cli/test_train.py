"""`cairn train` on a few small reactions: what it leaves behind, how it goes on, and what it refuses."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import yaml

from cli.main import run
from cli.train import seconds_left
from models.checkpoints import read_checkpoint, save_weights
from models.configuration import to_plain
from models.reactdiff import ReactDiff
from models.weights_file import hash_of

STEPS = 4


@pytest.fixture
def inputs(tmp_path, tiny_config):
    """Options for data and configuration of a training of seconds."""
    generator = np.random.default_rng(0)
    chain = np.array([[0.0, 0, 0], [1.5, 0, 0], [1.9, 1.4, 0]])
    places = {"reactant": [0.2, 1.07, 0.1], "ts": [0.5, 1.3, 0.3], "product": [1.0, 1.6, 0.1]}
    n = 8
    arrays = {
        name: np.concatenate([np.vstack([chain, place]) + 0.02 * generator.normal(size=(4, 3)) for _ in range(n)])
        for name, place in places.items()
    }
    np.savez(
        tmp_path / "data.npz",
        offset=np.arange(0, 4 * n + 1, 4),
        numbers=np.tile([6, 6, 8, 1], n),
        split=np.array(["train"] * 6 + ["val"] * 2),
        **arrays,
    )
    training = {"steps": STEPS, "batch_size": 2, "warmup_steps": 1, "validate_every": 2, "checkpoint_every": 2}
    plain = {"backbone": to_plain(tiny_config.backbone), "training": training, "sampling_steps": 1}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(plain))
    return ["--data", str(tmp_path / "data.npz"), "--config", str(tmp_path / "tiny.yaml"), "--device", "cpu"]


def test_a_training_leaves_weights_with_their_card_and_a_learning_curve(capsys, tmp_path, inputs):
    folder = tmp_path / "run"
    assert run(["train", "generator", *inputs, "-o", str(folder)]) == 0
    printed = capsys.readouterr()
    assert "weights.safetensors" in printed.out
    assert f"step {STEPS} of {STEPS}" in printed.err
    assert "s left" in printed.err
    checkpoint = read_checkpoint(folder / "weights.safetensors", "reactdiff")
    assert checkpoint.card["data"] == "data.npz"
    assert checkpoint.card["data_sha256"] == hash_of(tmp_path / "data.npz")
    assert (checkpoint.card["n_train"], checkpoint.card["n_val"]) == (6, 2)
    assert "cairn train generator" in checkpoint.card["command"]
    with (folder / "curve.csv").open(newline="") as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [2, 4]
    assert (folder / "curve.svg").read_text().lstrip().startswith("<?xml")


def test_a_training_that_ran_out_of_time_goes_on_with_resume(capsys, tmp_path, inputs):
    options = [*inputs, "-o", str(tmp_path / "run")]
    assert run(["train", "generator", *options, "--max-seconds", "0"]) == 0
    assert "--resume" in capsys.readouterr().out
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    assert run(["train", "generator", *options, "--resume"]) == 0
    assert (tmp_path / "run" / "weights.safetensors").exists()
    assert run(["train", "generator", *options]) == 2
    assert "holds another run" in capsys.readouterr().err


def test_a_fold_leaves_its_reactions_out_and_json_prints_one_object_a_validation(capsys, tmp_path, inputs):
    assert run(["train", "generator", *inputs, "-o", str(tmp_path / "run"), "--fold", "0/2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert all(np.isfinite(row["val_rmsd_median_angstrom"]) for row in rows)
    card = read_checkpoint(tmp_path / "run" / "weights.safetensors", "reactdiff").card
    assert (card["fold_left_out"], card["n_train"]) == ("0/2", 3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (["--fold", "2/2"], "2/2"),
        (["--fold", "half"], "half"),
        (["--device", "abacus"], "abacus"),
        (["--data", "nowhere.npz"], "nowhere.npz"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--max-seconds", "-1"], "--max-seconds"),
        (["--processes", "0"], "--processes"),
        (["--processes", "3"], "batch_size of 2"),
    ],
)
def test_bad_input_exits_with_2_and_names_it(capsys, tmp_path, monkeypatch, inputs, change, named):
    monkeypatch.chdir(tmp_path)
    assert run(["train", "generator", *inputs, "-o", str(tmp_path / "run"), *change]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert named in printed.err
    assert not (tmp_path / "run").exists()


def test_a_confidence_needs_a_trunk_that_has_not_seen_the_fold(capsys, tmp_path, inputs, tiny_config):
    whole = ReactDiff(tiny_config)
    save_weights(tmp_path / "whole.safetensors", whole, "reactdiff", tiny_config, {"fold_left_out": ""})
    (tmp_path / "confidence.yaml").write_text("epochs: 1\n")
    weights = str(tmp_path / "whole.safetensors")
    arguments = [*inputs[:2], "--config", str(tmp_path / "confidence.yaml"), "--fold", "0/2"]
    arguments += ["--generator", weights, "--trunk", weights, "-o", str(tmp_path / "confidence")]
    assert run(["train", "confidence", *arguments]) == 2
    assert "fold" in capsys.readouterr().err


def test_the_seconds_left_follow_the_pace_since_it_could_be_measured():
    assert seconds_left(10.0, 100, 10.0, 100, 400) is None
    assert seconds_left(10.0, 100, 30.0, 200, 400) == pytest.approx(40.0)
    assert seconds_left(10.0, 100, 90.0, 400, 400) == 0.0


def test_help_teaches_by_example(capsys):
    for kind in ("generator", "confidence"):
        assert run(["train", kind, "--help"]) == 0
        assert f"cairn train {kind}" in capsys.readouterr().out


def test_the_joint_diffusion_trains_and_goes_on_where_it_stopped(capsys, tmp_path, inputs):
    plain = yaml.safe_load((tmp_path / "tiny.yaml").read_text())
    config = {"model": {"backbone": plain["backbone"]}, "training": plain["training"]}
    (tmp_path / "joint.yaml").write_text(yaml.safe_dump(config))
    words = ["train", "joint", *inputs[:2], "--config", str(tmp_path / "joint.yaml"), "--device", "cpu"]
    words += ["-o", str(tmp_path / "run"), "--json"]
    assert run([*words, "--max-seconds", "0"]) == 0
    assert capsys.readouterr().out == ""
    assert run([*words, "--resume"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert "val_noise_error" in rows[0]
    assert "cairn train joint" in read_checkpoint(tmp_path / "run" / "weights.safetensors", "joint").card["command"]
