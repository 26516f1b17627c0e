"""What guides joint diffusion toward low barriers: the force field's height, corrected by the barrier head.

Shapes: B batch, N atoms (padded); objects in the order reactant, transition state, product.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from chem.units import KCAL_MOL_PER_EV
from models.barrier_data import BarrierBatch
from models.barrier_estimates import BarrierHead
from models.diffusion.guidance import Preference
from models.joint import PRODUCT, REACTANT, TS
from models.potential import Potential, energy_and_forces
from models.potential_calculator import load_potential
from models.reaction_batch import ReactionBatch, fragments_of, perceive_bonds
from models.structure_batch import StructureBatch

WIDTH_KCAL_MOL = 10.0  # a barrier lower by as much is wanted e times as much, at strength 1
LARGEST_FORCE_EV_PER_ANGSTROM = 3.0  # of an atom; structures that are not there yet have any force


class BarrierGuide:
    """How much reactions are wanted for their barriers: minus the expected barrier, in units of 10 kcal/mol.

    The force field knows the height of the transition state above the reactant nearly as GFN2-xTB has it; the barrier
    head adds what that lacks. Forces of atoms are bounded in their length, so that a structure that is still noisy is
    not torn apart.

    Args:
        potential: Weights of the force field; None takes those that are shipped.
        barrier_head: Weights of the barrier head; None takes those that are shipped.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigurationError: Weights are missing, damaged or of another model.
    """

    def __init__(
        self, *, potential: Path | None = None, barrier_head: Path | None = None, device: str = "auto"
    ) -> None:
        self._potential = load_potential(potential, device=device)
        self._head = BarrierHead(barrier_head, device)
        self._head.network.requires_grad_(requires_grad=False)

    def preference(self, batch: ReactionBatch) -> Preference:
        """Of reactant, transition state and product, shape (B, 3, N, 3) in Angstrom, the logarithm, shape (B,).

        Args:
            batch: Their atoms.
        """

        def wanted(objects: Tensor) -> Tensor:
            return -self.barriers_kcal_mol(batch, objects) / WIDTH_KCAL_MOL

        return wanted

    def barriers_kcal_mol(self, batch: ReactionBatch, objects: Tensor) -> Tensor:
        """Expected forward barriers, shape (B,), kcal/mol, with bounded gradients.

        Args:
            batch: Atoms of the reactions.
            objects: Reactant, transition state and product, shape (B, 3, N, 3), Angstrom.
        """
        energies = [
            bounded_energies(self._potential, batch, objects[:, place]) * KCAL_MOL_PER_EV for place in (REACTANT, TS)
        ]
        ends = objects[:, [REACTANT, PRODUCT]].detach()
        bonded = perceive_bonds(batch.numbers, batch.mask, ends)
        reactions = ReactionBatch(
            numbers=batch.numbers,
            mask=batch.mask,
            ends=ends,
            bonded=bonded,
            together=fragments_of(bonded, batch.mask),
            ts=objects[:, TS],
            start=torch.zeros_like(objects[:, TS]),
        )
        unknown = ends.new_full((len(batch),), torch.nan)
        candidates = BarrierBatch(
            reactions=reactions, heights_kcal_mol=ends.new_zeros(len(batch), 2), reference_kcal_mol=unknown
        )
        corrections = self._head.network(candidates, sides=(0,)).kcal_mol[:, 0]
        return energies[1] - energies[0] + corrections


def bounded_energies(model: Potential, batch: ReactionBatch, positions: Tensor) -> Tensor:
    """Energies of structures, shape (B,), eV, whose gradients are no longer than a bound on each atom.

    Args:
        model: The force field.
        batch: Atoms.
        positions: Shape (B, N, 3), Angstrom.
    """
    own = positions.detach().to(model.scale_ev.dtype)
    structures = StructureBatch(
        numbers=batch.numbers,
        mask=batch.mask,
        positions=own,
        bonded=torch.zeros_like(batch.bonded[:, 0]),
        energies_ev=own.new_zeros(len(own)),
        forces_ev_per_angstrom=torch.zeros_like(own),
    )
    found = energy_and_forces(model, structures)
    forces = found.forces_ev_per_angstrom
    length = forces.norm(dim=-1, keepdim=True)
    forces = forces * (LARGEST_FORCE_EV_PER_ANGSTROM / length.clamp_min(LARGEST_FORCE_EV_PER_ANGSTROM))
    # The energy as it is, with the bounded forces for its gradient.
    lean = (forces.to(positions) * (positions - positions.detach())).sum((1, 2))
    return found.energies_ev.to(positions) - lean
