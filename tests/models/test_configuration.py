"""Configurations: every file that ships can be read, and what cannot is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from chem.errors import ConfigurationError
from models.backbone import BackboneConfig
from models.barrier_training import BarrierTrainingConfig
from models.confidence_training import ConfidenceTrainingConfig
from models.configuration import from_plain, read_configuration, to_plain
from models.dig_training import DigTrainingConfig
from models.generator_training import GeneratorTrainingConfig
from models.joint_training import JointTrainingConfig
from models.morered_training import MoreRedTrainingConfig
from models.potential_training import PotentialTrainingConfig

CONFIGURATIONS = sorted((Path(__file__).parents[2] / "configs" / "model").glob("*.yaml"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    names: tuple[str, ...] = ("a",)
    share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    count: int = 1
    wanted: bool = False
    text: str = ""


KINDS = {
    "barrier": BarrierTrainingConfig,
    "confidence": ConfidenceTrainingConfig,
    "joint": JointTrainingConfig,
    "dig": DigTrainingConfig,
    "morered": MoreRedTrainingConfig,
    "potential": PotentialTrainingConfig,
    "reactdiff": GeneratorTrainingConfig,
}


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_every_shipped_configuration_is_read_whole(path):
    (kind,) = [kind for name, kind in KINDS.items() if path.name.startswith(name)]
    config = read_configuration(kind, path)
    plain = to_plain(config)

    def holds(part, whole):
        return all(
            holds(value, whole[key]) if isinstance(value, dict) else whole[key] == value for key, value in part.items()
        )

    assert holds(yaml.safe_load(path.read_text()), plain)


def test_there_are_shipped_configurations():
    assert "reactdiff_cpu.yaml" in [path.name for path in CONFIGURATIONS]


def test_plain_values_and_dataclasses_are_each_other_s_reverse():
    value = Outer(inner=Inner(names=("b", "c"), share=0.25), count=3, wanted=True, text="x")
    assert from_plain(Outer, to_plain(value), "here") == value
    config = BackboneConfig(elements=(1, 6), n_blocks=2)
    assert from_plain(BackboneConfig, yaml.safe_load(yaml.safe_dump(to_plain(config))), "here") == config


def test_what_is_not_given_keeps_its_default():
    assert from_plain(Outer, {"inner": {"share": 1}}, "here") == Outer(inner=Inner(share=1.0))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"cuont": 3}, "unknown key cuont; did you mean count"),
        ({"inner": {"zzz": 3}}, "here: inner: unknown key zzz; known: names, share"),
        ({"count": 1.5}, "count must be of type int"),
        ({"count": True}, "count must be of type int"),
        ({"inner": {"share": True}}, "share must be of type float"),
        ({"inner": {"share": "much"}}, "share must be of type float"),
        ({"wanted": 1}, "wanted must be of type bool"),
        ({"text": 1}, "text must be of type str"),
        ({"inner": {"names": "abc"}}, "names must be of type tuple"),
        ({"inner": 3}, "expected keys and values"),
        ([1, 2], "expected keys and values"),
    ],
)
def test_an_unknown_key_or_another_type_is_named_with_its_place(content, said):
    with pytest.raises(ConfigurationError, match=said):
        from_plain(Outer, content, "here")


def test_a_missing_file_and_one_that_is_no_yaml_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing.yaml"):
        read_configuration(Outer, tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(ConfigurationError, match=r"bad.yaml is no YAML"):
        read_configuration(Outer, tmp_path / "bad.yaml")


def test_an_empty_file_gives_the_defaults(tmp_path):
    (tmp_path / "empty.yaml").write_text("")
    assert read_configuration(Outer, tmp_path / "empty.yaml") == Outer()
