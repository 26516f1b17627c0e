"""A force field on the shared backbone, trained with denoising as a second task (DeNS, 10.48550/arXiv.2403.09549).

The energy is a sum over atoms, forces are its exact gradient. In training some structures are displaced a little: told
the forces of the structure as it was, the network predicts the displacement beside its energy. In use no structure is
displaced, and the network is told nothing.

Shapes: B batch, N atoms (padded).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from e3nn import o3
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.backbone import Backbone, BackboneConfig, EquivariantNorm, Features, Others, mixed_exactly
from models.frames import centered
from models.structure_batch import StructureBatch
from models.training_moment import Moment

LARGEST_NUMBER = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoisingConfig:
    """Denoising of non-equilibrium structures as a second task.

    Attributes:
        structure_share: Share of the structures of a training step that are displaced; 0 trains without the task.
        atom_share: Share of their atoms that are.
        displacement_angstrom: Standard deviation of the displacements.
        weight: Weight of the task at the beginning; it falls to zero over the training.
        told_forces: Tell the network the forces before the displacement. Without them many structures have the same
            displaced one, and there is nothing to learn.
    """

    structure_share: float = 0.25
    atom_share: float = 0.25
    displacement_angstrom: float = 0.05
    weight: float = 0.1
    told_forces: bool = True

    def __post_init__(self) -> None:
        """Shares are shares."""
        for name in ("structure_share", "atom_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PotentialConfig:
    """Network and losses.

    Attributes:
        backbone: Size of the network; wants a cutoff, so that separate molecules do not feel each other.
        denoising: The second task.
        energy_weight: Weight of the error of the energy of an atom, in eV, beside that of the forces in eV/Angstrom.
    """

    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(cutoff_angstrom=6.0))
    denoising: DenoisingConfig = field(default_factory=DenoisingConfig)
    energy_weight: float = 1.0

    def __post_init__(self) -> None:
        """Separate molecules must not feel each other."""
        if not self.backbone.cutoff_angstrom > 0.0:
            raise ConfigurationError("the backbone of a force field needs cutoff_angstrom above 0, such as 6.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyAndForces:
    """What the force field makes of structures.

    Attributes:
        energies_ev: Shape (B,), eV.
        forces_ev_per_angstrom: Shape (B, N, 3), eV/Angstrom; zero on padding.
        displacements: Displacements of the atoms in units of their standard deviation, shape (B, N, 3); None where the
            network was told no forces.
    """

    energies_ev: Tensor
    forces_ev_per_angstrom: Tensor
    displacements: Tensor | None = None


def no_others(positions: Tensor) -> Others:
    """Nothing beside the structure itself."""
    size, n, _ = positions.shape
    flags = torch.zeros(size, 0, n, n, dtype=torch.bool, device=positions.device)
    return Others(
        positions=positions.new_zeros(size, 0, n, 3),
        bonded=flags,
        together=flags,
        level=positions.new_zeros(size, 0),
        role=torch.zeros(0, dtype=torch.long, device=positions.device),
    )


class ToldForces(nn.Module):
    """Forces as features of the atoms that they act on: their direction and their size."""

    def __init__(self, irreps: o3.Irreps, scalars: slice) -> None:
        super().__init__()
        width = scalars.stop - scalars.start
        self.scalars = scalars
        self.size = nn.Sequential(nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width))
        self.direction = o3.Linear("1x1o", irreps)

    def forward(self, forces: Tensor, told: Tensor) -> Tensor:
        """Shape (B, N, irreps.dim), zero for atoms whose force is not told.

        Args:
            forces: Shape (B, N, 3), eV/Angstrom.
            told: Whether each is, shape (B, N), bool.
        """
        there = told.to(forces).unsqueeze(-1)
        size = (forces.square().sum(-1, keepdim=True) + 1e-12).sqrt()
        # The logarithm keeps the large forces of bad structures in the range of the others.
        scaled = torch.log1p(size)
        features = mixed_exactly(self.direction, forces / size * scaled)
        own = self.size(torch.cat([scaled, torch.ones_like(scaled)], dim=-1))
        features = features.clone()
        features[..., self.scalars] = features[..., self.scalars] + own
        return features * there


class Potential(nn.Module):
    """Energy and forces of structures."""

    scale_ev: Tensor
    atom_energies_ev: Tensor

    def __init__(self, config: PotentialConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        irreps, scalars = o3.Irreps(config.backbone.irreps), self.backbone.scalars
        width = scalars.stop - scalars.start
        self.energy = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1, bias=False)
        )
        self.told_forces = ToldForces(irreps, scalars)
        self.displacement_norm, self.displacement = EquivariantNorm(irreps), o3.Linear(irreps, "1x1o")
        self.register_buffer("atom_energies_ev", torch.zeros(LARGEST_NUMBER + 1, dtype=torch.float64))
        self.register_buffer("scale_ev", torch.ones((), dtype=torch.float64))

    def fit_scale(self, batch: StructureBatch) -> None:
        """Take out of the energies what the numbers of atoms explain, and learn the rest in units of the forces.

        Args:
            batch: Training structures.
        """
        elements = list(self.config.backbone.elements)
        counts = torch.stack([(batch.numbers == number).sum(-1) for number in elements], dim=-1).double().cpu()
        # Elements that do not occur, and mixtures that do not tell them apart, get the shortest solution.
        solved = torch.linalg.pinv(counts) @ batch.energies_ev.double().cpu()
        self.atom_energies_ev[elements] = solved.to(self.atom_energies_ev)
        forces = batch.forces_ev_per_angstrom[batch.mask]
        self.scale_ev.fill_(max(1e-3, float(forces.double().square().mean().sqrt())))

    def forward(
        self, batch: StructureBatch, positions: Tensor, told: Tensor | None = None, *, create_graph: bool = False
    ) -> EnergyAndForces:
        """Energies, and forces as their negative gradient.

        Args:
            batch: Atoms; with `told`, also the forces to tell.
            positions: Shape (B, N, 3), Angstrom.
            told: Atoms whose forces are told, shape (B, N), bool; None in use.
            create_graph: Keep what is needed to learn from the forces.
        """
        with torch.enable_grad():
            at = positions.detach().requires_grad_()
            features = self._features(batch, at, told)
            energies = self._energies(batch, features)
            (gradient,) = torch.autograd.grad(energies.sum(), at, create_graph=create_graph)
        displacements = None
        if told is not None:
            displacements = mixed_exactly(self.displacement, self.displacement_norm(features.nodes)) * features.mask
        forces = -gradient.to(positions)
        if not create_graph:
            energies, forces = energies.detach(), forces.detach()
        return EnergyAndForces(energies_ev=energies, forces_ev_per_angstrom=forces, displacements=displacements)

    def _features(self, batch: StructureBatch, positions: Tensor, told: Tensor | None) -> Features:
        known = None
        if told is not None and self.config.denoising.told_forces:
            known = self.told_forces(batch.forces_ev_per_angstrom, told)
        nothing = positions.new_zeros(len(batch))
        features: Features = self.backbone(batch.numbers, batch.mask, positions, nothing, no_others(positions), known)
        return features

    def _energies(self, batch: StructureBatch, features: Features) -> Tensor:
        each = self.energy(features.nodes[..., self.backbone.scalars]) * features.mask  # (B, N, 1)
        reference = self.atom_energies_ev[batch.numbers].sum(-1)
        energies: Tensor = reference + self.scale_ev * each.sum((1, 2)).double()
        return energies


def displaced(config: DenoisingConfig, batch: StructureBatch, moment: Moment) -> tuple[Tensor, Tensor, Tensor]:
    """Some atoms of some structures moved at random.

    Returns:
        Positions, shape (B, N, 3), Angstrom; displacements in units of their standard deviation, zero where there are
        none, same shape; which atoms were moved, shape (B, N), bool.
    """
    generator, mask = moment.noise, batch.mask

    def drawn(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=generator.device).to(batch.positions.device)

    chosen = drawn(len(batch), 1) < config.structure_share
    moved = chosen & (drawn(*mask.shape) < config.atom_share) & mask
    noise = torch.randn(*mask.shape, 3, generator=generator, device=generator.device).to(batch.positions)
    noise = noise * moved.unsqueeze(-1)
    return batch.positions + config.displacement_angstrom * noise, noise, moved


def loss(model: Potential, batch: StructureBatch, moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
    """Training loss: mean length of the errors of the forces, of the energy of an atom, and of the displacements.

    Args:
        model: The network.
        batch: Structures with energies and forces.
        moment: Draws the displacements; its progress lowers their weight.

    Returns:
        The loss and its parts: forces in eV/Angstrom, energies in eV an atom, displacements without unit.
    """
    config = model.config
    positions, noise, moved = displaced(config.denoising, batch, moment)
    any_moved = config.denoising.structure_share > 0.0
    predicted = model(batch, positions, moved if any_moved else None, create_graph=True)
    still = batch.mask & ~moved
    error = predicted.forces_ev_per_angstrom - batch.forces_ev_per_angstrom
    lengths = (error.square().sum(-1) + 1e-12).sqrt()
    n_atoms = batch.mask.sum(-1)
    per_atom = ((predicted.energies_ev - batch.energies_ev) / n_atoms).to(positions).abs()
    if not config.denoising.told_forces:  # the energy before the displacement cannot be known then
        per_atom = per_atom * ~moved.any(-1)
    parts = {
        "forces_ev_per_angstrom": (lengths * still).sum() / still.sum().clamp_min(1),
        "energy_ev_per_atom": per_atom.mean(),
    }
    total = parts["forces_ev_per_angstrom"] + config.energy_weight * parts["energy_ev_per_atom"]
    if predicted.displacements is not None:
        off = ((predicted.displacements - noise).square().sum(-1) + 1e-12).sqrt()
        parts["displacement"] = (off * moved).sum() / moved.sum().clamp_min(1)
        total = total + config.denoising.weight * (1.0 - moment.progress) * parts["displacement"]
    return total, parts


def energy_and_forces(model: Potential, batch: StructureBatch) -> EnergyAndForces:
    """Energies and forces of structures at their positions, without anything told."""
    return model(batch, centered(batch.positions, batch.mask))
