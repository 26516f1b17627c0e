"""Errors of the structures of one reaction: start, first, deterministic, recommended and best sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chem.errors import InputError
from chem.generator import EndPoints
from chem.hard_checks import hard_checks
from chem.perception import perceive_graph
from chem.ts_errors import (
    HAND_MARGIN_ANGSTROM,
    clashes,
    core_atoms,
    core_rmsd,
    distance_mae,
    is_wrong_hand,
    lenient_rmsd,
    relabellings,
    strict_rmsd,
)

Kind = Literal["start", "first", "deterministic", "recommended", "best"]
KINDS: tuple[Kind, ...] = ("start", "first", "deterministic", "recommended", "best")
DETERMINISTIC = 0  # place of the sample that was drawn without noise
FIRST = 1  # place of the first stochastic sample

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeneratedReaction:
    """What was generated for one reaction whose transition state is known.

    Attributes:
        identifier: The data's own name of the reaction.
        ends: Reactant and product.
        true: Transition state, shape (n_atoms, 3), Angstrom.
        start: Where generation began, same shape.
        samples: Shape (n_samples, n_atoms, 3), Angstrom; the first was drawn without noise.
        recommended: Place of the sample that the confidence ranks first; None where nothing ranks them.
        confidence: Probability that it is right; None likewise.
        expected_error_kcal_mol: Expected absolute error of its barrier; None likewise, infinite where the confidence
            does not cover the reaction.
    """

    identifier: str
    ends: EndPoints
    true: FloatArray
    start: FloatArray
    samples: FloatArray
    recommended: int | None = None
    confidence: float | None = None
    expected_error_kcal_mol: float | None = None

    def __post_init__(self) -> None:
        """All structures hold the same atoms, and the scores come together."""
        shape = (self.ends.reactant.n_atoms, 3)
        if self.true.shape != shape or self.start.shape != shape or self.samples.shape[1:] != shape:
            raise InputError(
                f"reaction {self.identifier}: structures must have shape {shape}, got true {self.true.shape}, start"
                f" {self.start.shape}, samples {self.samples.shape[1:]}"
            )
        if len({value is None for value in (self.recommended, self.confidence, self.expected_error_kcal_mol)}) > 1:
            raise InputError(
                f"reaction {self.identifier}: give a recommended sample, its confidence and its expected error, or none"
            )

    def structures(self) -> dict[Kind, FloatArray]:
        """The structures that are compared, each of shape (n_atoms, 3), Angstrom; those that exist.

        `best` is the sample with the lowest strict deviation from the true transition state.
        """
        deviations = [strict_rmsd(sample, self.true) for sample in self.samples]
        chosen: dict[Kind, FloatArray] = {"start": self.start}
        if len(self.samples) > FIRST:
            chosen["first"] = self.samples[FIRST]
        chosen["deterministic"] = self.samples[DETERMINISTIC]
        if self.recommended is not None:
            chosen["recommended"] = self.samples[self.recommended]
        chosen["best"] = self.samples[int(np.argmin(deviations))]
        return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureErrors:
    """Errors of one structure against the true transition state, as `chem.ts_errors` defines them.

    Attributes:
        rmsd_strict: Mapped order, proper rotations, not capped, Angstrom.
        rmsd_lenient: Best over mirror images and equivalent atoms, capped at 1, Angstrom.
        core_rmsd: Atoms of changing bonds aligned on themselves, Angstrom; NaN where no bond changes.
        distance_mae: Mean absolute error of all pair distances, Angstrom.
        wrong_hand: Whether it is the mirror image; None where the reaction has no hand.
        clashing: Whether two atoms are too close.
    """

    rmsd_strict: float
    rmsd_lenient: float
    core_rmsd: float
    distance_mae: float
    wrong_hand: bool | None
    clashing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedReaction:
    """Errors of all structures of one reaction.

    Attributes:
        identifier: The data's own name of the reaction.
        n_atoms: Number of atoms.
        n_reactant_fragments: Molecules of the reactant side.
        n_product_fragments: Molecules of the product side.
        errors: Errors of each kind of structure that exists.
        confidence: As in `GeneratedReaction`.
        expected_error_kcal_mol: As in `GeneratedReaction`, but infinite where the recommended sample fails a hard
            check: such a reaction is always sent to quantum chemistry.
    """

    identifier: str
    n_atoms: int
    n_reactant_fragments: int
    n_product_fragments: int
    errors: dict[Kind, StructureErrors]
    confidence: float | None
    expected_error_kcal_mol: float | None


def judged(reaction: GeneratedReaction) -> JudgedReaction:
    """Compare the structures of a reaction with its true transition state."""
    ends, true = reaction.ends, reaction.true
    core, generators = core_atoms(ends), relabellings(ends)
    # Whether a hand counts does not depend on the structure, and perceiving chirality is the slowest step.
    has_hand = is_wrong_hand(true, true, ends.reactant, ends.product) is not None

    def errors_of(structure: FloatArray) -> StructureErrors:
        strict = strict_rmsd(structure, true)
        return StructureErrors(
            rmsd_strict=strict,
            rmsd_lenient=lenient_rmsd(structure, true, generators),
            core_rmsd=core_rmsd(structure, true, core) if core else float("nan"),
            distance_mae=distance_mae(structure, true),
            wrong_hand=strict - strict_rmsd(structure, -true) > HAND_MARGIN_ANGSTROM if has_hand else None,
            clashing=clashes(ends.reactant.with_positions(structure), ends) > 0,
        )

    expected = reaction.expected_error_kcal_mol
    structures = reaction.structures()
    if "recommended" in structures and hard_checks(ends.reactant.with_positions(structures["recommended"]), ends):
        expected = float("inf")
    return JudgedReaction(
        identifier=reaction.identifier,
        n_atoms=ends.reactant.n_atoms,
        n_reactant_fragments=len(perceive_graph(ends.reactant).fragments),
        n_product_fragments=len(perceive_graph(ends.product).fragments),
        errors={kind: errors_of(structure) for kind, structure in structures.items()},
        confidence=reaction.confidence,
        expected_error_kcal_mol=expected,
    )
