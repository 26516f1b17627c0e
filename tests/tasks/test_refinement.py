"""A force field's part in a round: what it doubts is sent, where it leads a search begins. No server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sqlalchemy import select

from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.search_starts import REFINED
from chem.types import Geometry, TSCandidate
from db.campaign_tables import ReactionMembershipRow
from db.engine import open_database, reading
from db.tables import CalculationKind, CandidateRow, ModelVersionRow
from models.candidate_refiner import CandidateRefiner, SecondOpinion
from models.checkpoints import save_weights
from models.potential import Potential, PotentialConfig
from tasks import refinement as module
from tasks.calculations import close_shared_pool, run_calculations
from tasks.campaign import expand_frontier, start_campaign
from tasks.model_settings import RefinementSettings
from tasks.plan import campaign_name, candidate_settings, check_settings
from tasks.refinement import doubts_of, with_refined
from tasks.settings import load_settings
from tasks.triage import generate_candidates
from tasks.work_queue import exploration_queue

NUMBERS = np.array([1, 6, 7])
ENDS = EndPoints(
    reactant=Geometry(numbers=NUMBERS, positions=[[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16]]),
    product=Geometry(numbers=NUMBERS, positions=[[0, 0, 2.17], [0, 0, 0], [0, 0, 1.17]]),
)
GUESS = Geometry(numbers=NUMBERS, positions=[[1.2, 0, 0.6], [0, 0, 0], [0, 0, 1.2]])


def candidate(sample=0, geometry=GUESS):
    return TSCandidate(geometry=geometry, generator="learned", reaction_key="r", sample=sample)


def opinion(energy_ev=0.0, **other):
    values = {
        "geometry": GUESS.with_positions(GUESS.positions * 1.3),
        "energy_ev": energy_ev,
        "converged": True,
        "largest_force_ev_per_angstrom": 2.0,
        "n_negative_modes": 1,
        "force_spread_ev_per_angstrom": 0.5,
    }
    return SecondOpinion(**{**values, **other})


@pytest.fixture
def weights(tmp_path, tiny_config):
    """Function that stores a force field that was not trained."""

    def made(seed=0):
        torch.manual_seed(seed)
        config = PotentialConfig(backbone=replace(tiny_config.backbone, cutoff_angstrom=5.0))
        path = tmp_path / f"potential{seed}.safetensors"
        save_weights(path, Potential(config), "potential", config, {})
        return path

    return made


@pytest.fixture
def says(monkeypatch):
    """Function that puts given opinions in place of those of a force field, one for each candidate."""

    def given(*opinions):
        class Refiner:
            def look(self, candidates, ends, steps):
                assert len(candidates) == len(ends)
                return list(opinions[: len(candidates)])

        monkeypatch.setattr(module, "_refiner", lambda _refinement: Refiner())

    return given


def test_walked_candidates_follow_the_others_the_lowest_first(weights, says):
    says(opinion(3.0), opinion(1.0), opinion(0.0, converged=False), None)
    group = [candidate(sample) for sample in range(4)]
    settings = RefinementSettings(method="potential", checkpoint=weights(), starts=2)
    found = with_refined({"r": group}, {"r": [ENDS]}, settings)["r"]
    assert found[:4] == group
    assert [each.sample for each in found[4:]] == [1, 0]
    assert {each.generator for each in found[4:]} == {REFINED}
    assert {each.confidence for each in found[4:]} == {None}
    assert len(with_refined({"r": group}, {"r": [ENDS]}, replace(settings, starts=0))["r"]) == 4


def test_a_walk_that_put_atoms_on_top_of_each_other_is_no_candidate(weights, says):
    says(opinion(geometry=GUESS.with_positions(GUESS.positions * 1e-3)))
    settings = RefinementSettings(method="potential", checkpoint=weights())
    assert len(with_refined({"r": [candidate()]}, {"r": [ENDS]}, settings)["r"]) == 1


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"largest_force_ev_per_angstrom": 1.9}, "a force of 2.00 eV/Angstrom, above 1.9"),
        ({"largest_force_ev_per_angstrom": 2.1}, None),
        ({"most_negative_modes": 1}, None),
        ({"largest_spread_ev_per_angstrom": 0.4}, "differ by 0.50 eV/Angstrom, above 0.4"),
    ],
)
def test_what_is_beyond_a_bound_is_doubted_with_its_figure(weights, says, bounds, words):
    says(opinion())
    committee = (weights(1),) if "largest_spread_ev_per_angstrom" in bounds else ()
    settings = RefinementSettings(method="potential", checkpoint=weights(), committee=committee, **bounds)
    empty, doubts = doubts_of([[], [candidate()]], [ENDS, ENDS], settings)
    assert empty == ()
    if words is None:
        assert doubts == ()
    else:
        assert len(doubts) == 1
        assert words in doubts[0]


@pytest.mark.parametrize("modes", [0, 2])
def test_no_way_up_is_as_doubtful_as_two(weights, says, modes):
    says(opinion(n_negative_modes=modes))
    settings = RefinementSettings(method="potential", checkpoint=weights(), most_negative_modes=1)
    assert doubts_of([[candidate()]], [ENDS], settings)[0][0].startswith(f"the force field finds {modes} modes")


def test_a_force_field_looks_at_what_it_knows_and_passes_over_the_rest(weights):
    refiner = CandidateRefiner(checkpoint=weights(), committee=[weights(1)])
    ion = Geometry(numbers=NUMBERS, positions=GUESS.positions, charge=1, multiplicity=2)
    heavy = Geometry(numbers=[1, 6, 15], positions=GUESS.positions)
    first, second, third = refiner.look(
        [candidate(geometry=each) for each in (ion, GUESS, heavy)], [ENDS, ENDS, ENDS], steps=2
    )
    assert first is None
    assert third is None
    assert second.largest_force_ev_per_angstrom > 0.0
    assert second.force_spread_ev_per_angstrom > 0.0
    assert second.geometry.formula == GUESS.formula
    alone = CandidateRefiner(checkpoint=weights()).look([candidate()], [ENDS], steps=0)[0]
    assert alone.force_spread_ev_per_angstrom is None
    assert np.allclose(alone.geometry.positions, GUESS.positions - GUESS.positions.mean(axis=0))


@pytest.fixture
def settings(tmp_path, weights):
    """Function that gives the settings of a campaign of hydrogen cyanide with a force field."""

    def make(**refinement):
        return load_settings(
            database=f"sqlite:///{tmp_path / 'network.db'}",
            seeds=("C#N",),
            generator="classical",
            verify="all",
            end_points={"n_conformers": 1, "n_attempts": 1, "n_embeddings": 8},
            refinement={"method": "potential", "checkpoint": weights(), **refinement},
            workers={"n_workers": 1},
        )

    return make


def test_a_round_stores_walked_candidates_doubts_and_whose_they_are(settings, says):
    made = settings(most_negative_modes=1)
    says(opinion(n_negative_modes=3))
    try:
        campaign = start_campaign.fn(made)
        assert expand_frontier.fn(made, campaign, 1) == 1
        run_calculations.fn(exploration_queue(made, campaign, CalculationKind.PREPARE))
        assert generate_candidates.fn(made, campaign, 1) == 1
    finally:
        close_shared_pool()
    engine = open_database(made.database)
    with reading(engine) as session:
        stored = session.execute(select(CandidateRow.generator).order_by(CandidateRow.rank)).scalars().all()
        reasons = session.execute(select(ReactionMembershipRow.reasons)).scalars().all()
        names = session.execute(select(ModelVersionRow.name)).scalars().all()
    engine.dispose()
    assert stored == ["classical", REFINED]
    assert any("3 modes of negative curvature" in str(each) for each in reasons)
    assert names == ["potential"]


def test_a_force_field_is_part_of_what_a_campaign_is(settings):
    plain = load_settings(seeds=("C#N",), generator="classical")
    assert "refinement" not in candidate_settings(plain)
    assert candidate_settings(settings())["refinement"]["steps"] == 10
    assert len({campaign_name(plain), campaign_name(settings()), campaign_name(settings(steps=3))}) == 3


def test_missing_weights_and_unknown_levels_are_met_before_any_work(settings, tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing\.safetensors"):
        check_settings(settings(committee=[str(tmp_path / "missing.safetensors")]))
    with pytest.raises(ConfigurationError, match="nonsense"):
        check_settings(load_settings(search={"neb_level": "nonsense"}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "potential", "largest_force_ev_per_angstrom": 0.0}, "must be positive"),
        ({"method": "potential", "largest_spread_ev_per_angstrom": 1.0}, "needs a committee"),
        ({"method": "none", "checkpoint": "x.safetensors"}, "has weights but method none"),
        ({"method": "potential", "steps": -1}, "must not be negative"),
        ({"method": "gfn2"}, "Input should be"),
    ],
)
def test_a_refinement_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(ConfigurationError, match=message):
        load_settings(refinement=given)
