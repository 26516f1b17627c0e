"""From claims to jobs: everything that a calculation needs, read from the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from chem.generator import EndPoints
from chem.half_way import EndPointSettings
from chem.search import SearchSettings
from chem.types import LevelOfTheory, TSCandidate
from chem.verification import VerificationSettings
from db.load import load_candidates, load_end_points, load_reactions, load_species
from db.tables import CalculationKind
from db.transition_states import transition_states_of
from db.work import ClaimedCalculation
from tasks import jobs

Job = (
    jobs.MinimumJob
    | jobs.GuessJob
    | jobs.PrepareJob
    | jobs.EstimateJob
    | jobs.SearchJob
    | jobs.VerifyJob
    | jobs.EnergyJob
)


def make_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    """The jobs of claims of one kind, with one set of settings, in their order."""
    return _MAKERS[claims[0].kind](session, claims, level)


def _guess_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    reactions = load_reactions(session, _keys(claims))
    return [
        jobs.GuessJob(
            claimed=claimed,
            reaction=reactions[claimed.subject_key],
            level=level,
            settings=EndPointSettings(**claimed.settings["end_points"]),
        )
        for claimed in claims
    ]


def _prepare_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    reactions = load_reactions(session, _keys(claims))
    values = claims[0].settings
    guesses = (
        load_end_points(session, _keys(claims), level.key, values, CalculationKind.RELAX)
        if "relaxation" in values
        else {}
    )
    return [
        jobs.PrepareJob(
            claimed=claimed,
            reaction=reactions[claimed.subject_key],
            level=level,
            settings=EndPointSettings(**claimed.settings["end_points"]),
            guesses=tuple(guesses.get(claimed.subject_key, ())),
        )
        for claimed in claims
    ]


def _estimate_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    reactions = load_reactions(session, _keys(claims))
    candidates, prepared = _starts(session, claims)
    return [
        jobs.EstimateJob(
            claimed=claimed,
            reaction=reactions[claimed.subject_key],
            ends=prepared[claimed.subject_key][0],
            candidate=candidates[claimed.subject_key][0],
            level=level,
            polish_gradient_calls=claimed.settings["polish_gradient_calls"],
        )
        for claimed in claims
    ]


def _search_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    reactions = load_reactions(session, _keys(claims))
    candidates, prepared = _starts(session, claims)
    return [
        jobs.SearchJob(
            claimed=claimed,
            reaction=reactions[claimed.subject_key],
            ends=tuple(prepared[claimed.subject_key]),
            candidates=tuple(candidates.get(claimed.subject_key, [])),
            level=level,
            settings=SearchSettings(**claimed.settings["search"]),
        )
        for claimed in claims
    ]


def _ladder_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    """Verifications and single points: from the transition state that is known at another level."""
    reactions = load_reactions(session, _keys(claims))
    known = transition_states_of(session, _keys(claims), level_key=claims[0].settings["from_level"])
    made: list[Job] = []
    for claimed in claims:
        reaction, record = reactions[claimed.subject_key], known[claimed.subject_key]
        if claimed.kind is CalculationKind.VERIFY:
            settings = VerificationSettings(**claimed.settings["verification"])
            made.append(
                jobs.VerifyJob(claimed=claimed, reaction=reaction, known=record, level=level, settings=settings)
            )
        else:
            made.append(jobs.EnergyJob(claimed=claimed, reaction=reaction, known=record, level=level))
    return made


def _minimum_jobs(session: Session, claims: Sequence[ClaimedCalculation], level: LevelOfTheory) -> list[Job]:
    species = load_species(session, _keys(claims))
    return [
        jobs.MinimumJob(
            claimed=claimed,
            species=species[claimed.subject_key],
            level=level,
            n_embeddings=claimed.settings["n_embeddings"],
            seed=claimed.settings["seed"],
        )
        for claimed in claims
    ]


def made_by_preparation(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the settings of a later calculation that decided its end points."""
    return {name: settings[name] for name in ("end_points", "relaxation") if name in settings}


def _keys(claims: Sequence[ClaimedCalculation]) -> list[str]:
    return [claimed.subject_key for claimed in claims]


def _starts(
    session: Session, claims: Sequence[ClaimedCalculation]
) -> tuple[dict[str, list[TSCandidate]], dict[str, list[EndPoints]]]:
    """Candidates and end points by reaction key, as the settings of the claims say they were made."""
    values = claims[0].settings
    made_with = {key: value for key, value in values.items() if key not in {"search", "polish_gradient_calls"}}
    candidates = load_candidates(session, _keys(claims), made_with)
    prepared = load_end_points(session, _keys(claims), values["level"], made_by_preparation(values))
    return candidates, prepared


_MAKERS: Mapping[CalculationKind, Callable[[Session, Sequence[ClaimedCalculation], LevelOfTheory], list[Job]]] = {
    CalculationKind.MINIMUM: _minimum_jobs,
    CalculationKind.GUESS: _guess_jobs,
    CalculationKind.PREPARE: _prepare_jobs,
    CalculationKind.ESTIMATE: _estimate_jobs,
    CalculationKind.SEARCH: _search_jobs,
    CalculationKind.VERIFY: _ladder_jobs,
    CalculationKind.ENERGY: _ladder_jobs,
}
