"""The energy profile of one reaction: where its levels stand in a small SVG."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from report.content import ReactionEntry
from report.wording import energy

WIDTH, HEIGHT = 420.0, 210.0  # pixels
_TOP, _BOTTOM = 46.0, 158.0
_CENTRES = (72.0, 210.0, 348.0)
_HALF = 38.0
_NAMES = ("reactant end", "transition state", "product end")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLevel:
    """One horizontal bar.

    Attributes:
        name: What stands there.
        left: Left end of the bar, pixels.
        right: Right end.
        y: Height in the picture, pixels downwards.
        text: Relative energy, kcal/mol.
    """

    name: str
    left: float
    right: float
    y: float
    text: str

    @property
    def centre(self) -> float:
        """Middle of the bar, pixels."""
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Levels from left to right and the curves between them as SVG path data."""

    levels: tuple[ProfileLevel, ...]
    curves: tuple[str, ...]


def energy_profile(reaction: ReactionEntry) -> Profile | None:
    """The profile of a reaction, relative to its reactant end, or to its product end where only that is known.

    Args:
        reaction: With its barriers in kcal/mol.

    Returns:
        Two or three levels; None where no barrier is known.
    """
    forward, reverse = reaction.barrier_forward_kcal_mol, reaction.barrier_reverse_kcal_mol
    if forward is not None:
        energies = [0.0, forward, None if reverse is None else forward - reverse]
    elif reverse is not None:
        energies = [None, reverse, 0.0]
    else:
        return None
    known = [value for value in energies if value is not None]
    low, span = min(known), max(max(known) - min(known), 1e-6)
    levels = tuple(
        ProfileLevel(
            name=name,
            left=centre - _HALF,
            right=centre + _HALF,
            y=round(_BOTTOM - (value - low) / span * (_BOTTOM - _TOP), 1),
            text=energy(value),
        )
        for name, centre, value in zip(_NAMES, _CENTRES, energies, strict=True)
        if value is not None
    )
    curves = tuple(
        f"M{a.right} {a.y}C{a.right + 26} {a.y} {b.left - 26} {b.y} {b.left} {b.y}" for a, b in pairwise(levels)
    )
    return Profile(levels=levels, curves=curves)
