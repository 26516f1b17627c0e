"""Where in a training a loss is asked for, and what it may draw."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A step of a training.

    Attributes:
        noise: The process's own randomness.
        common: Randomness that all processes of a training draw alike, for decisions about what is computed: none then
            waits for the others.
        progress: Share of the training that is done, 0 to 1.
    """

    noise: torch.Generator
    common: torch.Generator
    progress: float = 0.0
