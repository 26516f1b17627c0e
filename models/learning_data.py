"""Reactions of campaigns and of base data in one file to learn from, with everything that is tested kept apart."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.errors import CairnError, InputError
from chem.holdout import (
    LEFT_OUT,
    TEST,
    TRAIN,
    VAL,
    BaseReaction,
    ReactionIdentity,
    check_apart,
    identity_of,
    splits_beside,
)
from chem.perception import perceive_graph
from chem.types import Geometry
from models.reaction_batch import ReactionArrays
from models.reaction_data import ReactionData, read_npz

CAMPAIGN, BASE = "campaign", "base"
BASE_TEST = "base_test"  # of the base data, to test on; `test` is the campaign's
ELEMENTS_UNKNOWN = "unknown_elements"
NO_IDENTITY = "no_identity"
_Entry = tuple[str, str, ReactionIdentity, int]  # origin, split, identity, place in the data of its origin


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingWeights:
    """How often training draws a reaction of a campaign beside one of the base data.

    Attributes:
        campaign: Each that was verified.
        wrong_estimate: Each whose believed estimate an audit found wrong.
    """

    campaign: float
    wrong_estimate: float

    def __post_init__(self) -> None:
        """Both are drawn."""
        if not (0.0 < self.campaign < np.inf and 0.0 < self.wrong_estimate < np.inf):
            raise InputError(f"weights must be positive, got {self.campaign} and {self.wrong_estimate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningData:
    """A file to learn from.

    Attributes:
        data: Its reactions; splits are `train`, `val`, `test` of the campaigns and `base_test`.
        origins: `campaign` or `base`, shape (n_reactions,).
        identities: By which nothing tested is trained on.
    """

    data: ReactionData
    origins: NDArray[np.str_]
    identities: tuple[ReactionIdentity, ...]

    def places(self, split: str, origin: str) -> list[int]:
        """Places of the reactions of one split and origin."""
        return np.flatnonzero((self.data.splits == split) & (self.origins == origin)).tolist()

    def check(self) -> None:
        """See that nothing is tested, or chosen by, that is trained on.

        Raises:
            InputError: Something is.
        """

        def of(*splits: str, origin: str | None = None) -> list[ReactionIdentity]:
            return [
                one
                for one, split, own in zip(self.identities, self.data.splits, self.origins, strict=True)
                if split in splits and origin in {None, own}
            ]

        check_apart(of(TRAIN), of(VAL, TEST, origin=CAMPAIGN), of(VAL, BASE_TEST, origin=BASE))


def identities_of(data: ReactionData, progress: Callable[[int], None] | None = None) -> list[ReactionIdentity | None]:
    """Identity of each reaction as its geometries show it; None where the two sides do not make a reaction."""
    found: list[ReactionIdentity | None] = []
    for done, reaction in enumerate(data.reactions, start=1):
        sides = (
            perceive_graph(Geometry(numbers=reaction.numbers, positions=end, multiplicity=_low(reaction)))
            for end in reaction.ends
        )
        try:
            found.append(identity_of(*sides))
        except CairnError:
            found.append(None)
        if progress is not None:
            progress(done)
    return found


def _low(reaction: ReactionArrays) -> int:
    """Lowest multiplicity of a neutral molecule of these atoms."""
    return 1 + int(reaction.numbers.sum()) % 2


def write_learning_data(
    path: Path,
    campaign: tuple[ReactionData, Sequence[ReactionIdentity]],
    base: tuple[ReactionData, Sequence[ReactionIdentity | None]],
    *,
    weights: DrawingWeights,
    wrong_estimates: Collection[str],
    elements: Collection[int],
) -> dict[str, int]:
    """Join both, leave out what would be tested after it was trained on, check, and write.

    Of the base data `train`, `val` and `test` are taken; other splits only say what is not to be trained on. What of
    them has no identity is left out, and so is a reaction of `val` or `test` that `train` has as well.

    Args:
        path: `.npz` file to write; it reads as `models.reaction_data.read_npz` says, with `origin` (n,), `identity`
            (n,) and `sides` (n, 2) besides.
        campaign: Verified reactions by their keys as identifiers, and their identities.
        base: Those of the base data.
        weights: How often those of the campaigns are drawn.
        wrong_estimates: Identifiers of those whose estimate was wrong.
        elements: Atomic numbers that the network knows; reactions with others are left out.

    Returns:
        Reactions by origin and split, such as `campaign_train`, and those left out, by why.
    """
    known_base = [(place, one) for place, one in enumerate(base[1]) if one is not None]
    others = [BaseReaction(identity=one, split=str(base[0].splits[place])) for place, one in known_base]
    trained = {each.identity.key for each in others if each.split == TRAIN}
    entries: list[_Entry] = []
    counts: Counter[str] = Counter()
    for place, (one, split) in enumerate(zip(campaign[1], splits_beside(campaign[1], others), strict=True)):
        if not _readable(campaign[0].reactions[place], elements):
            counts[f"{CAMPAIGN}_{ELEMENTS_UNKNOWN}"] += 1
        elif split == LEFT_OUT:
            counts[f"{CAMPAIGN}_{LEFT_OUT}"] += 1
        else:
            entries.append((CAMPAIGN, split, one, place))
    counts[f"{BASE}_{NO_IDENTITY}"] = len(base[1]) - len(known_base)
    for (place, one), each in zip(known_base, others, strict=True):
        split = {TRAIN: TRAIN, VAL: VAL, TEST: BASE_TEST}.get(each.split, LEFT_OUT)
        if split not in (TRAIN, LEFT_OUT) and one.key in trained:
            split = LEFT_OUT
        if not _readable(base[0].reactions[place], elements):
            counts[f"{BASE}_{ELEMENTS_UNKNOWN}"] += 1
        elif split == LEFT_OUT:
            counts[f"{BASE}_{LEFT_OUT}"] += 1
        else:
            entries.append((BASE, split, one, place))
    sources = {CAMPAIGN: campaign[0], BASE: base[0]}
    names = [str(sources[origin].identifiers[place]) for origin, _, _, place in entries]
    drawn = [
        1.0 if origin == BASE else weights.wrong_estimate if name in wrong_estimates else weights.campaign
        for (origin, *_), name in zip(entries, names, strict=True)
    ]
    counts |= Counter(f"{origin}_{split}" for origin, split, _, _ in entries)
    counts["campaign_train_wrong_estimate"] = sum(
        split == TRAIN and origin == CAMPAIGN and name in wrong_estimates
        for (origin, split, _, _), name in zip(entries, names, strict=True)
    )
    _write(path, sources, entries, names, drawn)
    read_learning_data(path).check()
    return dict(sorted(counts.items()))


def read_learning_data(path: Path) -> LearningData:
    """What `write_learning_data` wrote.

    Raises:
        InputError: The file is missing or no such file.
    """
    data = read_npz(path)
    origins, identities = _extra(path, "origin")
    return LearningData(data=data, origins=origins, identities=identities)


def read_identities(path: Path) -> tuple[ReactionIdentity, ...]:
    """Identities in an exported training set, one for each reaction.

    Raises:
        InputError: The file has none.
    """
    return _extra(path, "split")[1]


def _extra(path: Path, column: str) -> tuple[NDArray[np.str_], tuple[ReactionIdentity, ...]]:
    """One column and the identities."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found, keys, sides = file[column].astype(str), file["identity"].tolist(), file["sides"].tolist()
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} does not say which reactions it holds ({error}); let Cairn export it again"
        ) from error
    return found, tuple(
        ReactionIdentity(key=key, sides=(before, after)) for key, (before, after) in zip(keys, sides, strict=True)
    )


def _readable(reaction: ReactionArrays, elements: Collection[int]) -> bool:
    return set(reaction.numbers.tolist()) <= set(elements)


def _write(
    path: Path,
    sources: Mapping[str, ReactionData],
    entries: Sequence[_Entry],
    names: Sequence[str],
    drawn: Sequence[float],
) -> None:
    if not entries:
        raise InputError(f"nothing is left to write to {path}: neither database nor base data has a reaction to learn")
    reactions = [sources[origin].reactions[place] for origin, _, _, place in entries]
    fresh = path.with_name(f"{path.stem}.new.npz")
    np.savez_compressed(
        fresh,
        offset=np.cumsum([0, *(len(each.numbers) for each in reactions)]),
        numbers=np.concatenate([each.numbers for each in reactions]).astype(np.uint8),
        reactant=np.concatenate([each.ends[0] for each in reactions]),
        product=np.concatenate([each.ends[1] for each in reactions]),
        ts=np.concatenate([np.asarray(each.ts) for each in reactions]),
        rxn=np.array(names),
        smiles=np.array([sources[origin].smiles[place] for origin, _, _, place in entries]),
        split=np.array([split for _, split, _, _ in entries]),
        weight=np.array(drawn),
        origin=np.array([origin for origin, _, _, _ in entries]),
        identity=np.array([one.key for _, _, one, _ in entries]),
        sides=np.array([one.sides for _, _, one, _ in entries]),
    )
    fresh.replace(path)
