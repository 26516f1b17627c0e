"""The functions that worker processes run: one calculation each, values in, values out."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chem.endpoints import PreparedReaction, prepare_end_points
from chem.errors import CalculationError
from chem.estimate import estimate_transition_state
from chem.filing import in_order_of, reactions_found
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.half_way import EndPointSettings, GuessedReaction, guess_ends
from chem.minimum import Minimum, find_minimum
from chem.outcomes import Attempt, Failure, Outcome, SearchResult, Stage, TransitionState
from chem.potential import GradientCounter
from chem.refine import Refinement, RefineSettings, refine
from chem.restart import Restart
from chem.search import SearchSettings, search_transition_state
from chem.search_starts import search_starts
from chem.species_minimum import SpeciesMinimum, find_species_minimum
from chem.symmetry import symmetry_number
from chem.thermochemistry import StandardState, Thermochemistry, thermochemistry
from chem.types import Geometry, LevelOfTheory, Reaction, Species, TSCandidate
from chem.verification import VerificationSettings, verify_transition_state, with_energies
from db.closing import Spent
from db.work import ClaimedCalculation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuessJob:
    """Guess the end points of one reaction."""

    claimed: ClaimedCalculation
    reaction: Reaction
    level: LevelOfTheory
    settings: EndPointSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrepareJob:
    """Make the end points of one reaction, from guesses where there are some."""

    claimed: ClaimedCalculation
    reaction: Reaction
    level: LevelOfTheory
    settings: EndPointSettings
    guesses: tuple[EndPoints, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchJob:
    """Find and verify the transition state of one reaction."""

    claimed: ClaimedCalculation
    reaction: Reaction
    ends: tuple[EndPoints, ...]
    candidates: tuple[TSCandidate, ...]
    level: LevelOfTheory
    settings: SearchSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EstimateJob:
    """Estimate the barrier of one reaction from its best candidate."""

    claimed: ClaimedCalculation
    reaction: Reaction
    ends: EndPoints
    candidate: TSCandidate
    level: LevelOfTheory
    polish_gradient_calls: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuessReport:
    """Guessed end points, and what they cost."""

    guessed: GuessedReaction
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrepareReport:
    """Prepared end points, and what they cost."""

    prepared: PreparedReaction
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchReport:
    """What a search found, and by index of the attempt the reactions that its unintended transition states are."""

    result: SearchResult
    found: dict[int, Reaction]
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EstimateReport:
    """An unchecked transition state, or why there is none, and what it cost."""

    result: TransitionState | Failure
    gradient_calls: int
    seconds: float
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerifyJob:
    """Prove a known transition state at another level."""

    claimed: ClaimedCalculation
    reaction: Reaction
    known: TransitionState
    level: LevelOfTheory
    settings: VerificationSettings
    restart: Restart | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnergyJob:
    """Take energies of another level at the three points of a known transition state."""

    claimed: ClaimedCalculation
    reaction: Reaction
    known: TransitionState
    level: LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinimumJob:
    """Find and prove the minimum of one species."""

    claimed: ClaimedCalculation
    species: Species
    level: LevelOfTheory
    n_embeddings: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinimumReport:
    """The minimum of a species, or why there is none, and what it cost."""

    result: SpeciesMinimum | Failure
    gradient_calls: int
    seconds: float
    spent: Spent


def spent_on(counter: GradientCounter) -> Spent:
    """What a counter knows of the cost; the worker pool measures the rest."""
    return Spent(hessian_calls=counter.hessians, scf_cycles=counter.scf_cycles)


def minimum(job: MinimumJob) -> MinimumReport:
    """The lowest minimum of a species that its embeddings lead to."""
    started = time.monotonic()
    counter = GradientCounter()
    result: SpeciesMinimum | Failure
    try:
        result = find_species_minimum(
            job.species.graph, job.level, counter, n_embeddings=job.n_embeddings, seed=job.seed
        )
    except CalculationError as error:
        result = Failure(stage=Stage.PREPARE, kind=error.kind, message=str(error))
    return MinimumReport(
        result=result,
        gradient_calls=counter.calls,
        seconds=time.monotonic() - started,
        spent=spent_on(counter),
    )


def guess(job: GuessJob) -> GuessReport:
    """Both sides of a reaction in 3D, not relaxed yet."""
    counter = GradientCounter()
    guessed = guess_ends(job.reaction, job.level, job.settings, counter)
    return GuessReport(guessed=guessed, spent=spent_on(counter))


def prepare(job: PrepareJob) -> PrepareReport:
    """Both sides of a reaction in 3D."""
    counter = GradientCounter()
    prepared = prepare_end_points(job.reaction, job.level, job.settings, counter, job.guesses)
    return PrepareReport(prepared=prepared, spent=spent_on(counter))


def search(job: SearchJob) -> SearchReport:
    """The search, its unintended transition states named."""
    counter = GradientCounter()
    starts = search_starts(job.candidates, job.ends[0])
    result = search_transition_state(job.ends[0], starts, job.level, job.settings, counter)
    result, found = reactions_found(result, job.reaction)
    return SearchReport(result=result, found=found, spent=spent_on(counter))


def verify(job: VerifyJob) -> SearchReport:
    """The known transition state at the job's level, in the atom order of its reaction."""
    started = time.monotonic()
    counter = GradientCounter()
    try:
        known = in_order_of(job.known, job.reaction)
    except CalculationError as error:
        attempt = Attempt(
            start=job.known.level.name,
            gradient_calls=0,
            seconds=time.monotonic() - started,
            outcome=Outcome.FAILED,
            failure=Failure(stage=Stage.PREPARE, kind=error.kind, message=str(error)),
        )
        return SearchReport(
            result=SearchResult(level=job.level, attempts=(attempt,)), found={}, spent=spent_on(counter)
        )
    result, found = reactions_found(
        verify_transition_state(known, job.level, job.settings, counter, job.restart), job.reaction
    )
    return SearchReport(result=result, found=found, spent=spent_on(counter))


def energies(job: EnergyJob) -> EstimateReport:
    """The known transition state with energies of the job's level; what failed is a value."""
    started = time.monotonic()
    counter = GradientCounter()
    result: TransitionState | Failure
    try:
        result = with_energies(in_order_of(job.known, job.reaction), job.level, counter)
    except CalculationError as error:
        result = Failure(stage=Stage.ENERGIES, kind=error.kind, message=str(error))
    seconds = time.monotonic() - started
    return EstimateReport(result=result, gradient_calls=counter.calls, seconds=seconds, spent=spent_on(counter))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairJob:
    """Find and verify the transition state between two given geometries."""

    ends: EndPoints
    level: LevelOfTheory
    settings: SearchSettings


def search_pair(job: PairJob) -> SearchResult:
    """The search between bare end points, from classical guesses."""
    candidates = ClassicalGenerator().generate([job.ends])[0]
    return search_transition_state(job.ends, candidates, job.level, job.settings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefineJob:
    """Find a saddle point from a guess."""

    guess: Geometry
    level: LevelOfTheory
    settings: RefineSettings
    restart: Restart | None = None


def refine_guess(job: RefineJob) -> Refinement:
    """The saddle point and its order."""
    return refine(job.guess, job.level, job.settings, job.restart)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThermoJob:
    """Relax one structure and compute its thermochemistry."""

    geometry: Geometry
    level: LevelOfTheory
    is_saddle: bool
    temperatures_k: tuple[float, ...]
    standard_state: StandardState
    cutoff_cm1: float
    symmetry_number: int | None
    budget_gradient_calls: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThermoReport:
    """Thermochemistry at each temperature, or why there is none, and what it cost."""

    level: LevelOfTheory
    geometry: Geometry | None
    energy_ev: float | None
    frequencies_cm1: tuple[float, ...] | None
    symmetry_number: int | None
    thermochemistry: tuple[Thermochemistry, ...]
    failure: Failure | None
    gradient_calls: int
    hessian_calls: int
    seconds: float


def thermo_of(job: ThermoJob) -> ThermoReport:
    """The stationary point, its order, and its partition functions."""
    started = time.monotonic()
    counter = GradientCounter(budget=job.budget_gradient_calls)
    failure: Failure | None = None
    found: Minimum | None = None
    if job.is_saddle:
        refined = refine(job.geometry, job.level, RefineSettings(budget_gradient_calls=job.budget_gradient_calls))
        counter.calls, counter.hessians, failure = refined.gradient_calls, refined.hessian_calls, refined.failure
        if failure is None and refined.saddle is not None and refined.vibrations is not None:
            saddle = refined.saddle
            found = Minimum(geometry=saddle.geometry, energy_ev=saddle.energy_ev, vibrations=refined.vibrations)
    else:
        try:
            found = find_minimum(job.geometry, job.level, counter)
        except CalculationError as error:
            failure = Failure(stage=Stage.FREQUENCIES, kind=error.kind, message=str(error))
    symmetry = job.symmetry_number
    results: tuple[Thermochemistry, ...] = ()
    if found is not None:
        symmetry = symmetry_number(found.geometry) if symmetry is None else symmetry
        results = tuple(_thermochemistry_of(found, temperature, symmetry, job) for temperature in job.temperatures_k)
    return ThermoReport(
        level=job.level,
        geometry=None if found is None else found.geometry,
        energy_ev=None if found is None else found.energy_ev,
        frequencies_cm1=None if found is None else tuple(found.vibrations.frequencies_cm1.tolist()),
        symmetry_number=symmetry,
        thermochemistry=results,
        failure=failure,
        gradient_calls=counter.calls,
        hessian_calls=counter.hessians,
        seconds=time.monotonic() - started,
    )


def _thermochemistry_of(found: Minimum, temperature_k: float, symmetry: int, job: ThermoJob) -> Thermochemistry:
    return thermochemistry(
        found.geometry,
        found.energy_ev,
        found.vibrations.frequencies_cm1,
        temperature_k,
        symmetry_number=symmetry,
        standard_state=job.standard_state,
        is_saddle=job.is_saddle,
        cutoff_cm1=job.cutoff_cm1,
    )


def estimate(job: EstimateJob) -> EstimateReport:
    """The polished candidate above the prepared ends; what failed is a value."""
    started = time.monotonic()
    counter = GradientCounter()
    result: TransitionState | Failure
    try:
        result = estimate_transition_state(
            job.candidate.geometry,
            job.ends,
            job.level,
            counter,
            polish_gradient_calls=job.polish_gradient_calls,
        )
    except CalculationError as error:
        result = Failure(stage=Stage.GENERATE, kind=error.kind, message=str(error))
    return EstimateReport(
        result=result,
        gradient_calls=counter.calls,
        seconds=time.monotonic() - started,
        spent=spent_on(counter),
    )
