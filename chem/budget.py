"""What a campaign may spend, and when it has spent it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from chem.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a campaign has spent on calculations that nobody had done before.

    Attributes:
        gradient_calls: Energy-and-gradient evaluations.
        cpu_hours: CPU time of calculations and of a generator on the processor, h.
        gpu_hours: Wall time of a generator on a GPU, h.
    """

    gradient_calls: int = 0
    cpu_hours: float = 0.0
    gpu_hours: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a campaign, None for none. Work in progress is finished, so each may be exceeded by one batch.

    Attributes:
        gradient_calls: Energy-and-gradient evaluations.
        cpu_hours: CPU time, h.
        gpu_hours: Wall time of the generator on a GPU, h.
        reactions: Reactions of the campaign; no further species is expanded once it has so many.
    """

    gradient_calls: int | None = None
    cpu_hours: float | None = None
    gpu_hours: float | None = None
    reactions: int | None = None

    def __post_init__(self) -> None:
        """Limits are positive."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"a budget of {each.name} must be positive, got {value}")

    def exhausted_by(self, spent: Spending) -> str | None:
        """Which limit is reached, in words; None where work may go on."""
        for name in ("gradient_calls", "cpu_hours", "gpu_hours"):
            limit, used = getattr(self, name), getattr(spent, name)
            if limit is not None and used >= limit:
                return f"{used:,.5g} of {limit:,.5g} {name.replace('_', ' ')} are spent"
        return None
