"""The rungs above the level that explores: proved again, or given better energies, and nothing twice."""

from __future__ import annotations

import pytest

from chem.errors import ConfigurationError
from chem.heights import zero_point_heights
from chem.levels import resolve_level
from chem.outcomes import CheckName, Status
from chem.search import SearchSettings
from chem.verification import VerificationSettings
from db.engine import open_database, reading
from db.queries import ReactionFilter, reactions
from db.tables import CalculationKind, CalculationRow
from db.transition_states import transition_states_of
from tasks import calculations
from tasks.calculations import open_work, run_calculations
from tasks.ladder import queue_rung
from tasks.rungs import ladder_rungs, make_rung, search_rungs
from tasks.settings import LadderSettings
from tasks.workers import Finished, WorkerLimits

HF_AT_GFN2 = "hf/sto-3g/geometry=GFN2-xTB"


def drain(queue):
    while open_work(queue):
        run_calculations.fn(queue)


def ask(settings, question):
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            return question(session)
    finally:
        engine.dispose()


def at_level(settings, level_key):
    (record,) = ask(settings, lambda session: reactions(session, filters=ReactionFilter(level_key=level_key)))
    return record


def test_a_proved_reaction_is_proved_again_at_the_level_above(explored):
    settings, name = explored
    (rung,) = ladder_rungs(settings, name)
    assert queue_rung.fn(rung) == 1
    drain(rung.queue)
    below, above = (at_level(settings, key) for key in ("GFN2-xTB", "hf/3-21g"))
    assert (below.verdict, above.verdict) == (Status.PASSED, Status.PASSED)
    assert above.outcome == "intended"
    assert set(above.checks) == set(CheckName)
    assert above.barrier_forward_kcal_mol != below.barrier_forward_kcal_mol
    state = ask(settings, lambda session: transition_states_of(session, [above.key], level_key="hf/3-21g"))[above.key]
    assert len(state.reactant_end_frequencies_cm1) == len(state.product_end_frequencies_cm1) == 4
    heights = zero_point_heights(state)
    assert 0.1 < state.barrier.forward_ev - heights.forward_ev < 0.35


def test_what_is_proved_is_not_queued_again(explored):
    settings, name = explored
    (rung,) = ladder_rungs(settings, name)
    queue_rung.fn(rung)
    drain(rung.queue)
    rows = ask(settings, lambda session: session.query(CalculationRow).filter_by(kind="verify").count())
    assert queue_rung.fn(rung) == 0
    assert open_work(rung.queue) == 0
    assert ask(settings, lambda session: session.query(CalculationRow).filter_by(kind="verify").count()) == rows == 1


def test_energies_alone_stand_under_a_level_that_names_both(explored):
    settings, name = explored
    rung = make_rung(
        database=settings.database,
        level=resolve_level("hf/sto-3g"),
        from_level_key="GFN2-xTB",
        verification=None,
        workers=WorkerLimits(n_workers=1),
        campaign=name,
    )
    assert rung.queue.level_key == HF_AT_GFN2
    assert queue_rung.fn(rung) == 1
    drain(rung.queue)
    record = at_level(settings, HF_AT_GFN2)
    assert record.verdict is Status.PASSED
    assert (record.level, record.outcome, record.gradient_calls) == (HF_AT_GFN2, "computed", 3)
    assert at_level(settings, "GFN2-xTB").outcome == "intended"
    outcomes = ask(settings, lambda session: session.query(CalculationRow.outcome).filter_by(kind="energy").all())
    assert outcomes == [("computed",)]


def test_only_reactions_that_qualify_climb(explored):
    settings, name = explored
    options = {
        "database": settings.database,
        "level": resolve_level("hf/sto-3g"),
        "from_level_key": "GFN2-xTB",
        "verification": VerificationSettings(budget_gradient_calls=7),
        "workers": WorkerLimits(n_workers=1),
        "campaign": name,
    }
    assert queue_rung.fn(make_rung(**options, highest_barrier_kcal_mol=5.0)) == 0
    assert queue_rung.fn(make_rung(**options, verdicts=[Status.FAILED])) == 0


def test_the_level_of_a_rung_must_be_another_one(explored):
    settings, _ = explored
    with pytest.raises(ConfigurationError, match="give a higher one"):
        make_rung(
            database=settings.database,
            level=resolve_level("gfn2"),
            from_level_key="GFN2-xTB",
            verification=None,
            workers=WorkerLimits(),
        )


def test_a_verification_that_was_killed_goes_on_from_its_last_geometry(explored, in_this_process, monkeypatch):
    settings, name = explored
    rung = make_rung(
        database=settings.database,
        level=resolve_level("hf/sto-3g"),
        from_level_key="GFN2-xTB",
        verification=VerificationSettings(end_frequencies=False),
        workers=WorkerLimits(n_workers=1),
        campaign=name,
    )
    queue_rung.fn(rung)
    given = []

    class Killed:
        def run(self, function, jobs):
            for job in jobs:
                given.append(job)
                job.restart.keep(job.known.geometry, job.known.geometry.positions + 0.5)
                yield Finished(job=job, value=None, fault="killed")
                return

    monkeypatch.setattr(calculations, "shared_pool", lambda _limits: Killed())
    run_calculations.fn(rung.queue)
    monkeypatch.setattr(calculations, "shared_pool", lambda _limits: in_this_process)
    kept = given[0].restart.path
    assert kept.is_file()
    drain(rung.queue)
    assert not kept.exists()
    assert at_level(settings, "hf/sto-3g").outcome == "intended"


def test_what_the_level_below_did_not_decide_is_searched_above_from_its_ends_and_candidates(explored, monkeypatch):
    settings, name = explored
    undecided = settings.model_copy(update={"ladder": LadderSettings(refine="hf/sto-3g", undecided=True)})
    _, rung = ladder_rungs(undecided, name)
    assert rung.queue.kind is CalculationKind.SEARCH
    assert queue_rung.fn(rung) == 0  # its only reaction was found
    monkeypatch.setattr("tasks.ladder.starting_points", lambda _rung: ReactionFilter())
    assert queue_rung.fn(rung) == 1
    drain(rung.queue)
    rows = ask(
        settings,
        lambda session: (
            session.query(CalculationRow.outcome, CalculationRow.hessian_calls)
            .filter_by(kind="search", level_key="hf/sto-3g")
            .all()
        ),
    )
    assert rows == [("intended", 3)]  # of the saddle point and both ends


def test_a_search_above_takes_the_ends_and_candidates_of_the_one_below(explored):
    settings, _ = explored
    below = make_rung(
        database=settings.database,
        level=resolve_level("hf/sto-3g"),
        from_level_key="GFN2-xTB",
        verification=VerificationSettings(),
        workers=WorkerLimits(n_workers=1),
    )
    one, other = ({"end_points": {"seed": seed}, "search": {"use_neb": False}} for seed in (1, 2))
    rungs = search_rungs(below, {"rx-a": one, "rx-b": other, "rx-c": one}, budget_gradient_calls=77)
    assert [rung.reaction_keys for rung in rungs] == [{"rx-a", "rx-c"}, {"rx-b"}]
    for rung, found in zip(rungs, (one, other), strict=True):
        assert rung.undecided
        assert rung.queue.settings["end_points"] == found["end_points"]
        search = SearchSettings(**rung.queue.settings["search"])
        assert (search.budget_gradient_calls, search.use_neb, search.further_checks) == (77, False, True)
