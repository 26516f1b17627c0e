"""Energies and forces around known reactions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chem.alignment import rmsd
from chem.levels import resolve_level
from chem.potential import GradientCounter, attach
from chem.types import Geometry
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData
from models.structure_data import read_structures
from tasks.labels import LabelJob, around, labelled, make_labels, splits_of
from tasks.minima import split_of
from tasks.workers import WorkerLimits

HCN = np.array([[0.0, 0.0, -1.07], [0.0, 0.0, 0.0], [0.0, 0.0, 1.15]])
SADDLE = np.array([[1.1, 0.0, 0.3], [0.0, 0.0, 0.0], [0.0, 0.0, 1.18]])
HNC = np.array([[0.0, 0.0, 2.15], [0.0, 0.0, 0.0], [0.0, 0.0, 1.17]])


@pytest.fixture
def data():
    """The shift of hydrogen cyanide to its isocyanide."""
    one = ReactionArrays(numbers=np.array([1, 6, 7]), ends=np.stack([HCN, HNC]), ts=SADDLE)
    return ReactionData(reactions=(one,), splits=np.array(["train"]), identifiers=np.array(["7"]), smiles=("",))


def test_labels_are_the_energies_and_forces_of_their_structures(tmp_path, data):
    level, path = resolve_level("gfn2"), tmp_path / "labels.npz"
    counts = make_labels(data, level, path, WorkerLimits(n_workers=1), structures_each=6)
    stored = read_structures(path)
    assert stored.labelled
    assert sum(counts.kept.values()) == len(stored) == 7 - counts.failed
    assert len(set(stored.splits.tolist())) == 1  # of one reactant
    for one in (stored.structures[0], stored.structures[-1]):
        atoms = attach(Geometry(numbers=one.numbers, positions=one.positions), level, GradientCounter())
        assert one.energy_ev == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
        assert np.allclose(one.forces_ev_per_angstrom, atoms.get_forces(), atol=1e-3)
    kept = path.with_suffix(".jsonl").read_text().split()
    assert make_labels(data, level, path, WorkerLimits(n_workers=1), structures_each=6) == counts
    assert path.with_suffix(".jsonl").read_text().split() == kept


def test_structures_lie_around_all_three_points_and_between():
    rng = np.random.default_rng(0)
    made = around(HCN, SADDLE, HNC, 60, rng)
    nearest = [min((HCN, SADDLE, HNC), key=lambda point: rmsd(each, point)) for each in made]
    for point in (HCN, SADDLE, HNC):
        assert sum(one is point for one in nearest) > 5


def test_structures_beyond_all_use_are_left_out(data):
    geometry = Geometry(numbers=np.array([1, 6, 7]), positions=HCN)
    squeezed = geometry.with_positions(HCN * 0.45)
    job = LabelJob(identifier="7", split="train", geometries=(geometry, squeezed), level=resolve_level("gfn2"))
    assert len(labelled(job)["structures"]) == 1


def test_no_species_of_a_held_out_reaction_is_trained_on():
    names = [f"C2H6O-{number}" for number in range(400)]
    rng = np.random.default_rng(0)
    species = [(frozenset(rng.choice(names, 1).tolist()), frozenset(rng.choice(names, 2).tolist())) for _ in range(300)]
    splits = splits_of(species)
    held_out = set().union(*(a | b for (a, b), split in zip(species, splits, strict=True) if split in {"val", "test"}))
    trained = set().union(*(a | b for (a, b), split in zip(species, splits, strict=True) if split == "train"))
    assert held_out
    assert trained
    assert not held_out & trained
    assert all(split_of(key) == "train" for key in trained)


def test_two_transition_states_of_one_reaction_are_both_labelled(tmp_path, data):
    (one,) = data.reactions
    other = replace(one, ts=one.ts + [[0.05, 0, 0], [0, 0, 0], [0, 0, 0]])
    both = replace(
        data, reactions=(one, other), splits=np.array(["train"] * 2), identifiers=np.array(["7", "7"]), smiles=("",) * 2
    )
    make_labels(both, resolve_level("gfn2"), tmp_path / "labels.npz", WorkerLimits(n_workers=1), structures_each=4)
    stored = read_structures(tmp_path / "labels.npz")
    assert len({each.positions.tobytes() for each in stored.structures}) > 6
