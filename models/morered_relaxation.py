"""Relaxing structures with a trained MoreRed: predict the time, take the noise away, until little is left.

| variant | time | form of the network |
|---|---|---|
| `itp` | predicted once, then counted down | `separate` |
| `as` | predicted anew before every step | `separate` |
| `jt` | predicted anew by the network that predicts the noise | `joint` |

The authors' own runs of AS and JT rarely come down to time zero, so a structure counts as relaxed below a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.noise import centered_noise
from models.diffusion.processes import spread
from models.diffusion.samplers import NoisedState, implicit_step
from models.morered import MoreRed, noise_angstrom
from models.structure_batch import StructureBatch

FORM_OF = {"itp": "separate", "as": "separate", "jt": "joint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxationConfig:
    """How structures are relaxed.

    Attributes:
        variant: `itp`, `as` or `jt`.
        stride: Steps of the schedule that one evaluation of the network goes down.
        relaxed_below: Time, in steps of the schedule, at which a structure counts as relaxed.
        max_evaluations: Evaluations of the network after which a structure is left as it is.
        randomness: 0 for a deterministic descent, 1 for the ancestral one of the paper.
        seed: Seed of the noise of the latter.
    """

    variant: str = "jt"
    stride: int = 20
    relaxed_below: int = 10
    max_evaluations: int = 50
    randomness: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Values are in range."""
        if self.variant not in FORM_OF:
            raise ConfigurationError(f"variant {self.variant!r} is unknown; give {', '.join(FORM_OF)}")
        for name in ("stride", "relaxed_below", "max_evaluations"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """Structures after a relaxation.

    Attributes:
        positions: Centred, shape (batch, n_atoms, 3), Angstrom; those of the guess where the network went astray.
        noise_angstrom: Noise that the network saw on the structures that it was given: how broken they were, shape
            (batch,).
        evaluations: Evaluations of the network that each took, shape (batch,).
        relaxed: Whether each came below the threshold, shape (batch,), bool.
    """

    positions: Tensor
    noise_angstrom: Tensor
    evaluations: Tensor
    relaxed: Tensor


@torch.no_grad()
def relax_batch(model: MoreRed, batch: StructureBatch, config: RelaxationConfig) -> Relaxed:
    """Relax all structures of a batch together.

    Args:
        model: Of the form that the variant needs.
        batch: Guesses, with their bonds where these are known.
        config: How.

    Raises:
        ConfigurationError: The network is of the other form.
    """
    if model.config.form != FORM_OF[config.variant]:
        raise ConfigurationError(
            f"variant {config.variant} needs a network of form {FORM_OF[config.variant]}, and these weights are of form"
            f" {model.config.form}; choose another variant or other weights"
        )
    process = model.config.process
    last = round(model.config.largest_time * model.config.n_steps)
    generator = torch.Generator().manual_seed(config.seed)
    positions = process.project(batch.positions, batch.mask)
    size = len(batch)
    time = torch.zeros(size, dtype=torch.long, device=positions.device)
    evaluations, going = torch.zeros_like(time), torch.ones_like(time, dtype=torch.bool)
    first = torch.zeros(size, dtype=torch.float64, device=positions.device)
    for evaluation in range(config.max_evaluations):
        some = torch.nonzero(going).flatten()
        if not len(some):
            break
        part, counted_down = batch.select(some), config.variant == "itp" and evaluation > 0
        n = part.mask.shape[1]
        own = positions[some, :n]
        told = time[some].to(own) / model.config.n_steps if counted_down else None
        predicted = model(part, own, told, predict_time=not counted_down)
        now = time[some]
        if not counted_down:
            now = (predicted.time.double() * model.config.n_steps).round().long().clamp(0, last)
        if evaluation == 0:
            first = noise_angstrom(model.config, now)
        through = now <= config.relaxed_below
        earlier = torch.where(through, torch.zeros_like(now), (now - config.stride).clamp_min(0))
        state = NoisedState(values=spread(process.schedule.alpha(now), own) * own, mask=part.mask, time=now)
        fresh = centered_noise(part.mask, generator, dtype=own.dtype) if config.randomness > 0.0 else None
        moved = implicit_step(process, state, predicted.noise, earlier, fresh, eta=config.randomness).values
        positions[some, :n] = moved / spread(process.schedule.alpha(earlier), moved)
        time[some], going[some] = earlier, ~through
        evaluations[some] += 1
    sound = torch.isfinite(positions).flatten(1).all(-1)
    positions = torch.where(sound[:, None, None], positions, process.project(batch.positions, batch.mask))
    going = going | ~sound
    return Relaxed(positions=positions, noise_angstrom=first, evaluations=evaluations, relaxed=~going)
