"""Training: resumable as if never interrupted, reproducible, honest about what it was given."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from chem.errors import ConfigurationError, InputError
from models.best_weights import BestWeights
from models.checkpoints import read_checkpoint, save_weights
from models.configuration import to_plain
from models.frames import aligned, rmsd
from models.generator_training import CRITERION, fold_of, main, prepared
from models.reactdiff import PathConfig, ReactDiff, ReactDiffConfig
from models.reaction_data import read_npz
from models.training import TrainingConfig, batches, learning_rate_at, training_init
from models.training_checkpoint import has_checkpoint, load_checkpoint, save_checkpoint


def write_reactions(path: Path, n_train: int = 12, n_val: int = 4) -> None:
    """Hydrogen transfers from carbon to oxygen in a chain of four atoms, with slightly different lengths."""
    generator = np.random.default_rng(0)
    numbers, reactant, ts, product = [], [], [], []
    for _ in range(n_train + n_val):
        cc, co = 1.5 + 0.05 * generator.normal(), 1.4 + 0.05 * generator.normal()
        heavy = np.array([[0.0, 0, 0], [cc, 0, 0], [cc + 0.4, co, 0]])
        near_carbon, near_oxygen = [0.2, 1.07, 0.1], [cc - 0.5, co + 0.2, 0.1]
        between = [0.5, 1.3, 0.3]
        numbers.append([6, 6, 8, 1])
        reactant.append(np.vstack([heavy, near_carbon]))
        ts.append(np.vstack([heavy, between]))
        product.append(np.vstack([heavy, near_oxygen]))
    n = n_train + n_val
    np.savez(
        path,
        rxn=np.arange(n, dtype=np.int32),
        offset=np.arange(0, 4 * n + 1, 4, dtype=np.int32),
        numbers=np.concatenate(numbers).astype(np.uint8),
        reactant=np.concatenate(reactant).astype(np.float32),
        ts=np.concatenate(ts).astype(np.float32),
        product=np.concatenate(product).astype(np.float32),
        smiles=np.array([""] * n),
        split=np.array(["train"] * n_train + ["val"] * n_val),
    )


def write_configuration(path: Path, network: ReactDiffConfig, **training: object) -> None:
    plain = {
        "backbone": to_plain(network.backbone),
        "training": {
            "steps": 6,
            "batch_size": 4,
            "warmup_steps": 2,
            "validate_every": 3,
            "checkpoint_every": 3,
            **training,
        },
        "sampling_steps": 2,
    }
    path.write_text(yaml.safe_dump(plain))


@pytest.fixture
def inputs(tmp_path: Path, tiny_config: ReactDiffConfig) -> list[str]:
    write_reactions(tmp_path / "data.npz")
    write_configuration(tmp_path / "model.yaml", tiny_config)
    return ["--data", str(tmp_path / "data.npz"), "--config", str(tmp_path / "model.yaml"), "--device", "cpu"]


def quiet(row: dict[str, float]) -> None:
    assert np.isfinite(row["val_rmsd_median_angstrom"])


def test_a_run_that_is_interrupted_and_resumed_ends_in_the_same_weights(
    inputs: list[str], tmp_path: Path, tiny_config: ReactDiffConfig
) -> None:
    main([*inputs, "--out", str(tmp_path / "whole")], quiet)
    write_configuration(tmp_path / "model.yaml", tiny_config, checkpoint_every=4)
    # The first half ends by time at step 0, the next by an error after the checkpoint of step 4.
    main([*inputs, "--out", str(tmp_path / "halves"), "--max-seconds", "0"], quiet)

    def stop(row: dict[str, float]) -> None:
        if row["step"] == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        main([*inputs, "--out", str(tmp_path / "halves"), "--resume"], stop)
    main([*inputs, "--out", str(tmp_path / "halves"), "--resume"], quiet)
    whole = read_checkpoint(tmp_path / "whole" / "weights.safetensors", "reactdiff").weights
    halves = read_checkpoint(tmp_path / "halves" / "weights.safetensors", "reactdiff").weights
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_a_run_begun_from_trained_weights_starts_at_their_error(
    inputs: list[str], tmp_path: Path, tiny_config: ReactDiffConfig
) -> None:
    main([*inputs, "--out", str(tmp_path / "first")], quiet)
    weights = tmp_path / "first" / "weights.safetensors"
    trained = read_checkpoint(weights, "reactdiff")
    write_configuration(tmp_path / "model.yaml", tiny_config, learning_rate=0.0, steps=1, validate_every=1, seed=1)
    rows: list[dict[str, float]] = []
    main([*inputs, "--out", str(tmp_path / "second"), "--start-from", str(weights)], rows.append)
    assert rows[0]["val_rmsd_median_angstrom"] == trained.card["curve"]["val_rmsd_median_angstrom"]
    card = read_checkpoint(tmp_path / "second" / "weights.safetensors", "reactdiff").card
    assert card["started_from_sha256"] == trained.sha256


def test_weights_of_another_network_are_no_beginning(
    inputs: list[str], tmp_path: Path, tiny_config: ReactDiffConfig
) -> None:
    larger = replace(tiny_config, backbone=replace(tiny_config.backbone, edge_channels=16))
    save_weights(tmp_path / "larger.safetensors", ReactDiff(larger), "reactdiff", larger, {})
    with pytest.raises(ConfigurationError, match="does not fit the network"):
        main([*inputs, "--out", str(tmp_path / "run"), "--start-from", str(tmp_path / "larger.safetensors")], quiet)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_another_run_is_not_overwritten(inputs: list[str], tmp_path: Path) -> None:
    main([*inputs, "--out", str(tmp_path / "run")], quiet)
    with pytest.raises(InputError, match="--resume"):
        main([*inputs, "--out", str(tmp_path / "run")], quiet)


def test_data_without_a_validation_split_is_refused(inputs: list[str], tmp_path: Path) -> None:
    write_reactions(tmp_path / "data.npz", n_val=0)
    with pytest.raises(InputError, match="0 val"):
        main([*inputs, "--out", str(tmp_path / "run")], quiet)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path, tiny_config: ReactDiffConfig) -> None:
    config = TrainingConfig()
    small = training_init(ReactDiff(tiny_config), config, torch.device("cpu"))
    save_checkpoint(tmp_path / "checkpoint", small)
    larger = replace(tiny_config, backbone=replace(tiny_config.backbone, edge_channels=16))
    state = training_init(ReactDiff(larger), config, torch.device("cpu"))
    with pytest.raises(InputError, match="another network"):
        load_checkpoint(tmp_path / "checkpoint", state)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_old_one(
    tmp_path: Path, tiny_config: ReactDiffConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = training_init(ReactDiff(tiny_config), TrainingConfig(), torch.device("cpu"))
    state.step = 7
    save_checkpoint(tmp_path / "checkpoint", state)
    state.step = 8

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("models.training_checkpoint.save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path / "checkpoint", state)
    assert has_checkpoint(tmp_path / "checkpoint")
    load_checkpoint(tmp_path / "checkpoint", state)
    assert state.step == 7


def test_training_lowers_the_deviation_on_reactions_it_can_learn(tmp_path: Path, tiny_config: ReactDiffConfig) -> None:
    write_reactions(tmp_path / "data.npz", n_train=32, n_val=8)
    write_configuration(
        tmp_path / "model.yaml", tiny_config, steps=60, validate_every=60, learning_rate=0.005, average_decay=0.9
    )
    rows: list[dict[str, float]] = []
    arguments = ["--data", str(tmp_path / "data.npz"), "--config", str(tmp_path / "model.yaml"), "--device", "cpu"]
    main([*arguments, "--out", str(tmp_path / "run")], rows.append)
    data = read_npz(tmp_path / "data.npz")
    start = prepared(data, list(range(32, 40)))
    untrained = rmsd(start.start, start.ts, start.mask.float()).median()
    assert rows[-1]["val_rmsd_median_angstrom"] < 0.7 * float(untrained)


def test_only_the_best_weights_of_a_run_are_kept(tmp_path: Path, tiny_config: ReactDiffConfig) -> None:
    model = ReactDiff(tiny_config)
    best = BestWeights(folder=tmp_path, kind="reactdiff", criterion=CRITERION, config=model.config, facts={})
    best.offer(model, {"step": 1, "val_rmsd_median_angstrom": 0.3})
    best.offer(model, {"step": 2, "val_rmsd_median_angstrom": 0.4})
    assert read_checkpoint(tmp_path / "weights.safetensors", "reactdiff").card["curve"]["step"] == 1


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    config = TrainingConfig(steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate_at(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_an_epoch_shows_every_reaction_at_most_once_and_going_on_shows_what_would_have_come(tmp_path: Path) -> None:
    write_reactions(tmp_path / "data.npz", n_train=12, n_val=0)
    data = prepared(read_npz(tmp_path / "data.npz"), list(range(12)))
    config = TrainingConfig(batch_size=4)
    source = batches(data, config, 0)
    first = [next(source).ts for _ in range(5)]
    seen = torch.cat(first[:3])
    assert len(torch.unique(seen.flatten(1), dim=0)) == 12
    resumed = batches(data, config, 3)
    assert all(torch.equal(next(resumed).ts, first[place]) for place in (3, 4))


def test_a_fold_depends_on_the_identifier_alone() -> None:
    assert [fold_of(str(number), 3) for number in range(5)] == [0, 1, 2, 0, 1]
    assert fold_of("T1x-C2H6O-17", 2) == fold_of("T1x-C2H6O-17", 2)
    assert {fold_of(f"reaction {letter}", 2) for letter in "abcdef"} == {0, 1}


def test_path_noise_is_widest_half_way() -> None:
    process = PathConfig(path_noise_angstrom=0.05).process
    zeros, ones = torch.zeros(1, 1, 3), torch.ones(1, 1, 3)
    spread = [float(process.point(zeros, zeros, ones, torch.tensor([t]))[0, 0, 0]) for t in (0.0, 0.25, 0.5, 1.0)]
    assert spread[0] == spread[3] == 0.0
    assert spread[2] == pytest.approx(0.05)
    assert spread[1] < spread[2]


def test_mixed_precision_leaves_superposition_exact() -> None:
    generator = torch.Generator().manual_seed(0)
    mobile = 5.0 * torch.randn(4, 9, 3, generator=generator)
    target = 5.0 * torch.randn(4, 9, 3, generator=generator)
    mask = torch.ones(4, 9)
    plain = aligned(mobile, target, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = aligned(mobile, target, mask)
    assert torch.equal(plain, mixed)


def test_training_in_mixed_precision_runs_and_stays_finite(tmp_path: Path, tiny_config: ReactDiffConfig) -> None:
    write_reactions(tmp_path / "data.npz")
    write_configuration(tmp_path / "model.yaml", tiny_config, precision="bfloat16")
    arguments = ["--data", str(tmp_path / "data.npz"), "--config", str(tmp_path / "model.yaml"), "--device", "cpu"]
    main([*arguments, "--out", str(tmp_path / "run")], quiet)
