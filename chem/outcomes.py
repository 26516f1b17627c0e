"""What a search for a transition state finds, and how far it is proved: checks, verdicts, failures, barriers.

Units: eV, Angstrom, cm-1, seconds; arrays are read-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from chem.types import Geometry, LevelOfTheory

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Status(StrEnum):
    """State of one check, and of a verdict as a whole (`estimated`: no check was run)."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_CHECK = "could_not_check"
    ESTIMATED = "estimated"


class CheckName(StrEnum):
    """The checks that a transition state can be put to."""

    ONE_IMAGINARY_MODE = "one_imaginary_mode"
    MODE_MOVES_CHANGING_BONDS = "mode_moves_changing_bonds"
    IRC_ENDS_MATCH = "irc_ends_match"
    ENERGIES_ORDERED = "energies_ordered"
    ENDS_ARE_MINIMA = "ends_are_minima"
    ONE_LEVEL = "one_level"
    REACTION_ENERGY_CONSISTENT = "reaction_energy_consistent"
    NO_SPIN_CONTAMINATION = "no_spin_contamination"


# Every searched transition state must stand these; the others belong to a verification.
SEARCH_CHECKS = (
    CheckName.ONE_IMAGINARY_MODE,
    CheckName.MODE_MOVES_CHANGING_BONDS,
    CheckName.IRC_ENDS_MATCH,
    CheckName.ENERGIES_ORDERED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check with its evidence (plain JSON values, units in the names)."""

    name: CheckName
    status: Status
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """A single check is never `estimated`."""
        if self.status is Status.ESTIMATED:
            raise ValueError(f"check {self.name}: 'estimated' is a verdict, not the state of one check")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All checks of one transition state."""

    checks: tuple[Check, ...] = ()

    @property
    def status(self) -> Status:
        """`estimated` without checks; else the worst of failed, could_not_check, passed."""
        if not self.checks:
            return Status.ESTIMATED
        states = {check.status for check in self.checks}
        for worst in (Status.FAILED, Status.COULD_NOT_CHECK):
            if worst in states:
                return worst
        return Status.PASSED


class Stage(StrEnum):
    """Where in the way of a reaction something happened."""

    ENUMERATE = "enumerate"
    PREPARE = "prepare"
    GENERATE = "generate"
    SADDLE = "saddle"
    FREQUENCIES = "frequencies"
    IRC = "irc"
    ENERGIES = "energies"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An expected chemical failure, kept as data.

    Attributes:
        stage: Where it happened.
        kind: Short stable identifier, such as `scf`, `budget`, `not_converged`, `collapsed`.
        message: One sentence for people, naming values and, where there is one, the remedy.
    """

    stage: Stage
    kind: str
    message: str


class Outcome(StrEnum):
    """What the search for the transition state of one reaction ended in."""

    INTENDED = "intended"
    UNINTENDED = "unintended"
    BARRIERLESS = "barrierless"  # known before any search: the molecules of a side fall into each other
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """Heights of a transition state above both ends of its own IRC, eV, electronic energy.

    Attributes:
        forward_ev: Above the reactant end.
        reverse_ev: Above the product end.
        level: Level of theory of all three points.
        verdict: How far it was checked.
        error_ev: Estimated absolute error; None where no estimate exists.
    """

    forward_ev: float
    reverse_ev: float
    level: LevelOfTheory
    verdict: Verdict
    error_ev: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How a polish went; what it says of the energy that it left.

    Attributes:
        gradient_calls: What it spent.
        energy_change_ev: Energy at its end above that of the candidate.
        largest_force_ev_per_angstrom: Left on an atom at its end.
        lowest_curvature: Lowest eigenvalue of the optimiser's Hessian at its end, eV in the squared units of its
            coordinates (Angstrom for distances, radian for angles); negative near a saddle point.
        mode_overlap: Cosine between the mode of that eigenvalue and the direction of the reaction, 0 to 1; 0 where
            the reaction has no direction.
        moved_angstrom: Root-mean-square displacement of all atoms.
        core_moved_angstrom: The same of the atoms of changing bonds, superposed on themselves.
    """

    gradient_calls: int
    energy_change_ev: float
    largest_force_ev_per_angstrom: float
    lowest_curvature: float
    mode_overlap: float
    moved_angstrom: float
    core_moved_angstrom: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransitionState:
    """A converged saddle point with what was learned about it.

    Attributes:
        geometry: Geometry of the saddle point.
        energy_ev: Its electronic energy.
        level: Level of theory of every energy here.
        verdict: The checks, as far as they were run.
        frequencies_cm1: Harmonic frequencies, 3N-6 or 3N-5 of them, imaginary ones negative.
        reactant_end: Relaxed end of the IRC on the reactant side; of an unintended TS simply the first end.
        product_end: Relaxed end on the other side.
        reactant_end_energy_ev: Electronic energy of the reactant end.
        product_end_energy_ev: Electronic energy of the product end.
        reactant_end_frequencies_cm1: Harmonic frequencies of the reactant end; empty where not computed.
        product_end_frequencies_cm1: Those of the product end.
        imaginary_mode: Displacement along the lowest imaginary mode, shape (n_atoms, 3), unitless; not stored.
        walk: How the polish went that led to it; None for one that was searched.
    """

    geometry: Geometry
    energy_ev: float
    level: LevelOfTheory
    verdict: Verdict
    frequencies_cm1: tuple[float, ...] = ()
    reactant_end: Geometry | None = None
    product_end: Geometry | None = None
    reactant_end_energy_ev: float | None = None
    product_end_energy_ev: float | None = None
    reactant_end_frequencies_cm1: tuple[float, ...] = ()
    product_end_frequencies_cm1: tuple[float, ...] = ()
    imaginary_mode: NDArray[np.float64] | None = None
    walk: Walk | None = None

    @property
    def imaginary_frequencies_cm1(self) -> tuple[float, ...]:
        """The imaginary frequencies as negative numbers, lowest first."""
        return tuple(sorted(value for value in self.frequencies_cm1 if value < 0))

    @property
    def barrier(self) -> Barrier | None:
        """Heights above both ends of the IRC, where both are known."""
        if self.reactant_end_energy_ev is None or self.product_end_energy_ev is None:
            return None
        return Barrier(
            forward_ev=self.energy_ev - self.reactant_end_energy_ev,
            reverse_ev=self.energy_ev - self.product_end_energy_ev,
            level=self.level,
            verdict=self.verdict,
        )

    def turned(self) -> TransitionState:
        """The same transition state with its ends exchanged."""
        return replace(
            self,
            reactant_end=self.product_end,
            product_end=self.reactant_end,
            reactant_end_energy_ev=self.product_end_energy_ev,
            product_end_energy_ev=self.reactant_end_energy_ev,
            reactant_end_frequencies_cm1=self.product_end_frequencies_cm1,
            product_end_frequencies_cm1=self.reactant_end_frequencies_cm1,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attempt:
    """One try at the transition state of a reaction.

    Attributes:
        start: Where it began, such as `classical:0` or `neb`.
        gradient_calls: Energy-and-gradient evaluations it spent.
        seconds: Wall time.
        outcome: What it ended in.
        failure: Why, where the outcome is `failed`.
        transition_state: The saddle point, wherever one converged; also of a failed attempt (two imaginary modes, say).
    """

    start: str
    gradient_calls: int
    seconds: float
    outcome: Outcome
    failure: Failure | None = None
    transition_state: TransitionState | None = None

    def __post_init__(self) -> None:
        """A failed attempt says why; any other has a transition state."""
        if (self.outcome is Outcome.FAILED) != (self.failure is not None):
            raise ValueError(f"attempt {self.start}: outcome {self.outcome} with failure {self.failure}")
        if self.outcome is not Outcome.FAILED and self.transition_state is None:
            raise ValueError(f"attempt {self.start}: outcome {self.outcome} without a transition state")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult:
    """Everything that the search for the transition state of one reaction found.

    Attributes:
        level: Level of theory of every energy here.
        attempts: Every try in order, failed ones included; at least one.
    """

    level: LevelOfTheory
    attempts: tuple[Attempt, ...]

    @property
    def best(self) -> Attempt:
        """The attempt that counts: the lowest intended one, else the first unintended one, else the last."""
        found = {outcome: [each for each in self.attempts if each.outcome is outcome] for outcome in Outcome}
        if intended := found[Outcome.INTENDED]:
            return min(intended, key=lambda each: each.transition_state.energy_ev if each.transition_state else 0.0)
        return (*found[Outcome.UNINTENDED], self.attempts[-1])[0]

    @property
    def outcome(self) -> Outcome:
        """Outcome of the best attempt."""
        return self.best.outcome

    @property
    def gradient_calls(self) -> int:
        """Gradient calls of all attempts."""
        return sum(attempt.gradient_calls for attempt in self.attempts)

    @property
    def seconds(self) -> float:
        """Wall time of all attempts."""
        return sum(attempt.seconds for attempt in self.attempts)


class Action(StrEnum):
    """What triage does with a candidate."""

    POLISH = "polish"  # to be decided when it is known how the polish went
    ACCEPT = "accept"
    REFINE = "refine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A triage decision with its reasons.

    Attributes:
        action: What is done.
        reasons: Why, in sentences.
        score_kcal_mol: Expected barrier error that was held against a threshold; None where something else decided.
    """

    action: Action
    reasons: tuple[str, ...]
    score_kcal_mol: float | None = None
