"""Trained weights on disk: safetensors with their configuration inside, named by the hash of the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.configuration import from_plain, to_plain
from models.weights_file import FORMATS, METADATA, WeightsFile, hash_of, read_weights_file, shipped_file

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(WeightsFile):
    """A file of weights with its tensors.

    Attributes:
        weights: Tensors by name.
    """

    weights: Mapping[str, Tensor]

    def configuration(self, kind: type[T]) -> T:
        """The configuration as the model's own dataclass."""
        return from_plain(kind, dict(self.config), str(self.path))

    def load_into(self, module: nn.Module) -> None:
        """Copy the weights into a module.

        Raises:
            ConfigurationError: The weights are of another network.
        """
        try:
            module.load_state_dict(dict(self.weights))
        except RuntimeError as error:
            raise ConfigurationError(f"{self.path} does not fit the network that it names: {error}") from error


def save_weights(path: Path, module: nn.Module, kind: str, config: Any, card: Mapping[str, Any]) -> str:
    """Write weights with their configuration and card; returns the hash of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One entry, since several would come in any order, and the hash with them.
    facts = {"format": FORMATS[kind], "kind": kind, "config": to_plain(config), "card": dict(card)}
    metadata = {METADATA: json.dumps(facts, sort_keys=True)}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    fresh = path.with_name(f"{path.name}.new")  # a kill while it is written leaves the old one
    save_file(state, str(fresh), metadata=metadata)
    fresh.replace(path)
    return hash_of(path)


def read_checkpoint(path: Path, kind: str, sha256: str = "") -> Checkpoint:
    """Read weights of one kind of model.

    Args:
        path: The file.
        kind: Kind that is wanted.
        sha256: Hash that the file must have; empty for any.

    Raises:
        ConfigurationError: The file is missing, damaged, of another kind or format, or not the one asked for.
    """
    known = read_weights_file(path, kind, sha256)
    try:
        with safe_open(str(path), framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ConfigurationError(f"the tensors in {path} cannot be read: {error}") from error
    return Checkpoint(
        path=known.path,
        kind=known.kind,
        sha256=known.sha256,
        config=known.config,
        card=known.card,
        weights=weights,
    )


def shipped(kind: str) -> Checkpoint:
    """The weights that Cairn ships for a kind of model, as `models/weights/shipped.yaml` lists them."""
    path, sha256 = shipped_file(kind)
    return read_checkpoint(path, kind, sha256)
