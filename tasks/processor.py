"""What the numerical libraries of a worker are told of the processor."""

from __future__ import annotations

import os
import platform
from pathlib import Path

KERNELS = "OPENBLAS_CORETYPE"
NEEDED = frozenset({"avx2", "fma"})
PROCESSOR = Path("/proc/cpuinfo")


def choose_kernels() -> None:
    """Name the matrix kernels that OpenBLAS takes, unless the environment does; before it is loaded.

    PySCF's wheels come with an OpenBLAS of 2018, which does not know processors made since and then takes kernels of
    2007: matrix products take twice as long, the field of a density functional a quarter longer.
    """
    if KERNELS not in os.environ and platform.machine() == "x86_64" and features(PROCESSOR) >= NEEDED:
        os.environ[KERNELS] = "Haswell"


def features(processor: Path) -> frozenset[str]:
    """What a processor can do, as Linux lists it; empty where nothing says so."""
    try:
        lines = processor.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, values = line.partition(":")
        if name.strip() == "flags":
            return frozenset(values.split())
    return frozenset()
