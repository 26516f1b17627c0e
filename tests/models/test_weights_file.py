"""Weights told from their files alone: known by hash, kind and card, and refused by name."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from chem.errors import ConfigurationError
from models.checkpoints import save_weights
from models.weights_file import find_weights, hash_of, read_weights_file, shipped_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def weights(tmp_path, write_weights):
    return write_weights(tmp_path / "generator.safetensors", "reactdiff", epochs=3)


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Function that lists files in place of those that Cairn ships."""

    def made(text):
        (tmp_path / "shipped.yaml").write_text(text)
        monkeypatch.setattr("models.weights_file.SHIPPED", tmp_path / "shipped.yaml")

    return made


def test_weights_are_known_by_their_hash_kind_and_card(weights):
    found = find_weights("reactdiff", weights)
    assert found.sha256 == hash_of(weights) == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (found.path, found.kind, found.config, found.card) == (weights, "reactdiff", {}, {"epochs": 3})


def test_the_weights_that_the_models_write_are_known_without_them(tmp_path):
    path = tmp_path / "weights.safetensors"
    sha256 = save_weights(path, nn.Linear(2, 1), "reactdiff", {"width": 2}, {"seed": 7})
    found = find_weights("reactdiff", path)
    assert (found.kind, found.sha256, found.config, found.card) == ("reactdiff", sha256, {"width": 2}, {"seed": 7})
    assert save_weights(tmp_path / "again.safetensors", nn.Linear(2, 1), "reactdiff", {}, {"seed": 7}) != sha256


def test_looking_at_weights_does_not_load_torch(weights):
    program = (
        "import sys; from pathlib import Path; from models.weights_file import find_weights;"
        "find_weights('reactdiff', Path(sys.argv[1])); assert not {'torch', 'safetensors'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(weights)], cwd=ROOT, check=True, timeout=60)


def test_weights_replaced_under_one_name_are_other_weights(weights, write_weights):
    before = find_weights("reactdiff", weights).sha256
    write_weights(weights, "reactdiff", epochs=4)
    os.utime(weights, (0, 0))  # the clock of a file system may be too coarse for two writes in a row
    assert find_weights("reactdiff", weights).sha256 != before


def test_wrong_weights_are_refused_by_name(tmp_path, weights, write_weights):
    with pytest.raises(ConfigurationError, match=r"cannot read the weights .*nowhere\.safetensors: No such file"):
        find_weights("reactdiff", tmp_path / "nowhere.safetensors")
    with pytest.raises(ConfigurationError, match="holds a reactdiff model, not a confidence model"):
        find_weights("confidence", weights)
    for content in (b"", b"hello, I am no weights at all", weights.read_bytes()[:20]):
        (tmp_path / "text.safetensors").write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"text\.safetensors is no safetensors file"):
            find_weights("reactdiff", tmp_path / "text.safetensors")
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    (tmp_path / "other.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ConfigurationError, match="not written by this version"):
        find_weights("reactdiff", tmp_path / "other.safetensors")


def test_a_changed_byte_is_noticed_where_the_hash_is_known(weights):
    before = hash_of(weights)
    assert read_weights_file(weights, "reactdiff", before).sha256 == before
    weights.write_bytes(weights.read_bytes().replace(b"3", b"4"))
    with pytest.raises(ConfigurationError, match="damaged or replaced"):
        read_weights_file(weights, "reactdiff", before)


def test_shipped_weights_must_be_those_that_are_listed(weights, listed):
    listed(f"reactdiff: {{file: {weights.name}, sha256: '{hash_of(weights)}'}}")
    assert shipped_file("reactdiff") == (weights, hash_of(weights))
    assert find_weights("reactdiff").path == weights
    listed(f"reactdiff: {{file: {weights.name}, sha256: '00'}}")
    with pytest.raises(ConfigurationError, match="restore it"):
        find_weights("reactdiff")


def test_without_shipped_weights_the_message_says_what_there_is_and_what_to_do(weights, listed, monkeypatch):
    listed(f"reactdiff: {{file: {weights.name}, sha256: '00'}}")
    with pytest.raises(ConfigurationError, match=r"no confidence weights, only reactdiff; .*generator: classical"):
        find_weights("confidence")
    monkeypatch.setattr("models.weights_file.SHIPPED", weights.parent / "nowhere.yaml")
    with pytest.raises(ConfigurationError, match="no reactdiff weights, only none at all"):
        find_weights("reactdiff")


def test_the_shipped_weights_fit_the_networks_of_this_version_and_each_other():
    from models.confidence import load_scorer
    from models.generator import DiffusionGenerator
    from models.walk_judge import load_judge

    generator = DiffusionGenerator(device="cpu")
    scorer = load_scorer(None, generator_sha256=generator.checkpoint.sha256)
    judge = load_judge(None)
    assert len(judge.calibration.error_kcal_mol) == scorer.config.n_calibration > 100
