"""Weights told from their files, and the generator that the settings name."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.types import Geometry
from tasks.generators import calibration_of, make_generator
from tasks.plan import campaign_name, candidate_settings
from tasks.settings import load_settings
from tasks.weights import find_weights

ROOT = Path(__file__).parents[2]


def write(path, kind, **card):
    facts = json.dumps({"format": "1", "kind": kind, "config": {}, "card": card})
    header = json.dumps({"__metadata__": {"cairn": facts}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


@pytest.fixture
def settings(tmp_path):
    """Settings of a campaign with empty weights that belong together."""
    checkpoint = write(tmp_path / "generator.safetensors", "reactdiff", epochs=3)
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    confidence = write(tmp_path / "confidence.safetensors", "confidence", generator_sha256=sha256)
    return load_settings(checkpoint=checkpoint, confidence=confidence)


def test_weights_are_known_by_their_hash_kind_and_card(settings):
    found = find_weights("reactdiff", settings.checkpoint)
    assert found.sha256 == hashlib.sha256(settings.checkpoint.read_bytes()).hexdigest()
    assert (found.kind, found.card) == ("reactdiff", {"epochs": 3})


def test_weights_replaced_under_one_name_are_other_weights(settings):
    before = find_weights("reactdiff", settings.checkpoint).sha256
    write(settings.checkpoint, "reactdiff", epochs=4)
    assert find_weights("reactdiff", settings.checkpoint).sha256 != before


def test_wrong_weights_are_refused_by_name(settings, tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.safetensors"):
        find_weights("reactdiff", tmp_path / "nowhere.safetensors")
    with pytest.raises(ConfigurationError, match="holds a confidence model, not a reactdiff model"):
        find_weights("reactdiff", settings.confidence)
    (tmp_path / "text.safetensors").write_text("hello, I am no weights at all")
    with pytest.raises(ConfigurationError, match=r"text\.safetensors is no safetensors file"):
        find_weights("reactdiff", tmp_path / "text.safetensors")


def test_without_shipped_weights_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("tasks.weights.SHIPPED", tmp_path / "shipped.yaml")
    with pytest.raises(ConfigurationError, match="generator: classical"):
        find_weights("reactdiff")


def test_shipped_weights_must_be_those_that_are_listed(monkeypatch, tmp_path):
    write(tmp_path / "one.safetensors", "reactdiff")
    (tmp_path / "shipped.yaml").write_text("reactdiff: {file: one.safetensors, sha256: '00'}")
    monkeypatch.setattr("tasks.weights.SHIPPED", tmp_path / "shipped.yaml")
    with pytest.raises(ConfigurationError, match="restore it"):
        find_weights("reactdiff")


def test_candidates_and_campaigns_of_other_weights_or_steps_are_others(settings):
    other = load_settings(checkpoint=settings.checkpoint, confidence=settings.confidence, sampling={"steps": 5})
    elsewhere = load_settings(
        checkpoint=settings.checkpoint, confidence=settings.confidence, sampling={"device": "cpu"}
    )
    assert candidate_settings(other) != candidate_settings(settings)
    assert candidate_settings(elsewhere) == candidate_settings(settings)
    assert campaign_name(elsewhere) == campaign_name(settings)
    before = candidate_settings(settings), campaign_name(settings)
    write(settings.checkpoint, "reactdiff", epochs=4)
    sha256 = hashlib.sha256(settings.checkpoint.read_bytes()).hexdigest()
    write(settings.confidence, "confidence", generator_sha256=sha256)
    assert candidate_settings(settings) != before[0]
    assert campaign_name(settings) != before[1]


def test_a_confidence_of_another_generator_is_refused_before_anything_is_loaded(settings):
    write(settings.checkpoint, "reactdiff", epochs=4)
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


def test_the_network_is_loaded_once_guesses_and_says_how_far_to_trust_it(tmp_path):
    from models.backbone import BackboneConfig
    from models.checkpoints import save_weights
    from models.confidence import Scorer, ScorerConfig
    from models.reactdiff import ReactDiff, ReactDiffConfig

    config = ReactDiffConfig(
        backbone=BackboneConfig(
            irreps="4x0e+2x0o+2x1o+2x1e",
            edge_channels=4,
            direction_channels=2,
            product_channels=2,
            n_blocks=1,
            n_radial=4,
        )
    )
    checkpoint, confidence = tmp_path / "generator.safetensors", tmp_path / "confidence.safetensors"
    sha256 = save_weights(checkpoint, ReactDiff(config), "reactdiff", config, {})
    scorer = ScorerConfig(trunk=config, hidden=8, n_calibration=20)
    save_weights(confidence, Scorer(scorer), "confidence", scorer, {"generator_sha256": sha256})
    settings = load_settings(
        checkpoint=checkpoint, confidence=confidence, candidates=3, sampling={"steps": 2, "device": "cpu"}
    )
    generator = make_generator(settings)
    assert make_generator(load_settings(**{**settings.model_dump(), "database": "sqlite:///other.db"})) is generator
    assert len(calibration_of(generator).error_kcal_mol) == 20

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


def test_the_weights_that_the_models_write_are_known_without_them(tmp_path):
    from torch import nn

    from models.checkpoints import save_weights

    path = tmp_path / "weights.safetensors"
    sha256 = save_weights(path, nn.Linear(2, 1), "reactdiff", {}, {"seed": 7})
    found = find_weights("reactdiff", path)
    assert (found.kind, found.sha256, found.card) == ("reactdiff", sha256, {"seed": 7})
    assert save_weights(tmp_path / "again.safetensors", nn.Linear(2, 1), "reactdiff", {}, {"seed": 7}) != sha256
