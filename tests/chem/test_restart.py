"""A search that was killed goes on from its last geometry."""

from __future__ import annotations

import numpy as np

from chem.levels import resolve_level
from chem.refine import RefineSettings, refine
from chem.restart import Restart
from chem.types import Geometry
from chem.xyz import read_xyz, write_xyz

HF = resolve_level("hf/3-21g")
GUESS = Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.15], [1.75, 0, 1.35]])
NO_HESSIAN = RefineSettings(starting_hessian="none", attempt_gradient_calls=8, budget_gradient_calls=8)


def test_a_search_goes_on_where_the_last_one_was_cut_off(tmp_path):
    restart = Restart(path=tmp_path / "made" / "last.xyz")
    cut_off = refine(GUESS, HF, NO_HESSIAN, restart)
    assert cut_off.failure is not None
    assert np.abs(read_xyz(restart.path).positions - GUESS.positions).max() > 0.01
    alone = refine(GUESS, HF, RefineSettings(starting_hessian="none"))
    resumed = refine(GUESS, HF, RefineSettings(starting_hessian="none"), restart)
    assert resumed.failure is None
    assert abs(resumed.saddle.energy_ev - alone.saddle.energy_ev) < 1e-4
    assert resumed.gradient_calls < alone.gradient_calls


def test_what_is_kept_of_other_atoms_or_half_written_is_not_taken(tmp_path):
    restart = Restart(path=tmp_path / "last.xyz")
    assert restart.geometry_or(GUESS) is GUESS
    write_xyz(restart.path, Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 0.74]]))
    assert restart.geometry_or(GUESS) is GUESS
    restart.path.write_text("3\n\nC 0 0")
    assert restart.geometry_or(GUESS) is GUESS
    restart.keep(GUESS, GUESS.positions + 1.0)
    np.testing.assert_allclose(restart.geometry_or(GUESS).positions, GUESS.positions + 1.0, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["last.xyz"]
    restart.forget()
    restart.forget()
    assert list(tmp_path.iterdir()) == []
