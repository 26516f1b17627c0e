"""What a file of trained weights says of itself, read without torch, whose import costs seconds and much memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from chem.errors import ConfigurationError

# What the tensors of each kind of model mean.
FORMATS = {
    "reactdiff": "1",
    "confidence": "2",
    "morered": "1",
    "morered_separate": "1",
    "dig": "1",
    "potential": "1",
    "barrier": "1",
    "joint": "1",
}
METADATA = "cairn"  # entry of the metadata that holds format, kind, configuration and card as JSON
SHIPPED = Path(__file__).parent / "weights" / "shipped.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """A safetensors file with trained weights.

    Attributes:
        path: The file.
        kind: Which model it is for, such as `reactdiff`.
        sha256: Hash of the file.
        config: The model's configuration as plain values.
        card: What is known of its training, as plain values.
    """

    path: Path
    kind: str
    sha256: str
    config: Mapping[str, Any]
    card: Mapping[str, Any]


def find_weights(kind: str, path: Path | None = None) -> WeightsFile:
    """The weights of one kind of model; a file that has not changed is not read again.

    Args:
        kind: Kind that is wanted.
        path: The file; None takes the one that Cairn ships.

    Raises:
        ConfigurationError: As `read_weights_file` and `shipped_file`.
    """
    sha256 = ""
    if path is None:
        path, sha256 = shipped_file(kind)
    try:
        state = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return _remembered(path, kind, sha256, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _remembered(path: Path, kind: str, sha256: str, _modified_ns: int, _size: int) -> WeightsFile:
    return read_weights_file(path, kind, sha256)


def read_weights_file(path: Path, kind: str, sha256: str = "") -> WeightsFile:
    """Read all of a file but its tensors (https://github.com/huggingface/safetensors).

    Args:
        path: The file.
        kind: Kind that is wanted.
        sha256: Hash that the file must have; empty for any.

    Raises:
        ConfigurationError: The file is missing, damaged, of another kind or format, or not the one asked for.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 and found != sha256:
        raise ConfigurationError(
            f"{path} has SHA-256 {found}, not {sha256} as its entry says: it is damaged or replaced; restore it"
        )
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        facts = json.loads(header.get("__metadata__", {}).get(METADATA, "{}"))
        found_kind, version = facts.get("kind", ""), facts.get("format")
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigurationError(f"{path} is no safetensors file: {error}") from error
    if version is None or version != FORMATS.get(found_kind, version):
        raise ConfigurationError(
            f"{path} was not written by this version of Cairn; train again or take the shipped one"
        )
    if found_kind != kind:
        raise ConfigurationError(f"{path} holds a {found_kind} model, not a {kind} model")
    return WeightsFile(path=path, kind=kind, sha256=found, config=facts["config"], card=facts["card"])


def shipped_file(kind: str) -> tuple[Path, str]:
    """The file that Cairn ships for a kind of model and the hash that it must have, from `weights/shipped.yaml`.

    Raises:
        ConfigurationError: None is listed.
    """
    entries = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) if SHIPPED.is_file() else {}
    if kind not in entries:
        remedy = "name a file with `--checkpoint`, or choose a method that needs none"
        if kind in ("reactdiff", "confidence"):
            remedy = "name a file in `checkpoint` and `confidence`, or choose `generator: classical`"
        elif kind == "barrier":
            remedy = (
                "make labels with `cairn label-barriers`, train with `cairn train barrier`, and name the weights with"
                " `--checkpoint`, or in a campaign with `barrier_head: {checkpoint: FILE}`"
            )
        raise ConfigurationError(
            f"Cairn ships no {kind} weights, only {', '.join(sorted(entries)) or 'none at all'}; {remedy}"
        )
    return SHIPPED.parent / entries[kind]["file"], str(entries[kind]["sha256"])


def hash_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unreadable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot read the weights {path}: {error.strerror}; give a .safetensors file that `cairn train` wrote"
    )
