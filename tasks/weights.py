"""Which weights a campaign uses, told from their files alone: importing torch costs seconds and much memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

import models
from chem.errors import ConfigurationError

METADATA = "cairn"  # as models.checkpoints writes it; a test reads one with the other
SHIPPED = Path(models.__file__).parent / "weights" / "shipped.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """A safetensors file with trained weights.

    Attributes:
        path: The file.
        kind: Which model it is for, such as `reactdiff`.
        sha256: Hash of the file.
        card: What is known of its training, as plain values.
    """

    path: Path
    kind: str
    sha256: str
    card: Mapping[str, Any]


def find_weights(kind: str, path: Path | None = None) -> WeightsFile:
    """The weights of one kind of model.

    Args:
        kind: Kind that is wanted.
        path: The file; None takes the one that Cairn ships.

    Raises:
        ConfigurationError: There are none, or the file is of another kind, damaged, or not the one that is listed.
    """
    wanted = ""
    if path is None:
        path, wanted = _shipped(kind)
    try:
        state = path.stat()
        found = _read(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the {kind} weights {path}: {error.strerror};"
            " give a .safetensors file from `cairn train generator`"
        ) from error
    if wanted and found.sha256 != wanted:
        raise ConfigurationError(f"{path} has SHA-256 {found.sha256}, not {wanted} as {SHIPPED.name} says; restore it")
    if found.kind != kind:
        raise ConfigurationError(f"{path} holds a {found.kind or 'nameless'} model, not a {kind} model")
    return found


def _shipped(kind: str) -> tuple[Path, str]:
    entries = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) if SHIPPED.is_file() else {}
    if kind not in entries:
        raise ConfigurationError(
            f"Cairn ships no {kind} weights; name a file in `checkpoint` and `confidence`, or choose"
            " `generator: classical`"
        )
    return SHIPPED.parent / entries[kind]["file"], entries[kind]["sha256"]


@lru_cache(maxsize=8)
def _read(path: Path, _modified_ns: int, _size: int) -> WeightsFile:
    """Hash and metadata of a file, read once for each state of it (https://github.com/huggingface/safetensors)."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        facts = json.loads(header.get("__metadata__", {}).get(METADATA, "{}"))
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(f"{path} is no safetensors file: {error}") from error
    return WeightsFile(
        path=path, kind=facts.get("kind", ""), sha256=hashlib.sha256(content).hexdigest(), card=facts.get("card", {})
    )
