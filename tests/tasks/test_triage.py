"""A round of a campaign with a generator of given confidence: what is believed, estimated, sent and audited."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chem.audit import AuditOutcome
from chem.guess import ClassicalGenerator
from chem.outcomes import Action, Status
from chem.search import SearchSettings
from chem.triage import Calibration
from chem.walk_features import NAMES
from db.audits import load_audits
from db.campaigns import load_decisions
from db.engine import open_database, reading
from db.queries import ReactionFilter, reactions
from db.tables import CalculationKind, CalculationRow, CandidateRow
from report.from_database import campaign_report
from tasks.calculations import open_work, run_calculations
from tasks.campaign import expand_frontier, reach_species, start_campaign
from tasks.generators import LearnedGenerator
from tasks.jobs import EstimateJob
from tasks.settings import load_settings
from tasks.triage import close_audits, generate_candidates, settle_estimates
from tasks.work_queue import exploration_queue
from tasks.workers import Finished

SCORES = np.linspace(0.0, 10.0, 101)  # 86 % of them lie below 8.7
CALIBRATION = Calibration(expected_error_kcal_mol=SCORES, error_kcal_mol=SCORES, source="val")


class Network:
    """Classical guesses under another name, with one confidence for all, and one expected error once polished."""

    name = "learned"
    calibration = CALIBRATION

    def __init__(self, expected_error_kcal_mol=1.0, change=lambda guess, ends: guess, readable=True):
        self.expected_error_kcal_mol = expected_error_kcal_mol
        self.change = change
        self.readable = readable

    def unsupported(self, ends):
        return () if self.readable else ("the generator was not trained on N",)

    def generate(self, reactions):
        if not self.readable:
            return [[] for _ in reactions]
        return [
            [
                replace(
                    guess,
                    generator=self.name,
                    geometry=self.change(guess.geometry, ends),
                    confidence=0.9,
                )
                for guess in guesses
            ]
            for ends, guesses in zip(reactions, ClassicalGenerator(1).generate(reactions), strict=True)
        ]

    def expected_errors_kcal_mol(self, features):
        assert all(each.shape == (len(NAMES),) for each in features)
        return [self.expected_error_kcal_mol] * len(features)


class Campaign:
    """One round from hydrogen cyanide, whose only reaction is the shift to isocyanide."""

    def __init__(self, folder, **given):
        self.settings = load_settings(
            database=f"sqlite:///{folder / 'network.db'}",
            seeds=("C#N",),
            generator="classical",
            end_points={"n_conformers": 1},
            **given,
        )
        self.name = start_campaign.fn(self.settings)

    def run(self):
        expand_frontier.fn(self.settings, self.name, 1)
        self.drain(CalculationKind.PREPARE)
        generate_candidates.fn(self.settings, self.name, 1)
        self.drain(CalculationKind.ESTIMATE)
        settle_estimates.fn(self.settings, self.name, 1)
        self.drain(CalculationKind.SEARCH)
        close_audits.fn(self.settings, self.name)
        return reach_species.fn(self.settings, self.name, 1)

    def drain(self, kind):
        queue = exploration_queue(self.settings, self.name, kind)
        while open_work(queue):
            run_calculations.fn(queue)

    def read(self, question):
        engine = open_database(self.settings.database)
        try:
            with reading(engine) as session:
                return question(session)
        finally:
            engine.dispose()

    @property
    def decision(self):
        (decision,) = self.read(lambda session: load_decisions(session, self.name)).values()
        return decision

    @property
    def record(self):
        (record,) = self.read(lambda session: reactions(session, filters=ReactionFilter(campaign=self.name)))
        return record

    @property
    def audits(self):
        return list(self.read(lambda session: load_audits(session, self.name)).values())

    def calculations(self, *columns):
        return self.read(
            lambda session: session.query(CalculationRow).with_entities(*columns).order_by(CalculationRow.id).all()
        )

    @property
    def kinds(self):
        return [kind for (kind,) in self.calculations(CalculationRow.kind)]


@pytest.fixture
def campaign(tmp_path, monkeypatch, in_this_process):
    """Function that makes a campaign with a network and settings."""
    monkeypatch.setattr("tasks.calculations.shared_pool", lambda _limits: in_this_process)

    def make(network, **given):
        generator = LearnedGenerator(network)
        monkeypatch.setattr("tasks.triage.make_generator", lambda _settings: generator)
        monkeypatch.setattr("tasks.triage.error_judge", lambda _settings: network)
        return Campaign(tmp_path, **given)

    return make


def test_a_believed_candidate_is_polished_and_gives_an_estimate_with_its_error(campaign):
    made = campaign(Network(expected_error_kcal_mol=1.5), audit_share=0.0)
    assert made.run() == 1  # isocyanide is reached over the estimate
    assert made.decision.action is Action.ACCEPT
    for words in ("1.50 kcal/mol is below the threshold", "worst 14 %", "101 reactions of val"):
        assert words in made.decision.reasons[-1]
    assert made.record.verdict is Status.ESTIMATED
    assert made.record.barrier_error_kcal_mol == pytest.approx(1.5)
    assert made.record.barrier_forward_kcal_mol > 20.0
    assert made.kinds == ["prepare", "estimate"]
    assert 3 < dict(made.calculations(CalculationRow.kind, CalculationRow.gradient_calls))["estimate"] <= 15 + 2


def test_a_doubtful_candidate_is_searched_from_itself_and_gives_a_verified_barrier(campaign):
    made = campaign(Network(expected_error_kcal_mol=9.5))
    made.run()
    assert made.decision.action is Action.REFINE
    assert made.decision.score_kcal_mol == 9.5
    assert made.record.verdict is Status.PASSED
    assert made.kinds == ["prepare", "estimate", "search"]
    assert made.audits == []


def test_an_audited_reaction_is_verified_and_the_verified_barrier_counts(campaign):
    made = campaign(Network(), audit_share=1.0)
    made.run()
    (audit,) = made.audits
    assert audit.outcome is AuditOutcome.VERIFIED
    assert made.decision.action is Action.ACCEPT
    assert made.record.verdict is Status.PASSED
    verified = made.record.barrier_forward_kcal_mol
    assert audit.verified_forward_ev * 23.0605 == pytest.approx(verified, abs=0.01)
    assert audit.error_kcal_mol == pytest.approx(abs(audit.estimated_forward_ev * 23.0605 - verified), abs=0.01)
    triage = made.read(lambda session: campaign_report(session, made.name)).triage
    assert (triage.accepted, triage.dispatched, triage.audited, triage.audits_verified) == (1, 0, 1, 1)
    assert triage.mean_error_kcal_mol == audit.error_kcal_mol


def test_running_a_round_again_changes_nothing(campaign):
    made = campaign(Network(), audit_share=1.0)
    made.run()

    def state():
        columns = (CalculationRow.id, CalculationRow.attempt, CalculationRow.finished_at)
        candidates = made.read(lambda session: session.query(CandidateRow).count())
        return made.calculations(*columns), candidates, made.decision, made.audits, made.record

    once = state()
    made.run()
    assert state() == once


def test_a_run_that_ended_before_the_estimates_were_settled_is_taken_up_where_it_was(campaign):
    made = campaign(Network(), audit_share=1.0)
    expand_frontier.fn(made.settings, made.name, 1)
    made.drain(CalculationKind.PREPARE)
    generate_candidates.fn(made.settings, made.name, 1)
    made.drain(CalculationKind.ESTIMATE)
    assert made.audits == []
    made.run()
    assert [audit.outcome for audit in made.audits] == [AuditOutcome.VERIFIED]
    assert made.kinds == ["prepare", "estimate", "search"]


def test_a_believed_candidate_whose_estimate_fails_is_searched_and_the_record_says_why(campaign):
    """Relaxed cyanide as a candidate, hardly polished: it lies far below the isocyanide."""

    def lower(_guess, ends):
        nitrogen, carbon = (list(ends.reactant.numbers).index(number) for number in (7, 6))
        hydrogen = list(ends.reactant.numbers).index(1)

        def is_cyanide(end):
            place = end.positions
            return np.linalg.norm(place[hydrogen] - place[carbon]) < np.linalg.norm(place[hydrogen] - place[nitrogen])

        return next(end for end in (ends.reactant, ends.product) if is_cyanide(end))

    made = campaign(Network(change=lower), audit_share=1.0, polish_gradient_calls=2)
    made.run()
    assert made.decision.action is Action.REFINE
    assert made.decision.score_kcal_mol is None
    assert "the estimate failed: the polished candidate lies" in made.decision.reasons[-1]
    assert made.kinds == ["prepare", "estimate", "search"]
    assert made.audits == []
    assert made.record.verdict is Status.PASSED


def test_a_candidate_that_a_hard_check_refuses_is_searched_whatever_its_confidence(campaign):
    def fly(guess, _ends):
        return guess.with_positions(guess.positions + 9.0 * (guess.numbers == 1)[:, None])

    made = campaign(Network(expected_error_kcal_mol=0.0, change=fly))
    made.run()
    assert made.decision.action is Action.REFINE
    assert made.decision.score_kcal_mol is None
    assert made.kinds == ["prepare", "search"]
    assert made.record.verdict is Status.PASSED  # from the classical start, which every search has


def test_a_reaction_that_the_network_cannot_read_gets_a_classical_guess_and_says_so(campaign):
    made = campaign(Network(readable=False))
    made.run()
    assert "the generator was not trained on N" in made.decision.reasons
    assert made.read(lambda session: [row.generator for row in session.query(CandidateRow)]) == ["classical"]
    assert made.record.verdict is Status.PASSED


def test_an_estimate_is_shown_no_longer_when_a_search_found_nothing(campaign):
    made = campaign(Network(expected_error_kcal_mol=9.5), search=SearchSettings(budget_gradient_calls=2))
    made.run()
    assert made.kinds == ["prepare", "estimate", "search"]
    assert made.record.outcome == "failed"
    assert made.record.barrier_forward_kcal_mol is None
    assert made.record.verdict is None


def test_an_estimate_that_the_machine_ended_again_and_again_is_searched(campaign, in_this_process, monkeypatch):
    class KillsEstimates(type(in_this_process)):
        def run(self, function, jobs):
            for job in jobs:
                killed = isinstance(job, EstimateJob)
                yield Finished(job=job, value=None if killed else function(job), fault="killed" if killed else None)

    made = campaign(Network(), audit_share=1.0)
    monkeypatch.setattr("tasks.calculations.shared_pool", lambda _limits: KillsEstimates())
    made.run()
    assert made.decision.action is Action.REFINE
    assert "the estimate failed" in made.decision.reasons[-1]
    assert made.record.verdict is Status.PASSED


def test_a_campaign_does_not_go_on_from_what_its_audit_refuted(campaign):
    made = campaign(Network(), audit_share=1.0, search=SearchSettings(budget_gradient_calls=2))
    assert made.run() == 0
    assert made.decision.action is Action.ACCEPT
    assert [audit.outcome for audit in made.audits] == [AuditOutcome.NOT_VERIFIED]


def test_triage_without_a_polish_has_nothing_to_go_by_and_verifies(campaign):
    made = campaign(Network(expected_error_kcal_mol=0.0), polish_gradient_calls=0)
    made.run()
    assert made.decision.action is Action.REFINE
    assert "no expected barrier error" in made.decision.reasons[-1]


def test_a_campaign_that_verifies_nothing_audits_nothing(campaign):
    made = campaign(Network(), verify="none", audit_share=1.0)
    made.run()
    assert made.kinds == ["prepare", "estimate"]
    assert made.audits == []
