"""Generating the transition states that are evaluated, and timing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chem.errors import InputError
from chem.generator import EndPoints
from chem.types import Geometry
from models.evaluation.structures import GeneratedReaction
from models.generator import DiffusionGenerator
from models.generator_sampling import draw
from models.reaction_batch import ReactionArrays, collate
from models.reaction_data import ReactionData
from models.start import with_start

TIMED_BATCH = 64
MOST_TIMED = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownReaction:
    """A reaction whose transition state is known.

    Attributes:
        identifier: The data's own name.
        ends: Reactant and product.
        arrays: The same as the network reads it.
        true: Transition state, shape (n_atoms, 3), Angstrom.
    """

    identifier: str
    ends: EndPoints
    arrays: ReactionArrays
    true: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    def swapped(self) -> KnownReaction:
        """The reverse reaction."""
        return KnownReaction(
            identifier=self.identifier,
            ends=replace(self.ends, reactant=self.ends.product, product=self.ends.reactant),
            arrays=replace(self.arrays, ends=self.arrays.ends[::-1].copy()),
            true=self.true,
        )


def reactions_of(data: ReactionData, split: str, limit: int | None = None, seed: int = 0) -> list[KnownReaction]:
    """Reactions of one split, in the order of the data.

    Args:
        data: As read from a file.
        split: A value of its `splits`.
        limit: Draw so many at random; None or more than there are takes all.
        seed: Seed of the draw.

    Raises:
        InputError: The split is unknown, or a reaction in it has no transition state.
    """
    places = np.flatnonzero(data.splits == split)
    if not places.size:
        known = ", ".join(sorted({str(each) for each in data.splits}))
        raise InputError(f"no reaction of split {split!r}; the file has {known}")
    if limit is not None and limit < places.size:
        places = np.sort(np.random.default_rng(seed).choice(places, limit, replace=False))
    return [_known(data.reactions[place], str(data.identifiers[place])) for place in places]


def _known(arrays: ReactionArrays, identifier: str) -> KnownReaction:
    if arrays.ts is None:
        raise InputError(f"reaction {identifier} has no transition state to compare with; leave it out of the file")
    # The files hold neutral molecules in their lowest multiplicity.
    multiplicity = 1 + int(arrays.numbers.sum()) % 2
    reactant, product = (
        Geometry(numbers=arrays.numbers, positions=side, multiplicity=multiplicity) for side in arrays.ends
    )
    ends = EndPoints(reactant=reactant, product=product)
    return KnownReaction(identifier=identifier, ends=ends, arrays=arrays, true=np.asarray(arrays.ts, dtype=np.float64))


def generated(
    generator: DiffusionGenerator,
    reactions: Sequence[KnownReaction],
    progress: Callable[[int], None] | None = None,
) -> list[GeneratedReaction]:
    """Draw and score samples of each reaction, in order.

    Args:
        generator: With its sampling; without a scorer nothing is recommended.
        reactions: All of elements that the generator knows (`DiffusionGenerator.unsupported`).
        progress: Told how many reactions are done.
    """
    results: dict[int, GeneratedReaction] = {}
    for places, drawn in generator.samples([each.arrays for each in reactions], progress):
        scores = None if generator.scorer is None else generator.scorer.score(drawn.batch, drawn.positions)
        positions = drawn.positions.cpu().double().numpy()
        starts = drawn.batch.start.cpu().double().numpy()
        for row, place in enumerate(places):
            reaction = reactions[place]
            n_atoms = reaction.ends.reactant.n_atoms
            best = None if scores is None else scores.order(row)[0]
            uncovered = bool(generator.unscored(reaction.ends))
            confidence = expected = None
            if scores is not None and best is not None:
                confidence = 0.0 if uncovered else scores.confidence(row, best)
                expected = float("inf") if uncovered else scores.expected_error_kcal_mol(row, best)
            results[place] = GeneratedReaction(
                identifier=reaction.identifier,
                ends=reaction.ends,
                true=reaction.true,
                start=starts[row, :n_atoms],
                samples=positions[row, :, :n_atoms],
                recommended=best,
                confidence=confidence,
                expected_error_kcal_mol=expected,
            )
    return [results[place] for place in range(len(reactions))]


def seconds_per_ts(generator: DiffusionGenerator, reactions: Sequence[KnownReaction], seed: int = 0) -> float:
    """Wall time over reactions: one sample each, in batches of 64 of like size, start included, confidence not.

    A first pass over one batch, which loads what is loaded once, is not timed.

    Args:
        generator: Its network and number of steps.
        reactions: At most 256 of them are taken, drawn at random.
        seed: Seed of the draw.
    """
    chosen = list(reactions)
    if len(chosen) > MOST_TIMED:
        drawn = np.random.default_rng(seed).choice(len(chosen), MOST_TIMED, replace=False)
        chosen = [chosen[place] for place in drawn]
    chosen.sort(key=lambda each: each.ends.reactant.n_atoms)
    batches = [chosen[first : first + TIMED_BATCH] for first in range(0, len(chosen), TIMED_BATCH)]
    sampling = replace(generator.sampling, deterministic=True)

    def run(batch: Sequence[KnownReaction]) -> None:
        collated = with_start(collate([each.arrays for each in batch])).to(generator.device)
        draw(generator.model, collated, sampling).cpu()  # the copy waits for the device

    run(batches[0])
    started = time.perf_counter()
    for batch in batches:
        run(batch)
    return (time.perf_counter() - started) / len(chosen)
