"""Levels of theory as data: names, files, identity."""

from __future__ import annotations

import numpy as np
import pytest

from chem.errors import ConfigurationError
from chem.levels import SHIPPED_LEVELS, LevelEntry, check_forces, read_levels, resolve_level
from chem.potential import GradientCounter, attach, single_point
from chem.types import Geometry


def test_an_unknown_level_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigurationError, match="did you mean gfn2"):
        resolve_level("gfn7")
    with pytest.raises(ConfigurationError, match=r"give method/basis, or one of .*gfn1, gfn2"):
        resolve_level("zzz")


def test_method_and_basis_need_no_entry():
    level = resolve_level("HF/3-21G")
    assert (level.method, level.basis, level.program, level.key) == ("hf", "3-21g", "pyscf", "hf/3-21g")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("nosuch/def2-svp", "no method 'nosuch'"),
        ("hf/nosuch", "no basis 'nosuch'"),
        ("gfn2/sto-3g", "basis of its own"),
    ],
)
def test_what_the_program_does_not_know_is_refused_before_anything_runs(name, wrong):
    with pytest.raises(ConfigurationError, match=wrong):
        resolve_level(name)


def test_all_shipped_levels_can_be_resolved_and_differ():
    keys = [resolve_level(name).key for name in read_levels()]
    assert SHIPPED_LEVELS.is_file()
    assert len(set(keys)) == len(keys) >= 5


@pytest.mark.parametrize(
    "change",
    [
        {"density_fitting": True},
        {"grid": 4},
        {"solvent": "water"},
        {"cartesian_basis": True},
        {"scf_tolerance_hartree": 1e-10},
        {"basis": "def2-tzvp"},
        {"method": "pbe0"},
    ],
)
def test_whatever_changes_an_energy_changes_the_identity(change):
    plain = {"method": "b3lyp", "basis": "def2-svp"}
    entries = {"plain": LevelEntry(**plain), "other": LevelEntry(**(plain | change))}
    first, second = (resolve_level(name, entries=entries) for name in entries)
    assert first.key != second.key


def test_a_name_is_not_part_of_the_identity():
    entries = {name: LevelEntry(method="hf", basis="3-21g") for name in ("mine", "yours")}
    assert resolve_level("mine", entries=entries).key == resolve_level("yours", entries=entries).key


def test_tight_binding_in_a_solvent_is_another_level_and_needs_tblite():
    pytest.importorskip("tblite")
    entries = {"wet": LevelEntry(method="gfn2", solvent="water")}
    level = resolve_level("wet", entries=entries)
    assert (level.program, level.key) == ("tblite", "GFN2-xTB/solvent=water")
    with pytest.raises(ConfigurationError, match="'xtb-python' does not run level wet"):
        resolve_level("wet", "xtb-python", entries=entries)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("fast: {method: hf, basis: 3-21g, gird: 2}", "unknown key gird; did you mean grid"),
        ("fast: {method: hf}", "hf needs a basis"),
        ("fast: {method: gfn2, basis: sto-3g}", "basis of its own"),
        ("fast: {basis: sto-3g}", "needs a method"),
        ("fast: {method: '', basis: sto-3g}", "needs a method"),
        ("fast: {method: hf, basis: sto-3g, grid: 12}", "grid must lie in 0 to 9"),
        ("fast: {method: hf, basis: sto-3g, grid: three}", "grid must be of type int"),
        ("fast: {method: hf, basis: sto-3g, density_fitting: 1}", "density_fitting must be of type bool"),
        ("fast: hf", "expected keys and values"),
        ("- hf", "names of levels"),
        ("fast: {", "not valid YAML"),
    ],
)
def test_a_wrong_entry_is_refused_with_file_name_and_remedy(tmp_path, text, wrong):
    path = tmp_path / "levels.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=wrong) as caught:
        read_levels(path)
    assert "levels.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml"):
        read_levels(tmp_path / "nowhere.yaml")


def test_an_own_file_adds_to_the_shipped_levels_and_may_replace_them(tmp_path):
    path = tmp_path / "levels.yaml"
    path.write_text("Tiny: {method: hf, basis: sto-3g}\nb3lyp-svp: {method: b3lyp, basis: def2-svp}\n")
    entries = read_levels(path)
    assert resolve_level("tiny", entries=entries).basis == "sto-3g"
    assert resolve_level("b3lyp-svp", entries=entries).method == "b3lyp"
    assert "gfn2" in entries


def test_a_missing_program_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr("chem.levels.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install pyscf"):
        resolve_level("hf/3-21g")
    with pytest.raises(ConfigurationError, match="xtb-python or tblite, which is not installed"):
        resolve_level("gfn2")


@pytest.mark.parametrize(
    ("calculator", "wrong"),
    [("ase.calculators.emt", "module:Class"), ("no_such_package:Thing", "no_such_package, which is not installed")],
)
def test_a_calculator_that_is_not_there_is_refused(calculator, wrong):
    with pytest.raises(ConfigurationError, match=wrong):
        resolve_level("own", entries={"own": LevelEntry(method="own", calculator=calculator)})


def test_a_grid_for_energies_alone_is_refused_where_forces_are_wanted():
    water = Geometry(numbers=[8, 1, 1], positions=[[0, 0, 0.1], [0, 0.8, -0.5], [0, -0.8, -0.5]])
    coarse, sound = (
        resolve_level("own", entries={"own": LevelEntry(method="pbe", basis="sto-3g", grid=grid)}) for grid in (1, 2)
    )
    assert single_point(water, coarse, GradientCounter()) == pytest.approx(
        single_point(water, sound, GradientCounter()), abs=2e-3
    )
    with pytest.raises(ConfigurationError, match="grid for energies alone; searches and relaxations want grid 2"):
        attach(water, coarse, GradientCounter())
    forces = attach(water, sound, GradientCounter()).get_forces()
    assert np.abs(forces.sum(axis=0)).max() < 2e-3  # the molecule as a whole is pulled nowhere


def test_every_shipped_level_names_what_it_is_for():
    for name in read_levels():
        level = resolve_level(name)
        if name in {"b3lyp-tzvp", "wb97x-631gs", "wb97x-tzvp"}:
            with pytest.raises(ConfigurationError, match=name):
                check_forces(level)
        else:
            check_forces(level)
