"""Settings of the models that work beside the generator, each off by default: what they do, with which weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chem.enumeration import EnumerationRules
from chem.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxationSettings:
    """What relaxes the guessed ends of a round's reactions, all at once, before their level of theory does.

    Attributes:
        method: One of `tasks.relaxing.METHODS` but gfn2, or `none`.
        checkpoint: Weights of a network; None takes those that are shipped.
        largest_noise_angstrom: Guesses in which a network sees more noise than this, Angstrom, are passed over for
            other embeddings; None for no bound.
        device: `auto`, `cpu` or `cuda`.
    """

    method: Literal["none", "morered-jt", "morered-as", "morered-itp", "potential", "mmff94"] = "none"
    checkpoint: Path | None = None
    largest_noise_angstrom: float | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """A bound is positive and something looks for noise; weights are for a network."""
        if self.largest_noise_angstrom is not None:
            if not self.largest_noise_angstrom > 0:
                raise ConfigurationError(f"largest_noise_angstrom must be positive, got {self.largest_noise_angstrom}")
            if not self.method.startswith("morered-"):
                raise ConfigurationError(
                    f"largest_noise_angstrom needs a morered method, which sees noise, not {self.method}"
                )
        if self.checkpoint is not None and self.method in {"none", "mmff94"}:
            raise ConfigurationError(f"relaxation method {self.method} has no weights; leave out its checkpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementSettings:
    """What a force field does with the generated candidates of a round, all at once, before any quantum chemistry.

    Attributes:
        method: `potential`, or `none`.
        checkpoint: Weights of the force field; None takes those that are shipped.
        committee: Weights of further ones, which say how far their forces differ on a candidate.
        steps: Most steps by which each candidate is walked to a saddle point of the force field; 0 looks alone.
        starts: Walked candidates that a search begins with, the lowest first.
        largest_force_ev_per_angstrom: A best candidate with a larger force on an atom, eV/Angstrom, is sent to the
            search; None for no bound.
        largest_spread_ev_per_angstrom: So is one on which the committee differs by more, eV/Angstrom.
        most_negative_modes: So is one with none or more than so many modes of negative curvature; None for no bound.
        device: `auto`, `cpu` or `cuda`.
    """

    method: Literal["none", "potential"] = "none"
    checkpoint: Path | None = None
    committee: tuple[Path, ...] = ()
    steps: int = 10
    starts: int = 1
    largest_force_ev_per_angstrom: float | None = None
    largest_spread_ev_per_angstrom: float | None = None
    most_negative_modes: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Bounds are positive, a spread has a committee, and what needs a force field has one."""
        for name in ("largest_force_ev_per_angstrom", "largest_spread_ev_per_angstrom", "most_negative_modes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} must be positive, got {value}")
        for name in ("steps", "starts"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.largest_spread_ev_per_angstrom is not None and not self.committee:
            raise ConfigurationError("largest_spread_ev_per_angstrom needs a committee of further force fields")
        if self.method == "none" and (self.checkpoint is not None or self.committee):
            raise ConfigurationError("refinement has weights but method none; give method: potential")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierSettings:
    """Which end points triage doubts because a trained DiG finds them unlikely for their bonds.

    Attributes:
        least_log_likelihood: Reactions with a molecule below it at an end go to the search, nats a degree of freedom
            at lengths in Angstrom; None for no bound, and no network.
        checkpoint: Weights of DiG; None takes those that are shipped.
        device: `auto`, `cpu` or `cuda`.
    """

    least_log_likelihood: float | None = None
    checkpoint: Path | None = None
    device: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierHeadSettings:
    """What expects the barriers of candidates before they are polished, and rejects the hopeless.

    Attributes:
        checkpoint: Weights of a barrier head, trained on the campaign's level; None takes those that are shipped.
        reject_above_kcal_mol: A reaction is given up where the whole 95 % error bar of its forward barrier lies above.
        device: `auto`, `cpu` or `cuda`.
    """

    checkpoint: Path | None = None
    reject_above_kcal_mol: float = 80.0
    device: str = "auto"

    def __post_init__(self) -> None:
        """The bound is positive."""
        if not self.reject_above_kcal_mol > 0:
            raise ConfigurationError(f"reject_above_kcal_mol must be positive, got {self.reject_above_kcal_mol}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeSettings:
    """Reactions that a network proposes of every expanded species, beside those that are enumerated.

    Attributes:
        n: Draws for each species; 0 for none.
        checkpoint: Weights of the joint diffusion; None takes those that are shipped.
        steps: Steps of each draw from noise to structures.
        guidance: Strength of the lean toward low barriers; 0 for none.
        break_bonds: Most electron-pair bonds that a sound proposal breaks.
        form_bonds: Most electron-pair bonds that it forms; all else is as `enumeration` says.
        device: `auto`, `cpu` or `cuda`.
    """

    n: int = 0
    checkpoint: Path | None = None
    steps: int = 50
    guidance: float = 0.0
    break_bonds: int = 4
    form_bonds: int = 4
    device: str = "auto"

    def __post_init__(self) -> None:
        """Numbers in range; weights are for draws."""
        if self.n < 0:
            raise ConfigurationError(f"n must not be negative, got {self.n}")
        if self.steps < 2:
            raise ConfigurationError(f"steps must be at least 2, got {self.steps}")
        if self.guidance < 0:
            raise ConfigurationError(f"guidance must not be negative, got {self.guidance}")
        EnumerationRules(break_bonds=self.break_bonds, form_bonds=self.form_bonds)
        if self.checkpoint is not None and self.n == 0:
            raise ConfigurationError("propose has a checkpoint and draws nothing; give n, such as n: 100")
