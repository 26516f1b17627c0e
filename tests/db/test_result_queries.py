"""What queries and SQL views say of stored results."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from chem.barrierless import BarrierlessStep
from chem.endpoints import PreparedReaction
from chem.outcomes import Status
from chem.units import KCAL_MOL_PER_EV
from db.campaigns import add_campaign, add_reaction_members, add_species_members
from db.closing import Spent
from db.engine import open_database, reading, writing
from db.queries import ReactionFilter, reactions
from db.results import Estimate, add_estimates, record_preparation, record_search
from db.species_queries import species
from db.store import add_reactions
from db.tables import CalculationKind
from db.totals import costs, failures, progress, queue_progress
from db.work import claim, enqueue, release


def by_key(session, **conditions):
    return {record.key: record for record in reactions(session, filters=ReactionFilter(**conditions))}


def test_reactions_can_be_picked(engine, network, search):
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "first", ["decay", "exchange"], round_number=0)
    with reading(engine) as session:
        assert set(by_key(session, campaign="first")) == {"decay", "exchange"}
        assert set(by_key(session, reaction_keys=frozenset({"shift", "unheard of"}))) == {"shift"}
        assert set(by_key(session, species_key=network.hydrogen.key)) == {"dissociation", "decay", "exchange"}
        assert set(by_key(session, verdicts=frozenset({Status.PASSED}))) == {"shift", "decay"}
        assert set(by_key(session, outcomes=frozenset({"unintended"}))) == {"decay"}
        assert set(by_key(session, highest_barrier_kcal_mol=40.0)) == {"decay"}
        everything = [record.key for record in reactions(session)]
        assert [r.key for r in reactions(session, filters=ReactionFilter(limit=2, offset=1))] == everything[1:3]
        keys = frozenset(everything)
        picked = reactions(session, filters=ReactionFilter(reaction_keys=keys, limit=2, offset=1))
        assert [record.key for record in picked] == everything[1:3]
        assert by_key(session)["exchange"].reactants == ("[H][H]", "[H][H]")


def test_a_species_knows_its_reactions_and_its_lowest_energy_as_the_only_molecule_of_a_side(engine, network, search):
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_species_members(session, "first", [network.hydrogen.key], round_number=0)
    with reading(engine) as session:
        records = {record.smiles: record for record in species(session)}
        assert [record.smiles for record in species(session, campaign="first")] == ["[H][H]"]
    assert {smiles: record.n_reactions for smiles, record in records.items()} == {
        "C=O": 2,
        "[CH]O": 2,
        "[C-]#[O+]": 2,
        "[H][H]": 3,
    }
    energies = {smiles: record.energy_ev for smiles, record in records.items()}
    assert energies == {"C=O": -12.0, "[CH]O": -11.5, "[C-]#[O+]": None, "[H][H]": None}


def test_progress_counts_a_campaign_by_stage_and_state(engine, network, search, gfn2):
    with writing(engine) as session:
        record_search(session, search(), network.search_result())
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["decay", "exchange"], level_key=gfn2.key)
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "first", ["shift", "decay"], round_number=0)
        add_species_members(session, "first", [network.hydrogen.key], round_number=0)
    with reading(engine) as session:
        found = [
            (one.stage, one.state, one.count, one.gradient_calls, one.seconds) for one in progress(session, "first")
        ]
    assert found == [
        ("species", "unexpanded", 1, 0, 0.0),
        ("reaction", "undecided", 2, 0, 0.0),
        ("search", "intended", 1, 80, 4.0),
        ("search", "pending", 1, 0, 0.0),
    ]


def test_costs_are_kept_by_kind_level_and_program_with_abandoned_leases(engine, network, search, gfn2):
    one = search()
    release(engine, worker="one")
    one = claim(engine, kind=CalculationKind.SEARCH, worker="two", limit=1, lease_seconds=60)[0]
    with writing(engine) as session:
        spent = Spent(hessian_calls=2, cpu_seconds=3.5, peak_memory_gib=0.4)
        record_search(session, one, network.search_result(), spent=spent)
        add_campaign(session, name="first", settings={}, seed=0, rules_hash="")
    with reading(engine) as session:
        (cost,) = costs(session)
        assert costs(session, campaign="first") == []
        assert failures(session, campaign="first") == []
    assert (cost.kind, cost.level, cost.program, cost.version) == ("search", gfn2.key, "xtb-python", "22.1")
    assert (cost.calculations, cost.gradient_calls, cost.seconds, cost.abandoned) == (1, 80, 4.0, 1)
    assert (cost.hessian_calls, cost.scf_cycles, cost.cpu_seconds, cost.peak_memory_gib) == (2, None, 3.5, 0.4)


def test_the_sql_views_say_what_the_queries_say(engine, network, search):
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})
    with reading(engine) as session:
        rows = session.execute(text("SELECT * FROM reaction_summary ORDER BY reaction_id")).mappings().all()
        for row, record in zip(rows, reactions(session), strict=True):
            assert row["reaction_key"] == record.key
            assert row["reactant_smiles"].split(" + ") == list(record.reactants)
            assert row["verdict"] == record.verdict
            assert row["outcome"] == record.outcome
            assert row["level_key"] == record.level
            assert row["transition_state_id"] == record.transition_state_id
            assert (row["gradient_calls"], row["seconds"]) == (record.gradient_calls, record.seconds)
            for name in ("barrier_forward_kcal_mol", "barrier_reverse_kcal_mol"):
                assert row[name] == (None if getattr(record, name) is None else pytest.approx(getattr(record, name)))


def test_the_views_convert_with_the_factor_of_the_program(engine, network):
    with writing(engine) as session:
        add_reactions(session, [network.shift])
        state = network.transition_state(energy_ev=0.0, ends_ev=(-1.0, -2.0))
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
    with reading(engine) as session:
        forward = session.scalar(text("SELECT barrier_forward_kcal_mol FROM reaction_summary"))
    assert forward == pytest.approx(KCAL_MOL_PER_EV, rel=1e-15)


def test_reading_takes_the_same_number_of_statements_for_one_reaction_and_for_many(engine, network):
    from sqlalchemy import event

    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def count():
        statements.clear()
        with reading(engine) as session:
            reactions(session)
            species(session)
        return len(statements)

    with writing(engine) as session:
        add_reactions(session, [network.shift])
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=network.transition_state())])
    few = count()
    many = [replace(network.shift, key=f"shift {number}") for number in range(100)]
    with writing(engine) as session:
        add_reactions(session, many)
        state = network.transition_state()
        add_estimates(session, [Estimate(reaction_key=one.key, transition_state=state) for one in many])
    assert count() == few


def test_sqlite_joins_the_rankings_by_index_and_not_row_by_row(tmp_path):
    engine = open_database(tmp_path / "network.db")
    with reading(engine) as session:
        for query in ("SELECT * FROM reaction_summary", "SELECT * FROM species_summary"):
            plan = [row[-1] for row in session.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
            assert not [step for step in plan if step.startswith("SCAN") and step.endswith("LEFT-JOIN")]
    engine.dispose()


def test_heights_are_told_above_the_path_and_above_the_lowest_known_conformers(engine, network, search):
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})
    with reading(engine) as session:
        records = by_key(session)
        rows = session.execute(text("SELECT * FROM reaction_summary")).mappings().all()
    shift, decay = records["shift"], records["decay"]
    assert shift.height_above_reactant_minima_kcal_mol == pytest.approx(2.0 * KCAL_MOL_PER_EV)
    # hydroxymethylene was seen 0.5 eV lower, as the reactant of its decay
    assert shift.barrier_reverse_kcal_mol == pytest.approx(1.0 * KCAL_MOL_PER_EV)
    assert shift.height_above_product_minima_kcal_mol == pytest.approx(1.5 * KCAL_MOL_PER_EV)
    assert decay.height_above_product_minima_kcal_mol is None  # neither hydrogen nor carbon monoxide was seen alone
    for row in rows:
        for side in ("reactant", "product"):
            name = f"height_above_{side}_minima_kcal_mol"
            assert row[name] == pytest.approx(getattr(records[row["reaction_key"]], name))


def test_a_step_without_a_barrier_is_no_failure(engine, network, gfn2):
    with writing(engine) as session:
        add_reactions(session, [network.decay])
        enqueue(session, kind=CalculationKind.PREPARE, reaction_keys=["decay"], level_key=gfn2.key)
    (one,) = claim(engine, kind=CalculationKind.PREPARE, worker="one", limit=1, lease_seconds=60)
    prepared = PreparedReaction(
        reaction_key="decay",
        level=gfn2,
        pairs=(),
        gradient_calls=9,
        seconds=0.1,
        barrierless=BarrierlessStep(apart_side="product", height_ev=2.0),
    )
    with writing(engine) as session:
        assert record_preparation(session, one, prepared)
    with reading(engine) as session:
        record = by_key(session)["decay"]
        assert failures(session) == []
    assert (record.outcome, record.failure, record.verdict) == ("barrierless", None, None)
    assert record.barrierless_side == "product"
    assert record.dissociation_kcal_mol == pytest.approx(2.0 * KCAL_MOL_PER_EV)


def test_the_progress_of_a_queue_counts_its_own_calculations_alone(engine, network, search, gfn2):
    with writing(engine) as session:
        add_reactions(session, network.reactions)
        for level in ("high", "higher"):
            enqueue(
                session,
                kind=CalculationKind.VERIFY,
                reaction_keys=["shift", "decay"],
                level_key=level,
                settings={"n": 1},
            )
    (one,) = claim(engine, kind=CalculationKind.VERIFY, worker="one", limit=1, lease_seconds=60, level_key="high")
    with writing(engine) as session:
        record_search(session, one, network.search_result())
    claim(engine, kind=CalculationKind.VERIFY, worker="one", limit=1, lease_seconds=60, level_key="high")
    with reading(engine) as session:
        own = queue_progress(session, kind=CalculationKind.VERIFY, level_key="high", settings={"n": 1})
        other = queue_progress(session, kind=CalculationKind.VERIFY, level_key="high", settings={"n": 2})
    assert (own.total, own.ended, own.running, own.gradient_calls) == (2, 1, 1, 80)
    assert (other.total, other.ended, other.running, other.gradient_calls) == (0, 0, 0, 0)
