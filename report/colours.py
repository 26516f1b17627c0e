"""How barriers are coloured."""

from __future__ import annotations

import math

from report.content import ReportContent

# From blue (low) over sand to dark orange (high): told apart without seeing red and green, and in grey.
BARRIER_COLOURS = ("#0b4f8a", "#3f86bd", "#9cc5de", "#efe3b8", "#e6a94f", "#b8560f")


def barrier_range(content: ReportContent) -> tuple[float, float]:
    """Ends of the colour scale, kcal/mol: multiples of five around all forward barriers."""
    known = [reaction.barrier_forward_kcal_mol for reaction in content.reactions]
    barriers = [barrier for barrier in known if barrier is not None and math.isfinite(barrier)]
    if not barriers:
        return 0.0, 5.0
    low, high = math.floor(min(barriers) / 5) * 5.0, math.ceil(max(barriers) / 5) * 5.0
    return low, max(high, low + 5.0)


def barrier_colour(barrier: float, low: float, high: float) -> str:
    """Colour of a barrier between the ends of the scale, `#rrggbb`."""
    place = min(max((barrier - low) / (high - low), 0.0), 1.0) * (len(BARRIER_COLOURS) - 1)
    index = min(int(place), len(BARRIER_COLOURS) - 2)
    a, b = (_rgb(colour) for colour in BARRIER_COLOURS[index : index + 2])
    mixed = [round(x + (y - x) * (place - index)) for x, y in zip(a, b, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
