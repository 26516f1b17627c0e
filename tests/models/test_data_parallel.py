"""Training in several processes takes the same steps as in one, goes on as in one, and fails as in one."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from chem.errors import ConfigurationError, InputError
from models.backbone import BackboneConfig
from models.checkpoints import read_checkpoint
from models.data_parallel import ALONE, Processes, check_processes, started
from models.generator_training import loss_with_common_coin, main
from models.reactdiff import PathConfig, ReactDiff, ReactDiffConfig, deviation_and_distances
from models.reaction_batch import ReactionArrays, ReactionBatch, collate
from models.start import with_start
from models.training import TrainingConfig, batches, noise_of, training_init, training_step

CPU = torch.device("cpu")
TINY = BackboneConfig(
    irreps="4x0e+1x0o+2x1o+1x1e", edge_channels=4, direction_channels=1, product_channels=1, n_blocks=1, n_radial=4
)
TRAINING = TrainingConfig(steps=3, batch_size=4, warmup_steps=0, learning_rate=0.01)
CHAIN = np.array([[0.0, 0, 0], [1.5, 0, 0], [1.9, 1.4, 0]])
PLACES = {"reactant": [0.2, 1.07, 0.1], "ts": [0.5, 1.3, 0.3], "product": [1.0, 1.6, 0.1]}


def transfers(n_reactions: int) -> dict[str, np.ndarray]:
    """Hydrogen transfers from carbon to oxygen, shape (n_reactions, 4, 3), Angstrom."""
    generator = np.random.default_rng(0)
    shape = (n_reactions, 4, 3)
    return {name: np.vstack([CHAIN, place]) + 0.02 * generator.normal(size=shape) for name, place in PLACES.items()}


def noiseless_loss(model, batch, own_noise, common_noise):
    """The training loss at the beginning of the path."""
    return deviation_and_distances(model(batch, batch.start, torch.zeros(len(batch))), batch, model.config.path)


def take_steps(folder: Path, processes: Processes) -> None:
    """Train a few steps without noise and leave the first gradient and the weights in a folder."""
    positions = transfers(8)
    reactions = [
        ReactionArrays(numbers=np.array([6, 6, 8, 1]), ends=np.stack([reactant, product]), ts=ts)
        for reactant, ts, product in zip(*(positions[name] for name in ("reactant", "ts", "product")), strict=True)
    ]
    data = with_start(collate(reactions))
    torch.manual_seed(0)
    state = training_init(ReactDiff(ReactDiffConfig(backbone=TINY)), TRAINING, CPU)
    unclipped = replace(TRAINING, gradient_clip=1e9)
    gradient: list[torch.Tensor] = []
    for batch, _ in zip(batches(data, TRAINING, 0, processes), range(TRAINING.steps), strict=False):
        assert len(batch) == TRAINING.batch_size // processes.number
        training_step(state, batch, noiseless_loss, unclipped, processes)
        gradient = gradient or [weight.grad.clone() for weight in state.model.parameters() if weight.grad is not None]
    left = {"gradient": gradient, "weights": list(state.model.state_dict().values())}
    torch.save(left, folder / f"{processes.rank}_of_{processes.number}.pt")


def refuse(processes: Processes) -> None:
    raise ConfigurationError(f"process {processes.rank} finds a cow in the data; take it out")


def die(processes: Processes) -> None:
    os._exit(3)


def test_processes_together_take_the_steps_that_one_takes_alone(tmp_path):
    take_steps(tmp_path, ALONE)
    with started(2, CPU, partial(take_steps, tmp_path)) as processes:
        take_steps(tmp_path, processes)
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("0_of_1", "0_of_2", "1_of_2"))
    assert max(float(part.abs().max()) for part in alone["gradient"]) > 1e-3
    torch.testing.assert_close(first["gradient"], alone["gradient"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(first["weights"], alone["weights"], rtol=1e-3, atol=1e-5)
    assert all(torch.equal(*pair) for pair in zip(first["weights"], second["weights"], strict=True))


@pytest.fixture
def inputs(tmp_path):
    """Options for data and configuration of a training of seconds in two processes."""
    positions = {name: value.reshape(-1, 3) for name, value in transfers(8).items()}
    split = np.array(["train"] * 6 + ["val"] * 2)
    np.savez(
        tmp_path / "data.npz", offset=np.arange(0, 33, 4), numbers=np.tile([6, 6, 8, 1], 8), split=split, **positions
    )
    write_configuration(tmp_path / "tiny.yaml")
    arguments = ["--data", str(tmp_path / "data.npz"), "--config", str(tmp_path / "tiny.yaml"), "--device", "cpu"]
    return [*arguments, "--processes", "2"]


def write_configuration(path: Path, **training: object) -> None:
    backbone = {name: getattr(TINY, name) for name in ("irreps", "edge_channels", "direction_channels")}
    backbone |= {"product_channels": 1, "n_blocks": 1, "n_radial": 4}
    training = {"steps": 4, "batch_size": 2, "validate_every": 2, "checkpoint_every": 2} | training
    path.write_text(yaml.safe_dump({"backbone": backbone, "training": training, "sampling_steps": 1}))


def test_an_interrupted_run_of_two_processes_goes_on_as_if_it_had_not_been(inputs, tmp_path):
    rows: list[dict[str, float]] = []
    main([*inputs, "--out", str(tmp_path / "whole")], rows.append)
    assert [row["step"] for row in rows] == [2, 4]

    def stop(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        main([*inputs, "--out", str(tmp_path / "halves")], stop)
    assert not torch.distributed.is_initialized()
    main([*inputs, "--out", str(tmp_path / "halves"), "--resume"], rows.append)
    assert [row["step"] for row in rows] == [2, 4, 4]
    whole = read_checkpoint(tmp_path / "whole" / "weights.safetensors", "reactdiff").weights
    halves = read_checkpoint(tmp_path / "halves" / "weights.safetensors", "reactdiff").weights
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_a_batch_that_cannot_be_shared_evenly_is_refused(inputs, tmp_path):
    write_configuration(tmp_path / "tiny.yaml", batch_size=3)
    with pytest.raises(ConfigurationError, match=r"batch_size of 3 .* 2 processes"):
        main([*inputs, "--out", str(tmp_path / "run")])


def test_several_processes_do_not_share_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigurationError, match="each process needs its own"):
        check_processes(2, 16, torch.device("cuda"))
    with pytest.raises(ConfigurationError, match="cuda:1 is one GPU"):
        check_processes(2, 16, torch.device("cuda:1"))
    assert Processes(rank=1, number=2).device(torch.device("cuda")) == torch.device("cuda:1")


def test_an_error_in_the_data_reaches_the_caller_as_it_is(inputs, tmp_path):
    (tmp_path / "data.npz").write_bytes(b"no reactions")
    with pytest.raises(InputError, match=r"data\.npz"):
        main([*inputs, "--out", str(tmp_path / "run")])


def test_what_another_process_refuses_reaches_the_caller_as_it_is():
    with pytest.raises(ConfigurationError, match="process 1 finds a cow"), started(2, CPU, refuse) as processes:
        processes.any_of(False)


def test_a_process_that_dies_ends_the_training_with_its_exit_code():
    with pytest.raises(RuntimeError, match="process 1 of 2 died with exit code 3"), started(2, CPU, die) as processes:
        processes.any_of(False)


def test_shares_make_up_the_batch():
    batch = torch.arange(12)
    shares = [Processes(rank=rank, number=3).share(batch) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == batch.tolist()
    assert {len(share) for share in shares} == {4}


def test_each_process_and_each_step_has_noise_of_its_own():
    drawn = [float(torch.rand((), generator=noise_of(0, step, source))) for step in range(20) for source in range(3)]
    assert len(set(drawn)) == len(drawn)
    assert float(torch.rand((), generator=noise_of(0, 7, 1))) == drawn[7 * 3 + 1]


def test_a_rollout_is_taken_by_all_processes_or_by_none():
    evaluations = []

    class Counted(ReactDiff):
        def forward(self, batch: ReactionBatch, positions: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            evaluations.append(len(batch))
            return super().forward(batch, positions, time)

    positions = transfers(2)
    ends = np.stack([positions["reactant"], positions["product"]], axis=1)
    numbers = np.array([6, 6, 8, 1])
    reactions = [ReactionArrays(numbers=numbers, ends=ends[i], ts=positions["ts"][i]) for i in range(2)]
    batch = with_start(collate(reactions))
    model = Counted(ReactDiffConfig(backbone=TINY, path=PathConfig(rollout_share=0.5)))
    counts = []
    for step in range(12):
        for rank in (0, 1):
            loss_with_common_coin(model, batch, noise_of(0, step, 1 + rank), noise_of(0, step, 0))
            counts.append(len(evaluations))
            evaluations.clear()
    assert counts[0::2] == counts[1::2]
    assert set(counts) == {1, 2}
    assert model.config.path.rollout_share == 0.5
