"""Saving a training run so that it goes on as if it had not been interrupted.

A checkpoint is a folder of safetensors files, none above 15 MiB, with one JSON file: small pieces travel where large
files do not. It is written beside the old one and then takes its place, so a kill at any moment leaves a whole one.
Noise is no part of it, being drawn anew from seed and step: a run may go on with another number of processes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from chem.errors import ConfigurationError

if TYPE_CHECKING:
    from models.training import TrainingState

LARGEST_FILE_BYTES = 15 * 2**20


def save_checkpoint(folder: Path, state: TrainingState) -> None:
    """Write a checkpoint in place of the old one."""
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in state.average.state_dict().items()}
    optimizer = state.optimizer.state_dict()
    for place, entry in optimizer["state"].items():
        tensors |= {f"optimizer.{place}.{name}": torch.as_tensor(value) for name, value in entry.items()}
    fresh, old = folder.with_suffix(".new"), folder.with_suffix(".old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for number, shard in enumerate(_shards(tensors)):
        save_file(shard, str(fresh / f"part{number}.safetensors"))
    facts = {"step": state.step, "seconds": state.seconds, "groups": optimizer["param_groups"]}
    (fresh / "state.json").write_text(json.dumps(facts), encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def has_checkpoint(folder: Path) -> bool:
    """Whether there is something to go on from."""
    return _whole(folder) is not None


def load_checkpoint(folder: Path, state: TrainingState) -> None:
    """Go on from a checkpoint.

    Raises:
        ConfigurationError: There is none, or it is of another network.
    """
    whole = _whole(folder)
    if whole is None:
        raise ConfigurationError(f"no checkpoint in {folder.parent}; start without --resume")
    facts = json.loads((whole / "state.json").read_text(encoding="utf-8"))
    tensors: dict[str, Tensor] = {}
    for part in sorted(whole.glob("part*.safetensors")):
        tensors |= load_file(str(part))
    try:
        state.model.load_state_dict(_below(tensors, "model."))
        state.average.load_state_dict(_below(tensors, "average."))
    except RuntimeError as error:
        raise ConfigurationError(f"{whole} is of another network than the configuration's: {error}") from error
    entries: dict[int, dict[str, Any]] = {}
    for name, tensor in _below(tensors, "optimizer.").items():
        place, key = name.split(".", 1)
        entries.setdefault(int(place), {})[key] = tensor
    state.optimizer.load_state_dict({"state": entries, "param_groups": facts["groups"]})
    state.step, state.seconds = int(facts["step"]), float(facts["seconds"])


def _whole(folder: Path) -> Path | None:
    """The newest complete checkpoint: the folder, or what a kill between two renames left."""
    for candidate in (folder, folder.with_suffix(".new"), folder.with_suffix(".old")):
        if (candidate / "state.json").exists():
            return candidate
    return None


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _shards(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous().clone()
        if size + plain.nbytes > LARGEST_FILE_BYTES and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = plain
        size += plain.nbytes
    return shards
