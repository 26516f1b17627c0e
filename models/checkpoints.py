"""Trained weights on disk: safetensors with their configuration inside, named by the hash of the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.configuration import from_plain, to_plain

FORMAT = "1"
METADATA = "cairn"
WEIGHTS = Path(__file__).parent / "weights"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Weights as read from a file.

    Attributes:
        path: The file.
        kind: Which model it is for, such as `reactdiff`.
        sha256: Hash of the file.
        config: The model's configuration as plain values.
        card: What is known of its training, as plain values.
        weights: Tensors by name.
    """

    path: Path
    kind: str
    sha256: str
    config: Mapping[str, Any]
    card: Mapping[str, Any]
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
    facts = {"format": FORMAT, "kind": kind, "config": to_plain(config), "card": dict(card)}
    metadata = {METADATA: json.dumps(facts, sort_keys=True)}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, str(path), metadata=metadata)
    return hash_of(path)


def hash_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_checkpoint(path: Path, kind: str, sha256: str = "") -> Checkpoint:
    """Read weights of one kind of model.

    Args:
        path: The file.
        kind: Kind that is wanted.
        sha256: Hash that the file must have; empty for any.

    Raises:
        ConfigurationError: The file is missing, damaged, of another kind or format, or not the one asked for.
    """
    if not path.exists():
        raise ConfigurationError(f"no checkpoint {path}; give a .safetensors file that `cairn train generator` wrote")
    found = hash_of(path)
    if sha256 and found != sha256:
        raise ConfigurationError(
            f"{path} has SHA-256 {found}, not {sha256} as its entry says: it is damaged or replaced"
        )
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get(METADATA, "{}"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ConfigurationError(f"{path} is no safetensors file: {error}") from error
    if facts.get("format") != FORMAT:
        raise ConfigurationError(
            f"{path} was not written by this version of Cairn; train again or take the shipped one"
        )
    if facts["kind"] != kind:
        raise ConfigurationError(f"{path} holds a {facts['kind']} model, not a {kind} model")
    return Checkpoint(
        path=path,
        kind=kind,
        sha256=found,
        config=facts["config"],
        card=facts["card"],
        weights=weights,
    )


def shipped(kind: str) -> Checkpoint:
    """The weights that Cairn ships for a kind of model, as `models/weights/shipped.yaml` lists them."""
    entries = yaml.safe_load((WEIGHTS / "shipped.yaml").read_text(encoding="utf-8"))
    if kind not in entries:
        raise ConfigurationError(f"Cairn ships no {kind} model; it ships {', '.join(sorted(entries))}")
    return read_checkpoint(WEIGHTS / entries[kind]["file"], kind, str(entries[kind]["sha256"]))
