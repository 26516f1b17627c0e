"""Where generation begins: the geometry whose pair distances come nearest to those of a typical transition state.

Wanted distances are the means of both ends, and multiples of the bonded length for bonds that change. The fit is stress
majorisation (SMACOF, 10.18637/jss.v031.i03), batched: each step lowers the stress, none needs a step length.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.frames import centered
from models.reaction_batch import ReactionBatch

STRETCH = 1.33  # changing bonds in transition states, multiples of the bonded length (train split of RDB7)
ONE_SIDED_WEIGHT = 0.3  # of a pair that only one end has in one fragment
APART_WEIGHT = 0.05  # of a pair that no end has in one fragment
STEPS = 60
Array = NDArray[np.float64]


def wanted_distances(batch: ReactionBatch, placed: Tensor) -> tuple[Tensor, Tensor]:
    """Wanted pair distances and their weights.

    Args:
        batch: Reactions.
        placed: Both ends put together, shape (batch, 2, n_atoms, 3), Angstrom.

    Returns:
        Distances in Angstrom and weights in Angstrom^-4, each of shape (batch, n_atoms, n_atoms); weights are zero on
        the diagonal and on padding.
    """
    own = torch.cdist(batch.ends, batch.ends)  # meaningful within a fragment only
    apart = torch.cdist(placed, placed)
    known = batch.together.to(own)
    count = known.sum(1)
    mean = torch.where(count > 0, (own * known).sum(1) / count.clamp_min(1.0), apart.mean(1).clamp_min(2.5))
    changing = batch.changing
    bonded_length = (own * batch.bonded.to(own)).sum(1)  # the one side on which it is bonded
    wanted = torch.where(changing, STRETCH * bonded_length, mean)
    share = torch.where(changing | (count == 2), 1.0, torch.where(count == 1, ONE_SIDED_WEIGHT, APART_WEIGHT))
    both = batch.mask.unsqueeze(-1) & batch.mask.unsqueeze(-2)
    both = both & ~torch.eye(batch.numbers.shape[1], dtype=torch.bool, device=own.device)
    return wanted, torch.where(both, share * wanted.clamp_min(0.5) ** -4, 0.0)


def fit_distances(start: Tensor, wanted: Tensor, weights: Tensor, mask: Tensor, steps: int = STEPS) -> Tensor:
    """Positions whose pair distances fit wanted ones, by stress majorisation.

    Args:
        start: Shape (batch, n_atoms, 3), Angstrom; its handedness survives.
        wanted: Shape (batch, n_atoms, n_atoms), Angstrom.
        weights: Same shape, zero on the diagonal and on padding.
        mask: True where an atom is, shape (batch, n_atoms).
        steps: Steps of majorisation.

    Returns:
        Centred positions, shape (batch, n_atoms, 3), Angstrom.
    """
    there = mask.to(start)
    n_atoms = there.sum(-1)[:, None, None]
    weights = weights / weights.mean((-2, -1), keepdim=True).clamp_min(1e-12)
    laplacian = torch.diag_embed(weights.sum(-1)) - weights
    shift = there.unsqueeze(-1) * there.unsqueeze(-2) / n_atoms + torch.diag_embed(1.0 - there)
    inverse = torch.linalg.inv_ex(laplacian + shift)[0]
    positions = centered(start, mask)
    for _ in range(steps):
        ratio = weights * wanted / torch.cdist(positions, positions).clamp_min(1e-3)
        pull = ratio.sum(-1, keepdim=True) * positions - ratio @ positions
        positions = inverse @ pull
    return centered(positions, mask)


def with_start(batch: ReactionBatch) -> ReactionBatch:
    """The same reactions with their start geometries, made in double precision."""
    pieces = [
        put_together(numbers[mask].numpy(), ends[:, mask].double().numpy(), together[:, mask][:, :, mask].numpy())
        for numbers, mask, ends, together in zip(
            batch.numbers.cpu(), batch.mask.cpu(), batch.ends.cpu(), batch.together.cpu(), strict=True
        )
    ]
    placed = torch.zeros(batch.ends.shape, dtype=torch.float64)
    for place, piece in enumerate(pieces):
        placed[place, :, : piece.shape[1]] = torch.from_numpy(piece)
    placed = placed.to(batch.ends.device)
    double = batch.to(batch.ends.device, torch.float64)
    wanted, weights = wanted_distances(double, placed)
    start = fit_distances(placed.mean(1), wanted, weights, batch.mask)
    return ReactionBatch(
        numbers=batch.numbers,
        mask=batch.mask,
        ends=batch.ends,
        bonded=batch.bonded,
        together=batch.together,
        ts=batch.ts,
        start=start.to(batch.ends),
    )


def put_together(numbers: NDArray[np.int64], ends: Array, together: NDArray[np.bool_]) -> Array:
    """Place the fragments of both ends on each other, so that it does not matter where they lay.

    The largest fragment stays; then, again and again, the fragment that shares most atoms with those already placed is
    superposed on them. What the shared atoms leave open (one atom, or a line) is settled by pointing the rest of the
    fragment away from what is there.

    Args:
        numbers: Atomic numbers, shape (n_atoms,).
        ends: Reactant and product, shape (2, n_atoms, 3), Angstrom.
        together: Atoms in one fragment, shape (2, n_atoms, n_atoms).

    Returns:
        Both ends in one frame, shape (2, n_atoms, 3), Angstrom.
    """
    pieces = [(side, np.flatnonzero(row)) for side in (0, 1) for row in np.unique(together[side], axis=0) if row.any()]

    def rank(piece: tuple[int, NDArray[np.int64]]) -> tuple[float, ...]:
        side, atoms = piece
        spread = ends[side, atoms] - ends[side, atoms].mean(axis=0)
        return (len(atoms), float(numbers[atoms].sum()), round(float((spread**2).sum()), 6))

    placed = np.zeros_like(ends)
    times = np.zeros(len(numbers))
    while pieces:
        shared = [float((times[atoms] > 0).sum()) for _, atoms in pieces]
        chosen = max(range(len(pieces)), key=lambda k: (shared[k], *rank(pieces[k])))
        side, atoms = pieces.pop(chosen)
        where = placed.sum(axis=0) / np.maximum(times, 1.0)[:, None]
        placed[side, atoms] = _placed_on(ends[side, atoms], where, atoms, times > 0)
        times[atoms] += 1.0
    return placed


def _placed_on(piece: Array, where: Array, atoms: NDArray[np.int64], there: NDArray[np.bool_]) -> Array:
    """One fragment superposed on the placed atoms it shares, shape (n_fragment, 3), Angstrom."""
    common = there[atoms]
    if not common.any():
        return piece - piece.mean(axis=0)
    origin, target = piece[common].mean(axis=0), where[atoms[common]].mean(axis=0)
    source = piece - origin
    covariance = source[common].T @ (where[atoms[common]] - target)
    outward = target - where[there].mean(axis=0)
    covariance += 1e-3 * np.outer(source.mean(axis=0), outward)
    if not common.all():  # a line that is shared whole leaves nothing open
        aside, target_aside = (
            _farthest_from(source, source.mean(axis=0)),
            _farthest_from(where[there] - target, outward),
        )
        covariance += 1e-6 * np.outer(aside, target_aside)
    left, _, right = np.linalg.svd(covariance)
    handedness = np.sign(np.linalg.det(left @ right))
    moved: Array = source @ left @ np.diag([1.0, 1.0, handedness]) @ right + target
    return moved


def _farthest_from(points: Array, axis: Array) -> Array:
    """Component perpendicular to an axis through the origin of the first of the points farthest from it, shape (3,)."""
    length = np.linalg.norm(axis)
    unit = axis / length if length > 1e-9 else np.zeros(3)
    aside = points - np.outer(points @ unit, unit)
    squares = (aside**2).sum(axis=1)
    farthest: Array = aside[np.argmax(squares > squares.max() - 1e-9)]  # of equals the first, whatever rounding says
    return farthest
