"""Trained joint diffusion at work: proposals of reactions of given reactants, or of a composition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.embedding import seed_from
from chem.errors import ElementError, InputError
from chem.proposals import Proposal
from chem.types import Geometry
from models.barrier_guide import BarrierGuide
from models.checkpoints import read_checkpoint, shipped
from models.generator_sampling import chunks, device_of
from models.joint import N_OBJECTS, PRODUCT, REACTANT, TS, Joint, JointConfig
from models.joint_sampling import JointSampling, draw_reactions, noise_of_seeds
from models.reaction_batch import ReactionArrays, collate

KIND = "joint"


class Proposer:
    """The network with trained weights, on a device.

    Args:
        checkpoint: Weights; None takes those that Cairn ships.
        sampling: How reactions are drawn; with `guidance` they lean toward low barriers, as the force field and the
            barrier head that are shipped expect them.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigurationError: The weights are missing, damaged or of another model.
    """

    def __init__(
        self, checkpoint: Path | None = None, *, sampling: JointSampling | None = None, device: str = "auto"
    ) -> None:
        self.device = device_of(device)
        self.sampling = JointSampling() if sampling is None else sampling
        self.checkpoint = shipped(KIND) if checkpoint is None else read_checkpoint(checkpoint, KIND)
        self.model = Joint(self.checkpoint.configuration(JointConfig))
        self.checkpoint.load_into(self.model)
        self.model.to(self.device).eval().requires_grad_(requires_grad=False)
        self.guide = BarrierGuide(device=device) if self.sampling.guidance > 0.0 else None

    def check(self, numbers: NDArray[np.int64], charge: int = 0, multiplicity: int = 1) -> None:
        """Raise where the network knows nothing of such atoms.

        Raises:
            ElementError: It does not know an element.
            InputError: There is no bond to change, a charge, or unpaired electrons.
        """
        strange = sorted({int(number) for number in numbers} - set(self.model.config.backbone.elements))
        if strange:
            raise ElementError(
                f"the network was not trained on the atomic numbers {', '.join(map(str, strange))}; use `cairn"
                " enumerate`, or give weights that know them"
            )
        if charge or multiplicity != 1:
            raise InputError(
                f"the network knows neutral closed-shell molecules alone, not charge {charge:+d} and multiplicity"
                f" {multiplicity}; use `cairn enumerate`"
            )
        if len(numbers) < 2:
            raise InputError("one atom has no reactions of its own; give a molecule")

    def draw(
        self, reactants: Sequence[Geometry], n: int, seed: int, progress: Callable[[int, int], None] | None = None
    ) -> list[list[Proposal]]:
        """Transition states and products of reactants.

        Args:
            reactants: Each relaxed.
            n: Draws for each.
            seed: Of the noise; a draw depends on it, its number and its reactant alone.
            progress: Told how many of how many draws are done after each chunk.

        Returns:
            The proposals of each reactant, by sample.

        Raises:
            InputError: As `check`.
        """
        for reactant in reactants:
            self.check(reactant.numbers, reactant.charge, reactant.multiplicity)
        return self._drawn([(each.numbers, each) for each in reactants], n, seed, progress)

    def draw_from_composition(
        self, numbers: NDArray[np.int64], n: int, seed: int, progress: Callable[[int, int], None] | None = None
    ) -> list[Proposal]:
        """Whole reactions of atoms; arguments as in `draw`, and what it raises."""
        self.check(numbers)
        (proposals,) = self._drawn([(numbers, None)], n, seed, progress)
        return proposals

    def _drawn(
        self,
        systems: Sequence[tuple[NDArray[np.int64], Geometry | None]],
        n: int,
        seed: int,
        progress: Callable[[int, int], None] | None,
    ) -> list[list[Proposal]]:
        known = {REACTANT} if systems and systems[0][1] is not None else set()
        n_free = N_OBJECTS - len(known)
        work = [(place, sample) for place in range(len(systems)) for sample in range(n)]
        results: dict[tuple[int, int], Proposal] = {}
        for chunk in chunks([len(systems[place][0]) for place, _ in work], n_free, self.device):
            arrays = [_arrays(*systems[work[row][0]]) for row in chunk]
            batch = collate(arrays).to(self.device)
            mask = batch.mask.unsqueeze(1).expand(-1, n_free, -1)
            noise = noise_of_seeds(mask, [seed_from(seed, work[row][1]) for row in chunk])
            preference = None if self.guide is None else self.guide.preference(batch)
            drawn = draw_reactions(self.model, batch, known, self.sampling, noise, preference).cpu().double().numpy()
            for positions, row in zip(drawn, chunk, strict=True):
                place, sample = work[row]
                numbers, given = systems[place]
                sides = [
                    Geometry(numbers=numbers, positions=positions[which, : len(numbers)])
                    for which in (REACTANT, TS, PRODUCT)
                ]
                results[work[row]] = Proposal(
                    reactant=sides[0] if given is None else given,
                    ts=sides[1],
                    product=sides[2],
                    seed=seed,
                    sample=sample,
                )
            if progress is not None:
                progress(len(results), len(work))
        return [[results[place, sample] for sample in range(n)] for place in range(len(systems))]


def _arrays(numbers: NDArray[np.int64], reactant: Geometry | None) -> ReactionArrays:
    """What is known of a reaction; nothing is read from the objects that are not."""
    ends = np.zeros((2, len(numbers), 3))
    if reactant is not None:
        ends[0] = reactant.positions
    return ReactionArrays(numbers=np.array(numbers), ends=ends)
