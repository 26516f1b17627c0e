"""The generator that the settings name: what decides its candidates, and that its weights belong together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.types import Geometry
from models.weights_file import hash_of
from tasks.generators import error_judge, make_generator
from tasks.plan import campaign_name, candidate_settings
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
