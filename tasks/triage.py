"""Prefect tasks of triage: guess and decide, settle what the estimates gave, close the audits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy.orm import Session

from chem.audit import AuditedReaction, AuditOutcome, audit_calibration, is_drawn
from chem.barrier_errors import HALF_WIDTH_PER_MEAN
from chem.generator import EndPoints, Generator
from chem.hard_checks import hard_checks
from chem.network import Step
from chem.outcomes import Action, Decision, Outcome
from chem.triage import Calibration, Threshold, first_look, settled, threshold_from
from chem.types import TSCandidate
from chem.walk_features import walk_features
from db.audits import (
    Audit,
    FinishedBarrier,
    add_audits,
    finish_audit,
    finished_estimates,
    finished_searches,
    load_audits,
    record_expected_errors,
)
from db.campaigns import campaign_id, load_decisions, reaction_members, record_decisions, undecided_reactions
from db.engine import open_database, reading, writing
from db.lifecycle import charge
from db.load import load_candidates, load_end_points
from db.model_versions import note_used_weights
from db.places import set_places
from db.steps import steps_of
from db.store import add_candidates
from db.tables import CalculationKind
from db.transition_states import transition_states
from db.work import enqueue
from tasks.barrier_head import weigh_candidates
from tasks.barrier_head_weights import barrier_head_weights
from tasks.generators import NETWORK, error_judge, make_generator, runs_on_gpu, weights_of
from tasks.log import event_log
from tasks.outliers import outlier_weights, unlikely_ends
from tasks.plan import calculation_settings, candidate_settings, network_of, preparation_settings
from tasks.refinement import doubts_of, refinement_weights, with_refined
from tasks.settings import ExploreSettings
from tasks.stakes import stakes_of

_KINDS = {Action.REFINE: CalculationKind.SEARCH, Action.POLISH: CalculationKind.ESTIMATE}


@task(name="generate and triage", tags=["gpu"], cache_policy=NO_CACHE)
def generate_candidates(settings: ExploreSettings, campaign: str, round_number: int) -> int:
    """Guess transition states of every prepared reaction that has none, decide on each, queue what follows.

    The whole frontier is one batch of the generator. Candidates, decisions and queue are written in one transaction.

    Returns:
        How many reactions were queued for a search or an estimate.
    """
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            keys = undecided_reactions(session, campaign)
            ends = load_end_points(session, keys, settings.theory.key, preparation_settings(settings))
            stored = load_candidates(session, keys, candidate_settings(settings))
        keys = [key for key in keys if key in ends]
        if not keys:
            return 0
        generator = make_generator(settings)
        clock, processor = time.perf_counter(), time.process_time()
        made = _generate(generator, {key: ends[key] for key in keys if key not in stored})
        made = with_refined(made, ends, settings.refinement)
        on_gpu = runs_on_gpu(settings)
        seconds = time.perf_counter() - clock if on_gpu else time.process_time() - processor
        first, candidates = {key: ends[key][0] for key in keys}, {**stored, **made}
        weighed = weigh_candidates(settings, first, candidates, _look(settings, first, candidates))
        decisions = weighed.decisions
        with writing(engine) as session:
            _record_weights(session, settings)
            add_candidates(session, made, candidate_settings(settings))
            record_decisions(session, campaign, decisions, round_number=round_number)
            charge(
                session,
                campaign_id(session, campaign),
                cpu_seconds=weighed.cpu_seconds + (0.0 if on_gpu else seconds),
                gpu_seconds=seconds if on_gpu else 0.0,
            )
            queued = sum(
                _enqueue(session, settings, kind, [key for key in keys if decisions[key].action is action])
                for action, kind in _KINDS.items()
            )
            given_up = [key for key in keys if decisions[key].action is Action.REJECT]
            drawn = [key for key in given_up if is_drawn(settings.seed, key, settings.audit_share)]
            queued += _enqueue(session, settings, CalculationKind.SEARCH, drawn)
        event_log(settings.log).info(
            "transition states generated",
            campaign=campaign,
            round=round_number,
            reactions=len(made),
            gpu=on_gpu,
            seconds=round(seconds, 3),
            queued=queued,
            rejected=len(given_up),
            rejected_and_audited=len(drawn),
        )
        return queued
    finally:
        engine.dispose()


@task(name="settle estimates", cache_policy=NO_CACHE)
def settle_estimates(settings: ExploreSettings, campaign: str, round_number: int) -> int:
    """Decide on every polished candidate, queue the doubtful ones for the search, and draw the audit among the others.

    Returns:
        How many reactions were queued for a search.
    """
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            polished = _polished(session, settings, campaign)
            threshold, errors = _judged(session, settings, campaign, polished)
            known = load_audits(session, campaign)
        decisions = {
            key: settled(
                settings.verify,
                threshold,
                each.look,
                errors.get(key),
                failure="" if each.estimate.failure is None else each.estimate.failure.message,
            )
            for key, each in polished.items()
        }
        audited = [
            key
            for key in sorted(decisions)
            if settings.verify == "triage"
            and decisions[key].action is Action.ACCEPT
            and key not in known
            and is_drawn(settings.seed, key, settings.audit_share)
        ]
        audits = [
            Audit(
                reaction_key=key,
                confidence=polished[key].candidate.confidence,
                estimated_forward_ev=polished[key].estimate.forward_ev,
            )
            for key in audited
        ]
        sent = [key for key, decision in decisions.items() if decision.action is Action.REFINE]
        with writing(engine) as session:
            rounds = reaction_members(session, campaign, reaction_keys=audited)
            record_expected_errors(
                session,
                {
                    state: errors[key]
                    for key, each in polished.items()
                    if key in errors and (state := each.estimate.transition_state_id) is not None
                },
            )
            record_decisions(session, campaign, decisions, round_number=round_number)
            add_audits(session, campaign, audits, rounds=rounds)
            queued = _enqueue(session, settings, CalculationKind.SEARCH, [*sent, *audited])
        if queued:  # apart: it may take a while
            with reading(engine) as session:
                steps = _steps(session, settings, campaign, round_number, {key: polished[key] for key in sent}, errors)
            places = stakes_of(settings).places(steps)
            with writing(engine) as session:
                set_places(
                    session,
                    places,
                    kind=CalculationKind.SEARCH,
                    level_key=settings.theory.key,
                    settings=calculation_settings(settings, CalculationKind.SEARCH),
                )
        if decisions:
            event_log(settings.log).info(
                "triage decided",
                campaign=campaign,
                round=round_number,
                decided=len(decisions),
                sent=len(sent),
                audited=len(audited),
            )
        return queued
    finally:
        engine.dispose()


@task(name="close audits", cache_policy=NO_CACHE)
def close_audits(settings: ExploreSettings, campaign: str) -> int:
    """Hold the estimates of audited reactions against what their searches found.

    Returns:
        How many audits ended.
    """
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            waiting = [key for key, audit in load_audits(session, campaign).items() if audit.outcome is None]
            searches = finished_searches(
                session,
                waiting,
                settings.theory.key,
                calculation_settings(settings, CalculationKind.SEARCH),
            )
        with writing(engine) as session:
            for key, search in sorted(searches.items()):
                finish_audit(
                    session,
                    campaign,
                    key,
                    outcome=_audit_outcome(search.outcome, search.forward_ev),
                    verified_forward_ev=search.forward_ev,
                )
        return len(searches)
    finally:
        engine.dispose()


def _generate(generator: Generator, ends: dict[str, list[EndPoints]]) -> dict[str, list[TSCandidate]]:
    """Candidates of each reaction from all its end points, in one call."""
    guesses = iter(generator.generate([pair for pairs in ends.values() for pair in pairs]) if ends else [])
    return {key: _interleave([next(guesses) for _ in pairs]) for key, pairs in ends.items()}


def _interleave(lists: list[list[Any]]) -> list[Any]:
    """First of each list, then the second of each: the best guess from every pair of end points comes first."""
    longest = max((len(each) for each in lists), default=0)
    return [each[rank] for rank in range(longest) for each in lists if rank < len(each)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Polished:
    """A candidate whose polish has ended and on which nothing is decided yet."""

    candidate: TSCandidate
    look: Decision
    estimate: FinishedBarrier


def _polished(session: Session, settings: ExploreSettings, campaign: str) -> dict[str, _Polished]:
    """By reaction key, those that the first look left to the polish."""
    level = settings.theory
    waiting = load_decisions(session, campaign, actions={Action.POLISH})
    estimates = finished_estimates(
        session, waiting, level.key, calculation_settings(settings, CalculationKind.ESTIMATE)
    )
    candidates = load_candidates(session, estimates, candidate_settings(settings))
    return {
        key: _Polished(candidate=candidates[key][0], look=waiting[key], estimate=estimate)
        for key, estimate in estimates.items()
    }


def _judged(
    session: Session, settings: ExploreSettings, campaign: str, polished: dict[str, _Polished]
) -> tuple[Threshold | None, dict[str, float]]:
    """The threshold that holds, and the expected error of the barriers that the polish left, kcal/mol."""
    judge = error_judge(settings) if polished else None
    if judge is None:
        return None, {}
    known = {state: key for key, each in polished.items() if (state := each.estimate.transition_state_id) is not None}
    features = {}
    for record in transition_states(session, sorted(known)):
        found = walk_features(record.transition_state)
        if found is not None:
            features[known[record.id]] = found
    errors = judge.expected_errors_kcal_mol(list(features.values()))
    if settings.verify != "triage":
        return None, dict(zip(features, errors, strict=True))
    own = _own_calibration(session, settings, campaign)
    threshold = threshold_from(judge.calibration if own is None else own, settings.triage.make_rule())
    return threshold, dict(zip(features, errors, strict=True))


def _steps(
    session: Session,
    settings: ExploreSettings,
    campaign: str,
    round_number: int,
    sent: dict[str, _Polished],
    errors: dict[str, float],
) -> list[Step]:
    """The network as it is known, with the estimates of doubtful reactions and their error bars."""
    doubtful = {
        key: (each.estimate.forward_ev, each.estimate.reverse_ev, HALF_WIDTH_PER_MEAN * errors[key])
        for key, each in sent.items()
        if key in errors and each.estimate.forward_ev is not None and each.estimate.reverse_ev is not None
    }
    known = network_of(session, settings, campaign, round_number)
    certain = [step for step in known if step.key not in doubtful]
    return [*certain, *steps_of(session, doubtful)]


def _own_calibration(session: Session, settings: ExploreSettings, campaign: str) -> Calibration | None:
    """The random sample of the campaign: finished audits, and what was drawn of the reactions sent to the search."""
    audits = load_audits(session, campaign)
    sample = []
    for key, decision in load_decisions(session, campaign, actions={Action.ACCEPT, Action.REFINE}).items():
        audit = audits.get(key)
        if audit is not None and audit.outcome is not None:
            error = audit.error_kcal_mol if audit.outcome is AuditOutcome.VERIFIED else float("inf")
            sample.append(AuditedReaction(score_kcal_mol=decision.score_kcal_mol, error_kcal_mol=error))
        elif decision.action is Action.REFINE and is_drawn(settings.seed, key, settings.audit_share):
            sample.append(AuditedReaction(score_kcal_mol=decision.score_kcal_mol, error_kcal_mol=None))
    return audit_calibration(sample, campaign)


def _look(
    settings: ExploreSettings,
    ends: dict[str, EndPoints],
    candidates: dict[str, list[TSCandidate]],
) -> dict[str, Decision]:
    best = [next(iter(candidates.get(key, [])), None) for key in ends]
    faults = [
        () if candidate is None else hard_checks(candidate.geometry, pair)
        for candidate, pair in zip(best, ends.values(), strict=True)
    ]
    doubts = doubts_of([candidates.get(key, []) for key in ends], list(ends.values()), settings.refinement)
    unlikely = unlikely_ends(list(ends.values()), settings.outliers)
    faults = [(*own, *further, *last) for own, further, last in zip(faults, doubts, unlikely, strict=True)]
    calibrated = error_judge(settings) is not None
    return dict(zip(ends, first_look(settings.verify, best, faults, calibrated=calibrated), strict=True))


def _audit_outcome(outcome: str, forward_ev: float | None) -> AuditOutcome:
    if forward_ev is not None:
        return AuditOutcome.VERIFIED
    return AuditOutcome.WRONG_SADDLE if outcome == Outcome.UNINTENDED else AuditOutcome.NOT_VERIFIED


def _enqueue(session: Session, settings: ExploreSettings, kind: CalculationKind, keys: list[str]) -> int:
    return enqueue(
        session,
        kind=kind,
        reaction_keys=sorted(keys),
        level_key=settings.theory.key,
        settings=calculation_settings(settings, kind),
    )


def _record_weights(session: Session, settings: ExploreSettings) -> None:
    """Note which weights made and weighed the candidates, with what is known of them."""
    used = {} if (head := barrier_head_weights(settings)) is None else {"barrier_head": head}
    for force_field in refinement_weights(settings.refinement)[:1]:
        used["potential"] = force_field
    if (dig := outlier_weights(settings.outliers)) is not None:
        used["dig"] = dig
    if settings.generator == NETWORK:
        used["generator"], used["confidence"] = weights_of(settings)
    note_used_weights(session, {name: (file.sha256, file.card) for name, file in used.items()})
