"""Structures drawn for an evaluation: which reactions, which samples, how timed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chem.errors import InputError
from chem.ts_errors import strict_rmsd
from models.checkpoints import save_weights
from models.confidence import Scorer, ScorerConfig
from models.evaluation import generation
from models.evaluation.generation import generated, reactions_of, seconds_per_ts
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from models.reactdiff import ReactDiff
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData

NUMBERS = np.array([6, 8, 1, 1])  # formaldehyde, hydroxycarbene and a structure between them
FORMALDEHYDE = np.array([[0, 0, 0], [0, 0, 1.2], [0.94, 0.05, -0.59], [-0.94, 0.05, -0.59]])
CARBENE = np.array([[0, 0, 0], [0, 0, 1.31], [0.93, -0.05, 1.6], [-1.08, 0.05, -0.24]])
BETWEEN = np.array([[0, 0, 0], [0, 0, 1.28], [1.05, 0.0, 0.60], [-1.05, 0.0, -0.40]])
APART = np.array([[0, 0, 0], [0, 0, 1.13], [4.0, 0.0, 0.0], [4.0, 0.0, 0.74]])  # CO and H2


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    generator = save_weights(folder / "g.safetensors", ReactDiff(tiny_config), "reactdiff", tiny_config, {})
    config = ScorerConfig(trunk=tiny_config, hidden=4)
    save_weights(folder / "c.safetensors", Scorer(config), "confidence", config, {"generator_sha256": generator})
    return folder


@pytest.fixture
def data():
    return ReactionData(
        reactions=tuple(
            ReactionArrays(numbers=NUMBERS, ends=np.stack([FORMALDEHYDE, other]), ts=BETWEEN)
            for other in (CARBENE, APART, CARBENE)
        ),
        splits=np.array(["val", "val", "test"]),
        identifiers=np.array(["a", "b", "c"]),
        smiles=("", "", ""),
    )


def generator_with(weights, *, scored=False, **sampling):
    return DiffusionGenerator(
        checkpoint=weights / "g.safetensors",
        confidence=weights / "c.safetensors",
        sampling=SamplingConfig(n_steps=2, **sampling),
        device="cpu",
        scored=scored,
    )


def test_a_split_is_taken_whole_or_drawn_by_seed_and_an_unknown_one_is_named(data):
    assert [each.identifier for each in reactions_of(data, "val")] == ["a", "b"]
    drawn = [reactions_of(data, "val", limit=1, seed=seed)[0].identifier for seed in (*range(9), *range(9))]
    assert drawn[:9] == drawn[9:]
    assert set(drawn) == {"a", "b"}
    with pytest.raises(InputError, match=r"no reaction of split 'tset'; the file has test, val"):
        reactions_of(data, "tset")


def test_the_deterministic_sample_does_not_depend_on_the_seed_and_the_others_do(weights, data):
    known = reactions_of(data, "val")
    one, other = (generated(generator_with(weights, n_samples=3, seed=seed), known) for seed in (0, 1))
    assert one[0].samples.shape == (3, 4, 3)
    assert one[0].recommended is None
    np.testing.assert_allclose(one[1].samples[0], other[1].samples[0], atol=1e-5)
    assert strict_rmsd(one[1].samples[1], other[1].samples[1]) > 1e-3


def test_a_swapped_reaction_has_the_same_transition_state(weights, data):
    known = reactions_of(data, "val")[1]
    generator = generator_with(weights, n_samples=1)
    (forward,), (reverse,) = (generated(generator, [each]) for each in (known, known.swapped()))
    assert strict_rmsd(forward.samples[0], reverse.samples[0]) < 1e-3
    assert reverse.ends.reactant is known.ends.product


def test_a_scorer_recommends_one_of_the_samples_with_a_probability(weights, data):
    found = generated(generator_with(weights, scored=True, n_samples=3), reactions_of(data, "val"))
    assert all(each.recommended in range(3) and 0.0 <= each.confidence <= 1.0 for each in found)
    assert all("recommended" in each.structures() for each in found)


def test_timing_draws_each_reaction_once_in_batches_after_one_batch_to_warm_up(weights, data, monkeypatch):
    drawn = []

    def counting(model, batch, sampling):
        drawn.append((len(batch), sampling.deterministic))
        return batch.start

    monkeypatch.setattr(generation, "draw", counting)
    assert seconds_per_ts(generator_with(weights, n_samples=5), reactions_of(data, "val") * 50) > 0.0
    assert drawn == [(64, True), (64, True), (36, True)]
