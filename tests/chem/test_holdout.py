"""What is held out: by its sides, for good, and never trained on, also beside data that others have split."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from chem.errors import InputError
from chem.holdout import (
    HELD_OUT_SIDES,
    BaseReaction,
    ReactionIdentity,
    check_apart,
    identity_of,
    split_of,
    split_of_side,
    splits_beside,
)
from chem.smiles import parse_smiles

SIDES = [f"side {number}" for number in range(120)]
# Of `side 0` and so on: they must stay what they are, or old test reactions would be trained on.
FIRST_SPLITS = {1: "val", 4: "val", 40: "val", 43: "test", 51: "val"}


def reaction(*sides, key=None):
    return ReactionIdentity(key=key or " ".join(sorted(sides)), sides=sides)


def side_of_split(split, number=0):
    return [f"any {place}" for place in range(1000) if split_of_side(f"any {place}") == split][number]


def test_no_side_for_which_a_reaction_is_held_out_is_trained_on():
    everything = [reaction(*pair) for pair in combinations(SIDES, 2)]
    trained = [one for one in everything if split_of(one.sides) == "train"]
    learned = {side for one in trained for side in one.sides}
    for one in everything:
        if split_of(one.sides) != "train":
            assert any(side not in learned for side in one.sides)
    check_apart(trained, [one for one in everything if split_of(one.sides) != "train"])


def test_the_shares_are_kept_and_a_split_never_changes():
    counts = Counter(split_of((f"a {number}", f"b {number}")) for number in range(20000))
    assert counts["test"] / 20000 == pytest.approx(0.1, abs=0.01)
    assert counts["val"] / 20000 == pytest.approx(0.1, abs=0.01)
    assert sum(HELD_OUT_SIDES.values()) < 0.2
    found = {place: split_of_side(f"side {place}") for place in range(60)}
    assert {place: split for place, split in found.items() if split != "train"} == FIRST_SPLITS


def test_direction_atom_order_and_stereoisomers_do_not_matter():
    forward = identity_of(parse_smiles("[C:1](=[O:2])([H:3])[H:4]"), parse_smiles("[C-:1]#[O+:2].[H:3][H:4]"))
    assert forward.sides[0].startswith("CH2O-")
    left, right = (parse_smiles(smiles) for smiles in ("C[C@H](O)C=C", "C[C@@H](O)C=C"))
    assert identity_of(left, left) == identity_of(right, right)
    back = identity_of(parse_smiles("[C-:1]#[O+:2].[H:3][H:4]"), parse_smiles("[C:1](=[O:2])([H:3])[H:4]"))
    assert (back.key, back.sides) == (forward.key, forward.sides[::-1])


def test_beside_other_data_nothing_that_either_holds_out_is_trained_on():
    train, other, newest, alone = (side_of_split("train", number) for number in range(4))
    test, val = side_of_split("test"), side_of_split("val")
    base = [
        BaseReaction(identity=reaction(train, other, key="trained"), split="train"),
        BaseReaction(identity=reaction(train, "far", key="tested"), split="test"),
        BaseReaction(identity=reaction(alone, "far", key="apart"), split="test_reactant"),
        BaseReaction(identity=reaction(test, other, key="seen"), split="train"),
    ]
    mine = {
        "known to train on": (reaction(train, other, key="trained"), "train"),
        "tested by the base": (reaction(train, other, key="tested"), "left_out"),
        "a reactant that the base holds out": (reaction(alone, train), "left_out"),
        "held out, and its side trained on by the base": (reaction(test, train), "left_out"),
        "held out and seen nowhere": (reaction(val, train), "val"),
        "new": (reaction(train, newest), "train"),
    }
    assert splits_beside([one for one, _ in mine.values()], base) == [split for _, split in mine.values()]


def test_a_test_that_is_trained_on_is_refused():
    train, test = side_of_split("train"), side_of_split("test")
    with pytest.raises(InputError, match="reaction same is tested and trained on"):
        check_apart([reaction(train, train, key="same")], [], [reaction(train, train, key="same")])
    with pytest.raises(InputError, match="held out, and yet trained on"):
        check_apart([reaction(test, train, key="one")], [reaction(test, train, key="other")])
