"""Molecules of known reactions relaxed into a training set."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chem.levels import resolve_level
from chem.potential import GradientCounter, attach
from chem.types import Geometry
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData
from models.structure_data import read_structures
from tasks import kept_rows
from tasks.minima import make_minima, split_of
from tasks.workers import WorkerLimits

WATER = np.array([[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]])
APART = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.97], [0.0, 5.0, 0.0]])
SQUEEZED = 0.95 * WATER


@pytest.fixture
def data():
    """Water stretched and squeezed, each twice, and once fallen apart."""
    ends = [(WATER, SQUEEZED), (SQUEEZED, WATER), (WATER, APART)]
    return ReactionData(
        reactions=tuple(ReactionArrays(numbers=np.array([8, 1, 1]), ends=np.stack(pair), ts=pair[0]) for pair in ends),
        splits=np.array(["train"] * 3),
        identifiers=np.array(["0", "1", "2"]),
        smiles=("",) * 3,
    )


@pytest.fixture
def calls(monkeypatch, in_this_process):
    """Identifiers of the molecules that are relaxed, in this process."""
    seen = []

    class Pool:
        def __init__(self, _limits):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def run(self, function, jobs):
            for finished in in_this_process.run(function, jobs):
                seen.append(finished.job.identifier)
                yield finished

    monkeypatch.setattr(kept_rows, "WorkerPool", Pool)
    return seen


def test_each_molecule_is_relaxed_once_and_a_minimum_that_two_lead_to_is_kept_once(tmp_path, data, calls):
    level = resolve_level("gfn2")
    counts = make_minima(data, level, tmp_path / "minima.npz", WorkerLimits())
    assert (counts.starts, counts.failed, counts.changed, counts.repeated) == (2, 0, 0, 1)
    assert len(calls) == 2
    stored = read_structures(tmp_path / "minima.npz")
    assert (len(stored), stored.level) == (1, level.key)
    (one,) = stored.structures
    atoms = attach(Geometry(numbers=one.numbers, positions=one.positions), level, GradientCounter())
    assert np.abs(atoms.get_forces()).max() < 0.03


def test_a_run_that_was_killed_goes_on_and_repeats_nothing(tmp_path, data, calls):
    path, level = tmp_path / "minima.npz", resolve_level("gfn2")
    whole = make_minima(data, level, path, WorkerLimits())
    kept = path.with_suffix(".jsonl")
    lines = kept.read_text().splitlines()
    kept.write_text(f"{lines[0]}\n{lines[1][:40]}")
    path.unlink()
    calls.clear()
    assert make_minima(data, level, path, WorkerLimits()) == whole
    assert calls == [json.loads(lines[1])["id"]]
    assert make_minima(data, level, path, WorkerLimits()) == whole
    assert len(calls) == 1


def test_minima_of_another_level_are_not_taken_for_these(tmp_path, data, calls):
    path = tmp_path / "minima.npz"
    make_minima(data, resolve_level("gfn2"), path, WorkerLimits())
    calls.clear()
    make_minima(data, resolve_level("hf/sto-3g"), path, WorkerLimits())
    assert len(calls) == 2


def test_a_species_is_in_one_split_and_nine_tenths_are_for_training():
    splits = [split_of(f"C2H6O-{number}") for number in range(2000)]
    assert splits == [split_of(f"C2H6O-{number}") for number in range(2000)]
    assert 0.87 < splits.count("train") / 2000 < 0.93
    assert min(splits.count("val"), splits.count("test")) > 60


def test_a_worker_that_died_is_tried_again(tmp_path, data, calls):
    path, level = tmp_path / "minima.npz", resolve_level("gfn2")
    whole = make_minima(data, level, path, WorkerLimits())
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    lines[1] = {"id": lines[1]["id"], "level": level.key, "failure": "killed", "fault": True, "gradient_calls": 0}
    path.with_suffix(".jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    calls.clear()
    assert make_minima(data, level, path, WorkerLimits()) == whole
    assert calls == [lines[1]["id"]]
