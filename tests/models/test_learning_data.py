"""Campaign and base reactions in one file: who is drawn how often, and who is left out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from chem.errors import InputError
from chem.holdout import ReactionIdentity, split_of_side
from models.learning_data import (
    DrawingWeights,
    identities_of,
    read_identities,
    read_learning_data,
    write_learning_data,
)
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData, read_npz


def side(split, number=0):
    """A name of a side that is held out for a split."""
    return [f"any {place}" for place in range(1000) if split_of_side(f"any {place}") == split][number]


def some(splits, numbers=(6, 1, 1, 1, 1)):
    """As many reactions of five atoms."""
    generator = np.random.default_rng(len(splits))
    reactions = tuple(
        ReactionArrays(
            numbers=np.array(numbers), ends=generator.normal(size=(2, 5, 3)), ts=generator.normal(size=(5, 3))
        )
        for _ in splits
    )
    names = np.array([f"reaction {number}" for number in range(len(splits))])
    return ReactionData(reactions=reactions, splits=np.array(splits), identifiers=names, smiles=("",) * len(splits))


def identity(key, split="train", number=0):
    return ReactionIdentity(key=key, sides=(side(split, number), side("train", 90)))


def test_reactions_are_drawn_as_their_weights_say_and_the_wrongly_believed_more_often(tmp_path):
    campaign = some(["train"] * 4)
    mine = [identity("a"), identity("b"), identity("c", "test"), identity("d", "val")]
    base = some(["train", "train", "val", "test", "test_reactant"])
    theirs = [identity("e", number=1), None, *(identity(key, number=2) for key in "fgh")]
    counts = write_learning_data(
        tmp_path / "joined.npz",
        (campaign, mine),
        (base, theirs),
        weights=DrawingWeights(campaign=3.0, wrong_estimate=7.0),
        wrong_estimates={"reaction 1", "reaction 2"},
        elements={1, 6},
    )
    assert counts == {
        "base_base_test": 1,
        "base_left_out": 1,  # whose split is neither to train, to choose by nor to test
        "base_no_identity": 1,
        "base_train": 1,
        "base_val": 1,
        "campaign_test": 1,
        "campaign_train": 2,
        "campaign_train_wrong_estimate": 1,
        "campaign_val": 1,
    }
    joined = read_learning_data(tmp_path / "joined.npz")
    places = [place for place, split in enumerate(joined.data.splits) if split == "train"]
    drawn = Counter(joined.identities[place].key for place in joined.data.drawn(places))
    assert drawn == {"a": 3, "b": 7, "e": 1}


def test_what_the_network_cannot_read_and_what_the_base_data_know_is_left_out(tmp_path):
    campaign = some(["train"] * 2)
    strange = some(["train"], numbers=(16, 1, 1, 1, 1))
    both = ReactionData(
        reactions=(*campaign.reactions, *strange.reactions),
        splits=np.array(["train"] * 3),
        identifiers=np.array(["x", "y", "z"]),
        smiles=("", "", ""),
    )
    base = some(["train", "test", "test"])
    counts = write_learning_data(
        tmp_path / "joined.npz",
        (both, [identity("tested"), identity("new", number=3), identity("other")]),
        (base, [identity("old", number=1), identity("tested"), identity("old", number=1)]),
        weights=DrawingWeights(campaign=16.0, wrong_estimate=48.0),
        wrong_estimates=(),
        elements={1, 6},
    )
    assert counts["campaign_left_out"] == counts["campaign_unknown_elements"] == counts["campaign_train"] == 1
    assert (counts["base_base_test"], counts["base_left_out"]) == (1, 1)  # one that `train` has is no test


def test_weights_between_whole_numbers_are_kept_on_average_and_always_the_same(tmp_path):
    data = some(["train"] * 400)
    data = ReactionData(
        reactions=data.reactions,
        splits=data.splits,
        identifiers=data.identifiers,
        smiles=data.smiles,
        weights=np.full(400, 2.25),
    )
    drawn = data.drawn(range(400))
    assert len(drawn) / 400 == pytest.approx(2.25, abs=0.05)
    assert set(Counter(drawn).values()) == {2, 3}
    assert data.drawn(range(400)) == drawn
    assert some(["train"] * 3).drawn([2, 0]) == [2, 0]


def test_a_weight_that_is_none_is_refused(tmp_path):
    places = np.zeros((4, 3))
    arrays = {"offset": [0, 4], "numbers": [6, 1, 1, 1], "reactant": places, "ts": places, "product": places}
    np.savez(tmp_path / "set.npz", **arrays, weight=[-1.0])
    with pytest.raises(InputError, match="a weight is negative"):
        read_npz(tmp_path / "set.npz")
    np.savez(tmp_path / "set.npz", **arrays, weight=[0.5])
    assert read_npz(tmp_path / "set.npz").weights.tolist() == [0.5]
    with pytest.raises(InputError, match="does not say which reactions it holds"):
        read_identities(tmp_path / "set.npz")


def test_the_identity_of_a_reaction_is_read_off_its_ends_in_either_direction(reactions):
    one = reactions["dissociation"]
    back = ReactionArrays(numbers=one.numbers, ends=one.ends[::-1], ts=one.ts)
    data = ReactionData(
        reactions=(one, back), splits=np.array(["train"] * 2), identifiers=np.array(["1", "2"]), smiles=("", "")
    )
    first, second = identities_of(data)
    assert first.key == second.key
    assert first.sides == second.sides[::-1]
    assert first.sides[0].startswith("CH2O-")
