"""Guessed end points relaxed all at once, before quantum chemistry, without any server: the tasks are functions."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import torch
from sqlalchemy import delete, select, update

from chem.enumeration import enumerate_reactions
from chem.errors import ConfigurationError
from chem.graph import MolecularGraph
from chem.half_way import EndPointSettings, guess_ends
from chem.levels import resolve_level
from chem.smiles import parse_smiles
from chem.types import Geometry, Reaction
from db.base import utc_now
from db.engine import open_database, reading, writing
from db.lifecycle import campaigns
from db.load import load_end_points
from db.tables import CalculationKind, CalculationRow, EndPointsRow, LevelRow
from models.checkpoints import save_weights
from models.morered import KIND_OF, MoreRed, MoreRedConfig
from tasks.calculations import close_shared_pool, open_work, run_calculations
from tasks.campaign import expand_frontier, start_campaign
from tasks.model_settings import RelaxationSettings
from tasks.plan import campaign_name, candidate_settings, check_settings, guess_settings, preparation_settings
from tasks.relaxed_guesses import relax_guesses, relaxed_pairs
from tasks.settings import load_settings
from tasks.work_queue import exploration_queue

SMALL = {"n_conformers": 1, "n_attempts": 1, "n_embeddings": 8}


@pytest.fixture(scope="module")
def pool():
    """The worker processes of this module."""
    yield
    close_shared_pool()


@pytest.fixture
def settings(tmp_path):
    """Function that gives the settings of a campaign of hydrogen cyanide, whose guesses are relaxed."""

    def make(**relaxation):
        return load_settings(
            database=f"sqlite:///{tmp_path / 'network.db'}",
            seeds=("C#N",),
            generator="classical",
            verify="all",
            end_points=SMALL,
            relaxation={"method": "mmff94", **relaxation},
            workers={"n_workers": 1},
        )

    return make


@pytest.fixture
def weights(tmp_path, tiny_config):
    """A MoreRed network that was not trained."""
    torch.manual_seed(0)
    config = MoreRedConfig(form="joint", backbone=tiny_config.backbone)
    path = tmp_path / "morered.safetensors"
    save_weights(path, MoreRed(config), KIND_OF["joint"], config, {})
    return path


def outcomes(settings):
    """Outcome of each calculation, by kind."""
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            return dict(session.execute(select(CalculationRow.kind, CalculationRow.outcome)).all())
    finally:
        engine.dispose()


def stored(settings, kind):
    """End points of a kind and the noise seen in them."""
    made_with = guess_settings(settings) if kind is CalculationKind.GUESS else preparation_settings(settings)
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            keys = session.scalars(select(CalculationRow.subject_key)).unique().all()
            (ends,) = load_end_points(session, keys, settings.theory.key, made_with, kind).values()
            noise = session.execute(
                select(EndPointsRow.reactant_noise_angstrom, EndPointsRow.product_noise_angstrom, LevelRow.method)
                .join(CalculationRow, CalculationRow.id == EndPointsRow.calculation_id)
                .join(LevelRow, LevelRow.id == EndPointsRow.level_id)
                .where(CalculationRow.kind == kind.value)
                .order_by(EndPointsRow.rank)
            ).all()
            return ends, noise
    finally:
        engine.dispose()


def guessed(settings):
    """A campaign whose only reaction has its guesses."""
    campaign = start_campaign.fn(settings)
    assert expand_frontier.fn(settings, campaign, 1) == 1
    run_calculations.fn(exploration_queue(settings, campaign, CalculationKind.GUESS))
    return campaign


@pytest.mark.usefixtures("pool")
def test_a_round_guesses_relaxes_and_prepares_from_what_came_out(settings):
    made = settings()
    campaign = guessed(made)
    assert outcomes(made) == {"guess": "guessed"}
    assert relax_guesses.fn(made, campaign) == 1
    assert relax_guesses.fn(made, campaign) == 0  # nothing is done twice
    run_calculations.fn(exploration_queue(made, campaign, CalculationKind.PREPARE))
    assert outcomes(made) == {"guess": "guessed", "relax": "guessed", "prepare": "prepared"}
    before, _ = stored(made, CalculationKind.GUESS)
    after, rows = stored(made, CalculationKind.RELAX)
    assert len(before) == len(after) >= 1
    assert {method for *_, method in rows} == {"mmff94"}
    pairs = zip(before, after, strict=True)
    moved = [np.abs(one.reactant.positions - other.reactant.positions).max() for one, other in pairs]
    assert max(moved) > 0.01


@pytest.mark.usefixtures("pool")
def test_a_relaxation_that_died_is_taken_up_by_the_next(settings):
    made = settings()
    campaign = guessed(made)
    queue = exploration_queue(made, campaign, CalculationKind.RELAX)
    relax_guesses.fn(made, campaign)
    engine = open_database(made.database)
    with writing(engine) as session:  # as a process that was killed leaves it: claimed, with nothing stored
        relaxations = select(CalculationRow.id).where(CalculationRow.kind == "relax")
        session.execute(delete(EndPointsRow).where(EndPointsRow.calculation_id.in_(relaxations)))
        session.execute(delete(CalculationRow).where(CalculationRow.kind == "prepare"))
        left = {"state": "running", "worker": "elsewhere:1:1.0:dead", "outcome": None, "finished_at": None}
        session.execute(
            update(CalculationRow)
            .where(CalculationRow.kind == "relax")
            .values(**left, lease_expires_at=utc_now() - timedelta(hours=1))
        )
    engine.dispose()
    assert open_work(queue) == 1
    assert relax_guesses.fn(made, campaign) == 1
    assert open_work(queue) == 0
    assert outcomes(made)["relax"] == "guessed"


@pytest.mark.usefixtures("pool")
def test_a_network_leaves_how_broken_it_found_each_guess_and_who_paid(settings, weights):
    made = settings(method="morered-jt", checkpoint=weights)
    campaign = guessed(made)
    relax_guesses.fn(made, campaign)
    ends, rows = stored(made, CalculationKind.RELAX)
    assert all(before >= 0.0 and after >= 0.0 for before, after, _ in rows)
    assert {method for *_, method in rows} == {"morered-jt"}
    assert len(ends) == len(rows)
    engine = open_database(made.database)
    with reading(engine) as session:
        (known,) = campaigns(session)
    engine.dispose()
    assert known.spent.cpu_hours > 0.0


def test_guesses_more_broken_than_allowed_come_last(weights):
    reaction = next(iter(enumerate_reactions(parse_smiles("C#N"), load_settings().enumeration)))
    ends = guess_ends(reaction, resolve_level("gfn2"), EndPointSettings(n_embeddings=8, n_attempts=2)).pairs[0]
    relaxation = RelaxationSettings(method="morered-jt", checkpoint=weights)
    (pair,) = relaxed_pairs([(reaction, ends)], relaxation)
    noise = max(pair.noise_angstrom)
    assert pair.is_sound(None)
    assert pair.is_sound(noise + 0.01)
    assert not pair.is_sound(noise - 0.01)


def test_a_charged_guess_stays_as_it_is_among_those_that_a_network_knows(weights):
    neutral = next(iter(enumerate_reactions(parse_smiles("C#N"), load_settings().enumeration)))
    ion = MolecularGraph(numbers=(8, 1), bonds=frozenset({(0, 1)}), charge=-1)
    bare = Reaction(key="ion", reactant_graph=ion, product_graph=ion, reactants=(), products=())
    geometry = Geometry(numbers=np.array([8, 1]), positions=np.array([[0.0, 0, 0], [0.0, 0, 1.2]]), charge=-1)
    settings = EndPointSettings(n_embeddings=8, n_attempts=1)
    known = guess_ends(neutral, resolve_level("gfn2"), settings).pairs[0]
    strange = type(known)(reactant=geometry, product=geometry, reaction_key="ion")
    relaxation = RelaxationSettings(method="morered-jt", checkpoint=weights)
    first, second = relaxed_pairs([(bare, strange), (neutral, known)], relaxation)
    assert not first.was_tried
    assert first.ends is strange
    assert first.noise_angstrom == (None, None)
    assert second.was_tried
    assert None not in second.noise_angstrom


def test_a_way_of_relaxing_is_part_of_what_a_campaign_is(settings, tmp_path):
    plain = load_settings(database=f"sqlite:///{tmp_path / 'network.db'}", seeds=("C#N",), generator="classical")
    relaxed = settings()
    assert campaign_name(plain) != campaign_name(relaxed)
    assert "relaxation" not in preparation_settings(plain)
    assert preparation_settings(relaxed)["relaxation"]["method"] == "mmff94"
    assert candidate_settings(relaxed)["relaxation"] == preparation_settings(relaxed)["relaxation"]
    assert guess_settings(relaxed) == {"end_points": preparation_settings(relaxed)["end_points"]}


def test_missing_weights_are_met_before_any_work(settings, tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing\.safetensors"):
        check_settings(settings(method="morered-jt", checkpoint=tmp_path / "missing.safetensors"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "mmff94", "largest_noise_angstrom": 0.5}, "needs a morered method"),
        ({"method": "morered-jt", "largest_noise_angstrom": -1.0}, "must be positive"),
        ({"method": "mmff94", "checkpoint": "x.safetensors"}, "has no weights"),
        ({"method": "gfn2"}, "Input should be"),
    ],
)
def test_a_way_of_relaxing_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(ConfigurationError, match=message):
        load_settings(relaxation=given)
