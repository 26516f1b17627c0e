"""Hostile input to the functions: an `InputError`, a stored failure, or a right answer where one exists."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from chem.ase_backend import AseBackend
from chem.errors import (
    BudgetExhaustedError,
    CalculationError,
    ConfigurationError,
    ElectronCountError,
    GeometryError,
    InputError,
)
from chem.frequencies import hessian_of, vibrations
from chem.generator import EndPoints
from chem.levels import LevelEntry, resolve_level
from chem.minimum import find_minimum
from chem.potential import GradientCounter, attach
from chem.refine import RefineSettings, refine
from chem.thermochemistry import thermochemistry
from chem.types import Geometry

GFN2 = resolve_level("gfn2")
MINIMAL = resolve_level("hf/sto-3g")
WATER = [[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]]


def atoms(numbers, positions, **electrons):
    return Geometry(numbers=numbers, positions=positions, **electrons)


def engine(tmp_path, monkeypatch, body):
    """A level of an ASE calculator whose module holds this body."""
    (tmp_path / "hostile_engine.py").write_text(
        "from ase.calculators.calculator import Calculator\n"
        "class Engine(Calculator):\n"
        "    implemented_properties = ('energy', 'forces')\n" + body
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "hostile_engine", raising=False)
    return resolve_level("own", entries={"own": LevelEntry(method="x", calculator="hostile_engine:Engine")})


@pytest.mark.parametrize("error", [CalculationError("scf", "no field"), BudgetExhaustedError(7)])
def test_a_failed_calculation_can_be_told_to_another_process(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.kind, str(again)) == (type(error), error.kind, str(error))


@pytest.mark.parametrize(("multiplicity", "most"), [(5, 3), (9, 3)])
def test_more_unpaired_spins_than_electrons_are_refused_with_the_most_there_can_be(multiplicity, most):
    with pytest.raises(ElectronCountError, match=f"at most {most}"):
        atoms([1, 1], [[0, 0, 0], [0, 0, 0.74]], multiplicity=multiplicity)


@pytest.mark.parametrize("electrons", [{"charge": -20}, {"multiplicity": 9}, {"charge": 10}])
def test_a_basis_without_an_orbital_for_each_electron_or_without_an_electron_is_refused(electrons):
    with pytest.raises(ElectronCountError, match="7 orbitals"):
        attach(atoms([8, 1, 1], WATER, **electrons), MINIMAL, GradientCounter())


def test_an_unrestricted_field_with_nothing_to_turn_is_a_minimum():
    atom = find_minimum(atoms([1], [[0, 0, 0]], multiplicity=2), MINIMAL, GradientCounter())
    assert atom.vibrations.frequencies_cm1.size == 0
    assert atom.energy_ev == pytest.approx(-0.466582 * 27.2114, abs=1e-3)  # 10.1063/1.1672392


def test_a_molecule_of_one_electron_vibrates():
    ion = atoms([1, 1], [[0, 0, 0], [0, 0, 1.06]], charge=1, multiplicity=2)
    found = find_minimum(ion, resolve_level("hf/aug-cc-pvtz"), GradientCounter())
    assert found.vibrations.frequencies_cm1 == pytest.approx([2321.0], rel=0.01)  # harmonic, 10.1007/978-1-4757-0961-2


def test_a_hessian_by_gradients_stands_in_where_one_spin_has_no_electron():
    ion = atoms([1, 1], [[0, 0, 0], [0, 0, 1.06]], charge=1, multiplicity=2)
    counter = GradientCounter()
    assert vibrations(ion, hessian_of(ion, MINIMAL, counter)).frequencies_cm1.shape == (1,)
    assert counter.calls == 12


def test_a_single_atom_has_no_saddle_point():
    with pytest.raises(GeometryError, match="He is a single atom"):
        refine(atoms([2], [[0, 0, 0]]), GFN2)


@pytest.mark.parametrize("force", [0.0, -1.0, float("nan"), float("inf")])
def test_a_force_that_no_search_can_reach_or_miss_is_refused(force):
    with pytest.raises(ConfigurationError, match="fmax_ev_per_angstrom"):
        RefineSettings(fmax_ev_per_angstrom=force)


@pytest.mark.parametrize("temperature", [0.0, -5.0, float("nan"), float("inf"), 1e300])
def test_what_is_no_temperature_is_refused(temperature):
    helium = atoms([2], [[0, 0, 0]])
    modes = vibrations(helium, np.zeros((3, 3)))
    with pytest.raises(InputError, match="temperature"):
        thermochemistry(helium, 0.0, modes, temperature, symmetry_number=1)


@pytest.mark.parametrize("cutoff", [-1.0, float("nan"), float("inf")])
def test_what_is_no_cutoff_is_refused(cutoff):
    helium = atoms([2], [[0, 0, 0]])
    modes = vibrations(helium, np.zeros((3, 3)))
    with pytest.raises(InputError, match="cut-off"):
        thermochemistry(helium, 0.0, modes, 298.15, symmetry_number=1, cutoff_cm1=cutoff)


@pytest.mark.parametrize("side", ["reactant", "product"])
def test_an_end_with_two_atoms_in_one_place_is_refused(side):
    good, bad = atoms([8, 1, 1], WATER), atoms([8, 1, 1], [WATER[0], WATER[1], WATER[1]])
    ends = {"reactant": good, "product": good} | {side: bad}
    with pytest.raises(GeometryError, match=rf"the {side}: atoms 2 \(H\) and 3 \(H\) are 0.00 Angstrom apart"):
        EndPoints(**ends)


@pytest.mark.parametrize(("apart", "kind"), [(0.05, "clash"), (1e6, "positions"), (1e300, "positions")])
def test_distances_that_end_a_program_never_reach_it(apart, kind):
    with pytest.raises(CalculationError, match="Angstrom") as caught:
        find_minimum(atoms([1, 1], [[0, 0, 0], [0, 0, apart]]), GFN2, GradientCounter())
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    def calculate(self, *arguments):\n        raise KeyError('parameters of O')\n", "parameters of O"),
        ("    def calculate(self, *arguments):\n        self.results = {'energy': 1.0}\n", "forces"),
        (
            "    def calculate(self, *arguments):\n        self.results = {'energy': 1.0, 'forces': [[0, 0, 0]]}\n",
            "shape",
        ),
        (
            "    def calculate(self, *_):\n        from subprocess import run\n        run('false', check=True)\n",
            "false",
        ),
    ],
)
def test_whatever_a_foreign_calculator_raises_is_a_failure_of_the_calculation(tmp_path, monkeypatch, body, said):
    backend = AseBackend(atoms([8, 1, 1], WATER), engine(tmp_path, monkeypatch, body))
    with pytest.raises(CalculationError, match=said) as caught:
        backend.evaluate(np.array(WATER))
    assert caught.value.kind == "calculator"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    def __init__(self):\n        raise FileNotFoundError('engine.exe')\n", "engine.exe"),
        ("    pass\nEngine = 7\n", "name a class"),
        ("    pass\n1 / 0\n", "division"),
    ],
)
def test_a_class_that_cannot_be_made_is_refused_with_the_reason(tmp_path, monkeypatch, body, said):
    level = engine(tmp_path, monkeypatch, body)
    with pytest.raises(ConfigurationError, match=said):
        AseBackend(atoms([8, 1, 1], WATER), level)
