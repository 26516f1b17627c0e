"""Errors of barriers of polished candidates with xTB, none of which is computed twice."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from chem.levels import resolve_level
from models.confidence_training import DrawnSamples
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData
from tasks.candidate_errors import candidate_errors
from tasks.workers import WorkerLimits

HCN = np.array([[0.0, 0, 0], [0, 0, 1.15], [0.05, 0, -1.07]])
SADDLE = np.array([[0.0, 0, 0], [0, 0, 1.19], [1.15, 0, 0.35]])
HNC = np.array([[0.0, 0, 0], [0, 0, 1.17], [0.05, 0, 2.17]])


@pytest.fixture
def measured(tmp_path, monkeypatch, in_this_process):
    """Function that measures samples of the shift of hydrogen cyanide."""

    @contextmanager
    def pool(_limits):
        yield in_this_process

    monkeypatch.setattr("tasks.kept_rows.WorkerPool", pool)
    shift = ReactionArrays(numbers=np.array([6, 7, 1]), ends=np.stack([HCN, HNC]), ts=SADDLE)
    data = ReactionData(reactions=(shift,), splits=np.array(["test"]), identifiers=np.array(["shift"]), smiles=("",))

    def run(*samples):
        drawn = DrawnSamples(
            index=torch.zeros(len(samples), dtype=torch.long),
            positions=torch.tensor(np.array(samples)).unsqueeze(1),
            features=torch.zeros(len(samples), 1, 1),
            rmsd=torch.zeros(len(samples), 1),
        )
        told = []
        found = candidate_errors(
            tmp_path / "errors.npz",
            data,
            drawn,
            [0] * len(samples),
            resolve_level("gfn2"),
            4,
            WorkerLimits(n_workers=1),
            lambda done, total: told.append((done, total)),
        )
        return found, told

    return run


def test_a_candidate_at_the_saddle_point_has_no_error_and_one_in_pieces_is_never_believed(measured):
    exploded = 0.2 * SADDLE
    found, told = measured(SADDLE, SADDLE + [0.0, 0.0, 0.02], exploded)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert found.errors_kcal_mol[0] == pytest.approx(0.0, abs=1e-6)
    assert 0.0 <= found.errors_kcal_mol[1] < 5.0
    assert found.polished.tolist() == [True, True, False]
    again, told = measured(SADDLE, SADDLE + [0.0, 0.0, 0.02], exploded)
    assert told == []
    assert np.array_equal(again.errors_kcal_mol, found.errors_kcal_mol)
    assert np.array_equal(again.features, found.features, equal_nan=True)
