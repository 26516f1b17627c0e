"""A second opinion on generated transition states: what the trained force field sees in them, and where it leads them.

Shapes: B candidates, N atoms (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from chem.generator import EndPoints
from chem.reaction_direction import reaction_direction
from chem.types import Geometry, TSCandidate
from models.domain import is_in_domain
from models.generator_sampling import chunks
from models.potential_calculator import load_potential
from models.saddle_walk import evaluated, walk_to_saddles
from models.structure_batch import StructureArrays, collate_structures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondOpinion:
    """What a force field makes of a candidate.

    Attributes:
        geometry: Where the walk to a saddle point of the force field ended, atoms in the order of the candidate.
        energy_ev: There, by the force field.
        converged: Whether that is a stationary point with one mode of negative curvature.
        largest_force_ev_per_angstrom: On an atom of the candidate itself.
        n_negative_modes: Modes of negative curvature of the candidate itself.
        force_spread_ev_per_angstrom: How far the force fields of a committee differ on the candidate: root mean square
            over atoms and members of the distance of a force from the mean of all; None without a committee.
    """

    geometry: Geometry
    energy_ev: float
    converged: bool
    largest_force_ev_per_angstrom: float
    n_negative_modes: int
    force_spread_ev_per_angstrom: float | None


class CandidateRefiner:
    """Force fields that look at candidates, all of a round as one batch.

    Args:
        checkpoint: Weights of the force field that leads them; None takes those that are shipped.
        committee: Weights of further ones, asked for their forces alone.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigurationError: Weights are missing, damaged or of another model.
    """

    def __init__(self, *, checkpoint: Path | None = None, committee: Sequence[Path] = (), device: str = "auto") -> None:
        self._model = load_potential(checkpoint, device=device)
        self._others = [load_potential(each, device=device) for each in committee]

    def knows(self, geometry: Geometry) -> bool:
        """Whether the force fields can read a molecule: neutral, closed-shell, of elements they were trained on."""
        return all(is_in_domain(geometry, model.config.backbone.elements) for model in (self._model, *self._others))

    def look(
        self, candidates: Sequence[TSCandidate], ends: Sequence[EndPoints], steps: int
    ) -> list[SecondOpinion | None]:
        """Opinions on candidates.

        Args:
            candidates: Generated transition states.
            ends: Reactant and product of each; they say which way is uphill.
            steps: Most steps of the walk of each; 0 looks at the candidates alone.

        Returns:
            One for each candidate, in order; None where the force fields cannot read it.
        """
        opinions: list[SecondOpinion | None] = [None] * len(candidates)
        known = [place for place, each in enumerate(candidates) if self.knows(each.geometry)]
        sizes = [candidates[place].geometry.n_atoms for place in known]
        for part in chunks(sizes, 1, self._model.scale_ev.device):
            places = [known[each] for each in part]
            found = self._looked([candidates[place] for place in places], [ends[place] for place in places], steps)
            for place, opinion in zip(places, found, strict=True):
                opinions[place] = opinion
        return opinions

    def _looked(self, candidates: Sequence[TSCandidate], ends: Sequence[EndPoints], steps: int) -> list[SecondOpinion]:
        arrays = [
            StructureArrays(numbers=each.geometry.numbers.copy(), positions=each.geometry.positions)
            for each in candidates
        ]
        weight = self._model.scale_ev
        batch = collate_structures(arrays, weight.dtype).to(weight.device)
        directions = torch.zeros_like(batch.positions)
        for place, (candidate, pair) in enumerate(zip(candidates, ends, strict=True)):
            direction = reaction_direction(candidate.geometry.positions, pair)
            if direction is not None:
                directions[place, : candidate.geometry.n_atoms] = torch.from_numpy(np.asarray(direction).reshape(-1, 3))
        walk = walk_to_saddles(self._model, batch, directions, steps)
        spread = None
        if self._others:
            members = torch.stack(
                [evaluated(each, batch).forces_ev_per_angstrom for each in (self._model, *self._others)]
            )
            off = (members - members.mean(0)).square().sum(-1).mean(0)  # (B, N)
            spread = (off.sum(-1) / batch.mask.sum(-1)).sqrt()
        return [
            SecondOpinion(
                geometry=candidate.geometry.with_positions(
                    walk.positions[place, : candidate.geometry.n_atoms].cpu().numpy().astype(np.float64)
                ),
                energy_ev=float(walk.energies_ev[place]),
                converged=bool(walk.converged[place]) and int(walk.last_negative_modes[place]) == 1,
                largest_force_ev_per_angstrom=float(walk.first_force_ev_per_angstrom[place]),
                n_negative_modes=int(walk.first_negative_modes[place]),
                force_spread_ev_per_angstrom=None if spread is None else float(spread[place]),
            )
            for place, candidate in enumerate(candidates)
        ]
