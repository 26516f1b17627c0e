"""Energies of generated and true transition states at one level, raw and after the same polish.

Both stand above the same reactant, so the error of the barrier is the difference of their energies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chem.errors import CalculationError
from chem.estimate import above_ends
from chem.generator import EndPoints
from chem.hard_checks import hard_checks
from chem.outcomes import TransitionState
from chem.polish import Polished, polish
from chem.potential import GradientCounter, attach
from chem.types import Geometry, LevelOfTheory
from chem.units import kcal_mol
from models.evaluation.structures import GeneratedReaction

TRUE = "true"  # name of the reference among the geometries of a job


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarrierJob:
    """Energies wanted for one reaction.

    Attributes:
        place: Place of the reaction in the evaluation.
        ends: Reactant and product.
        geometries: The true transition state under `true`, generated ones under the names of their kinds.
        level: Level of theory.
        polish_gradient_calls: Most gradient calls of each polish; 0 for none.
    """

    place: int
    ends: EndPoints
    geometries: Mapping[str, Geometry]
    level: LevelOfTheory
    polish_gradient_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Energies:
    """Energies of one geometry; NaN where a calculation failed.

    Attributes:
        raw_ev: As it stands, eV.
        polished_ev: After the polish, eV; the raw one where no polish was wanted.
        polish_gradient_calls: Gradient calls of the polish.
        gradient_calls: All gradient calls, that of the single point included.
        failure: Kind of the first failure, such as `scf`; empty when all went well.
        polished: The polished candidate above both ends, verdict `estimated`; None where there was no polish, an energy
            is missing, or a hard check fails, so that triage sends the reaction whatever its score.
    """

    raw_ev: float
    polished_ev: float
    polish_gradient_calls: int = 0
    gradient_calls: int = 0
    failure: str = ""
    polished: TransitionState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierEnergies:
    """What became of a job.

    Attributes:
        place: Place of the reaction in the evaluation.
        energies: By the names of the job's geometries.
    """

    place: int
    energies: dict[str, Energies] = field(default_factory=dict)

    def error_kcal_mol(self, kind: str, *, polished: bool) -> float:
        """Absolute error of the barrier of one kind, kcal/mol; NaN where either calculation failed."""
        if kind not in self.energies or TRUE not in self.energies:
            return float("nan")
        own, true = self.energies[kind], self.energies[TRUE]
        difference = own.polished_ev - true.polished_ev if polished else own.raw_ev - true.raw_ev
        return abs(kcal_mol(difference))

    def failure(self, kind: str) -> str:
        """What failed first, at the geometry of a kind or at the true one; empty when all went well."""
        for name in (kind, TRUE):
            if name not in self.energies:
                return "lost"
            if self.energies[name].failure:
                return f"{name}: {self.energies[name].failure}"
        return ""


def barrier_job(
    place: int, reaction: GeneratedReaction, level: LevelOfTheory, polish_gradient_calls: int
) -> BarrierJob:
    """The job of one reaction: the true structure, the first stochastic sample and the one that would be used.

    That is the recommended one, or the deterministic one where nothing ranks the samples.
    """
    structures = reaction.structures()
    used = "recommended" if "recommended" in structures else "deterministic"
    like = reaction.ends.reactant
    geometries = {TRUE: like.with_positions(reaction.true)}
    geometries |= {kind: like.with_positions(structures[kind]) for kind in ("first", used) if kind in structures}
    return BarrierJob(
        place=place,
        ends=reaction.ends,
        geometries=geometries,
        level=level,
        polish_gradient_calls=polish_gradient_calls,
    )


def barrier_energies(job: BarrierJob) -> BarrierEnergies:
    """Energies of all geometries of a job; a failed calculation is recorded, never raised."""
    ends_ev: tuple[float, float] | None = None
    if job.polish_gradient_calls:  # not counted: they are the reaction's, not the candidate's
        try:
            sides = (job.ends.reactant, job.ends.product)
            before, after = (_energy(end, job.level, GradientCounter()) for end in sides)
            ends_ev = before, after
        except CalculationError:
            ends_ev = None
    found = {name: _energies(geometry, job, ends_ev) for name, geometry in job.geometries.items()}
    return BarrierEnergies(place=job.place, energies=found)


def _energies(geometry: Geometry, job: BarrierJob, ends_ev: tuple[float, float] | None) -> Energies:
    counter = GradientCounter()
    polish_counter = counter.child()
    raw = polished = float("nan")
    state: TransitionState | None = None
    failure = ""
    try:
        raw = polished = _energy(geometry, job.level, counter)
        if job.polish_gradient_calls:
            polished = float("nan")  # unless the polish succeeds
            found = polish(geometry, job.ends, job.level, polish_counter, job.polish_gradient_calls)
            polished = found.energy_ev
            state = None if ends_ev is None else _believable(geometry, found, job, ends_ev)
    except CalculationError as error:
        failure = error.kind
    return Energies(
        raw_ev=raw,
        polished_ev=polished,
        polish_gradient_calls=polish_counter.calls,
        gradient_calls=counter.calls,
        failure=failure,
        polished=state,
    )


def _believable(
    candidate: Geometry, polished: Polished, job: BarrierJob, ends_ev: tuple[float, float]
) -> TransitionState | None:
    """The polished candidate above both ends; None where a hard check fails before or after the polish.

    The ends are as the data has them, not relaxed at this level: what lies below one is left to the judge.
    """
    if hard_checks(candidate, job.ends) or hard_checks(polished.geometry, job.ends):
        return None
    return above_ends(polished, job.ends, job.level, *ends_ev)


def _energy(geometry: Geometry, level: LevelOfTheory, counter: GradientCounter) -> float:
    return float(attach(geometry, level, counter).get_potential_energy())
