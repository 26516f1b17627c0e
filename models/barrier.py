"""What a cheap level lacks of a barrier: corrections to the heights of a candidate above both ends, with their errors.

Every geometry has a correction to its energy, a sum over atoms: of the candidate as it is read beside reactant and
product, of an end as it is read beside itself on both sides, the reaction in which nothing happens. A barrier is
corrected by their difference. So atoms that do nothing cancel, exchanging reactant and product exchanges the two
corrections exactly, and the difference of both barriers is corrected by a function of the ends alone, whichever
transition state lies between (Hess's law). Molecules of one end do not feel each other, wherever they lie.

The error is a Laplace distribution: errors of barriers have heavy tails (another conformer, another electronic state),
under which a Gaussian likelihood widens all bars to excuse a few reactions. Its width is learned from what the network
sees without changing it, and the mean by its absolute error alone: in a joint likelihood the network would rather call
hard reactions uncertain than learn them (10.48550/arXiv.2203.09168). What the width is worth is measured: bars are its
multiple that covers 95 % of a calibration set (split conformal prediction, 10.48550/arXiv.2107.07511).

Shapes: B batch, N atoms (padded), S sides: reactant, product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.backbone import Backbone, BackboneConfig, Others
from models.barrier_data import BarrierBatch
from models.frames import centered
from models.reaction_batch import ReactionBatch
from models.training_moment import Moment

KIND = "barrier"
AT_REST = 1.0  # level at which every geometry is read: the end of the generator's path
APART_ANGSTROM = 50.0  # between the middles of the molecules of an end, beyond any cutoff
LARGEST_CUTOFF_ANGSTROM = 12.0
COVERAGE = 0.95
HEIGHT_SCALE_KCAL_MOL = 50.0
NARROWEST, WIDEST = -4.0, 3.0  # logarithms of the width in units of the scale


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierConfig:
    """Size of the network.

    Attributes:
        backbone: The trunk; wants a cutoff, so that separate molecules do not feel each other.
        hidden: Width of the head of the error.
    """

    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(cutoff_angstrom=8.0))
    hidden: int = 64

    def __post_init__(self) -> None:
        """Separate molecules must not feel each other."""
        if not 0.0 < self.backbone.cutoff_angstrom <= LARGEST_CUTOFF_ANGSTROM:
            raise ConfigurationError(
                f"the backbone of a barrier head needs cutoff_angstrom above 0 and up to {LARGEST_CUTOFF_ANGSTROM:g},"
                f" such as 8.0, got {self.backbone.cutoff_angstrom}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What the network says of candidates.

    Attributes:
        kcal_mol: To add to their heights above each side, shape (B, S), kcal/mol.
        width_kcal_mol: Mean absolute error that it expects, uncalibrated, same shape.
    """

    kcal_mol: Tensor
    width_kcal_mol: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Scalars of every atom, shape (B, N, C), and the sum of the atoms' corrections, shape (B,), without unit."""

    scalars: Tensor
    total: Tensor


class BarrierNetwork(nn.Module):
    """Corrections of heights, with the calibration of their errors."""

    scale_kcal_mol: Tensor
    bar_factor: Tensor
    n_calibration: Tensor
    stationary_factor: Tensor
    stationary_shift_kcal_mol: Tensor
    n_stationary: Tensor

    def __init__(self, config: BarrierConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        scalars = self.backbone.scalars
        width = scalars.stop - scalars.start
        self.correction = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1, bias=False)
        )
        self.width = nn.Sequential(
            nn.LayerNorm(3 * width + 2), nn.Linear(3 * width + 2, config.hidden), nn.SiLU(), nn.Linear(config.hidden, 1)
        )
        self.register_buffer("scale_kcal_mol", torch.ones(()))
        # Half-width of a bar in multiples of the width; infinite while nothing was calibrated.
        self.register_buffer("bar_factor", torch.tensor(math.inf))
        self.register_buffer("n_calibration", torch.zeros((), dtype=torch.long))
        # The same of stationary points at the cheap level, which lie lower than what was trained on, by a median shift.
        self.register_buffer("stationary_factor", torch.tensor(math.inf))
        self.register_buffer("stationary_shift_kcal_mol", torch.zeros(()))
        self.register_buffer("n_stationary", torch.zeros((), dtype=torch.long))

    def fit_scale(self, targets_kcal_mol: Tensor) -> None:
        """Learn in units of the mean absolute deviation of what is learned, shape (n,), from its median."""
        spread = (targets_kcal_mol - targets_kcal_mol.median()).abs().mean()
        self.scale_kcal_mol.fill_(max(1e-3, float(spread)))

    def forward(self, batch: BarrierBatch, sides: tuple[int, ...] = (0, 1)) -> Corrections:
        """Corrections and their expected errors.

        Args:
            batch: Candidates.
            sides: Which heights are wanted, 0 above the reactant and 1 above the product.
        """
        candidate = self._read(batch.reactions, batch.reactions.ts, batch.reactions)
        ends = [self._end(batch.reactions, side) for side in sides]
        means = torch.stack([candidate.total - end.total for end in ends], dim=-1)
        widths = [
            self._log_width(batch, candidate.scalars.detach(), end.scalars.detach(), side)
            for side, end in zip(sides, ends, strict=True)
        ]
        return Corrections(
            kcal_mol=self.scale_kcal_mol * means,
            width_kcal_mol=self.scale_kcal_mol * torch.stack(widths, dim=-1).clamp(NARROWEST, WIDEST).exp(),
        )

    def half_width_kcal_mol(self, corrections: Corrections) -> Tensor:
        """Half-widths of the calibrated 95 % error bars, shape (B, S), kcal/mol; infinite without calibration."""
        return self.bar_factor * corrections.width_kcal_mol

    def calibrate(self, errors_kcal_mol: Tensor, widths_kcal_mol: Tensor) -> None:
        """Set the multiple of the width that covers 95 % of further reactions.

        With n errors that are exchangeable with theirs it is the ceil(0.95 (n + 1))-th smallest ratio of error and
        width (10.48550/arXiv.2107.07511); below 19 reactions no finite one can be shown to cover.

        Args:
            errors_kcal_mol: Of the corrected barriers, shape (n,), each of another reaction, none trained on.
            widths_kcal_mol: What the network expected, same shape.
        """
        self.bar_factor.fill_(covering_factor(errors_kcal_mol, widths_kcal_mol))
        self.n_calibration.fill_(len(errors_kcal_mol))

    def calibrate_stationary(self, errors_kcal_mol: Tensor, widths_kcal_mol: Tensor) -> None:
        """Set shift and bars of saddle points and ends that were relaxed at the cheap level; arguments as above.

        The shift is the median error of every second reaction, the bars are those of the others.
        """
        shift = errors_kcal_mol[::2].median() if len(errors_kcal_mol) else errors_kcal_mol.new_zeros(())
        self.stationary_shift_kcal_mol.fill_(float(shift))
        others = slice(1, None, 2)
        self.stationary_factor.fill_(covering_factor(errors_kcal_mol[others] - shift, widths_kcal_mol[others]))
        self.n_stationary.fill_(len(errors_kcal_mol[others]))

    def _end(self, reactions: ReactionBatch, side: int) -> _Seen:
        """One end, read beside itself on both sides, its molecules far apart."""
        both = ReactionBatch(
            numbers=reactions.numbers,
            mask=reactions.mask,
            ends=reactions.ends[:, [side, side]],
            bonded=reactions.bonded[:, [side, side]],
            together=reactions.together[:, [side, side]],
            ts=reactions.ts,
            start=reactions.start,
        )
        return self._read(both, pulled_apart(reactions.ends[:, side], reactions.together[:, side]), both)

    def _read(self, batch: ReactionBatch, positions: Tensor, beside: ReactionBatch) -> _Seen:
        level = positions.new_full((len(batch),), AT_REST)
        others = Others(
            positions=beside.ends,
            bonded=beside.bonded,
            together=beside.together,
            level=positions.new_zeros(len(batch), 2),
            role=torch.zeros(2, dtype=torch.long, device=positions.device),
        )
        features = self.backbone(batch.numbers, batch.mask, positions, level, others)
        scalars = features.nodes[..., self.backbone.scalars]
        return _Seen(scalars=scalars, total=(self.correction(scalars) * features.mask).sum((1, 2)))

    def _log_width(self, batch: BarrierBatch, candidate: Tensor, end: Tensor, side: int) -> Tensor:
        """Logarithm of the expected error above one side in units of the scale, shape (B,)."""
        mask = batch.mask
        core = batch.reactions.changing.any(-1) & mask
        core = torch.where(core.any(-1, keepdim=True), core, mask)
        own, other = batch.heights_kcal_mol[:, side], batch.heights_kcal_mol[:, 1 - side]
        heights = torch.asinh(torch.stack([own, other], dim=-1) / HEIGHT_SCALE_KCAL_MOL).to(candidate)
        read = [_mean(candidate, mask), _mean(candidate, core), _mean((candidate - end).abs(), mask), heights]
        log_width: Tensor = self.width(torch.cat(read, dim=-1)).squeeze(-1)
        return log_width


def covering_factor(errors_kcal_mol: Tensor, widths_kcal_mol: Tensor) -> float:
    """The multiple of widths that covers 95 % of further errors; infinite where there are too few to show that."""
    ratios = (errors_kcal_mol.abs() / widths_kcal_mol).sort().values
    place = math.ceil(COVERAGE * (len(ratios) + 1) - 1e-9)
    return float(ratios[place - 1]) if place <= len(ratios) else math.inf


def pulled_apart(positions: Tensor, together: Tensor) -> Tensor:
    """The molecules of a structure, each about its own middle, in a row far from each other.

    Args:
        positions: Shape (B, N, 3), Angstrom.
        together: Atoms in one molecule, shape (B, N, N), bool.

    Returns:
        Centred, shape (B, N, 3), Angstrom; padding at zero.
    """
    weights = together.to(positions)
    middles = (weights @ positions) / weights.sum(-1, keepdim=True).clamp_min(1.0)
    first = together.to(torch.uint8).argmax(-1)  # the first atom of each atom's molecule
    mask = together.diagonal(dim1=-2, dim2=-1)
    place = torch.arange(first.shape[-1], device=first.device)
    number = ((first == place) & mask).cumsum(-1).gather(-1, first) - 1
    row = number.to(positions) * APART_ANGSTROM
    moved = positions - middles + nn.functional.pad(row.unsqueeze(-1), (0, 2))
    return centered(moved, mask)


def _mean(values: Tensor, which: Tensor) -> Tensor:
    weights = which.to(values).unsqueeze(-1)
    return (values * weights).sum(1) / weights.sum(1).clamp_min(1.0)


def targets_kcal_mol(batch: BarrierBatch) -> Tensor:
    """What is learned: reference less the height above the reactant, shape (B,), kcal/mol."""
    return batch.reference_kcal_mol - batch.heights_kcal_mol[:, 0]


def loss(model: BarrierNetwork, batch: BarrierBatch, _moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
    """Training loss: absolute error of the forward correction, and likelihood of that error under its width.

    Args:
        model: The network.
        batch: Candidates with reference barriers.
        _moment: Not drawn from: the noise on candidates is part of the data, since each has an energy of its own.

    Returns:
        The loss without unit; its parts, error and width in kcal/mol.
    """
    found = model(batch, sides=(0,))
    error = (targets_kcal_mol(batch) - found.kcal_mol[:, 0]).abs()
    width = found.width_kcal_mol[:, 0]
    scale = model.scale_kcal_mol
    likelihood = (2.0 * width / scale).log() + error.detach() / width
    parts = {"mae_kcal_mol": error.mean(), "width_kcal_mol": width.mean()}
    return error.mean() / scale + likelihood.mean(), parts
