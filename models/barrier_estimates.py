"""Barriers of candidate transition states, corrected toward the reference that a barrier head has learned.

Error bars of candidates were measured between ends as the labels have them; those of saddle points that were searched,
between ends relaxed at the cheap level, are measured on such (`cairn calibrate barrier`), which lie a little lower. The
reverse barrier is above the product as it lies, and was never trained on: its error bar rests on the forward ones of as
many molecules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chem.barrier_estimate import BarrierEstimate, PointEnergies
from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.perception import perceive_graph
from chem.types import Geometry
from chem.units import kcal_mol
from models.barrier import KIND, BarrierConfig, BarrierNetwork
from models.barrier_data import GENERATED, LabelledCandidate, LabelledReaction, collate_candidates
from models.barrier_training import corrections_of
from models.checkpoints import Checkpoint, read_checkpoint, shipped
from models.generator_sampling import device_of


class BarrierHead:
    """Trained weights that expect barriers.

    Args:
        checkpoint: Weights; None takes those that Cairn ships.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigurationError: They are missing or damaged; the message says how to train some.
    """

    def __init__(self, checkpoint: Path | None = None, device: str = "auto") -> None:
        self.checkpoint: Checkpoint = shipped(KIND) if checkpoint is None else read_checkpoint(checkpoint, KIND)
        self.device = device_of(device)
        self.network = BarrierNetwork(self.checkpoint.configuration(BarrierConfig))
        self.checkpoint.load_into(self.network)
        self.network.to(self.device).eval()

    @property
    def level(self) -> str:
        """Key of the level that energies must be of."""
        return str(self.checkpoint.card["level"])

    def check_level(self, level_key: str) -> None:
        """See that energies of a level are of use.

        Raises:
            ConfigurationError: The head was trained on another level.
        """
        if level_key != self.level:
            raise ConfigurationError(
                f"the barrier head {self.checkpoint.path} corrects {self.level}, not {level_key}; give energies of its"
                " level, or train another on labels of `cairn label-barriers --level`"
            )

    def unsupported(self, ends: EndPoints) -> tuple[str, ...]:
        """Why the head cannot read a reaction, one sentence for each reason; empty when it can."""
        known = set(self.network.config.backbone.elements)
        pairs = zip(ends.reactant.symbols, ends.reactant.numbers.tolist(), strict=True)
        reasons = []
        if strange := sorted({symbol for symbol, number in pairs if number not in known}):
            reasons.append(f"the barrier head was not trained on {', '.join(strange)}")
        if ends.reactant.charge != 0:
            reasons.append(f"the barrier head was not trained on charge {ends.reactant.charge:+d}")
        if ends.reactant.multiplicity != 1:
            reasons.append(f"the barrier head was not trained on multiplicity {ends.reactant.multiplicity}")
        return tuple(reasons)

    def estimate(
        self,
        reactions: Sequence[EndPoints],
        candidates: Sequence[Geometry],
        energies: Sequence[PointEnergies],
        stationary: Sequence[bool] | None = None,
    ) -> list[BarrierEstimate | None]:
        """Expected barriers of reactions, in one batch.

        Args:
            reactions: Their ends.
            candidates: One transition state of each, atoms in the order of the ends.
            energies: Of each candidate and its ends, at `level`.
            stationary: Whether each is a saddle point between relaxed ends, at `level`; None where none is.

        Returns:
            In order; None where the head cannot read a reaction (`unsupported`).
        """
        found: list[BarrierEstimate | None] = [None] * len(reactions)
        readable = [place for place, ends in enumerate(reactions) if not self.unsupported(ends)]
        if len({len(reactions), len(candidates), len(energies)}) > 1:
            raise ValueError(f"{len(reactions)} reactions, {len(candidates)} candidates, {len(energies)} energies")
        if not readable:
            return found
        batch = collate_candidates([_entry(reactions[k], candidates[k], energies[k]) for k in readable])
        batch = batch.to(self.device)
        corrections = corrections_of(self.network, batch)
        heights = batch.heights_kcal_mol
        settled = np.array([stationary is not None and stationary[k] for k in readable])
        values = (heights + corrections.kcal_mol).cpu().double().numpy()
        values += np.where(settled[:, None], float(self.network.stationary_shift_kcal_mol), 0.0)
        factors = np.where(settled, float(self.network.stationary_factor), float(self.network.bar_factor))
        bars = factors[:, None] * corrections.width_kcal_mol.cpu().double().numpy()
        for row, place in enumerate(readable):
            point, ends = energies[place], reactions[place]
            measured = [self._is_measured(side) for side in (ends.reactant, ends.product)]
            found[place] = BarrierEstimate(
                barrier_forward_kcal_mol=float(values[row, 0]),
                barrier_reverse_kcal_mol=float(values[row, 1]),
                error_bar_95_forward_kcal_mol=_bar(bars[row, 0], measured[0]),
                error_bar_95_reverse_kcal_mol=_bar(bars[row, 1], measured[1]),
                height_forward_kcal_mol=kcal_mol(point.candidate_ev - point.reactant_ev),
                height_reverse_kcal_mol=kcal_mol(point.candidate_ev - point.product_ev),
                reference=str(self.checkpoint.card["reference"]),
                level=self.level,
                checkpoint_sha256=self.checkpoint.sha256,
            )
        return found

    def _is_measured(self, start: Geometry) -> bool:
        """Whether bars were calibrated on reactions that start from as many molecules."""
        return len(perceive_graph(start).fragments) in self.checkpoint.card["reactant_molecules"]


def _entry(ends: EndPoints, candidate: Geometry, energies: PointEnergies) -> tuple[LabelledReaction, LabelledCandidate]:
    one = LabelledCandidate(kind=GENERATED, positions=candidate.positions, energy_ev=energies.candidate_ev)
    reaction = LabelledReaction(
        identifier=ends.reaction_key,
        split="",
        numbers=ends.reactant.numbers,
        ends=np.stack([ends.reactant.positions, ends.product.positions]),
        reference_kcal_mol=math.nan,
        ends_ev=(energies.reactant_ev, energies.product_ev),
        candidates=(one,),
    )
    return reaction, one


def _bar(half_width: float, measured: bool) -> float | None:
    return float(half_width) if measured and math.isfinite(half_width) else None
