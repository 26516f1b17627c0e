"""The generator that the settings name: what decides its candidates, and that its weights belong together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.triage import Action, first_look
from chem.types import Geometry
from models.weights_file import hash_of
from tasks.generators import error_judge, make_generator
from tasks.own_generator import _load
from tasks.plan import campaign_name, candidate_settings, check_settings
from tasks.settings import load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path, write_weights):
    """Settings of a campaign with empty weights that belong together."""
    checkpoint = write_weights(tmp_path / "generator.safetensors", "reactdiff", epochs=3)
    confidence = write_weights(tmp_path / "confidence.safetensors", "confidence", generator_sha256=hash_of(checkpoint))
    return load_settings(checkpoint=checkpoint, confidence=confidence)


def test_candidates_and_campaigns_of_other_weights_or_steps_are_others(settings, write_weights):
    other = load_settings(checkpoint=settings.checkpoint, confidence=settings.confidence, sampling={"steps": 5})
    elsewhere = load_settings(
        checkpoint=settings.checkpoint, confidence=settings.confidence, sampling={"device": "cpu"}
    )
    assert candidate_settings(other) != candidate_settings(settings)
    assert candidate_settings(elsewhere) == candidate_settings(settings)
    assert campaign_name(elsewhere) == campaign_name(settings)
    before = candidate_settings(settings), campaign_name(settings)
    write_weights(settings.checkpoint, "reactdiff", epochs=4)
    write_weights(settings.confidence, "confidence", generator_sha256=hash_of(settings.checkpoint))
    assert candidate_settings(settings) != before[0]
    assert campaign_name(settings) != before[1]


def test_a_confidence_of_another_generator_is_refused_before_anything_is_loaded(settings, write_weights):
    write_weights(settings.checkpoint, "reactdiff", epochs=4)
    with pytest.raises(ConfigurationError, match="belong together"):
        candidate_settings(settings)


def test_each_generator_has_its_own_number_of_candidates(settings):
    assert candidate_settings(settings)["candidates"] == 8
    assert candidate_settings(load_settings(generator="classical"))["candidates"] == 1
    with pytest.raises(ConfigurationError, match="1 to 5"):
        make_generator(load_settings(generator="classical", candidates=6))


def test_planning_a_campaign_does_not_load_torch(settings):
    program = (
        "import sys; from pathlib import Path; import tasks.jobs, tasks.triage; from tasks.plan import *;"
        "from tasks.settings import load_settings;"
        "check_settings(load_settings(checkpoint=Path(sys.argv[1]), confidence=Path(sys.argv[2])));"
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", program, str(settings.checkpoint), str(settings.confidence)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


def test_the_network_is_loaded_once_guesses_and_says_how_far_to_trust_it(tmp_path, tiny_config):
    from models.checkpoints import save_weights
    from models.confidence import Scorer, ScorerConfig
    from models.reactdiff import ReactDiff

    checkpoint, confidence = tmp_path / "generator.safetensors", tmp_path / "confidence.safetensors"
    sha256 = save_weights(checkpoint, ReactDiff(tiny_config), "reactdiff", tiny_config, {})
    scorer = ScorerConfig(trunk=tiny_config, hidden=8, n_calibration=20)
    save_weights(confidence, Scorer(scorer), "confidence", scorer, {"generator_sha256": sha256})
    settings = load_settings(
        checkpoint=checkpoint, confidence=confidence, candidates=3, sampling={"steps": 2, "device": "cpu"}
    )
    generator = make_generator(settings)
    assert make_generator(load_settings(**{**settings.model_dump(), "database": "sqlite:///other.db"})) is generator
    assert len(error_judge(settings).calibration.error_kcal_mol) == 20

    def pair(hydrogen):
        return EndPoints(
            reactant=Geometry(numbers=[6, hydrogen, 1], positions=[[0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]]),
            product=Geometry(numbers=[6, hydrogen, 1], positions=[[0, 0, 0], [0, 0, 1.17], [0, 0, 2.17]]),
        )

    known, strange = generator.generate([pair(7), pair(51)])
    assert sorted(one.sample for one in known) == [0, 1, 2]
    assert all(one.checkpoint_hash == sha256 and one.expected_error_kcal_mol is not None for one in known)
    assert [(one.generator, one.confidence) for one in strange] == [("classical", 0.0)]
    assert "Sb" in strange[0].unscored_reasons[0]
    assert np.isfinite(known[0].geometry.positions).all()


OWN = """
from dataclasses import replace

from chem.types import TSCandidate


class Midpoint:
    name = "midpoint"
    version = "VERSION"

    def __init__(self, confidence=None):
        self.confidence = confidence

    def generate(self, reactions):
        return [[self.candidate(ends)] for ends in reactions]

    def candidate(self, ends):
        middle = (ends.reactant.positions + ends.product.positions) / 2
        geometry = ends.reactant.with_positions(middle)
        return TSCandidate(geometry=geometry, generator=self.name, confidence=self.confidence)


class OneListTooFew(Midpoint):
    def generate(self, reactions):
        return super().generate(reactions)[1:]


class Reordered(Midpoint):
    def candidate(self, ends):
        found = super().candidate(ends)
        turned = replace(found.geometry, numbers=found.geometry.numbers[::-1], positions=found.geometry.positions[::-1])
        return replace(found, geometry=turned)


class Charged(Midpoint):
    def candidate(self, ends):
        found = super().candidate(ends)
        return replace(found, geometry=replace(found.geometry, charge=2))


class BareGeometries(Midpoint):
    def candidate(self, ends):
        return super().candidate(ends).geometry


class Mute:
    name = "mute"
"""
HCN = EndPoints(
    reactant=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]]),
    product=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.17], [0, 1.2, 1.0]]),
    reaction_key="rx-hcn",
)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Settings of a campaign with a generator of a module of the user's, by class and arguments."""

    def settings_of(member, arguments=None, version="1", **given):
        (tmp_path / "my_generator.py").write_text(OWN.replace("VERSION", version), encoding="utf-8")
        monkeypatch.delitem(sys.modules, "my_generator", raising=False)
        _load.cache_clear()
        return load_settings(generator=f"my_generator:{member}", generator_arguments=arguments or {}, **given)

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        sys, "dont_write_bytecode", True
    )  # a module that changes within a second looks like the old one
    yield settings_of
    _load.cache_clear()


def test_a_generator_of_ones_own_guesses_under_its_name_and_triage_sends_all_of_it(own):
    settings = own("Midpoint", {"confidence": 0.99})
    check_settings(settings)
    generator = make_generator(settings)
    assert make_generator(settings) is generator
    ((first,), (second,)) = generator.generate([HCN, HCN])
    assert (first.generator, first.reaction_key, first.confidence) == ("midpoint", "rx-hcn", 0.99)
    assert np.allclose(2 * first.geometry.positions, HCN.reactant.positions + HCN.product.positions)
    assert error_judge(settings) is None
    (decision,) = first_look("triage", [second], [()], calibrated=False)
    assert decision.action is Action.REFINE


def test_its_path_arguments_and_version_decide_what_its_candidates_are(own):
    plain = candidate_settings(own("Midpoint"))
    assert candidate_settings(own("Midpoint")) == plain
    assert candidate_settings(own("Midpoint", {"confidence": 0.5})) != plain
    assert candidate_settings(own("OneListTooFew")) != plain
    assert candidate_settings(own("Midpoint", version="2")) != plain
    name = campaign_name(own("Midpoint"))
    assert campaign_name(own("Midpoint", version="2")) != name
    assert "generator_version" not in candidate_settings(own("Mute"))


def test_campaigns_of_the_generators_of_cairn_keep_their_names_beside_the_new_key(settings):
    assert "generator_arguments" not in candidate_settings(settings)
    assert campaign_name(load_settings(generator="classical", generator_arguments={})) == campaign_name(
        load_settings(generator="classical")
    )


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("OneListTooFew", "gave 1 lists for 2 reactions"),
        ("Reordered", "gave the atoms H N C for reaction rx-hcn; keep the order of its reactant, C N H"),
        ("Charged", "gave charge 2 and multiplicity 1; the reaction rx-hcn has 0 and 1"),
        ("BareGeometries", "gave a Geometry, not a TSCandidate"),
    ],
)
def test_what_it_gives_back_wrongly_is_refused_with_what_is_wanted(own, member, message):
    with pytest.raises(ConfigurationError, match=message):
        make_generator(own(member)).generate([HCN, HCN])


def test_candidates_without_their_lists_are_refused(own, monkeypatch):
    generator = make_generator(own("Midpoint"))
    monkeypatch.setattr(sys.modules["my_generator"].Midpoint, "generate", lambda *_: [None, None])
    with pytest.raises(ConfigurationError, match="must give a list of lists of TSCandidate"):
        generator.generate([HCN, HCN])


@pytest.mark.parametrize(
    ("member", "arguments", "message"),
    [
        ("Nobody", {}, "has no class or function 'Nobody'"),
        ("Mute", {}, r"has no method generate\(reactions\)"),
        ("Midpoint", {"confidnce": 1}, "cannot be made from generator_arguments .*confidnce"),
    ],
)
def test_a_generator_that_cannot_work_is_refused_before_the_campaign_begins(own, member, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        check_settings(own(member, arguments))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"generator": "no_such_module:Thing"}, "module 'no_such_module' cannot be imported"),
        ({"generator": "clasical"}, "must be reactdiff, classical or module:Class, got 'clasical'"),
        ({"generator": "classical", "generator_arguments": {"n": 1}}, "not for classical"),
        ({"generator": "my_generator:Midpoint", "candidates": 3}, "its generator_arguments say how many"),
    ],
)
def test_a_generator_that_is_named_wrongly_is_refused_with_the_remedy(given, message):
    with pytest.raises(ConfigurationError, match=message):
        check_settings(load_settings(**given))
