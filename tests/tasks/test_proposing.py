"""Proposed reactions in a campaign, without any server: the tasks are functions, the draws are made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sqlalchemy import func, select, update

from chem.distance_windows import windows_of
from chem.embedding import embed, seed_from
from chem.enumeration import with_bonds
from chem.errors import ConfigurationError, GeometryError
from chem.identity import species_of
from chem.perception import perceive_graph
from chem.proposals import Proposal
from chem.smiles import parse_smiles
from chem.types import Geometry
from db.campaign_tables import Origin, ReactionMembershipRow, SpeciesMembershipRow
from db.engine import open_database, reading, writing
from db.lifecycle import campaigns
from db.proposals import species_to_propose_for
from db.tables import CalculationKind, CalculationRow, CalculationState, ModelVersionRow, ReactionRow
from models.checkpoints import save_weights
from models.joint import Joint, JointConfig
from tasks import calculations, proposing
from tasks.calculations import open_work, run_calculations
from tasks.campaign import expand_frontier, start_campaign
from tasks.plan import campaign_name, campaign_settings, proposal_hash
from tasks.proposing import in_order_of, propose_reactions, queue_reactants
from tasks.settings import load_settings
from tasks.work_queue import exploration_queue

N = 4


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_config):
    """A joint diffusion that was not trained."""
    path = tmp_path_factory.mktemp("weights") / "joint.safetensors"
    config = JointConfig(backbone=tiny_config.backbone)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_weights(path, Joint(config), "joint", config, {"n_train": 7})
    return path


@pytest.fixture
def settings(tmp_path, weights):
    """Function that gives the settings of a campaign of formaldehyde, of which enumeration knows no reaction."""

    def make(**more):
        return load_settings(
            **{
                "database": f"sqlite:///{tmp_path / 'network.db'}",
                "seeds": ("C=O",),
                "generator": "classical",
                "verify": "all",
                "enumeration": {"break_bonds": 1, "form_bonds": 1},
                "propose": {"n": N, "checkpoint": weights, "steps": 3, "device": "cpu"},
                **more,
            }
        )

    return make


class ByHand:
    """Draws hydrogen and carbon monoxide three times of four, and once nothing."""

    device = torch.device("cpu")

    def __init__(self):
        self.asked = []

    def draw(self, reactants, n, seed):
        self.asked.append(len(reactants))
        found = []
        for reactant in reactants:
            hydrogens = [place for place, number in enumerate(reactant.numbers) if number == 1]
            heavy = [place for place, number in enumerate(reactant.numbers) if number > 1]
            positions = np.zeros((4, 3))
            positions[heavy] = [[0.0, 0.0, 0.0], [1.13, 0.0, 0.0]]
            positions[hydrogens] = [[5.0, 0.0, 0.0], [5.74, 0.0, 0.0]]
            parts = Geometry(numbers=reactant.numbers, positions=positions)
            found.append(
                [
                    Proposal(reactant=reactant, ts=reactant, product=reactant if k == 0 else parts, seed=seed, sample=k)
                    for k in range(n)
                ]
            )
        return found


@pytest.fixture
def by_hand(monkeypatch, in_this_process):
    """The draws, and calculations in this process."""
    made = ByHand()
    monkeypatch.setattr(proposing, "_proposer", lambda *_: made)
    monkeypatch.setattr(calculations, "shared_pool", lambda _limits: in_this_process)
    return made


def by_origin(session):
    """How many reactions the campaign has of each origin."""
    origin = ReactionMembershipRow.origin
    found = session.execute(select(origin, func.count()).group_by(origin)).tuples()
    return {Origin(name): count for name, count in found}


def begun(settings):
    name = start_campaign.fn(settings)
    assert expand_frontier.fn(settings, name, 1) == 0
    return name


def relaxed(settings, name):
    queue = exploration_queue(settings, name, CalculationKind.MINIMUM)
    while open_work(queue):
        run_calculations.fn(queue)


def read(settings, function):
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            return function(session)
    finally:
        engine.dispose()


def test_proposals_become_reactions_of_the_round_marked_by_their_origin(settings, by_hand):
    chosen = settings()
    name = begun(chosen)
    assert queue_reactants.fn(chosen, name) == 1
    assert propose_reactions.fn(chosen, name, 1) == 0  # no minimum yet: the species goes on waiting
    relaxed(chosen, name)
    spent = read(chosen, lambda session: campaigns(session, name=name)[0].spent)
    assert spent.gradient_calls > 0
    assert propose_reactions.fn(chosen, name, 1) == 1
    assert read(chosen, by_origin) == {Origin.PROPOSED: 1}

    def stored(session):
        statement = (
            select(
                ReactionRow.reactant_smiles,
                ReactionRow.product_smiles,
                ReactionRow.mapped_smiles,
                ReactionMembershipRow.round,
                CalculationRow.kind,
                CalculationRow.state,
            )
            .join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == ReactionRow.id)
            .join(CalculationRow, CalculationRow.reaction_id == ReactionRow.id)
        )
        return session.execute(statement).one(), session.scalars(select(ModelVersionRow)).one().metrics

    row, card = read(chosen, stored)
    assert {row.reactant_smiles, row.product_smiles} == {"C=O", "[C-]#[O+] + [H][H]"}
    assert row.mapped_smiles.count(">>") == 1
    assert (row.round, row.kind, row.state) == (1, "prepare", "pending")
    assert card == {"n_train": 7}
    assert read(chosen, lambda session: campaigns(session, name=name)[0].spent).cpu_hours >= spent.cpu_hours


def test_a_campaign_that_goes_on_draws_nothing_again(settings, by_hand):
    chosen = settings()
    name = begun(chosen)
    queue_reactants.fn(chosen, name)
    relaxed(chosen, name)
    assert propose_reactions.fn(chosen, name, 1) == 1
    assert start_campaign.fn(chosen) == name
    assert queue_reactants.fn(chosen, name) == 0
    assert propose_reactions.fn(chosen, name, 1) == 0
    assert by_hand.asked == [1]


def test_a_kill_before_the_note_repeats_the_draws_and_stores_nothing_twice(settings, by_hand):
    chosen = settings()
    name = begun(chosen)
    queue_reactants.fn(chosen, name)
    relaxed(chosen, name)
    propose_reactions.fn(chosen, name, 1)
    engine = open_database(chosen.database)
    with writing(engine) as session:
        session.execute(update(SpeciesMembershipRow).values(proposed_hash=None))
    engine.dispose()
    assert queue_reactants.fn(chosen, name) == 1
    assert propose_reactions.fn(chosen, name, 1) == 0
    assert by_hand.asked == [1, 1]
    assert read(chosen, by_origin) == {Origin.PROPOSED: 1}


def test_what_enumeration_has_is_not_proposed(settings, by_hand):
    chosen = settings(enumeration={})
    name = start_campaign.fn(chosen)
    assert expand_frontier.fn(chosen, name, 1) == 1
    queue_reactants.fn(chosen, name)
    relaxed(chosen, name)
    assert propose_reactions.fn(chosen, name, 1) == 0
    assert read(chosen, by_origin) == {Origin.ENUMERATED: 1}


def test_bounds_of_proposals_are_those_of_the_settings(settings, weights, by_hand):
    chosen = settings(propose={"n": N, "checkpoint": weights, "break_bonds": 1})
    name = begun(chosen)
    queue_reactants.fn(chosen, name)
    relaxed(chosen, name)
    assert propose_reactions.fn(chosen, name, 1) == 0
    assert queue_reactants.fn(chosen, name) == 0


def test_a_spent_budget_of_reactions_leaves_species_waiting(settings, by_hand):
    chosen = settings(budget={"reactions": 1})
    name = begun(chosen)
    engine = open_database(chosen.database)
    queue_reactants.fn(chosen, name)
    relaxed(chosen, name)
    spent = settings(budget={"reactions": 1}, name=name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposing, "reactions_left", lambda *_: 0)
        assert propose_reactions.fn(spent, name, 1) == 0
    assert by_hand.asked == []
    with reading(engine) as session:
        assert len(species_to_propose_for(session, name, proposal_hash=proposal_hash(chosen))) == 1
    engine.dispose()
    assert propose_reactions.fn(chosen, name, 1) == 1


def test_species_that_the_network_does_not_know_are_done_without_a_minimum(settings, by_hand):
    chosen = settings(seeds=("CS",))
    name = start_campaign.fn(chosen)
    expand_frontier.fn(chosen, name, 1)
    assert queue_reactants.fn(chosen, name) == 1
    queue = exploration_queue(chosen, name, CalculationKind.MINIMUM)
    assert open_work(queue) == 0
    assert propose_reactions.fn(chosen, name, 1) == 0
    assert queue_reactants.fn(chosen, name) == 0
    assert by_hand.asked == []


@pytest.mark.parametrize(("stage", "waits"), [("infrastructure", 1), ("prepare", 0)])
def test_a_minimum_lost_to_infrastructure_is_waited_for_and_one_that_is_not_there_is_not(
    settings, by_hand, stage, waits
):
    chosen = settings()
    name = begun(chosen)
    queue_reactants.fn(chosen, name)
    engine = open_database(chosen.database)
    with writing(engine) as session:
        failed = update(CalculationRow).where(CalculationRow.kind == CalculationKind.MINIMUM.value)
        session.execute(
            failed.values(
                state=CalculationState.FAILED.value,
                failure_stage=stage,
                failure_kind="attempts_exhausted",
                failure_message="lost",
            )
        )
    engine.dispose()
    assert propose_reactions.fn(chosen, name, 1) == 0
    assert queue_reactants.fn(chosen, name) == waits


def test_the_network_itself_can_be_asked(settings, monkeypatch, in_this_process):
    monkeypatch.setattr(calculations, "shared_pool", lambda _limits: in_this_process)
    chosen = settings()
    name = begun(chosen)
    queue_reactants.fn(chosen, name)
    relaxed(chosen, name)
    propose_reactions.fn(chosen, name, 1)  # whatever an untrained network draws
    assert queue_reactants.fn(chosen, name) == 0


def test_campaigns_without_proposals_keep_their_names(settings, weights):
    plain = settings(propose={})
    assert "propose" not in campaign_settings(plain)
    assert campaign_settings(settings())["propose"]["n"] == N
    assert (
        len({campaign_name(each) for each in (plain, settings(), settings(propose={"n": 9, "checkpoint": weights}))})
        == 3
    )
    assert campaign_name(settings(propose={"device": "cpu"})) == campaign_name(plain)


def test_wrong_settings_are_refused(settings):
    for given, told in (
        ({"n": -1}, "n must not be negative"),
        ({"n": 3, "steps": 1}, "steps must be at least 2"),
        ({"n": 3, "break_bonds": 9}, "break_bonds must lie between"),
        ({"checkpoint": "weights.safetensors"}, "draws nothing"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            settings(propose=given)
    with pytest.raises(ValueError, match="nothing is to be proposed"):
        queue_reactants.fn(settings(propose={}), "none")


def test_the_minimum_of_a_mirror_image_is_put_into_the_order_of_the_species():
    one, other = (species_of(parse_smiles(smiles)).graph for smiles in ("C[C@H](O)F", "C[C@@H](O)F"))
    for seed in range(9):
        geometry = Geometry(numbers=np.array(one.numbers), positions=embed(windows_of(one), seed_from(seed)))
        if perceive_graph(geometry).bonds == one.bonds:
            break
    shuffled = tuple(np.random.default_rng(0).permutation(one.n_atoms).tolist())
    for graph in (one, other, other.permuted(shuffled)):
        assert perceive_graph(in_order_of(graph, geometry)).bonds == graph.bonds
    broken = with_bonds(one.without_stereo(), frozenset(sorted(one.bonds)[1:]))
    with pytest.raises(GeometryError, match="does not have the bonds"):
        in_order_of(replace(broken), geometry)
