"""Which species a campaign goes on with, without any server: the tasks are called as functions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import update

from chem.enumeration import enumerate_reactions
from chem.errors import SmilesError
from chem.growth import Strategy
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.smiles import parse_smiles
from chem.types import Geometry
from chem.units import KCAL_MOL_PER_EV
from db.campaigns import add_reaction_members, campaign_species, unexpanded_species
from db.engine import open_database, reading, writing
from db.requeue import requeue_failed
from db.results import record_search
from db.store import add_reactions
from db.tables import CalculationKind, CalculationRow
from db.work import claim, enqueue
from tasks.campaign import expand_frontier, open_rounds, reach_species, start_campaign
from tasks.plan import campaign_name, check_settings, rules_hash, search_settings
from tasks.settings import load_settings

BARRIERS_KCAL_MOL = {("CC=O", "C=CO"): 30.0, ("CC=O", "C1CO1"): 45.0}


@pytest.fixture
def settings(tmp_path):
    return load_settings(
        seeds=("CC=O",), database=f"sqlite:///{tmp_path / 'network.db'}", depth=2, verify="all", generator="classical"
    )


def state(reaction, barrier_kcal_mol, level):
    geometry = Geometry(
        numbers=np.array(reaction.reactant_graph.numbers),
        positions=np.random.default_rng(0).normal(size=(reaction.reactant_graph.n_atoms, 3)),
    )
    passed = tuple(
        Check(name=name, status=Status.PASSED, evidence={})
        for name in (
            CheckName.ONE_IMAGINARY_MODE,
            CheckName.MODE_MOVES_CHANGING_BONDS,
            CheckName.IRC_ENDS_MATCH,
            CheckName.ENERGIES_ORDERED,
        )
    )
    return TransitionState(
        geometry=geometry,
        energy_ev=barrier_kcal_mol / KCAL_MOL_PER_EV,
        level=level,
        verdict=Verdict(checks=passed),
        frequencies_cm1=(-900.0,),
        reactant_end=geometry,
        product_end=geometry,
        reactant_end_energy_ev=0.0,
        product_end_energy_ev=0.0,
    )


def grown(settings):
    """Species of a campaign after one round in which some isomers of acetaldehyde were reached over known barriers."""
    name = start_campaign.fn(settings)
    reactions = enumerate_reactions(parse_smiles("CC=O"), settings.enumeration)
    engine = open_database(settings.database)
    try:
        for reaction in reactions:
            products = ".".join(each.smiles for each in reaction.products)
            height = BARRIERS_KCAL_MOL.get(("CC=O", products))
            if height is None:
                continue
            with writing(engine) as session:
                add_reactions(session, [reaction], {reaction.key: "mapped"})
                add_reaction_members(session, name, [reaction.key], round_number=1)
                enqueue(
                    session,
                    kind=CalculationKind.SEARCH,
                    reaction_keys=[reaction.key],
                    level_key=settings.theory.key,
                    settings=search_settings(settings),
                )
            (claimed,) = claim(engine, kind=CalculationKind.SEARCH, worker="one", limit=1, lease_seconds=60)
            found = Attempt(
                start="classical:0",
                gradient_calls=10,
                seconds=1.0,
                outcome=Outcome.INTENDED,
                transition_state=state(reaction, height, settings.theory),
            )
            with writing(engine) as session:
                record_search(session, claimed, SearchResult(level=settings.theory, attempts=(found,)))
        reach_species.fn(settings, name, 1)
        with reading(engine) as session:
            return name, {each.smiles for each in campaign_species(session, name)}
    finally:
        engine.dispose()


def with_growth(settings, **growth):
    return settings.model_copy(update={"growth": replace(settings.growth, **growth)})


def test_breadth_first_goes_on_with_every_species_behind_a_proved_barrier(settings):
    assert grown(settings)[1] == {"CC=O", "C=CO", "C1CO1"}


def test_a_kinetic_campaign_goes_on_with_what_its_seed_turns_into(settings):
    cold = with_growth(settings, strategy=Strategy.KINETIC, temperature_k=500.0)
    assert grown(cold)[1] == {"CC=O", "C=CO"}


def test_a_kinetic_campaign_of_long_patience_goes_on_with_slow_products(settings):
    patient = with_growth(settings, strategy=Strategy.KINETIC, temperature_k=500.0, smallest_share=1e-9)
    assert grown(patient)[1] == {"CC=O", "C=CO", "C1CO1"}


def test_a_goal_decides_what_is_expanded_first(settings):
    aimed = with_growth(settings, strategy=Strategy.GOAL, target="OC=C", most_species=1)
    name, _ = grown(aimed)
    expand_frontier.fn(aimed, name, 2)
    engine = open_database(aimed.database)
    try:
        with reading(engine) as session:
            members = {each.smiles for each in campaign_species(session, name)}
            waiting = unexpanded_species(session, name, rules_hash=rules_hash(aimed), before_round=2)
    finally:
        engine.dispose()
    assert members - {each.smiles for each in waiting} == {"C=CO"}


def test_a_goal_chooses_once_a_round_however_often_it_is_asked(settings):
    aimed = with_growth(settings, strategy=Strategy.GOAL, target="OC=C", most_species=1)
    name, _ = grown(aimed)
    assert expand_frontier.fn(aimed, name, 2) > 0
    assert expand_frontier.fn(aimed, name, 2) == 0


def test_a_round_that_is_over_is_not_taken_again_unless_it_is_the_last(settings):
    name, _ = grown(settings)
    assert list(open_rounds(settings, name)) == [2]
    assert list(open_rounds(settings.model_copy(update={"depth": 1}), name)) == [1]
    assert list(open_rounds(settings.model_copy(update={"depth": 3}), name)) == [2, 3]


def test_a_round_is_open_again_when_infrastructure_ended_one_of_its_calculations(settings):
    name, _ = grown(settings)
    engine = open_database(settings.database)
    try:
        with writing(engine) as session:
            session.execute(update(CalculationRow).values(state="failed"))
            assert requeue_failed(session) > 0
    finally:
        engine.dispose()
    assert list(open_rounds(settings, name)) == [1, 2]


def test_a_campaign_that_grows_as_before_keeps_its_name_and_another_strategy_has_another(settings):
    assert campaign_name(with_growth(settings)) == campaign_name(settings)
    assert campaign_name(with_growth(settings, strategy=Strategy.KINETIC)) != campaign_name(settings)


def test_a_target_of_two_molecules_is_refused(settings):
    with pytest.raises(SmilesError, match="holds 2 molecules"):
        check_settings(with_growth(settings, strategy=Strategy.GOAL, target="C=O.O"))
