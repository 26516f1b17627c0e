"""Which molecules networks are trained on; torch is not needed to know."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol


class Molecule(Protocol):
    """What decides; geometries and molecular graphs have it."""

    @property
    def numbers(self) -> Iterable[int]:
        """Atomic numbers."""
        ...

    @property
    def charge(self) -> int:
        """Total charge."""
        ...

    @property
    def multiplicity(self) -> int:
        """Spin multiplicity 2S+1."""
        ...


def is_in_domain(molecule: Molecule, elements: Collection[int]) -> bool:
    """Whether a molecule is of the kind that networks are trained on: neutral, closed-shell, of known elements.

    Args:
        molecule: In question.
        elements: Atomic numbers that the network knows.
    """
    return (molecule.charge, molecule.multiplicity) == (0, 1) and {int(each) for each in molecule.numbers} <= {
        *elements
    }
