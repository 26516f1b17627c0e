"""Training in several processes takes the same steps as in one, goes on as in one, and fails as in one."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from chem.errors import ConfigurationError, InputError
from models.configuration import to_plain
from models.data_parallel import ALONE, Processes, check_processes, started
from models.generator_training import main
from models.reactdiff import PathConfig, ReactDiff, ReactDiffConfig, deviation_and_distances, loss
from models.reaction_batch import ReactionArrays, ReactionBatch, collate
from models.start import with_start
from models.training import TrainingConfig, batches, noise_of, training_init, training_step
from models.training_moment import Moment

CPU = torch.device("cpu")
TRAINING = TrainingConfig(steps=3, batch_size=4, warmup_steps=0, learning_rate=0.01)
NUMBERS = np.array([6, 6, 8, 1])
CHAIN = np.array([[0.0, 0, 0], [1.5, 0, 0], [1.9, 1.4, 0]])
PLACES = {"reactant": [0.2, 1.07, 0.1], "ts": [0.5, 1.3, 0.3], "product": [1.0, 1.6, 0.1]}


def transfers(n_reactions: int) -> dict[str, np.ndarray]:
    """Hydrogen transfers from carbon to oxygen, shape (n_reactions, 4, 3), Angstrom."""
    generator = np.random.default_rng(0)
    shape = (n_reactions, 4, 3)
    return {name: np.vstack([CHAIN, place]) + 0.02 * generator.normal(size=shape) for name, place in PLACES.items()}


def batch_of(n_reactions: int) -> ReactionBatch:
    """The same as a batch with starts."""
    positions = transfers(n_reactions)
    ends = np.stack([positions["reactant"], positions["product"]], axis=1)
    places = range(n_reactions)
    return with_start(
        collate([ReactionArrays(numbers=NUMBERS, ends=ends[place], ts=positions["ts"][place]) for place in places])
    )


def noiseless_loss(model, batch, moment):
    """The training loss at the beginning of the path."""
    return deviation_and_distances(model(batch, batch.start, torch.zeros(len(batch))), batch, model.config.path)


def take_steps(folder: Path, network: ReactDiffConfig, processes: Processes) -> None:
    """Train a few steps without noise and leave the first gradient and the weights in a folder."""
    torch.manual_seed(0)
    state = training_init(ReactDiff(network), TRAINING, CPU)
    unclipped = replace(TRAINING, gradient_clip=1e9)
    gradient: list[torch.Tensor] = []
    for batch, _ in zip(batches(batch_of(8), TRAINING, 0, processes), range(TRAINING.steps), strict=False):
        assert len(batch) == TRAINING.batch_size // processes.number
        training_step(state, batch, noiseless_loss, unclipped, processes)
        gradient = gradient or [weight.grad.clone() for weight in state.model.parameters() if weight.grad is not None]
    left = {"gradient": gradient, "weights": list(state.model.state_dict().values())}
    torch.save(left, folder / f"{processes.rank}_of_{processes.number}.pt")


def refuse(processes: Processes) -> None:
    raise ConfigurationError(f"process {processes.rank} finds a cow in the data; take it out")


def die(processes: Processes) -> None:
    os._exit(3)


def wait(processes: Processes) -> None:
    processes.any_of(False)


def test_processes_together_take_the_steps_that_one_takes_alone(tmp_path, tiny_config):
    take_steps(tmp_path, tiny_config, ALONE)
    with started(2, CPU, partial(take_steps, tmp_path, tiny_config)) as processes:
        take_steps(tmp_path, tiny_config, processes)
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("0_of_1", "0_of_2", "1_of_2"))
    assert max(float(part.abs().max()) for part in alone["gradient"]) > 1e-3
    torch.testing.assert_close(first["gradient"], alone["gradient"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(first["weights"], alone["weights"], rtol=1e-3, atol=1e-5)
    assert all(torch.equal(*pair) for pair in zip(first["weights"], second["weights"], strict=True))


@pytest.fixture
def inputs(tmp_path, tiny_config):
    """Options for data and configuration of a training of seconds in two processes."""
    positions = {name: value.reshape(-1, 3) for name, value in transfers(8).items()}
    split = np.array(["train"] * 6 + ["val"] * 2)
    np.savez(tmp_path / "data.npz", offset=np.arange(0, 33, 4), numbers=np.tile(NUMBERS, 8), split=split, **positions)
    write_configuration(tmp_path / "tiny.yaml", tiny_config)
    arguments = ["--data", str(tmp_path / "data.npz"), "--config", str(tmp_path / "tiny.yaml"), "--device", "cpu"]
    return [*arguments, "--processes", "2"]


def write_configuration(path: Path, network: ReactDiffConfig, **training: object) -> None:
    training = {"steps": 4, "batch_size": 2, "validate_every": 2, "checkpoint_every": 2} | training
    plain = {"backbone": to_plain(network.backbone), "training": training, "sampling_steps": 1}
    path.write_text(yaml.safe_dump(plain))


@pytest.mark.slow
def test_a_killed_run_of_two_processes_goes_on_as_if_it_had_not_been(inputs, tmp_path):
    rows: list[dict[str, float]] = []

    def note(row: dict[str, float]) -> None:
        rows.append(row)
        if len(rows) == 2:  # what a kill would leave now: the checkpoint of step 2
            shutil.copytree(tmp_path / "whole", tmp_path / "halves")

    main([*inputs, "--out", str(tmp_path / "whole")], note)
    main([*inputs, "--out", str(tmp_path / "halves"), "--resume"], note)
    assert [row["step"] for row in rows] == [2, 4, 4]
    whole, halves = (load_file(tmp_path / run / "checkpoint" / "part0.safetensors") for run in ("whole", "halves"))
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_a_batch_that_cannot_be_shared_evenly_is_refused(inputs, tmp_path, tiny_config):
    write_configuration(tmp_path / "tiny.yaml", tiny_config, batch_size=3)
    with pytest.raises(ConfigurationError, match=r"batch_size of 3 .* 2 processes"):
        main([*inputs, "--out", str(tmp_path / "run")])


def test_several_processes_do_not_share_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigurationError, match="each process needs its own"):
        check_processes(2, 16, torch.device("cuda"))
    with pytest.raises(ConfigurationError, match="cuda:1 is one GPU"):
        check_processes(2, 16, torch.device("cuda:1"))
    assert Processes(rank=1, number=2).device(torch.device("cuda")) == torch.device("cuda:1")


@pytest.mark.slow
def test_an_error_in_the_data_reaches_the_caller_as_it_is(inputs, tmp_path):
    (tmp_path / "data.npz").write_bytes(b"no reactions")
    with pytest.raises(InputError, match=r"data\.npz"):
        main([*inputs, "--out", str(tmp_path / "run")])


def test_what_another_process_refuses_reaches_the_caller_as_it_is():
    with pytest.raises(ConfigurationError, match="process 1 finds a cow"), started(2, CPU, refuse) as processes:
        processes.any_of(False)


@pytest.mark.slow
def test_a_process_that_dies_ends_the_training_with_its_exit_code():
    with pytest.raises(RuntimeError, match="process 1 of 2 died with exit code 3"), started(2, CPU, die) as processes:
        processes.any_of(False)


@pytest.mark.slow
def test_an_interrupt_leaves_no_process():
    def interrupted() -> None:
        with started(2, CPU, wait):
            assert len(multiprocessing.active_children()) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert multiprocessing.active_children() == []
    assert not torch.distributed.is_initialized()


def test_shares_make_up_the_batch():
    batch = torch.arange(12)
    shares = [Processes(rank=rank, number=3).share(batch) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == batch.tolist()
    assert {len(share) for share in shares} == {4}


def test_each_process_and_each_step_has_noise_of_its_own():
    drawn = [float(torch.rand((), generator=noise_of(0, step, source))) for step in range(20) for source in range(3)]
    assert len(set(drawn)) == len(drawn)
    assert float(torch.rand((), generator=noise_of(0, 7, 1))) == drawn[7 * 3 + 1]


def test_a_rollout_is_taken_by_all_processes_or_by_none(tiny_config):
    evaluations = []

    class Counted(ReactDiff):
        def forward(self, batch: ReactionBatch, positions: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            evaluations.append(len(batch))
            return super().forward(batch, positions, time)

    batch = batch_of(2)
    model = Counted(replace(tiny_config, path=PathConfig(rollout_share=0.5)))
    counts = []
    for step in range(12):
        for rank in (0, 1):
            loss(model, batch, Moment(noise=noise_of(0, step, 1 + rank), common=noise_of(0, step, 0)))
            counts.append(len(evaluations))
            evaluations.clear()
    assert counts[0::2] == counts[1::2]
    assert set(counts) == {1, 2}
