"""The elements of the interactive network: species cards, reaction nodes coloured by barrier, and their edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from report.content import ReactionEntry, ReportContent
from report.drawing import Drawing
from report.layout import CARD_HEIGHT, CARD_WIDTH, REACTION_HEIGHT, REACTION_WIDTH, ring_layout
from report.wording import STATE_GLYPHS, energy

# From blue (low) over sand to dark orange (high): told apart without seeing red and green, and in grey.
BARRIER_COLOURS = ("#0b4f8a", "#3f86bd", "#9cc5de", "#efe3b8", "#e6a94f", "#b8560f")


def barrier_range(content: ReportContent) -> tuple[float, float]:
    """Ends of the colour scale, kcal/mol: multiples of five around all forward barriers."""
    barriers = [r.barrier_forward_kcal_mol for r in content.reactions if r.barrier_forward_kcal_mol is not None]
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


def ink_on(colour: str) -> str:
    """Black or white, whichever contrasts more with a colour (relative luminance of WCAG 2.1)."""
    linear = [(v / 255 / 12.92 if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4) for v in _rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#111111" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def network_elements(
    content: ReportContent,
    species_ids: Mapping[str, str],
    reaction_ids: Mapping[str, str],
    drawings: Mapping[str, Drawing | None],
) -> list[dict[str, Any]]:
    """Elements for cytoscape.js.

    Args:
        content: The report.
        species_ids: Page-wide identifier of every species key that occurs.
        reaction_ids: The same of every reaction key.
        drawings: Drawings by species key; None where there is none.
    """
    layout = ring_layout(content)
    low, high = barrier_range(content)
    labels = {species.key: species.smiles for species in content.species}
    elements: list[dict[str, Any]] = []
    for key, identifier in species_ids.items():
        x, y = layout.species[key]
        data = {
            "id": identifier,
            "kind": "species",
            "seed": key in content.seeds,
            "text": "" if drawings.get(key) else shortened(labels.get(key, key)),
            "width": CARD_WIDTH,
            "height": CARD_HEIGHT,
        }
        elements.append({"data": data, "position": {"x": x, "y": y}})
    for reaction in content.by_barrier:
        identifier = reaction_ids[reaction.key]
        x, y = layout.reactions[reaction.key]
        elements.append({"data": _reaction_node(reaction, identifier, low, high), "position": {"x": x, "y": y}})
        for side, keys in (("in", reaction.reactants), ("out", reaction.products)):
            for place, key in enumerate(dict.fromkeys(keys)):
                ends = (species_ids[key], identifier) if side == "in" else (identifier, species_ids[key])
                data = {
                    "id": f"{identifier}-{side}{place}",
                    "kind": "edge",
                    "side": side,
                    "source": ends[0],
                    "target": ends[1],
                    "reaction": identifier,
                    "state": reaction.state.value,
                }
                elements.append({"data": data})
    return elements


def _reaction_node(reaction: ReactionEntry, identifier: str, low: float, high: float) -> dict[str, Any]:
    barrier = reaction.barrier_forward_kcal_mol
    glyph = STATE_GLYPHS[reaction.state]
    colour = None if barrier is None else barrier_colour(barrier, low, high)
    return {
        "id": identifier,
        "kind": "reaction",
        "state": reaction.state.value,
        "barrier": barrier,
        "label": glyph if barrier is None else f"{energy(barrier)} {glyph}",
        "colour": colour,
        "ink": None if colour is None else ink_on(colour),
        "width": REACTION_WIDTH if barrier is not None else REACTION_HEIGHT,
        "height": REACTION_HEIGHT,
    }


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def shortened(text: str, length: int = 18) -> str:
    """A label of at most so many characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
