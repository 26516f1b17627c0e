"""Settings of the learning loop: the file that explains them holds the defaults, and bad ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from chem.errors import ConfigurationError
from tasks.learning_settings import LearnSettings, load_learn_settings

FILE = Path(__file__).parents[2] / "configs" / "learn.yaml"


def test_the_file_that_explains_every_key_holds_the_defaults():
    assert load_learn_settings(FILE) == LearnSettings()
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    plain = LearnSettings().model_dump(mode="json")
    assert written == plain


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("bases: x.npz", "unknown key; configs/learn.yaml lists every key"),
        ("training: {stepz: 3}", "training.stepz"),
        ("training: {steps: 0}", "steps must be at least 1"),
        ("drawing: {campaign: -1}", "campaign must be positive"),
        ("promotion: {statistic: mode}", "statistic"),
        ("minimum_new: 0", "minimum_new"),
        ("[1, 2]", "must hold keys and values"),
    ],
)
def test_a_bad_setting_is_named_with_its_remedy(tmp_path, content, named):
    (tmp_path / "learn.yaml").write_text(content)
    with pytest.raises(ConfigurationError, match=named):
        load_learn_settings(tmp_path / "learn.yaml")


def test_what_is_given_wins_over_the_file(tmp_path):
    (tmp_path / "learn.yaml").write_text("minimum_new: 7\nmax_hours: 2\n")
    assert load_learn_settings(tmp_path / "learn.yaml", minimum_new=9).minimum_new == 9
    with pytest.raises(ConfigurationError, match="max_hours"):
        load_learn_settings(max_hours=0.0)
