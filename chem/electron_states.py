"""The ways in which an atom may hold its electrons in a Lewis structure, and what each of them costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

# Electrons in the valence shell and Pauling electronegativity of the main-group elements that have Lewis structures.
VALENCE_ELECTRONS = {
    1: 1, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7, 14: 4, 15: 5, 16: 6, 17: 7, 32: 4, 33: 5, 34: 6, 35: 7, 52: 6, 53: 7,
}  # fmt: skip
ELECTRONEGATIVITY = {
    1: 2.20, 5: 2.04, 6: 2.55, 7: 3.04, 8: 3.44, 9: 3.98, 14: 1.90, 15: 2.19, 16: 2.58, 17: 3.16, 32: 2.01, 33: 2.18,
    34: 2.55, 35: 2.96, 52: 2.10, 53: 2.66,
}  # fmt: skip
STANDARD_VALENCE = {1: 1, 5: 3, 6: 4, 7: 3, 8: 2, 9: 1, 14: 4, 15: 3, 16: 2, 17: 1, 34: 2, 35: 1, 53: 1}

# Costs of the integer program; only their order matters. A carbene (sextet) is cheaper than a pair of charges, so that
# hydroxycarbene stays one.
_CHARGE, _HOLE, _NITRENE_HOLE, _RADICAL, _EXPANDED = 10.0, 9.0, 12.0, 8.0, 1.0


@dataclass(frozen=True, slots=True)
class ElectronState:
    """One way for an atom to hold its electrons."""

    valence: int
    charge: int
    unpaired: int
    cost: float


@lru_cache(maxsize=256)
def electron_states(number: int, degree: int) -> tuple[ElectronState, ...]:
    """States open to an element with this many neighbours."""
    result = []
    if number not in VALENCE_ELECTRONS:  # metals, noble gases: no rule, any charge at a price
        return tuple(
            ElectronState(valence, charge, unpaired, _CHARGE * abs(charge) + _RADICAL * unpaired)
            for valence in range(degree, degree + 3)
            for charge in range(-2, 5)
            for unpaired in range(6)
        )
    electrons, octet = VALENCE_ELECTRONS[number], 2 if number == 1 else 8
    for charge in (-2, -1, 0, 1, 2):
        for valence in range(degree, 8):
            nonbonding = electrons - charge - valence
            shell = nonbonding + 2 * valence
            if nonbonding < 0 or valence - degree > 4:
                continue
            expanded = shell > octet
            if expanded and (number < 14 or shell > 14 or shell % 2):
                continue
            for unpaired in range(nonbonding % 2, min(nonbonding, 4) + 1, 2):
                # Each unpaired electron needs an orbital of its own.
                if (expanded and unpaired) or (not expanded and shell + unpaired > octet):
                    continue
                missing = max(octet - shell - unpaired, 0)
                cost = _CHARGE * abs(charge) * abs(charge) + charge * (ELECTRONEGATIVITY[number] - 2.5)
                cost += (
                    (_HOLE if number in (5, 6, 14) else _NITRENE_HOLE) * missing
                    + _RADICAL * unpaired
                    + _EXPANDED * expanded * (shell - octet) / 2
                )
                result.append(ElectronState(valence, charge, unpaired, cost))
    return tuple(result)
