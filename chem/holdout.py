"""Which reactions are kept apart to judge what is learned, so that nothing that is tested was ever trained on.

A split goes by the two sides of a reaction, each a set of molecules told by its constitution alone: a share of all
sides is held out, by a hash, and with a side every reaction that has it. So a reaction, its reverse, its conformers,
its stereoisomers and other atom maps of the same pair share a split, which never changes, whatever a database learns;
and the side for which a reaction is held out stands in no reaction that is trained on, on neither side. Its other side
may. Hashing reactions instead would leave most reactants of the test among those of the training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chem.canonical import canonical_form
from chem.errors import InputError
from chem.graph import MolecularGraph
from chem.identity import reaction_key
from chem.types import hill_formula

TRAIN, VAL, TEST = "train", "val", "test"
LEFT_OUT = "left_out"
# Of sides; a reaction has two, so that about 10 % of the reactions are tested on and 10 % chosen by.
HELD_OUT_SIDES = {TEST: 0.0513, VAL: 0.0543}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionIdentity:
    """What tells whether two reactions are one, and whether they share a side.

    Attributes:
        key: Of the reaction without stereo layers; the same in both directions.
        sides: Constitution of reactants and products, each as a whole.
    """

    key: str
    sides: tuple[str, str]


def identity_of(reactant: MolecularGraph, product: MolecularGraph) -> ReactionIdentity:
    """Identity of an atom-mapped reaction; mirror images and other stereoisomers share it.

    Raises:
        UnbalancedReactionError: The sides hold different atoms.
    """
    before, after = reactant.without_stereo(), product.without_stereo()
    return ReactionIdentity(key=reaction_key(before, after), sides=(_side(before), _side(after)))


def _side(graph: MolecularGraph) -> str:
    """Constitution of all molecules together; no Lewis structure is asked for, which stretched bonds may not have."""
    form = canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1))
    return f"{hill_formula(graph.numbers)}-{form.digest}"


def split_of_side(side: str) -> str:
    """Split that a side is held out for, from its own name alone; `train` where it is not."""
    place = int.from_bytes(hashlib.sha256(f"held out {side}".encode()).digest()[:8], "big") / 2**64
    for name, share in HELD_OUT_SIDES.items():
        if place < share:
            return name
        place -= share
    return TRAIN


def split_of(sides: Iterable[str]) -> str:
    """Split of a reaction: `test` if either side is held out for it, else `val` if either is, else `train`."""
    found = {split_of_side(side) for side in sides}
    return next((name for name in HELD_OUT_SIDES if name in found), TRAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseReaction:
    """A reaction of the base data, whose split others chose.

    Attributes:
        identity: Which one.
        split: Theirs.
    """

    identity: ReactionIdentity
    split: str


def splits_beside(campaign: Sequence[ReactionIdentity], base: Sequence[BaseReaction]) -> list[str]:
    """Splits of a campaign's reactions beside base data that the weights in use have been trained on already.

    `left_out` are, of those to train on, the reactions that the base data hold out, and those with a side that stands
    in the held-out base data alone; of those held out, the reactions that the base data train or choose by, and those
    whose held-out side they train on.

    Args:
        campaign: Its reactions.
        base: All reactions of the base data, whatever their split.
    """
    trained = [each.identity for each in base if each.split == TRAIN]
    others = [each for each in base if each.split != TRAIN]
    trained_keys, trained_sides = {each.key for each in trained}, {side for each in trained for side in each.sides}
    held_keys = {each.identity.key for each in others}
    held_sides = {side for each in others for side in each.identity.sides} - trained_sides
    chosen_by = {each.identity.key for each in others if each.split == VAL}

    def split(one: ReactionIdentity) -> str:
        own = split_of(one.sides)
        if own == TRAIN:
            return LEFT_OUT if one.key in held_keys or held_sides.intersection(one.sides) else TRAIN
        reasons = {side for side in one.sides if split_of_side(side) == own}
        if one.key in trained_keys or reasons & trained_sides or (own == TEST and one.key in chosen_by):
            return LEFT_OUT
        return own

    return [split(one) for one in campaign]


def check_apart(
    trained: Iterable[ReactionIdentity],
    held_out: Iterable[ReactionIdentity],
    of_base: Iterable[ReactionIdentity] = (),
) -> None:
    """See that nothing is tested that is trained on.

    Args:
        trained: Reactions that are trained on.
        held_out: Reactions held out by `split_of`, to test or to choose by.
        of_base: Reactions that the base data hold out by a rule of their own, which may share sides with others.

    Raises:
        InputError: A reaction is among both, or a side for which one is held out is among those trained on.
    """
    learned = list(trained)
    keys, sides = {each.key for each in learned}, {side for each in learned for side in each.sides}
    for one in of_base:
        _check_key(one, keys)
    for one in held_out:
        _check_key(one, keys)
        known = next((side for side in one.sides if side in sides and split_of_side(side) != TRAIN), None)
        if known is not None:
            raise InputError(
                f"the molecules {known} of the tested reaction {one.key} are held out, and yet trained on in another"
                " reaction; take that out of the training data"
            )


def _check_key(one: ReactionIdentity, trained: Collection[str]) -> None:
    if one.key in trained:
        raise InputError(f"reaction {one.key} is tested and trained on; take it out of the training data")
