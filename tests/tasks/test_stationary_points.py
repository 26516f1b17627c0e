"""Stationary points at GFN2-xTB of published reactions, and the error bars that are calibrated on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from chem.errors import InputError
from chem.levels import resolve_level
from chem.perception import perceive_graph
from chem.potential import GradientCounter, attach
from chem.types import Geometry
from cli.main import run
from models.barrier_estimates import BarrierHead
from models.reaction_data import ReactionData
from tasks.stationary_points import FEWEST, StationaryPoints, calibrate_stationary, errors_of, stationary_points
from tasks.workers import WorkerLimits
from tests.models.conftest import REACTIONS

GFN2 = resolve_level("gfn2")


def published(name):
    from models.reaction_batch import ReactionArrays

    numbers, *blocks = REACTIONS[name]
    reactant, product, ts = (np.array(block.split(), dtype=float).reshape(-1, 3) for block in blocks)
    return ReactionArrays(numbers=np.array(numbers), ends=np.stack([reactant, product]), ts=ts)


@pytest.fixture(scope="module")
def data():
    names = ("tautomerisation", "dissociation")
    return ReactionData(
        reactions=tuple(published(name) for name in names),
        splits=np.array(["val", "val"]),
        identifiers=np.array(["1", "2"]),
        smiles=("", ""),
        barriers_kcal_mol=np.array([54.0, 79.0]),
    )


@pytest.fixture(scope="module")
def points(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("stationary") / "weights.safetensors"
    return stationary_points(data, GFN2, path, WorkerLimits(n_workers=1), split="val"), path


def test_ends_and_saddle_points_are_at_rest_and_keep_their_bonds(points, data):
    found, path = points
    assert len(found.reactions) + sum(found.left_out.values()) == 2
    (one, *_) = found.reactions
    for place, positions in enumerate((*one.ends, one.candidates[0].positions)):
        geometry = Geometry(numbers=one.numbers, positions=positions)
        forces = attach(geometry, GFN2, GradientCounter()).get_forces()
        assert np.abs(forces).max() < 0.06
        if place < 2:
            published_end = Geometry(numbers=one.numbers, positions=data.reactions[0].ends[place])
            assert perceive_graph(geometry).bonds == perceive_graph(published_end).bonds
    assert one.candidates[0].energy_ev > max(one.ends_ev)
    rows = path.with_suffix(".jsonl").read_text().splitlines()
    again = stationary_points(data, GFN2, path, WorkerLimits(n_workers=1), split="val")
    assert path.with_suffix(".jsonl").read_text().split() == "\n".join(rows).split(), "nothing is computed twice"
    assert np.array_equal(again.reactions[0].ends, one.ends)


def test_shift_and_bars_come_from_different_halves_and_the_weights_that_are_written_know_them(points, tmp_path):
    one = points[0].reactions[0]
    rng = np.random.default_rng(0)
    many = tuple(
        replace(one, reference_kcal_mol=one.reference_kcal_mol + 3.0 + float(rng.laplace(0, 2))) for _ in range(200)
    )
    head = BarrierHead(device="cpu")
    corrections = head.network.correction[-1].weight.clone()
    found = calibrate_stationary(head, StationaryPoints(reactions=many, left_out={}), tmp_path / "w.safetensors", "x")
    read = BarrierHead(tmp_path / "w.safetensors", "cpu")
    errors, widths = errors_of(read, StationaryPoints(reactions=many, left_out={}))
    shift, factor = float(read.network.stationary_shift_kcal_mol), float(read.network.stationary_factor)
    assert found["n"] == 200
    assert int(read.network.n_stationary) == 100
    assert shift == pytest.approx(np.median(errors[::2]), abs=0.1)
    assert np.mean(np.abs(errors[1::2] - shift) <= factor * widths[1::2] + 1e-6) >= 0.95
    assert torch.equal(read.network.correction[-1].weight, corrections)
    assert read.network.bar_factor == head.network.bar_factor


def test_too_few_reactions_are_refused(points, tmp_path):
    with pytest.raises(InputError, match=f"{FEWEST} are needed"):
        calibrate_stationary(BarrierHead(device="cpu"), points[0], tmp_path / "w.safetensors", "x")


def test_data_without_barriers_are_refused(data, tmp_path):
    without = replace(data, barriers_kcal_mol=None)
    with pytest.raises(InputError, match="dE0_kcal"):
        stationary_points(without, GFN2, tmp_path / "w", WorkerLimits(n_workers=1), split="val")
    with pytest.raises(InputError, match="of the split test"):
        stationary_points(data, GFN2, tmp_path / "w", WorkerLimits(n_workers=1), split="test")


def test_the_command_refuses_another_ending(tmp_path, capsys):
    npz = tmp_path / "reactions.npz"
    assert run(["calibrate", "barrier", "--data", str(npz), "-o", str(tmp_path / "w.pt"), "--json"]) == 2
    told = capsys.readouterr().err
    assert "must end" in told
    assert ".safetensors" in told
