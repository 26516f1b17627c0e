"""Where PySCF computes: on the processor, or through GPU4PySCF (10.48550/arXiv.2404.09452) on a graphics card.

A field on the card is the same object with the same methods, but its arrays live there, and it has neither a stability
analysis nor a second-order solver: for those it comes back to the processor.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEVICE_PROGRAM = "gpu4pyscf"


@lru_cache(maxsize=1)
def device_is_there() -> bool:
    """Whether GPU4PySCF is installed and has a card to run on."""
    if find_spec(DEVICE_PROGRAM) is None or find_spec("cupy") is None:
        return False
    try:
        return int(import_module("cupy").cuda.runtime.getDeviceCount()) > 0
    except Exception:  # noqa: BLE001 - CUDA's own error types, of a driver that is missing or too old
        return False


def device_version() -> str:
    """Version of the distribution, whose name tells its CUDA version, that GPU4PySCF came with."""
    return version(packages_distributions()[DEVICE_PROGRAM][0])


def placed(field: Any, program: str) -> Any:
    """A field where a program computes."""
    return field.to_gpu() if program == DEVICE_PROGRAM else field


def on_processor(field: Any, program: str) -> Any:
    """A field on the processor: itself, or a copy of one on the card with all that it converged to."""
    return field.to_cpu() if program == DEVICE_PROGRAM else field


def array(values: Any) -> NDArray[np.float64]:
    """Numbers from the processor or the card."""
    return np.asarray(values.get() if hasattr(values, "get") else values, dtype=np.float64)
