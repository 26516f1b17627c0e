"""The same field on a graphics card: what it has there, and what it comes back to the processor for.

A stand-in takes the place of the card, which hands out arrays of its own kind and lacks what GPU4PySCF lacks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import molecule

from chem import pyscf_device
from chem.errors import ConfigurationError
from chem.levels import LevelEntry, resolve_level
from chem.potential import GradientCounter, analytic_hessian, attach
from chem.pyscf_backend import PyscfBackend
from chem.types import Geometry
from chem.wavefunction import wavefunction_report

MISSING_ON_A_CARD = ("stability", "newton", "spin_square")


class CardArray:
    def __init__(self, values):
        self._values = np.asarray(values)

    def get(self):
        return self._values

    def __array__(self, *_, **__):
        raise TypeError("arrays of the card do not become those of the processor by themselves")


class Card:
    """A field on a card."""

    def __init__(self, field):
        object.__setattr__(self, "field", field)

    def __getattr__(self, name):
        if name in MISSING_ON_A_CARD:
            raise AttributeError(name)
        value = getattr(self.field, name)
        return CardArray(value) if isinstance(value, np.ndarray) else value

    def __setattr__(self, name, value):
        setattr(self.field, name, value)

    def kernel(self, dm0=None):
        return self.field.kernel(dm0=pyscf_device.array(dm0))

    def make_rdm1(self):
        return CardArray(self.field.make_rdm1())

    def nuc_grad_method(self):
        return Derivative(self.field.nuc_grad_method())

    def Hessian(self):  # noqa: N802 - as PySCF names it
        return Derivative(self.field.Hessian())

    def to_cpu(self):
        return self.field.copy()


class Derivative:
    def __init__(self, method):
        self._method = method

    def kernel(self):
        return CardArray(self._method.kernel())


@pytest.fixture
def card(monkeypatch):
    def placed(field, program):
        return Card(field) if program == pyscf_device.DEVICE_PROGRAM else field

    monkeypatch.setattr("chem.pyscf_backend.placed", placed)


def levels(**entry):
    """One level on the processor and on the card."""
    level = resolve_level("own", "pyscf", entries={"own": LevelEntry(**entry)})
    return level, replace(level, program="gpu4pyscf")


def geometry_of(name, **electrons):
    atoms = molecule(name)
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, **electrons)


@pytest.mark.parametrize(
    ("name", "electrons", "entry"),
    [
        ("H2O", {}, {"method": "b3lyp-d3bj", "basis": "sto-3g", "grid": 2, "density_fitting": True}),
        ("CN", {"multiplicity": 2}, {"method": "hf", "basis": "3-21g"}),
    ],
    ids=["closed shell", "radical that leaves its first field"],
)
def test_the_card_gives_the_numbers_of_the_processor(card, name, electrons, entry):
    geometry = geometry_of(name, **electrons)
    found = []
    for level in levels(**entry):
        atoms = attach(geometry, level, GradientCounter())
        hessian = analytic_hessian(geometry, level, GradientCounter())
        found.append((atoms.get_potential_energy(), atoms.get_forces(), hessian))
    for processor, there in zip(*found, strict=True):
        assert there == pytest.approx(processor, abs=1e-5)


def test_both_are_one_level_of_theory(card):
    processor, there = levels(method="hf", basis="3-21g")
    assert processor.key == there.key
    assert processor.program != there.program


def test_stability_and_broken_symmetry_come_back_to_the_processor(card):
    stretched = Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 2.5]])
    processor, there = (wavefunction_report(stretched, level) for level in levels(method="hf", basis="3-21g"))
    assert there.is_stable is False
    assert there.broken_symmetry_lowering_ev == pytest.approx(processor.broken_symmetry_lowering_ev, abs=1e-5)


def test_the_second_order_solver_runs_on_the_processor(card, monkeypatch):
    _, there = levels(method="hf", basis="3-21g")
    backend = PyscfBackend(geometry_of("H2O"), there)
    second_order = dict(backend._ways())["second order"]
    assert second_order() < -75.0


def test_without_a_card_the_processor_is_taken_and_the_card_refused(monkeypatch):
    monkeypatch.setattr("chem.levels.device_is_there", lambda: False)
    assert resolve_level("hf/3-21g").program == "pyscf"
    with pytest.raises(ConfigurationError, match=r"needs gpu4pyscf, which is not installed.*with a CUDA device"):
        resolve_level("hf/3-21g", "gpu4pyscf")


def test_with_a_card_it_is_taken_unless_the_entry_names_the_processor(monkeypatch):
    monkeypatch.setattr("chem.levels.device_is_there", lambda: True)
    monkeypatch.setattr("chem.levels.device_version", lambda: "1.9.0")
    level = resolve_level("hf/3-21g")
    assert (level.program, level.version, level.key) == ("gpu4pyscf", "1.9.0", "hf/3-21g")
    assert resolve_level("hf/3-21g", "pyscf").program == "pyscf"
