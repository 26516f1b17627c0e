"""How likely DiG finds structures given their bonds: a lower bound of the log-likelihood that costs little.

Its per degree of freedom tells structures apart that are not the minima that their bonds should have: too much noise on
them, a bond that is too long, or bonds that are not theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chem.graph import MolecularGraph
from models.diffusion.noise import centered_noise
from models.dig import Dig
from models.dig_conformers import batch_of, knows
from models.generator_sampling import chunks
from models.structure_batch import StructureBatch

N_TIMES = 12
FloatArray = NDArray[np.float64]


@torch.no_grad()
def log_likelihood_bound(model: Dig, batch: StructureBatch, *, n_times: int = N_TIMES, seed: int = 0) -> Tensor:
    """Lower bound of the log-likelihood of structures given their bonds, shape (B,), Angstrom, 3 (n - 1) dimensions.

    The variational bound in continuous time (Kingma et al., 10.48550/arXiv.2107.00630, equations 11 to 13): with l the
    logarithm of the signal-to-noise ratio, which falls from l_0 to l_T,

        ln p(x) >= d/2 l_0 - d/2 ln(2 pi e) - D(q(x_T | x) | N(0, 1)) - 1/2 integral of E|eps - eps'|^2 over l,

    tight for a network that knows the noise as well as can be. The integral is taken at points even in l, one draw of
    noise at each. It costs one evaluation of the network a point, a small part of `models.dig_sampling.log_density`.

    Args:
        model: The network.
        batch: Structures with their bonds.
        n_times: Points of the integral.
        seed: Of the noise; of one seed the bound is a smooth function of the structures.
    """
    process, scale = model.config.process, model.config.scale_angstrom
    clean = process.project(batch.positions / scale, batch.mask)
    dimension = process.dimension(batch.mask).double()
    kept = process.schedule.alpha_bar.cpu()
    levels = kept.log() - torch.log1p(-kept)  # l, falling
    width = float(levels[0] - levels[-1]) / n_times
    wanted = levels[-1] + width * (torch.arange(n_times, dtype=torch.float64) + 0.5)
    places = torch.searchsorted(-levels, -wanted).clamp(0, process.schedule.n_steps)
    missed = torch.zeros(len(batch), dtype=torch.float64, device=clean.device)
    draws = _draws(batch.mask, n_times, seed).to(clean)
    for place, noise in zip(places.tolist(), draws, strict=True):
        time = torch.full((len(batch),), place, device=clean.device)
        found = model(batch, process.noised(clean, noise, time), time.to(clean) / process.schedule.n_steps)
        missed = missed + (found - noise).square().sum((-1, -2)).double()
    end = process.schedule.alpha_bar[-1].to(clean.device)
    drift = 0.5 * (end * clean.square().sum((-1, -2)).double() - dimension * (end + torch.log1p(-end)))
    start = dimension * (0.5 * float(levels[0]) - 0.5 * math.log(2.0 * math.pi * math.e) - math.log(scale))
    return start - drift - 0.5 * width * missed


def _draws(mask: Tensor, n_times: int, seed: int) -> Tensor:
    """Noise at every time, shape (n_times, B, N, 3): one draw for all structures of one size, whatever is beside them.

    It has the length that noise has in the mean: errors cancel between structures, and luck does not count.
    """
    sizes, which = mask.cpu().sum(-1).unique(return_inverse=True)
    found = torch.zeros(n_times, len(sizes), mask.shape[1], 3, dtype=torch.float64)
    for row, size in enumerate(sizes.tolist()):
        generator = torch.Generator().manual_seed(seed)
        every = torch.ones(n_times, size, dtype=torch.bool)
        noise = centered_noise(every, generator, dtype=torch.float64)
        length = noise.square().sum((-1, -2), keepdim=True).clamp_min(1e-12)
        found[:, row, :size] = noise * (3.0 * (size - 1) / length).sqrt()
    return found[:, which]


def likelihood_per_degree_of_freedom(
    model: Dig, structures: Sequence[tuple[MolecularGraph, FloatArray]], *, seed: int = 0
) -> list[float | None]:
    """The bound over the 3 (n - 1) degrees of freedom of each structure, in nats at lengths in Angstrom.

    Args:
        model: As `models.dig_conformers.load_dig` gives it.
        structures: The bonds that each should have, and its positions, shape (n_atoms, 3), Angstrom.
        seed: Of the noise.

    Returns:
        One each; None where the network knows no such molecule (other elements, charges, unpaired electrons, one atom).
    """
    device = next(model.parameters()).device
    known = [place for place, (graph, _) in enumerate(structures) if graph.n_atoms > 1 and knows(model, graph)]
    found: list[float | None] = [None] * len(structures)
    sizes = [structures[place][0].n_atoms for place in known]
    for chunk in chunks(sizes, 1, device):
        own = [known[place] for place in chunk]
        batch = batch_of([structures[place] for place in own]).to(device)
        values = log_likelihood_bound(model, batch, seed=seed) / (3.0 * (batch.mask.sum(-1) - 1))
        for place, value in zip(own, values.cpu().tolist(), strict=True):
            found[place] = value
    return found
