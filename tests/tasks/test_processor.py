"""What the numerical libraries of a worker are told of the processor."""

from __future__ import annotations

import pytest
from ase.build import molecule

from chem.levels import resolve_level
from chem.potential import GradientCounter, single_point
from chem.types import Geometry
from tasks import processor
from tasks.workers import WorkerLimits, WorkerPool

LIMITS = WorkerLimits(n_workers=1)
MODERN = "processor\t: 0\nflags\t\t: fpu sse2 fma avx avx2\n\nprocessor\t: 1\n"
OLD = "processor\t: 0\nflags\t\t: fpu sse2\n"


def energy(level_name):
    atoms = molecule("CH3OH")
    geometry = Geometry(numbers=atoms.numbers, positions=atoms.positions)
    return single_point(geometry, resolve_level(level_name), GradientCounter())


def test_a_modern_processor_gets_modern_kernels(tmp_path, monkeypatch):
    monkeypatch.setenv(processor.KERNELS, "")  # so that what is chosen below is undone
    monkeypatch.delenv(processor.KERNELS)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    for content, chosen in ((OLD, None), ("", None), (MODERN, "Haswell")):
        (tmp_path / "cpuinfo").write_text(content)
        monkeypatch.setattr(processor, "PROCESSOR", tmp_path / "cpuinfo")
        processor.choose_kernels()
        assert processor.os.environ.get(processor.KERNELS) == chosen


def test_a_processor_that_nothing_is_known_of_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.delenv(processor.KERNELS, raising=False)
    monkeypatch.setattr(processor, "PROCESSOR", tmp_path / "missing")
    processor.choose_kernels()
    assert processor.KERNELS not in processor.os.environ


def test_what_the_environment_names_stays(monkeypatch):
    monkeypatch.setenv(processor.KERNELS, "Sandybridge")
    processor.choose_kernels()
    assert processor.os.environ[processor.KERNELS] == "Sandybridge"


def test_the_kernels_do_not_change_an_energy(monkeypatch):
    found = []
    for kernels in ("Prescott", "Haswell"):
        monkeypatch.setenv(processor.KERNELS, kernels)
        with WorkerPool(LIMITS) as pool:
            [finished] = pool.run(energy, iter(["b3lyp-svp"]))
        assert finished.fault is None
        found.append(finished.value)
    assert found[0] == pytest.approx(found[1], abs=1e-6)
