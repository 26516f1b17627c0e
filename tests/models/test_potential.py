"""The force field as physics asks for it: conservation, symmetry, separate molecules; and what the second task sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from chem.errors import ConfigurationError, InputError
from models.potential import DenoisingConfig, Potential, PotentialConfig, displaced, energy_and_forces, loss
from models.potential_training import main
from models.structure_batch import StructureArrays, collate_structures
from models.structure_data import write_structures
from models.training_moment import Moment

CUTOFF = 5.0


@pytest.fixture
def structures(reactions):
    """Vinyl alcohol, formaldehyde and a chiral amine, with made-up energies and forces."""
    made = []
    for place, each in enumerate(reactions.values()):
        forces = 0.3 * (each.ends[0] - each.ts)
        forces = forces - forces.mean(axis=0)
        one = StructureArrays(
            numbers=each.numbers, positions=each.ends[0], energy_ev=-100.0 - place, forces_ev_per_angstrom=forces
        )
        made.append(one)
    return made


@pytest.fixture
def batch(structures):
    return collate_structures(structures, torch.float64)


@pytest.fixture
def network(tiny_config):
    """Function that makes a small force field with random weights."""

    def made(**denoising):
        torch.manual_seed(0)
        config = PotentialConfig(
            backbone=replace(tiny_config.backbone, cutoff_angstrom=CUTOFF), denoising=DenoisingConfig(**denoising)
        )
        return Potential(config).double().requires_grad_(requires_grad=False)

    return made


def moment(progress=0.0):
    generators = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    return Moment(noise=next(generators), common=next(generators), progress=progress)


def test_forces_are_the_gradient_of_the_energy(network, batch):
    model, step = network(), 1e-5
    forces = energy_and_forces(model, batch).forces_ev_per_angstrom
    assert float(forces.abs().max()) > 1e-3
    generator = torch.Generator().manual_seed(3)
    for _ in range(3):
        direction = torch.randn(batch.positions.shape, generator=generator, dtype=torch.float64)
        direction = direction * batch.mask.unsqueeze(-1)
        up, down = (model(batch, batch.positions + sign * step * direction).energies_ev for sign in (1.0, -1.0))
        slope = (forces * direction).sum((-1, -2))
        assert torch.allclose((up - down) / (2 * step), -slope, atol=1e-6)


def test_no_net_force_and_no_net_torque(network, batch):
    forces = energy_and_forces(network(), batch).forces_ev_per_angstrom
    torque = torch.linalg.cross(batch.positions, forces).sum(1)
    assert float(forces.sum(1).abs().max()) < 1e-9
    assert float(torque.abs().max()) < 1e-9


def test_energy_does_not_care_how_a_structure_lies_or_which_hand_forces_turn_with_it(network, batch):
    model = network()
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    here = energy_and_forces(model, batch)
    there = energy_and_forces(model, replace(batch, positions=batch.positions @ rotation))
    proper = rotation * torch.linalg.det(rotation)
    turned = energy_and_forces(model, replace(batch, positions=batch.positions @ proper))
    assert torch.allclose(here.energies_ev, turned.energies_ev, atol=1e-9)
    assert torch.allclose(here.forces_ev_per_angstrom @ proper, turned.forces_ev_per_angstrom, atol=1e-9)
    assert torch.allclose(here.energies_ev, there.energies_ev, atol=1e-9)


def test_molecules_beyond_the_cutoff_have_the_sum_of_their_energies(network, structures):
    model, (first, second, _) = network(), structures
    pair = StructureArrays(
        numbers=torch.cat([torch.tensor(first.numbers), torch.tensor(second.numbers)]).numpy(),
        positions=torch.cat(
            [torch.tensor(first.positions), torch.tensor(second.positions) + torch.tensor([0.0, 0.0, 40.0])]
        ).numpy(),
    )
    alone = energy_and_forces(model, collate_structures([first, second], torch.float64))
    both = energy_and_forces(model, collate_structures([pair], torch.float64))
    assert float(both.energies_ev[0]) == pytest.approx(float(alone.energies_ev.sum()), abs=1e-4)


def test_energy_and_forces_are_smooth_where_an_atom_passes_the_cutoff(network, structures):
    model, one = network(), structures[1]
    numbers = [*one.numbers.tolist(), 8]

    def at(distance):
        far = [[0.0, 0.0, distance]]
        positions = torch.cat([torch.tensor(one.positions - one.positions[:1]), torch.tensor(far)]).numpy()
        made = StructureArrays(numbers=torch.tensor(numbers).numpy(), positions=positions)
        return energy_and_forces(model, collate_structures([made], torch.float64))

    before, after = at(CUTOFF - 1e-3), at(CUTOFF + 1e-3)
    assert torch.allclose(before.energies_ev, after.energies_ev, atol=1e-6)
    assert torch.allclose(before.forces_ev_per_angstrom, after.forces_ev_per_angstrom, atol=1e-4)


def test_padding_and_neighbours_in_the_batch_change_nothing(network, batch):
    model, alone = network(), batch.select([1])
    together, single = energy_and_forces(model, batch), energy_and_forces(model, alone)
    n = alone.mask.shape[1]
    assert float(together.energies_ev[1]) == pytest.approx(float(single.energies_ev[0]), abs=1e-9)
    assert torch.allclose(together.forces_ev_per_angstrom[1, :n], single.forces_ev_per_angstrom[0], atol=1e-9)
    assert float(together.forces_ev_per_angstrom[1, n:].abs().max()) == 0.0


def test_the_energies_of_atoms_explain_what_only_the_formula_decides(network, batch):
    model = network()
    counts = torch.stack([(batch.numbers == number).sum(-1) for number in (1, 6, 7, 8)], dim=-1).double()
    exact = replace(batch, energies_ev=counts @ torch.tensor([-13.0, -1000.0, -1500.0, -2000.0]).double())
    model.fit_scale(exact)
    assert torch.allclose(model.atom_energies_ev[exact.numbers].sum(-1), exact.energies_ev, atol=1e-6)


def test_forces_that_are_told_change_the_answer_and_only_where_the_task_tells_them(network, batch):
    model, silent = network(), network(told_forces=False)
    told = batch.mask.clone()
    told[:, 1:] = False

    def energies(potential, told=None):
        return potential(batch, batch.positions, told).energies_ev

    assert not torch.allclose(energies(model, told), energies(model))
    assert torch.allclose(energies(model, torch.zeros_like(told)), energies(model))
    assert torch.allclose(energies(silent, told), energies(silent))


def test_as_many_atoms_of_as_many_structures_are_displaced_as_asked(batch):
    config = DenoisingConfig(structure_share=0.5, atom_share=0.25, displacement_angstrom=0.1)
    many = batch.select([0, 2] * 500)
    positions, noise, moved = displaced(config, many, moment())
    assert float(moved.any(-1).double().mean()) == pytest.approx(0.5 * (1 - 0.75**9), abs=0.08)
    assert float(moved.sum()) / float(many.mask.sum()) == pytest.approx(0.125, abs=0.02)
    assert float(noise[moved].std()) == pytest.approx(1.0, abs=0.05)
    assert torch.allclose(positions - many.positions, 0.1 * noise)
    assert float((positions - many.positions)[~moved].abs().max()) == 0.0


def test_without_the_task_nothing_is_displaced_and_nothing_predicted(network, batch):
    _, parts = loss(network(structure_share=0.0), batch, moment())
    assert set(parts) == {"forces_ev_per_angstrom", "energy_ev_per_atom"}


def test_the_weight_of_the_task_falls_to_zero(network, batch):
    model = network(structure_share=1.0, atom_share=1.0, weight=5.0)
    totals = {}
    for progress in (0.0, 0.5, 1.0):
        total, parts = loss(model, batch, moment(progress))
        totals[progress] = float(total.detach())
    plain = (parts["forces_ev_per_angstrom"] + model.config.energy_weight * parts["energy_ev_per_atom"]).detach()
    assert totals[1.0] == pytest.approx(float(plain))
    assert totals[0.0] - totals[1.0] == pytest.approx(2 * (totals[0.5] - totals[1.0]))
    assert totals[0.0] > totals[1.0]


def test_every_weight_that_is_read_learns(network, batch):
    model = network(structure_share=1.0).train().requires_grad_()
    loss(model, batch, moment())[0].backward()
    idle = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert not [name for name in idle if "other" not in name and "role" not in name and "pair_change" not in name]
    assert all(bool(torch.isfinite(w.grad).all()) for w in model.parameters() if w.grad is not None)


def test_a_share_beyond_one_is_refused():
    with pytest.raises(ConfigurationError, match=r"atom_share is 1\.5; give 0 to 1"):
        DenoisingConfig(atom_share=1.5)


def test_a_force_field_trains_from_a_file_and_refuses_one_without_forces(tmp_path, structures):
    config = tmp_path / "small.yaml"
    config.write_text(
        "model: {backbone: {irreps: 8x0e+4x0o+4x1o+4x1e, edge_channels: 8, direction_channels: 4, product_channels: 4,"
        " n_blocks: 1, n_radial: 8, cutoff_angstrom: 5.0}}\n"
        "training: {steps: 4, batch_size: 2, validate_every: 2, checkpoint_every: 2}\n"
    )
    splits = ["train", "train", "val"]
    write_structures(tmp_path / "labels.npz", structures, splits, "gfn2")
    given = ["--config", str(config), "--device", "cpu", "--out", str(tmp_path / "run")]
    rows = []
    main([*given, "--data", str(tmp_path / "labels.npz")], rows.append)
    assert [row["step"] for row in rows] == [2, 4]
    assert rows[-1]["val_force_mae_ev_per_angstrom"] > 0.0
    bare = [StructureArrays(numbers=each.numbers, positions=each.positions) for each in structures]
    write_structures(tmp_path / "bare.npz", bare, splits, "gfn2")
    with pytest.raises(InputError, match="without energies and forces; make a file with `cairn label`"):
        main([*given, "--data", str(tmp_path / "bare.npz")], rows.append)


def test_a_force_field_without_a_cutoff_is_refused(tiny_config):
    with pytest.raises(ConfigurationError, match="needs cutoff_angstrom above 0"):
        PotentialConfig(backbone=tiny_config.backbone)
