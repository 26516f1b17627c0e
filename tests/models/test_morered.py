"""Relaxation by reverse diffusion: what may change the answer, and what a perfect network would do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from chem.errors import ConfigurationError, InputError
from models.checkpoints import read_checkpoint, save_weights
from models.diffusion.noise import centered_noise
from models.frames import rmsd
from models.morered import MoreRed, MoreRedConfig, Prediction, loss, noise_angstrom, noised
from models.morered_relaxation import RelaxationConfig, relax_batch
from models.morered_training import main, time_of_noise
from models.structure_batch import StructureArrays, collate_structures
from models.structure_data import read_structures, write_structures
from models.training import TrainingConfig, batches
from models.training_moment import Moment

VARIANTS = {"itp": "separate", "as": "separate", "jt": "joint"}
SAME = 1e-5  # Angstrom


@pytest.fixture
def structures(reactions):
    """Vinyl alcohol, formaldehyde and a chiral amine."""
    return [StructureArrays(numbers=each.numbers, positions=each.ends[0]) for each in reactions.values()]


@pytest.fixture
def minima(structures):
    return collate_structures(structures, torch.float64)


@pytest.fixture
def network(tiny_config):
    """Function that makes a small network of a form with random weights."""

    def made(form):
        torch.manual_seed(0)
        return (
            MoreRed(MoreRedConfig(backbone=tiny_config.backbone, form=form))
            .double()
            .eval()
            .requires_grad_(requires_grad=False)
        )

    return made


def turned(batch):
    axis = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    rotation = axis * torch.linalg.det(axis)
    return replace(batch, positions=batch.positions @ rotation), rotation


def broken(config, batch, angstrom, seed=0):
    noise = centered_noise(batch.mask, torch.Generator().manual_seed(seed), dtype=torch.float64)
    time = torch.full((len(batch),), time_of_noise(config, angstrom), dtype=torch.float64)
    return replace(batch, positions=noised(config, batch, noise, time))


class Perfect(torch.nn.Module):
    """Knows the minima."""

    def __init__(self, config, minima):
        super().__init__()
        self.config, self.minima = config, minima
        levels = noise_angstrom(config, torch.arange(config.n_steps))
        self.levels = levels

    def forward(self, batch, positions, time=None, *, predict_time=True):
        rows = [
            next(k for k in range(len(self.minima)) if torch.equal(self.minima.numbers[k, : len(one)], one))
            for one in (row[row > 0] for row in batch.numbers)
        ]
        known = self.minima.select(rows)
        off = positions - known.positions
        n = 3.0 * (known.mask.sum(-1) - 1)
        size = (off.square().sum((-1, -2)) / n).sqrt()
        step = torch.searchsorted(self.levels, size).clamp_max(self.config.n_steps - 1)
        return Prediction(noise=off / noise_angstrom(self.config, step)[:, None, None], time=step / self.config.n_steps)


@pytest.mark.parametrize("form", ["joint", "separate"])
def test_noise_turns_with_the_structure_and_the_time_does_not_care(network, minima, form):
    model = network(form)
    moved, rotation = turned(minima)
    here, there = model(minima, minima.positions), model(moved, moved.positions)
    assert float(here.noise.abs().max()) > 1e-3
    assert torch.allclose(here.noise @ rotation, there.noise, atol=1e-9)
    assert torch.allclose(here.time, there.time, atol=1e-10)


@pytest.mark.parametrize("form", ["joint", "separate"])
def test_padding_and_neighbours_in_the_batch_change_nothing(network, minima, form):
    model = network(form)
    together = model(minima, minima.positions)
    alone = minima.select([1])
    single = model(alone, alone.positions)
    n = alone.mask.shape[1]
    assert torch.allclose(together.noise[1, :n], single.noise[0], atol=1e-9)
    assert torch.equal(together.noise[1, n:], torch.zeros_like(together.noise[1, n:]))
    assert torch.allclose(together.time[1], single.time[0], atol=1e-10)


def test_bonds_change_what_is_predicted(network, minima):
    model = network("joint")
    blind = replace(minima, bonded=torch.zeros_like(minima.bonded))
    assert not torch.allclose(model(minima, minima.positions).noise, model(blind, minima.positions).noise)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_relaxation_follows_the_frame_of_the_guess(network, minima, variant):
    model = network(VARIANTS[variant])
    config = RelaxationConfig(variant=variant, max_evaluations=4)
    guess = broken(model.config, minima, 0.3)
    moved, rotation = turned(guess)
    here, there = relax_batch(model, guess, config), relax_batch(model, moved, config)
    assert float((here.positions @ rotation - there.positions).abs().max()) < SAME
    assert torch.equal(here.evaluations, there.evaluations)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("angstrom", [0.1, 0.3, 0.5])
def test_a_perfect_network_finds_the_minimum_in_as_many_strides_as_there_is_noise(
    tiny_config, minima, variant, angstrom
):
    model = Perfect(MoreRedConfig(backbone=tiny_config.backbone, form=VARIANTS[variant]), minima)
    guess = broken(model.config, minima, angstrom)
    relaxed = relax_batch(model, guess, RelaxationConfig(variant=variant, stride=20))
    assert bool(relaxed.relaxed.all())
    assert float(rmsd(relaxed.positions, minima.positions, minima.mask.double()).max()) < 0.01
    expected = time_of_noise(model.config, angstrom) * model.config.n_steps / 20
    assert float((relaxed.evaluations - expected).abs().max()) < 0.5 * expected + 2
    assert torch.allclose(relaxed.noise_angstrom, torch.full((3,), angstrom, dtype=torch.float64), rtol=0.5)


def test_a_minimum_is_left_where_it_is_after_one_look(tiny_config, minima):
    model = Perfect(MoreRedConfig(backbone=tiny_config.backbone), minima)
    relaxed = relax_batch(model, minima, RelaxationConfig())
    assert relaxed.evaluations.tolist() == [1, 1, 1]
    assert float((relaxed.positions - minima.positions).abs().max()) < SAME


def test_what_is_not_relaxed_in_time_says_so(tiny_config, minima):
    model = Perfect(MoreRedConfig(backbone=tiny_config.backbone), minima)
    relaxed = relax_batch(model, broken(model.config, minima, 0.5), RelaxationConfig(stride=1, max_evaluations=3))
    assert relaxed.relaxed.tolist() == [False, False, False]
    assert relaxed.evaluations.tolist() == [3, 3, 3]


def test_a_network_of_the_other_form_is_refused(network, minima):
    with pytest.raises(ConfigurationError, match="variant itp needs a network of form separate"):
        relax_batch(network("joint"), minima, RelaxationConfig(variant="itp"))


@pytest.mark.parametrize("angstrom", [0.05, 0.3, 0.7])
def test_noise_of_so_many_angstrom_has_that_standard_deviation(tiny_config, minima, angstrom):
    config = MoreRedConfig(backbone=tiny_config.backbone)
    squares = [
        (broken(config, minima, angstrom, seed).positions - minima.positions).square().sum((-1, -2))
        / (3.0 * (minima.mask.sum(-1) - 1))
        for seed in range(200)
    ]
    assert torch.stack(squares).mean(0).sqrt().tolist() == pytest.approx([angstrom] * 3, rel=0.1)


@pytest.mark.parametrize("form", ["joint", "separate"])
def test_every_weight_learns(network, minima, form):
    model = network(form).train().requires_grad_()
    moment = Moment(noise=torch.Generator().manual_seed(0), common=torch.Generator().manual_seed(2))
    total, parts = loss(model, minima, moment)
    total.backward()
    assert set(parts) == {"noise", "time"}
    still = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert still == [name for name in still if name.startswith("time_backbone.blocks.1.pair_change")]  # read by none


def test_structures_are_read_as_they_were_written(tmp_path, structures):
    write_structures(tmp_path / "minima.npz", structures, ["train", "val", "train"], "gfn2")
    data = read_structures(tmp_path / "minima.npz")
    assert (data.level, data.splits.tolist()) == ("gfn2", ["train", "val", "train"])
    for one, other in zip(data.structures, structures, strict=True):
        assert np.array_equal(one.numbers, other.numbers)
        assert np.allclose(one.positions, other.positions, atol=1e-6)
    assert len(data.split("train")) == 2


def test_a_file_that_holds_no_structures_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match="make it with `cairn minima` or `cairn label`"):
        read_structures(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", offset=[0, 1])
    with pytest.raises(InputError, match="lacks the arrays numbers, positions, split, level"):
        read_structures(tmp_path / "other.npz")


def test_a_training_keeps_its_best_weights_and_does_not_mix_runs(tmp_path, structures, monkeypatch):
    monkeypatch.setattr("models.morered_training.NOISES_ANGSTROM", (0.1,))
    write_structures(tmp_path / "minima.npz", structures, ["train", "train", "val"], "gfn2")
    config = tmp_path / "small.yaml"
    config.write_text(
        "model: {form: joint, backbone: {irreps: 8x0e+4x0o+4x1o+4x1e, edge_channels: 8, direction_channels: 4,"
        " product_channels: 4, n_blocks: 1, n_radial: 8}}\n"
        "training: {steps: 4, batch_size: 2, validate_every: 2, checkpoint_every: 2}\n"
    )
    given = ["--data", str(tmp_path / "minima.npz"), "--config", str(config), "--device", "cpu"]
    rows = []
    main([*given, "--out", str(tmp_path / "run")], rows.append)
    assert [row["step"] for row in rows] == [2, 4]
    stored = read_checkpoint(tmp_path / "run" / "weights.safetensors", "morered")
    assert (stored.card["level"], stored.card["n_train"]) == ("gfn2", 2)
    again = MoreRed(stored.configuration(MoreRedConfig))
    stored.load_into(again)
    save_weights(tmp_path / "copy.safetensors", again, "morered", again.config, stored.card)
    with pytest.raises(InputError, match="holds another run"):
        main([*given, "--out", str(tmp_path / "run")], rows.append)


def test_noise_beyond_what_was_learned_is_never_seen_and_a_network_gone_astray_gives_the_guess_back(network, minima):
    model = network("joint")
    model.time_head.mix[-1].bias.fill_(50.0)
    relaxed = relax_batch(model, minima, RelaxationConfig(max_evaluations=2))
    assert float(relaxed.noise_angstrom.max()) < 1.3
    for weight in model.noise_head.parameters():
        weight.fill_(torch.nan)
    astray = relax_batch(model, minima, RelaxationConfig(max_evaluations=2))
    assert torch.allclose(astray.positions, minima.positions)
    assert astray.relaxed.tolist() == [False, False, False]


def test_a_training_set_smaller_than_a_batch_is_one_batch(minima):
    config = TrainingConfig(batch_size=16)
    assert len(next(batches(minima, config, 0))) == 3


def test_elements_that_the_network_is_not_to_know_are_named(tmp_path, structures):
    strange = replace(structures[0], numbers=np.array([6, 6, 16, 1, 1, 1, 1]))
    write_structures(tmp_path / "minima.npz", [strange, *structures], ["train", "train", "val", "val"], "gfn2")
    config = tmp_path / "small.yaml"
    config.write_text("training: {steps: 2}\n")
    words = ["--data", str(tmp_path / "minima.npz"), "--config", str(config), "--out", str(tmp_path / "run")]
    with pytest.raises(InputError, match="atomic numbers 16, which the network is not to know"):
        main(words)


def test_nothing_to_write_is_said(tmp_path):
    with pytest.raises(InputError, match="nothing is left to write"):
        write_structures(tmp_path / "none.npz", [], [], "gfn2")
