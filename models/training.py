"""The training loop that all model systems share: resumable at any step, reproducible by seed, chosen on `val`."""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from chem.errors import InputError
from models.data_parallel import ALONE, Processes
from models.training_checkpoint import save_checkpoint
from models.training_moment import Moment


class Batch(Protocol):
    """What a model learns from, padded to the largest; with `numbers` and `mask` of shape (batch, n_atoms)."""

    numbers: Tensor
    mask: Tensor

    def __len__(self) -> int:
        """Number of entries."""
        ...

    def select(self, index: Tensor) -> Self:
        """Some of the entries, trimmed to the largest of them."""
        ...


LossFunction = Callable[[nn.Module, Any, Moment], tuple[Tensor, dict[str, Tensor]]]  # gives the loss and its parts
Validation = Callable[[nn.Module], dict[str, float]]
Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How a model is trained.

    Attributes:
        steps: Optimiser steps in all; the learning rate falls to zero over them.
        batch_size: Reactions or structures in a step, of all processes together.
        learning_rate: Peak of the learning rate.
        warmup_steps: Steps over which it rises.
        weight_decay: Decoupled weight decay.
        gradient_clip: Largest norm of the gradient.
        average_decay: Decay of the moving average of the weights, which is what ships.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints.
        seed: Seed of weights, order and noise.
        precision: `float32`, or `bfloat16` for the matrix products on CUDA.
        compile: Compile the network's blocks (minutes at the start, then faster).
    """

    steps: int = 30_000
    batch_size: int = 16
    learning_rate: float = 5e-4
    warmup_steps: int = 500
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    average_decay: float = 0.999
    validate_every: int = 1000
    checkpoint_every: int = 500
    seed: int = 0
    precision: str = "float32"
    compile: bool = False


def training_parser(description: str, data_help: str, *, validate_on: int) -> argparse.ArgumentParser:
    """Command line with the options that the trainings of all models share.

    Args:
        description: One sentence.
        data_help: What `--data` is.
        validate_on: How many entries of the validation split are used where `--validate-on` is not given.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help=data_help)
    parser.add_argument("--config", type=Path, required=True, help="configs/model/*.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint/, curve.csv and weights")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--processes", type=int, default=1, help="share every batch among so many CPU cores or GPUs")
    parser.add_argument("--max-seconds", type=float, default=math.inf, help="stop with a checkpoint after this long")
    parser.add_argument("--validate-on", type=int, default=validate_on, help="entries of the validation split to use")
    return parser


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """Everything that a run needs to go on: model, average, optimiser, step."""

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0


def training_init(model: nn.Module, config: TrainingConfig, device: torch.device) -> TrainingState:
    """A fresh state on a device."""
    model = model.to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    return TrainingState(
        model=model,
        average=copy.deepcopy(model).requires_grad_(requires_grad=False),
        optimizer=optimizer,
    )


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """Linear rise, then half a cosine down to zero."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))


def noise_of(seed: int, step: int, source: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Randomness of a step; since it depends on its arguments alone, a run that goes on draws what it would have drawn.

    Args:
        seed: Seed of the run.
        step: Step, from 0.
        source: 0 for what all processes draw alike, 1 and more for the noise of the process of rank `source - 1`.
        device: Where it is drawn.
    """
    mixed = np.random.SeedSequence([seed % 2**64, step, source]).generate_state(1)
    return torch.Generator(device=device).manual_seed(int(mixed[0]))


def batches(data: Batch, config: TrainingConfig, step: int, processes: Processes = ALONE) -> Iterator[Batch]:
    """A process's share of the batches from a step on, each epoch in its own order, entries of like size together.

    The order depends on seed and epoch alone, so a run that goes on sees what it would have seen.
    """
    sizes = data.mask.sum(-1).cpu()
    size = min(config.batch_size, len(data) - len(data) % processes.number)
    if not size:
        raise InputError(f"{len(data)} training entries cannot be shared among {processes.number} processes")
    per_epoch = len(data) // size
    while True:
        epoch, place = divmod(step, per_epoch)
        order = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
        # Random within size plus a little, so that batches are nearly without padding and yet differ.
        rank = sizes + 1.5 * torch.rand(len(data), generator=order)
        groups = rank.argsort()[: per_epoch * size].reshape(per_epoch, size)
        groups = groups[torch.randperm(per_epoch, generator=order)]
        for group in groups[place:]:
            yield data.select(processes.share(group).to(data.numbers.device))
            step += 1


def training_step(
    state: TrainingState,
    batch: Batch,
    loss_function: LossFunction,
    config: TrainingConfig,
    processes: Processes = ALONE,
) -> dict[str, float]:
    """One optimiser step on this process's share of a batch; returns the parts of the loss in some steps."""
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate_at(state.step, config)
    state.model.train()
    use_half = config.precision == "bfloat16"
    device = batch.numbers.device
    moment = Moment(
        noise=noise_of(config.seed, state.step, 1 + processes.rank, device),
        common=noise_of(config.seed, state.step, 0),
        progress=state.step / config.steps,
    )
    # Without the cache: casts made where no gradient is recorded would serve where one is.
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=use_half, cache_enabled=False):
        total, parts = loss_function(state.model, batch, moment)
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()
    processes.average([weight.grad for weight in state.model.parameters() if weight.grad is not None])
    norm = nn.utils.clip_grad_norm_(state.model.parameters(), config.gradient_clip)
    if torch.isfinite(norm):  # a batch whose gradient overflows is skipped, not averaged in; by all processes alike
        state.optimizer.step()
    decay = min(config.average_decay, (1.0 + state.step) / (10.0 + state.step))
    with torch.no_grad():
        ours, theirs = list(state.average.parameters()), list(state.model.parameters())
        torch._foreach_lerp_(ours, theirs, 1.0 - decay)
    state.step += 1
    if state.step % 50 != 0 and state.step % config.validate_every != 0:
        return {}
    means = {name: value.detach() for name, value in parts.items()}
    processes.average(list(means.values()))
    return {name: float(value) for name, value in means.items()}


def train(
    state: TrainingState,
    data: Batch,
    loss_function: LossFunction,
    validate: Validation,
    config: TrainingConfig,
    folder: Path,
    *,
    processes: Processes = ALONE,
    max_seconds: float = math.inf,
    report: Report = print,
) -> None:
    """Train until the steps or the seconds are spent; writes `checkpoint/` and `curve.csv` into a folder.

    Args:
        state: Fresh or loaded; changed in place.
        data: What to learn from, on the device.
        loss_function: Loss of a batch.
        validate: Metrics of the averaged model.
        config: How to train.
        folder: Where results go.
        processes: Which share of the batches is this process's; only the first validates and writes.
        max_seconds: Wall time after which to stop with a checkpoint.
        report: Called with each row of the curve.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if config.compile:
        for block in state.model.backbone.blocks:
            block.compile(dynamic=True)
    begun, before = time.monotonic(), state.seconds
    sums: dict[str, float] = {}
    count = 0
    for batch in batches(data, config, state.step, processes):
        if processes.any_of(state.step >= config.steps or time.monotonic() - begun > max_seconds):
            break
        parts = training_step(state, batch, loss_function, config, processes)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + value
        count += bool(parts)
        state.seconds = before + time.monotonic() - begun
        if not processes.is_first:
            continue
        if state.step % config.validate_every == 0 or state.step == config.steps:
            state.average.eval()
            row = {"step": state.step, "seconds": round(state.seconds, 1)}
            row |= {f"train_{name}": total / max(1, count) for name, total in sums.items()}
            row |= {f"val_{name}": value for name, value in validate(state.average).items()}
            _append(folder / "curve.csv", row)
            report(row)
            sums, count = {}, 0
        if state.step % config.checkpoint_every == 0:  # after the validation: a kill within it does not lose it
            save_checkpoint(folder / "checkpoint", state)
    if processes.is_first:
        save_checkpoint(folder / "checkpoint", state)


def _append(path: Path, row: dict[str, float]) -> None:
    """Add a row to a CSV file, with a header when it is new."""
    names = list(row)
    if path.exists():
        with path.open(newline="") as file:
            names = next(csv.reader(file), names)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=names, extrasaction="ignore")
        if new:
            writer.writeheader()
        writer.writerow(row)
