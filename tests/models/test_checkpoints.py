"""Weights on disk: they come back bit by bit, and nothing else passes for them."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from chem.errors import ConfigurationError
from models.backbone import BackboneConfig
from models.checkpoints import read_checkpoint, save_weights, shipped
from models.reactdiff import ReactDiff, ReactDiffConfig
from models.weights_file import hash_of

CARD = {"data": "rdb7.npz", "seed": 3, "metrics": {"rmsd": 0.1}}


@pytest.fixture
def stored(tmp_path, tiny_config):
    """A model and the file of its weights."""
    model = ReactDiff(tiny_config)
    path = tmp_path / "deep" / "weights.safetensors"
    save_weights(path, model, "reactdiff", tiny_config, CARD)
    return model, path


def test_weights_configuration_and_card_come_back_as_they_were(stored, tiny_config):
    model, path = stored
    checkpoint = read_checkpoint(path, "reactdiff")
    assert checkpoint.configuration(ReactDiffConfig) == tiny_config
    assert (checkpoint.card, checkpoint.sha256) == (CARD, hash_of(path))
    again = ReactDiff(checkpoint.configuration(ReactDiffConfig))
    checkpoint.load_into(again)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_changed_byte_is_noticed(stored):
    _, path = stored
    before = hash_of(path)
    assert read_checkpoint(path, "reactdiff", before).sha256 == before
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ConfigurationError, match="damaged or replaced"):
        read_checkpoint(path, "reactdiff", before)


def test_what_is_no_checkpoint_is_named(stored, tmp_path):
    _, path = stored
    with pytest.raises(ConfigurationError, match=r"cannot read the weights .*missing"):
        read_checkpoint(tmp_path / "missing.safetensors", "reactdiff")
    with pytest.raises(ConfigurationError, match="holds a reactdiff model, not a confidence model"):
        read_checkpoint(path, "confidence")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ConfigurationError, match=r"the tensors in .*weights\.safetensors cannot be read"):
        read_checkpoint(path, "reactdiff")
    path.write_bytes(content[:100])
    with pytest.raises(ConfigurationError, match="no safetensors file"):
        read_checkpoint(path, "reactdiff")
    save_file({"a": torch.zeros(2)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(ConfigurationError, match="not written by this version"):
        read_checkpoint(tmp_path / "other.safetensors", "reactdiff")


def test_weights_of_another_network_are_refused(stored):
    _, path = stored
    other = ReactDiff(ReactDiffConfig(backbone=BackboneConfig(irreps="4x0e+1x0o+2x1o+1x1e", n_blocks=1)))
    with pytest.raises(ConfigurationError, match="does not fit"):
        read_checkpoint(path, "reactdiff").load_into(other)


def test_shipped_weights_are_found_by_kind_and_checked_by_hash(stored, tmp_path, monkeypatch):
    _, path = stored
    monkeypatch.setattr("models.weights_file.SHIPPED", tmp_path / "shipped.yaml")
    entry = f"reactdiff:\n  file: deep/weights.safetensors\n  sha256: {hash_of(path)}\n"
    (tmp_path / "shipped.yaml").write_text(entry)
    assert shipped("reactdiff").path == path
    (tmp_path / "shipped.yaml").write_text(entry.replace(hash_of(path), 64 * "f"))
    with pytest.raises(ConfigurationError, match="damaged or replaced"):
        shipped("reactdiff")
