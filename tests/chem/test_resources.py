"""What memory a calculation needs, told beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import molecule

from chem.errors import ElementError, InputError, ResourceError
from chem.levels import LevelEntry, resolve_level
from chem.pyscf_backend import PyscfBackend
from chem.resources import check_memory, estimated_memory_gib
from chem.types import Geometry
from tasks.workers import WorkerLimits, WorkerPool


def geometry_of(name, **electrons):
    atoms = molecule(name)
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, **electrons)


def chain(n_carbons):
    """A stretched alkane; the estimate does not look at positions."""
    numbers = [6] * n_carbons + [1] * (2 * n_carbons + 2)
    return Geometry(numbers=numbers, positions=np.arange(3.0 * len(numbers)).reshape(-1, 3))


def level_of(**entry):
    return resolve_level("own", entries={"own": LevelEntry(**entry)})


def gradient_of(job):
    geometry, level = job
    backend = PyscfBackend(geometry, level)
    return backend.evaluate(geometry.positions)[0]


def test_tight_binding_needs_little_whatever_it_computes():
    large = chain(60)
    assert estimated_memory_gib(large, resolve_level("gfn2"), hessian=True) <= 0.5


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"basis": "def2-svp"}, {"basis": "def2-tzvp"}),
        ({"basis": "def2-svp"}, {"basis": "def2-svp", "solvent": "water"}),
        ({"basis": "def2-svp"}, {"basis": "def2-svp", "density_fitting": True}),
        ({"basis": "def2-svp", "grid": 0}, {"basis": "def2-svp", "grid": 3}),
    ],
    ids=["basis", "solvent", "density fitting", "grid"],
)
def test_what_makes_a_calculation_larger_needs_more(small, large):
    needs = [estimated_memory_gib(chain(2), level_of(method="pbe0", **entry), hessian=True) for entry in (small, large)]
    assert needs[0] < needs[1]


def test_hessians_open_shells_and_atoms_need_more():
    level = level_of(method="hf", basis="def2-svp", density_fitting=True)
    plain = estimated_memory_gib(chain(10), level, hessian=False)
    assert plain < estimated_memory_gib(chain(10), level, hessian=True)
    assert plain < estimated_memory_gib(chain(20), level, hessian=False)
    cation = Geometry(numbers=chain(10).numbers, positions=chain(10).positions, charge=1, multiplicity=2)
    assert plain < estimated_memory_gib(cation, level, hessian=False)


def test_the_order_of_atoms_and_where_they_are_play_no_part():
    level = resolve_level("hf/def2-svp")
    ethane = chain(2)
    other = ethane.permuted(np.arange(ethane.n_atoms)[::-1]).with_positions(2.0 * ethane.positions)
    assert estimated_memory_gib(ethane, level, hessian=True) == estimated_memory_gib(other, level, hessian=True)


def test_the_electrons_of_a_core_potential_are_not_counted():
    """Iodide has 26 of 54 electrons beside its potential: its occupied orbitals cost no more than those of iron(0)."""
    iodide = Geometry(numbers=[53], positions=[[0, 0, 0]], charge=-1)
    assert estimated_memory_gib(iodide, resolve_level("hf/def2-svp"), hessian=True) < 0.3


def test_the_estimate_is_near_what_is_measured():
    methanol, level = geometry_of("CH3OH"), level_of(method="b3lyp", basis="def2-svp", density_fitting=True)
    with WorkerPool(WorkerLimits(n_workers=1, job_memory_gib=1.0)) as pool:
        (done,) = pool.run(gradient_of, [(methanol, level)])
    assert done.fault is None
    estimate = estimated_memory_gib(methanol, level, hessian=False)
    assert 0.6 * done.peak_memory_gib < estimate < 1.6 * done.peak_memory_gib


def test_what_fits_passes_and_what_does_not_is_named_with_the_remedy():
    level = level_of(method="b3lyp-d3bj", basis="def2-tzvp", density_fitting=True)
    check_memory(geometry_of("H2O"), level, hessian=True, limit_gib=4.0)
    with pytest.raises(ResourceError, match=r"Hessian of C40H82 at b3lyp.* needs about \d+\.\d GiB .* may use 4 GiB"):
        check_memory(chain(40), level, hessian=True, limit_gib=4.0)
    assert issubclass(ResourceError, InputError)


def test_an_element_that_the_basis_lacks_is_named():
    xenon = Geometry(numbers=[54], positions=[[0, 0, 0]])
    with pytest.raises(ElementError, match="has no Xe"):
        estimated_memory_gib(xenon, resolve_level("hf/6-31g*"), hessian=False)
