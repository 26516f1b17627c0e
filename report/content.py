"""What a report says, free of any database: the input of the HTML page and of the terminal summary.

Energies that people read are in kcal/mol, absolute electronic energies in eV, geometries in Angstrom, frequencies in
cm-1, times in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from chem.outcomes import Check, Failure, Outcome, Status
from chem.types import Geometry
from report.triage_entry import TriageEntry


class State(StrEnum):
    """How far a reaction got, in one word: the verdict of its barrier, or why it has none."""

    PASSED = "passed"
    COULD_NOT_CHECK = "could_not_check"
    ESTIMATED = "estimated"
    CHECK_FAILED = "check_failed"
    UNINTENDED = "unintended"
    BARRIERLESS = "barrierless"
    NO_TRANSITION_STATE = "no_transition_state"
    NOT_SEARCHED = "not_searched"


_STATE_OF_VERDICT = {
    Status.PASSED: State.PASSED,
    Status.COULD_NOT_CHECK: State.COULD_NOT_CHECK,
    Status.ESTIMATED: State.ESTIMATED,
    Status.FAILED: State.CHECK_FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesEntry:
    """A molecule of the network.

    Attributes:
        key: Identity of the species.
        smiles: SMILES label; one that cannot be drawn is shown as text.
        formula: Molecular formula.
        charge: Total charge, elementary charges.
        multiplicity: Spin multiplicity 2S+1.
    """

    key: str
    smiles: str
    formula: str
    charge: int = 0
    multiplicity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TSEntry:
    """A saddle point with the ends of its own IRC, all in one atom order.

    Attributes:
        geometry: The saddle point.
        reactant_end: Relaxed end on the reactant side; None where no IRC reached it.
        product_end: Relaxed end on the other side, likewise.
        energy_ev: Electronic energy of the saddle point, eV.
        reactant_end_energy_ev: Electronic energy of the reactant end, eV.
        product_end_energy_ev: Electronic energy of the product end, eV.
        imaginary_frequencies_cm1: Imaginary frequencies as negative numbers, cm-1; None where none were computed.
    """

    geometry: Geometry
    reactant_end: Geometry | None = None
    product_end: Geometry | None = None
    energy_ev: float | None = None
    reactant_end_energy_ev: float | None = None
    product_end_energy_ev: float | None = None
    imaginary_frequencies_cm1: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEntry:
    """One try at the transition state of a reaction.

    Attributes:
        start: Where it began, such as `classical:0`.
        outcome: What it ended in.
        gradient_calls: Energy-and-gradient evaluations it spent.
        seconds: Wall time, s.
        failure: Why it failed, where it did.
    """

    start: str
    outcome: Outcome
    gradient_calls: int
    seconds: float
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedEntry:
    """What a barrier head expects of a reaction, kcal/mol: an estimate at the reference that it learned.

    Attributes:
        forward_kcal_mol: Above the reactants.
        reverse_kcal_mol: Above the products.
        forward_bar_kcal_mol: Half-width of the 95 % error bar; None where nothing was measured.
        reverse_bar_kcal_mol: The same of the reverse barrier.
        reference: What the barriers are of, in words.
    """

    forward_kcal_mol: float
    reverse_kcal_mol: float
    forward_bar_kcal_mol: float | None
    reverse_bar_kcal_mol: float | None
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionEntry:
    """An elementary reaction with what is known of its barrier.

    Attributes:
        key: Identity of the reaction, its atom map included.
        reactants: Keys of the reactant species, repeated as often as they occur.
        products: Keys of the product species, likewise.
        mapped_smiles: Atom-mapped reaction SMILES.
        degeneracy: Symmetry-equivalent atom maps in the forward direction; None when unknown.
        barrier_forward_kcal_mol: Height above the reactant end of the IRC, kcal/mol; None when unknown.
        barrier_reverse_kcal_mol: Height above the product end, kcal/mol; None when unknown.
        error_bar_95_kcal_mol: Half-width of the barrier's 95 % error bar against coupled cluster; None where nothing
            was measured for its level or molecules.
        level: Level of theory of the barrier; empty where there is none.
        e0_forward_kcal_mol: Barrier with zero-point energies; None where the frequencies of an end are not known.
        e0_reverse_kcal_mol: Of the other direction.
        gibbs_298_forward_kcal_mol: Free energy of activation at 298.15 K and 1 atm, likewise.
        gibbs_298_reverse_kcal_mol: Of the other direction.
        dissociation_kcal_mol: Of a step without a barrier, the height of the molecules apart above what they become.
        verdict: How far the barrier was checked; never None beside a barrier.
        outcome: What its own search ended in; None where there was none.
        checks: The checks of its transition state with their evidence.
        failure: Why it has no barrier, where it has none.
        attempts: Every try at its transition state, in order.
        gradient_calls: Energy-and-gradient evaluations spent on it.
        seconds: Wall time spent on it, s.
        transition_state: The saddle point of this reaction.
        found_by: Key of the reaction whose search ended here without intending to.
        turned: Whether it is written against the direction in which it is stored.
        expected: What a barrier head expects; None where none was asked.
        proposed: Whether a campaign came upon it because a network proposed it.
    """

    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    mapped_smiles: str = ""
    degeneracy: int | None = 1
    barrier_forward_kcal_mol: float | None = None
    barrier_reverse_kcal_mol: float | None = None
    error_bar_95_kcal_mol: float | None = None
    verdict: Status | None = None
    outcome: Outcome | None = None
    level: str = ""
    e0_forward_kcal_mol: float | None = None
    e0_reverse_kcal_mol: float | None = None
    gibbs_298_forward_kcal_mol: float | None = None
    gibbs_298_reverse_kcal_mol: float | None = None
    dissociation_kcal_mol: float | None = None
    checks: tuple[Check, ...] = ()
    failure: Failure | None = None
    attempts: tuple[AttemptEntry, ...] = ()
    gradient_calls: int = 0
    seconds: float = 0.0
    transition_state: TSEntry | None = None
    found_by: str | None = None
    turned: bool = False
    expected: ExpectedEntry | None = None
    proposed: bool = False

    def __post_init__(self) -> None:
        """No barrier leaves without its verdict."""
        if self.has_barrier and self.verdict is None:
            raise ValueError(f"reaction {self.key} has a barrier without a verdict")

    @property
    def has_barrier(self) -> bool:
        """Whether a barrier is known in either direction."""
        return self.barrier_forward_kcal_mol is not None or self.barrier_reverse_kcal_mol is not None

    @property
    def state(self) -> State:
        """The verdict of the barrier where there is one, else why there is none."""
        if self.verdict is not None and (self.has_barrier or self.outcome is not Outcome.UNINTENDED):
            return _STATE_OF_VERDICT[self.verdict]
        if self.outcome is Outcome.UNINTENDED:
            return State.UNINTENDED
        if self.outcome is Outcome.BARRIERLESS:
            return State.BARRIERLESS
        if self.outcome is None and self.failure is None:
            return State.NOT_SEARCHED
        return State.NO_TRANSITION_STATE

    @property
    def reaction_energy_kcal_mol(self) -> float | None:
        """Energy of the product end above the reactant end, kcal/mol, where both barriers are known."""
        if self.barrier_forward_kcal_mol is None or self.barrier_reverse_kcal_mol is None:
            return None
        return self.barrier_forward_kcal_mol - self.barrier_reverse_kcal_mol


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """What one stage of the work cost: energy-and-gradient evaluations and wall seconds."""

    stage: str
    gradient_calls: int = 0
    wall_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What everything cost.

    Attributes:
        gradient_calls: Energy-and-gradient evaluations in all.
        wall_seconds: Wall time of all calculations, s, those that ran side by side added up.
        by_stage: The same by stage, in the order of the work.
    """

    gradient_calls: int = 0
    wall_seconds: float = 0.0
    by_stage: tuple[StageCost, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEntry:
    """What one version of one program did of one kind at one level.

    Attributes:
        kind: Kind of calculation.
        level: Key of the level of theory.
        program: Program and version; empty where none has run yet.
        calculations: How many are finished.
        gradient_calls: Energy-and-gradient evaluations.
        wall_seconds: Wall time, s, those that ran side by side added up.
        cpu_seconds: CPU time of the workers, s; None where it is not known.
        abandoned: Leases that ended without a result.
    """

    kind: str
    level: str
    program: str
    calculations: int
    gradient_calls: int
    wall_seconds: float
    cpu_seconds: float | None = None
    abandoned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failures of one kind.

    Attributes:
        stage: Where they happened.
        kind: Short stable identifier.
        reactions: Keys of the reactions.
        messages: The distinct messages, in order of appearance.
    """

    stage: str
    kind: str
    reactions: tuple[str, ...]
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportContent:
    """Everything that a report shows.

    Attributes:
        title: Heading.
        seeds: Keys of the species that the exploration began with.
        created: When the report was made.
        level: Level of theory of every barrier, as people write it.
        program: Program and version that computed it.
        settings: Settings of the run, plain JSON values with units in the names.
        species: Every species, in the order of display.
        reactions: Every reaction.
        costs: What it cost.
        triage: What was believed, what was verified, and what the audit found.
        work: The same cost by kind, level and program.
        generators: Generators of the candidates, each with the hash of its weights where it has some.
        version: Of the program that made the report.
        campaigns: Names of the campaigns whose network this is.
        database: What it was read from: the name of a file, or a URL without a password.
    """

    title: str
    created: datetime
    level: str
    program: str = ""
    seeds: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    species: tuple[SpeciesEntry, ...] = ()
    reactions: tuple[ReactionEntry, ...] = ()
    costs: Costs = field(default_factory=Costs)
    triage: TriageEntry = field(default_factory=TriageEntry)
    work: tuple[WorkEntry, ...] = ()
    generators: tuple[str, ...] = ()
    version: str = ""
    campaigns: tuple[str, ...] = ()
    database: str = ""

    @property
    def by_barrier(self) -> tuple[ReactionEntry, ...]:
        """Reactions by rising forward barrier, those without one last."""
        return tuple(sorted(self.reactions, key=_barrier_order))

    @property
    def lowest(self) -> tuple[ReactionEntry, ...]:
        """Reactions with a known barrier by rising barrier: those of the seeds, or of any species where they have none.

        A low barrier far from the seeds, behind high ones, is in the tables but leads no list.
        """
        known = [reaction for reaction in self.by_barrier if reaction.barrier_forward_kcal_mol is not None]
        own = [reaction for reaction in known if set(reaction.reactants) <= set(self.seeds)]
        return tuple(own or known)

    @property
    def state_counts(self) -> dict[State, int]:
        """Number of reactions in each state, every state present."""
        counts = Counter(reaction.state for reaction in self.reactions)
        return {state: counts[state] for state in State}

    @property
    def found_unintended(self) -> int:
        """Number of reactions known only because another reaction's search ended in them."""
        return sum(reaction.found_by is not None and reaction.outcome is None for reaction in self.reactions)

    @property
    def failure_groups(self) -> tuple[FailureGroup, ...]:
        """Failures of reactions by stage and kind, the most frequent first."""
        groups: dict[tuple[str, str], list[ReactionEntry]] = {}
        for reaction in self.reactions:
            if reaction.failure is not None:
                groups.setdefault((reaction.failure.stage, reaction.failure.kind), []).append(reaction)
        result = [
            FailureGroup(
                stage=stage,
                kind=kind,
                reactions=tuple(reaction.key for reaction in members),
                messages=tuple(dict.fromkeys(member.failure.message for member in members if member.failure)),
            )
            for (stage, kind), members in groups.items()
        ]
        return tuple(sorted(result, key=lambda group: (-len(group.reactions), group.stage, group.kind)))


def _barrier_order(reaction: ReactionEntry) -> tuple[bool, float, str]:
    """Sorting key: rising forward barrier, unknown ones last, then the key."""
    barrier = reaction.barrier_forward_kcal_mol
    return barrier is None, barrier if barrier is not None else 0.0, reaction.key
