"""A confidence trained from end to end on a few shifts of hydrogen cyanide: drawn, polished, fitted, calibrated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from chem.errors import InputError
from models.checkpoints import save_weights
from models.confidence import load_scorer
from models.confidence_training import ConfidenceTrainingConfig
from models.generator_sampling import SamplingConfig
from models.reactdiff import ReactDiff
from models.reaction_data import read_reactions
from models.weights_file import hash_of
from tasks.confidence import ConfidenceInputs, train_confidence
from tasks.workers import WorkerLimits

PLACES = {
    "reactant": [[0.0, 0, 0], [0, 0, 1.15], [0.05, 0, -1.07]],
    "ts": [[0.0, 0, 0], [0, 0, 1.19], [1.15, 0, 0.35]],
    "product": [[0.0, 0, 0], [0, 0, 1.17], [0.05, 0, 2.17]],
}
CONFIG = ConfidenceTrainingConfig(
    sampling=SamplingConfig(n_samples=2, n_steps=1),
    hidden=8,
    epochs=2,
    n_reactions=4,
    n_errors=3,
    polish_gradient_calls=4,
)
N_TRAIN, N_VAL = 8, 4


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight reactions to train on, half of them in each fold, and four to calibrate on."""
    generator = np.random.default_rng(0)
    n = N_TRAIN + N_VAL
    path = tmp_path_factory.mktemp("data") / "shifts.npz"
    np.savez(
        path,
        offset=np.arange(0, 3 * n + 1, 3),
        numbers=np.tile([6, 7, 1], n),
        split=np.array(["train"] * N_TRAIN + ["val"] * N_VAL),
        **{
            name: np.concatenate([np.array(place) + 0.02 * generator.normal(size=(3, 3)) for _ in range(n)])
            for name, place in PLACES.items()
        },
    )
    return read_reactions(path)


@pytest.fixture
def inputs(tmp_path, data, tiny_config):
    """What a confidence is trained from, with untrained networks."""
    torch.manual_seed(0)
    model = ReactDiff(tiny_config)
    for name, fold in (("generator", ""), ("trunk", "0/2")):
        save_weights(tmp_path / f"{name}.safetensors", model, "reactdiff", tiny_config, {"fold_left_out": fold})
    return ConfidenceInputs(
        data=data,
        data_name="shifts.npz",
        generator=tmp_path / "generator.safetensors",
        trunk=tmp_path / "trunk.safetensors",
        fold="0/2",
        folder=tmp_path / "confidence",
    )


def test_a_confidence_is_trained_calibrated_and_taken_up_where_it_was(inputs, monkeypatch):
    told = []
    path = train_confidence(
        inputs, CONFIG, WorkerLimits(n_workers=1), lambda what, done, total: told.append((what, done, total))
    )
    assert ("measuring barriers of unseen", 3, 3) in told
    assert ("measuring barriers of val", N_VAL, N_VAL) in told
    with np.load(inputs.folder / "val_barriers.npz") as stored:
        assert np.isfinite(stored["features"]).all()
        assert np.isfinite(stored["errors"]).all()
    calibration = load_scorer(path, generator_sha256=hash_of(inputs.generator)).judge.calibration
    assert calibration.source == "val of shifts.npz"
    assert len(calibration.error_kcal_mol) == N_VAL
    before = path.read_bytes()
    path.unlink()
    monkeypatch.setattr("tasks.confidence.barrier_energies", None)  # nothing is measured twice
    assert train_confidence(inputs, CONFIG, WorkerLimits(n_workers=1), lambda *_: None).read_bytes() == before


def test_a_trunk_that_saw_the_fold_is_refused(inputs):
    with pytest.raises(InputError, match="give the fold that it has not seen"):
        train_confidence(
            replace(inputs, trunk=inputs.generator),
            CONFIG,
            WorkerLimits(n_workers=1),
            lambda *_: None,
        )
