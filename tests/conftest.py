"""One thread for every numerical library, a network small enough for tests, and files of weights without tensors.

Molecules are small, and sums over threads differ in their last digits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.weights_file import FORMATS

if TYPE_CHECKING:
    from models.reactdiff import ReactDiffConfig

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"


@pytest.fixture(scope="session")
def tiny_config() -> ReactDiffConfig:
    """A generator of two blocks and few channels."""
    from models.backbone import BackboneConfig
    from models.reactdiff import ReactDiffConfig

    return ReactDiffConfig(
        backbone=BackboneConfig(
            irreps="8x0e+4x0o+4x1o+4x1e",
            edge_channels=8,
            direction_channels=4,
            product_channels=4,
            n_blocks=2,
            n_radial=8,
        )
    )


@pytest.fixture(scope="session")
def write_weights() -> Callable[..., Path]:
    """Function that writes a file of weights with a card and no tensors, as it is known without torch."""

    def written(path: Path, kind: str, **card: object) -> Path:
        facts = json.dumps({"format": FORMATS[kind], "kind": kind, "config": {}, "card": card})
        header = json.dumps({"__metadata__": {"cairn": facts}}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        return path

    return written
