"""Energies of ends and candidates of reactions with reference barriers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chem.alignment import rmsd
from chem.errors import InputError
from chem.levels import resolve_level
from chem.potential import GradientCounter, single_point
from chem.types import Geometry
from models.barrier_data import GENERATED, NOISED, TRUE, read_barrier_labels
from models.checkpoints import save_weights
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from models.reactdiff import ReactDiff
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData, read_reactions
from tasks.barrier_labels import displaced, make_barrier_labels
from tasks.workers import WorkerLimits

HCN = np.array([[0.0, 0.0, -1.07], [0.0, 0.0, 0.0], [0.0, 0.0, 1.15]])
SADDLE = np.array([[1.1, 0.0, 0.3], [0.0, 0.0, 0.0], [0.0, 0.0, 1.18]])
HNC = np.array([[0.0, 0.0, 2.15], [0.0, 0.0, 0.0], [0.0, 0.0, 1.17]])
LIMITS = WorkerLimits(n_workers=1)


def shift(**changes):
    """The shift of hydrogen cyanide to its isocyanide, once to train on and once to test."""
    one = ReactionArrays(numbers=np.array([1, 6, 7]), ends=np.stack([HCN, HNC]), ts=SADDLE)
    values = {
        "reactions": (one, one),
        "splits": np.array(["train", "test"]),
        "identifiers": np.array(["7", "8"]),
        "smiles": ("", ""),
        "barriers_kcal_mol": np.array([44.0, 45.0]),
    }
    return ReactionData(**{**values, **changes})


def test_labels_are_the_energies_of_their_geometries_and_a_second_run_computes_nothing(tmp_path):
    level, path = resolve_level("gfn2"), tmp_path / "labels.npz"
    counts = make_barrier_labels(shift(), level, path, LIMITS, reference="CCSD(T)-F12", noised_each=2)
    assert counts.candidates == {TRUE: 2, NOISED: 2, GENERATED: 0}
    assert counts.reactions == {"test": 1, "train": 1}
    assert counts.energies == 8
    found = read_barrier_labels(path)
    for reaction in found.reactions:
        points = [*reaction.ends, *(one.positions for one in reaction.candidates)]
        expected = [
            single_point(Geometry(numbers=reaction.numbers, positions=each), level, GradientCounter())
            for each in points
        ]
        energies = [*reaction.ends_ev, *(one.energy_ev for one in reaction.candidates)]
        assert energies == pytest.approx(expected, abs=1e-4)
    train, test = found.reactions
    assert (train.reference_kcal_mol, test.reference_kcal_mol) == (44.0, 45.0)
    assert [one.kind for one in train.candidates] == [TRUE, NOISED, NOISED]
    assert [one.kind for one in test.candidates] == [TRUE]
    assert 0.0 < max(rmsd(one.positions, SADDLE) for one in train.candidates) <= 0.15
    kept = path.with_suffix(".jsonl").read_text().split()
    assert make_barrier_labels(shift(), level, path, LIMITS, reference="CCSD(T)-F12", noised_each=2) == counts
    assert path.with_suffix(".jsonl").read_text().split() == kept


@pytest.mark.slow
def test_only_reactions_that_no_generator_was_trained_on_get_generated_candidates(tmp_path, tiny_config):
    torch.manual_seed(0)
    save_weights(tmp_path / "generator.safetensors", ReactDiff(tiny_config), "reactdiff", tiny_config, {})
    generator = DiffusionGenerator(
        checkpoint=tmp_path / "generator.safetensors",
        sampling=SamplingConfig(n_samples=1, n_steps=1),
        device="cpu",
        scored=False,
    )
    given = {"reference": "CCSD(T)-F12", "noised_each": 0, "generator": generator}
    path = tmp_path / "labels.npz"
    make_barrier_labels(shift(), resolve_level("gfn2"), path, LIMITS, **given)
    train, test = read_barrier_labels(path).reactions
    assert [one.kind for one in train.candidates] == [TRUE]
    assert test.candidates[0].kind == TRUE
    assert {one.kind for one in test.candidates[1:]} <= {GENERATED}
    kept = (tmp_path / "labels_generated.jsonl").read_text().split()
    assert len(kept) > 0
    make_barrier_labels(shift(), resolve_level("gfn2"), path, LIMITS, **given)
    assert (tmp_path / "labels_generated.jsonl").read_text().split() == kept


def test_displacements_are_as_large_as_asked_and_mostly_of_what_reacts():
    ends = tuple(Geometry(numbers=np.array([1, 6, 7]), positions=side) for side in (HCN, HNC))
    rng = np.random.default_rng(0)
    made = [displaced(ends, SADDLE, 0.1, rng) for _ in range(100)]
    assert np.allclose([rmsd(each, SADDLE) for each in made], 0.1, atol=0.005)

    def change(first, second):
        length = np.linalg.norm(SADDLE[first] - SADDLE[second])
        return np.mean([abs(np.linalg.norm(each[first] - each[second]) - length) for each in made])

    assert change(1, 2) < 0.6 * min(change(0, 1), change(0, 2))  # carbon and nitrogen stay bonded


def test_reactions_without_barriers_are_refused(tmp_path):
    with pytest.raises(InputError, match="dE0_kcal"):
        make_barrier_labels(
            shift(barriers_kcal_mol=None), resolve_level("gfn2"), tmp_path / "labels.npz", LIMITS, reference=""
        )


def test_barriers_of_a_file_are_read_where_it_has_them(tmp_path):
    arrays = {
        "offset": np.array([0, 3]),
        "numbers": np.array([1, 6, 7]),
        "reactant": HCN,
        "ts": SADDLE,
        "product": HNC,
    }
    np.savez(tmp_path / "without.npz", **arrays)
    np.savez(tmp_path / "with.npz", **arrays, dE0_kcal=np.array([44.5]))
    assert read_reactions(tmp_path / "without.npz").barriers_kcal_mol is None
    assert read_reactions(tmp_path / "with.npz").barriers_kcal_mol.tolist() == [44.5]
    np.savez(tmp_path / "wrong.npz", **arrays, dE0_kcal=np.array([44.5, 1.0]))
    with pytest.raises(InputError, match="dE0_kcal has 2 entries"):
        read_reactions(tmp_path / "wrong.npz")
