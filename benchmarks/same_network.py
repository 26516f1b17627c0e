"""Whether two explorations found the same network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOLERANCE_KCAL_MOL = 0.1


def differences(first: Mapping[str, tuple[Any, ...]], second: Mapping[str, tuple[Any, ...]]) -> list[str]:
    """In words; each network gives by reaction key what must be equal, then its barrier in kcal/mol, None for none."""
    found = [f"{key}: only in one" for key in sorted(set(first) ^ set(second))]
    for key in sorted(set(first) & set(second)):
        (*states, height), (*others, other) = first[key], second[key]
        apart = (height is None) != (other is None) or (height is not None and abs(height - other) > TOLERANCE_KCAL_MOL)
        if states != others or apart:
            found.append(f"{key}: {first[key]} and {second[key]}")
    return found
