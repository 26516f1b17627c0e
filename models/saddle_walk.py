"""Structures walked to saddle points of the trained force field, as one batch.

Newton's step on the absolute eigenvalues of the Hessian, uphill along one mode (a mode-following step in the spirit of
10.1021/j100247a015), bounded in length; the Hessian is computed once, by differences of forces, and updated by Bofill's
formula (10.1002/jcc.540150102) from then on.

Shapes: B batch, N atoms (padded), D = 3 N coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from models.frames import centered
from models.generator_sampling import chunks
from models.potential import EnergyAndForces, Potential, energy_and_forces
from models.structure_batch import StructureBatch

DIFFERENCE_ANGSTROM = 0.005
SOFTEST_EV_PER_ANGSTROM2 = 1.0  # softer modes are stepped along as if they were as stiff
NEGATIVE_EV_PER_ANGSTROM2 = -0.3  # curvatures above count as flat: the noise of a force field is of that size
LARGEST_STEP_ANGSTROM = 0.1  # of any atom
FMAX_EV_PER_ANGSTROM = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SaddleWalk:
    """Where structures came to, and what the force field saw on the way.

    Attributes:
        positions: Shape (B, N, 3), Angstrom, padding at zero.
        energies_ev: There, shape (B,), eV, float64.
        converged: Whether all forces vanished, shape (B,).
        first_force_ev_per_angstrom: Largest force on an atom before the walk, shape (B,).
        first_negative_modes: Modes of negative curvature before the walk, shape (B,).
        last_negative_modes: The same after it, where it converged; elsewhere by the updated Hessian; shape (B,).
        evaluations: Energies and forces of each structure, those of the Hessian included.
    """

    positions: Tensor
    energies_ev: Tensor
    converged: Tensor
    first_force_ev_per_angstrom: Tensor
    first_negative_modes: Tensor
    last_negative_modes: Tensor
    evaluations: int


def evaluated(model: Potential, batch: StructureBatch) -> EnergyAndForces:
    """Energies and forces of any number of structures, as many at a time as fit."""
    n_structures, n_atoms = batch.mask.shape
    parts = []
    for places in chunks([n_atoms] * n_structures, 1, batch.numbers.device):
        part = slice(places[0], places[-1] + 1)
        some = replace(batch, **{field.name: getattr(batch, field.name)[part] for field in fields(batch)})
        parts.append(energy_and_forces(model, some))
    return EnergyAndForces(
        energies_ev=torch.cat([part.energies_ev for part in parts]),
        forces_ev_per_angstrom=torch.cat([part.forces_ev_per_angstrom for part in parts]),
    )


def hessians(model: Potential, batch: StructureBatch) -> Tensor:
    """Second derivatives by central differences of forces, shape (B, D, D), eV/Angstrom^2; zero on padding."""
    n_structures, n_atoms = batch.mask.shape
    n_coordinates = 3 * n_atoms
    steps = DIFFERENCE_ANGSTROM * torch.eye(n_coordinates).to(batch.positions)
    steps = torch.cat([steps, -steps]).view(-1, 1, n_atoms, 3)
    n_steps = len(steps)
    displaced = _repeated(batch, n_steps, (batch.positions + steps).flatten(0, 1))
    forces = evaluated(model, displaced).forces_ev_per_angstrom.view(n_steps, n_structures, n_coordinates)
    found = (forces[n_coordinates:] - forces[:n_coordinates]).transpose(0, 1) / (2.0 * DIFFERENCE_ANGSTROM)
    there = batch.mask.repeat_interleave(3, dim=1)
    found = found * (there.unsqueeze(1) & there.unsqueeze(2))
    return 0.5 * (found + found.transpose(1, 2))


def _repeated(batch: StructureBatch, times: int, positions: Tensor) -> StructureBatch:
    """The same atoms several times over, elsewhere."""
    index = torch.arange(len(batch), device=batch.numbers.device).repeat(times)
    copies = {field.name: getattr(batch, field.name)[index] for field in fields(batch) if field.name != "positions"}
    return StructureBatch(positions=positions, **copies)


def internal_projector(positions: Tensor, mask: Tensor) -> Tensor:
    """Projector on the motions that are neither translation, rotation nor of padding, shape (B, D, D).

    Args:
        positions: Shape (B, N, 3), Angstrom.
        mask: Shape (B, N), bool.
    """
    there = mask.to(positions).unsqueeze(-1)
    at = centered(positions, mask)
    axes = torch.eye(3).to(positions)
    moves = [(axis * there).flatten(1) for axis in axes]
    turns = [torch.linalg.cross(axis.expand_as(at), at).flatten(1) for axis in axes]
    rigid = torch.stack([*moves, *turns], dim=-1)  # (B, D, 6)
    rigid = rigid / rigid.norm(dim=1, keepdim=True).clamp_min(1e-6)
    left, sizes, _ = torch.linalg.svd(rigid, full_matrices=False)
    left = left * (sizes > 1e-3).unsqueeze(1)  # a linear molecule turns in two ways alone
    inside = torch.diag_embed(there.expand_as(at).flatten(1))
    return inside - left @ left.transpose(1, 2)


def walk_to_saddles(model: Potential, batch: StructureBatch, directions: Tensor, max_steps: int = 30) -> SaddleWalk:
    """Walk structures to saddle points of the force field.

    Args:
        model: The force field, in double precision.
        batch: Where to start.
        directions: Motion along which to go uphill first, shape (B, N, 3), of any length; where it is zero the lowest
            mode is climbed.
        max_steps: Most steps after the first look.

    Returns:
        Where they came to; structures whose forces vanish rest while the others go on.
    """
    mask = batch.mask
    at = centered(batch.positions, mask)
    hessian = hessians(model, replace(batch, positions=at))
    found = evaluated(model, replace(batch, positions=at))
    followed = directions.flatten(1).to(at)
    has_direction = followed.norm(dim=1) > 0
    energies, forces = found.energies_ev, found.forces_ev_per_angstrom
    first_force = _largest(forces)
    first_modes = last_modes = torch.zeros(len(batch), dtype=torch.long, device=at.device)
    converged = torch.zeros(len(batch), dtype=torch.bool, device=at.device)
    evaluations = 6 * mask.shape[1] + 1
    for number in range(max_steps + 1):
        projector = internal_projector(at, mask)
        values, vectors = torch.linalg.eigh(projector @ hessian @ projector)
        last_modes = (values < NEGATIVE_EV_PER_ANGSTROM2).sum(-1)
        if number == 0:
            first_modes = last_modes
        converged = _largest(forces) < FMAX_EV_PER_ANGSTROM
        if number == max_steps or bool(converged.all()):
            break
        overlap = (vectors.transpose(1, 2) @ followed.unsqueeze(-1)).squeeze(-1).abs()
        mode = torch.where(has_direction, overlap.argmax(-1), values.argmin(-1))
        followed = vectors.gather(2, mode.view(-1, 1, 1).expand(-1, vectors.shape[1], 1)).squeeze(-1)
        has_direction = torch.ones_like(has_direction)
        step = _step(values, vectors, mode, forces.flatten(1)).view_as(at)
        step = torch.where(converged.view(-1, 1, 1), torch.zeros_like(step), step)
        after = at + step * mask.unsqueeze(-1)
        found = evaluated(model, replace(batch, positions=after))
        evaluations += 1
        change = (forces - found.forces_ev_per_angstrom).flatten(1)
        hessian = _updated(hessian, step.flatten(1), change)
        at, energies, forces = after, found.energies_ev, found.forces_ev_per_angstrom
    if max_steps and bool(converged.any()):  # an updated Hessian proves nothing
        rested = converged.nonzero().flatten()
        chosen = replace(batch, positions=at).select(rested)
        last_modes = last_modes.index_put((rested,), _negative_modes(hessians(model, chosen), chosen))
        evaluations += 6 * chosen.mask.shape[1]
    return SaddleWalk(
        positions=at,
        energies_ev=energies,
        converged=converged,
        first_force_ev_per_angstrom=first_force,
        first_negative_modes=first_modes,
        last_negative_modes=last_modes,
        evaluations=evaluations,
    )


def _negative_modes(hessian: Tensor, batch: StructureBatch) -> Tensor:
    """Modes of negative curvature of each structure, shape (B,)."""
    projector = internal_projector(batch.positions, batch.mask)
    return (torch.linalg.eigvalsh(projector @ hessian @ projector) < NEGATIVE_EV_PER_ANGSTROM2).sum(-1)


def _largest(forces: Tensor) -> Tensor:
    """Largest force on an atom of each structure."""
    return forces.norm(dim=-1).amax(-1)


def _step(values: Tensor, vectors: Tensor, mode: Tensor, forces: Tensor) -> Tensor:
    """Downhill along all modes but one, shape (B, D), no atom farther than allowed."""
    along = (vectors.transpose(1, 2) @ forces.unsqueeze(-1)).squeeze(-1)
    scaled = along / values.abs().clamp_min(SOFTEST_EV_PER_ANGSTROM2)
    scaled = scaled.scatter(1, mode.unsqueeze(-1), -scaled.gather(1, mode.unsqueeze(-1)))
    step = (vectors @ scaled.unsqueeze(-1)).squeeze(-1)
    farthest = step.unflatten(1, (-1, 3)).norm(dim=-1).amax(-1)
    return step * (LARGEST_STEP_ANGSTROM / farthest.clamp_min(LARGEST_STEP_ANGSTROM)).unsqueeze(-1)


def _updated(hessian: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """Bofill's mixture of the symmetric rank-one update and Powell's; unchanged where nothing moved.

    Args:
        hessian: Shape (B, D, D), eV/Angstrom^2.
        step: Shape (B, D), Angstrom.
        change: Of the gradient, shape (B, D), eV/Angstrom.
    """
    off = change - (hessian @ step.unsqueeze(-1)).squeeze(-1)
    length2, size2, product = step.square().sum(-1), off.square().sum(-1), (step * off).sum(-1)
    moved = (length2 > 1e-12) & (size2 > 1e-12)
    length2, size2 = torch.where(moved, length2, 1.0), torch.where(moved, size2, 1.0)
    share = product.square() / (length2 * size2)

    def outer(first: Tensor, second: Tensor) -> Tensor:
        return first.unsqueeze(-1) * second.unsqueeze(-2)

    # share * off off^T / product is finite although product may vanish
    rank_one = outer(off, off) * (product / (length2 * size2)).view(-1, 1, 1)
    powell = (outer(off, step) + outer(step, off)) / length2.view(-1, 1, 1)
    powell = powell - outer(step, step) * (product / length2.square()).view(-1, 1, 1)
    update = rank_one + (1.0 - share).view(-1, 1, 1) * powell
    return hessian + torch.where(moved.view(-1, 1, 1), update, torch.zeros_like(update))
