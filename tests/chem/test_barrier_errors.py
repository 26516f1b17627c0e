"""What a barrier of a level of theory is worth."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import molecule

from chem import barrier_errors
from chem.barrier_errors import (
    BarrierError,
    error_bar_kcal_mol,
    error_bar_of_state_kcal_mol,
    is_measured_for,
    measured_errors,
    read_barrier_errors,
)
from chem.errors import ConfigurationError
from chem.levels import resolve_level
from chem.outcomes import SEARCH_CHECKS, Check, Status, TransitionState, Verdict
from chem.types import Geometry
from chem.verification import composite_level

MEASURED = BarrierError(
    level="b3lyp-d3bj/def2-svp",
    geometry="GFN2-xTB",
    mean_absolute_error_kcal_mol=4.0,
    bias_kcal_mol=1.0,
    reactions=100,
    split="val",
    test_mean_absolute_error_kcal_mol=4.0,
    test_coverage=0.95,
    test_reactions=100,
)


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(barrier_errors, "measured_errors", lambda: {("b3lyp-d3bj/def2-svp", "gfn2-xtb"): MEASURED})


def test_the_bar_covers_nineteen_of_twenty_normal_errors():
    errors = np.random.default_rng(0).normal(scale=5.0, size=200_000)
    bar = barrier_errors.HALF_WIDTH_PER_MEAN * np.abs(errors).mean()
    assert (np.abs(errors) < bar).mean() == pytest.approx(0.95, abs=0.002)


def test_an_estimate_is_less_certain_than_what_it_estimates():
    own = MEASURED.half_width_kcal_mol(3.0)
    assert own == pytest.approx(MEASURED.half_width_kcal_mol() * 5.0 / 4.0)


def test_a_level_is_known_by_what_changes_its_barriers(measured):
    energies = resolve_level("b3lyp-svp")
    fine = resolve_level("b3lyp-d3bj/def2-svp")
    assert energies.key != fine.key
    for level in (energies, fine):
        assert error_bar_kcal_mol(composite_level(level, "GFN2-xTB").key, Status.PASSED, ["CC=O"]) == pytest.approx(
            9.8, abs=0.1
        )
    for key in (energies.key, composite_level(energies, "GFN2-xTB/solvent=water").key, "GFN2-xTB", "hf/3-21g"):
        assert error_bar_kcal_mol(key, Status.PASSED, ["CC=O"]) is None


@pytest.mark.parametrize(
    "smiles", [["O=CCCOO"], ["[C-]#[O+]", "C"], ["c1ccncc1"], ["[CH2]", "[OH]"], ["[C@@H](O)(N)C"]]
)
def test_neutral_molecules_of_four_elements_were_measured(smiles):
    assert is_measured_for(smiles)


@pytest.mark.parametrize(
    "smiles", [["CCl"], ["C[Si]"], ["CF"], ["[OH-]", "C"], ["[NH4+]"], ["P"], ["CBr"], ["c1ccsc1"]]
)
def test_charges_and_other_elements_were_not(smiles):
    assert not is_measured_for(smiles)


def test_of_a_transition_state_charge_and_multiplicity_count(measured):
    atoms = molecule("CH3OH")
    level = composite_level(resolve_level("b3lyp-svp"), "GFN2-xTB")
    passed = Verdict(checks=tuple(Check(name=name, status=Status.PASSED, evidence={}) for name in SEARCH_CHECKS))
    for electrons, bar in (({}, 9.8), ({"charge": 1, "multiplicity": 2}, None), ({"multiplicity": 3}, None)):
        geometry = Geometry(numbers=atoms.numbers, positions=atoms.positions, **electrons)
        state = TransitionState(geometry=geometry, energy_ev=0.0, level=level, verdict=passed)
        assert error_bar_of_state_kcal_mol(state) == (None if bar is None else pytest.approx(bar, abs=0.1))


def test_a_barrier_that_is_not_believed_has_no_error_bar(measured):
    key = composite_level(resolve_level("b3lyp-svp"), "GFN2-xTB").key
    for verdict in (Status.FAILED, Status.COULD_NOT_CHECK, Status.ESTIMATED):
        assert error_bar_kcal_mol(key, verdict, ["CC=O"]) is None
    assert error_bar_kcal_mol(key, Status.ESTIMATED, ["CC=O"], 3.0) > error_bar_kcal_mol(key, Status.PASSED, ["CC=O"])


def test_the_shipped_measurements_keep_what_they_promise():
    found = measured_errors()
    assert ("gfn2-xtb", "") in found
    for entry in found.values():
        assert entry.test_coverage >= 0.9
        assert entry.half_width_kcal_mol() <= 2.5 * entry.test_mean_absolute_error_kcal_mol
        assert min(entry.reactions, entry.test_reactions) >= 40


@pytest.mark.parametrize(
    ("content", "message"),
    [("level: x", "must hold a list"), ("- {level: x}", "an entry must hold"), ("[", "is not valid YAML")],
)
def test_a_broken_file_is_named(tmp_path, content, message):
    path = tmp_path / "errors.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        read_barrier_errors(path)
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_barrier_errors(tmp_path / "missing.yaml")
