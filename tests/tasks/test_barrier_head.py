"""A round of a campaign with a barrier head of given opinion: what it rejects, what it leaves, what it records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chem.barrier_estimate import BarrierEstimate
from chem.errors import ConfigurationError
from chem.guess import ClassicalGenerator
from chem.outcomes import Action, Decision
from chem.triage import Calibration, weighed
from db.campaigns import load_decisions
from db.engine import open_database, reading
from db.queries import ReactionFilter, reactions
from db.tables import CalculationKind, CalculationRow, ModelVersionRow
from report.from_database import campaign_report
from report.wording import triage_text
from tasks.barrier_head_weights import barrier_head_settings, check_barrier_head
from tasks.calculations import open_work, run_calculations
from tasks.campaign import expand_frontier, reach_species, start_campaign
from tasks.generators import LearnedGenerator
from tasks.plan import campaign_name, specified
from tasks.settings import load_settings
from tasks.triage import generate_candidates, settle_estimates
from tasks.work_queue import exploration_queue

LOOK = Decision(action=Action.POLISH, reasons=("the generator gives it a chance of 0.90",))


def expected(barrier_forward_kcal_mol, half_width_kcal_mol=10.0):
    return BarrierEstimate(
        barrier_forward_kcal_mol=barrier_forward_kcal_mol,
        barrier_reverse_kcal_mol=30.0,
        error_bar_95_forward_kcal_mol=half_width_kcal_mol,
        error_bar_95_reverse_kcal_mol=None,
        height_forward_kcal_mol=barrier_forward_kcal_mol + 4.0,
        height_reverse_kcal_mol=34.0,
        reference="CCSD(T)-F12 with zero-point energy",
        level="GFN2-xTB",
        checkpoint_sha256="ab",
    )


class Head:
    """Expects what it is given, and keeps the energies that it was told."""

    def __init__(self, *estimates):
        self.estimates = estimates
        self.energies = []

    def estimate(self, reactions, candidates, energies):
        assert len(reactions) == len(candidates) == len(energies)
        self.energies += energies
        return [*self.estimates][: len(reactions)]


class Network:
    """Classical guesses with a confidence and one expected error."""

    name = "learned"

    def __init__(self, calibration, generator):
        self.calibration, self.generator = calibration, generator

    def unsupported(self, _ends):
        return ()

    def generate(self, reactions):
        return self.generator(reactions)

    def expected_errors_kcal_mol(self, features):
        return [1.0] * len(features)


@pytest.fixture
def campaign(tmp_path, monkeypatch, write_weights):
    """Function that runs the first round from hydrogen cyanide under a head, and gives settings, name and what is read.

    The generator is classical, its guesses come with a confidence.
    """
    scores = np.linspace(0.0, 10.0, 101)
    calibration = Calibration(expected_error_kcal_mol=scores, error_kcal_mol=scores, source="val")

    def guesses(reactions):
        made = ClassicalGenerator(1).generate(reactions)
        return [[replace(guess, generator="learned", confidence=0.9) for guess in each] for each in made]

    network = Network(calibration, guesses)
    monkeypatch.setattr("tasks.triage.make_generator", lambda _settings: LearnedGenerator(network))
    monkeypatch.setattr("tasks.triage.error_judge", lambda _settings: network)
    weights = write_weights(tmp_path / "barrier.safetensors", "barrier", level="GFN2-xTB")

    def run(head, **given):
        monkeypatch.setattr("tasks.barrier_head.load_head", lambda _path, _device: head)
        settings = load_settings(
            database=f"sqlite:///{tmp_path / 'network.db'}",
            seeds=("C#N",),
            generator="classical",
            end_points={"n_conformers": 1},
            barrier_head={"checkpoint": str(weights)},
            **{"audit_share": 0.0, **given},
        )
        name = start_campaign.fn(settings)
        expand_frontier.fn(settings, name, 1)
        for kind, then in (
            (CalculationKind.PREPARE, generate_candidates),
            (CalculationKind.ESTIMATE, settle_estimates),
        ):
            while open_work(exploration_queue(settings, name, kind)):
                run_calculations.fn(exploration_queue(settings, name, kind))
            then.fn(settings, name, 1)
        reach_species.fn(settings, name, 1)
        return settings, name

    return run


def read(settings, question):
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            return question(session)
    finally:
        engine.dispose()


def test_only_a_barrier_whose_whole_error_bar_lies_above_is_rejected():
    assert weighed(LOOK, 0.9, expected(95.0), 80.0).action is Action.REJECT
    assert weighed(LOOK, 0.9, expected(89.0), 80.0).action is Action.POLISH
    assert weighed(LOOK, 0.9, expected(200.0, None), 80.0).action is Action.POLISH
    assert weighed(LOOK, 0.9, None, 80.0) == LOOK


def test_a_candidate_that_is_rather_wrong_than_right_rejects_no_reaction():
    assert weighed(LOOK, 0.49, expected(300.0), 80.0).action is Action.POLISH
    assert weighed(LOOK, None, expected(300.0), 80.0).action is Action.POLISH


def test_what_the_first_look_sends_to_the_search_is_never_rejected():
    look = Decision(action=Action.REFINE, reasons=("two atoms are too close",))
    assert weighed(look, 0.9, expected(300.0), 80.0) == look


def test_a_decision_tells_the_barrier_with_its_bar_reference_level_and_verdict():
    *_, words = weighed(LOOK, 0.9, expected(56.12), 80.0).reasons
    assert words == (
        "the barrier head expects 56.1 kcal/mol within 10.0 (95 %) at CCSD(T)-F12 with zero-point energy, corrected"
        " from GFN2-xTB, estimated"
    )


def test_a_hopeless_reaction_is_given_up_before_its_polish_and_the_campaign_ends(campaign):
    head = Head(expected(120.0))
    settings, name = campaign(head)
    (decision,) = read(settings, lambda session: load_decisions(session, name)).values()
    assert decision.action is Action.REJECT
    assert "120.0 kcal/mol within 10.0" in " ".join(decision.reasons)
    (energies,) = head.energies
    assert energies.candidate_ev > max(energies.reactant_ev, energies.product_ev)
    kinds = read(settings, lambda session: [kind for (kind,) in session.query(CalculationRow.kind)])
    assert set(kinds) == {CalculationKind.PREPARE}
    triage = read(settings, lambda session: campaign_report(session, name)).triage
    assert (triage.rejected, triage.dispatched, triage.accepted) == (1, 0, 0)
    assert "1 given up as hopeless (100.0 %)" in triage_text(triage)
    (record,) = read(settings, lambda session: reactions(session, filters=ReactionFilter(campaign=name)))
    assert record.barrier_forward_kcal_mol is None
    assert generate_candidates.fn(settings, name, 1) == 0  # nothing is weighed twice
    assert len(head.energies) == 1


def test_of_the_reactions_that_are_given_up_a_share_is_searched_all_the_same_and_mistakes_are_told(campaign):
    settings, name = campaign(Head(expected(120.0)), audit_share=1.0)
    while open_work(exploration_queue(settings, name, CalculationKind.SEARCH)):
        run_calculations.fn(exploration_queue(settings, name, CalculationKind.SEARCH))
    (decision,) = read(settings, lambda session: load_decisions(session, name)).values()
    assert decision.action is Action.REJECT
    triage = read(settings, lambda session: campaign_report(session, name)).triage
    assert (triage.rejected, triage.rejected_verified, triage.rejected_wrongly) == (1, 1, 1)
    assert "1 wrongly of 1 proved all the same" in triage_text(triage)


def test_a_passable_reaction_is_polished_with_what_is_expected_on_record_and_weights_are_stored(campaign):
    settings, name = campaign(Head(expected(50.0)))
    (decision,) = read(settings, lambda session: load_decisions(session, name)).values()
    assert decision.action is Action.ACCEPT
    assert "the barrier head expects 50.0 kcal/mol" in " ".join(decision.reasons)
    versions = read(settings, lambda session: session.query(ModelVersionRow.name, ModelVersionRow.status).all())
    assert ("barrier_head", None) in [tuple(each) for each in versions]


def test_the_head_is_part_of_what_a_campaign_is_and_its_absence_changes_no_name(tmp_path, write_weights):
    weights = write_weights(tmp_path / "barrier.safetensors", "barrier", level="GFN2-xTB")
    plain = load_settings(generator="classical")
    headed, stricter = (
        load_settings(generator="classical", barrier_head={"checkpoint": str(weights), "reject_above_kcal_mol": bound})
        for bound in (80.0, 60.0)
    )
    assert barrier_head_settings(plain) == {}
    assert len({campaign_name(each) for each in (plain, headed, stricter)}) == 3
    assert load_settings(stored=specified(headed)).barrier_head == headed.barrier_head


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"verify": "all"}, "verify: triage alone"),
        ({"level": "gfn1"}, "corrects GFN2-xTB, the campaign explores at GFN1-xTB"),
        ({"barrier_head": {"checkpoint": "missing.safetensors"}}, r"missing\.safetensors"),
        ({"barrier_head": {"reject_above_kcal_mol": 0.0}}, "must be positive"),
        ({"barrier_head": {"reject": 80.0}}, "unknown key"),
    ],
)
def test_a_head_that_cannot_be_of_use_is_refused_before_any_work(tmp_path, write_weights, given, words):
    weights = write_weights(tmp_path / "barrier.safetensors", "barrier", level="GFN2-xTB")
    with pytest.raises(ConfigurationError, match=words):
        check_barrier_head(
            load_settings(**{"generator": "classical", "barrier_head": {"checkpoint": str(weights)}, **given})
        )
