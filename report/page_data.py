"""What the scripts of a page read: all species and reactions as columns, drawings, and packed details.

The columns of a reaction take some hundred bytes, so that table, search and paths know the whole network at once. The
details of a reaction, structures above all, are packed some dozens together and unpacked when a reaction is opened.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chem.kinetics import BOLTZMANN_EV_PER_K, PLANCK_EV_S
from chem.units import KCAL_MOL_PER_EV
from report import wording
from report.colours import BARRIER_COLOURS
from report.content import ReactionEntry, ReportContent, SpeciesEntry, State
from report.detail import drawing_values, reaction_detail
from report.drawing import draw_species
from report.layout import network_layout
from report.selection import drawing_sizes, ranked

MOST_DRAWN = 1_000  # reactions, what matters most first, whose molecules are drawn; others are named by SMILES
DETAILS_TOGETHER = 40  # reactions that are unpacked at once
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u....|.)")  # two for a character beyond the first plane


def page_data(content: ReportContent, *, details_url: str | None) -> dict[str, Any]:
    """The whole network as plain JSON values.

    Args:
        content: The report.
        details_url: Where the page asks for the details of a reaction; None where they are in the page.

    Returns:
        `species` and `reactions` as columns, the latter by rising barrier; `pictures` of species by place; `drawings`
        of the network, each with the places of its reactions and where everything stands; words for states.
    """
    order, n_reached = ranked(content)
    reactions = content.by_barrier
    species = species_in_order(content)
    place = {entry.key: number for number, entry in enumerate(species)}
    number = {entry.key: each for each, entry in enumerate(reactions)}
    drawn = {key for entry in order[:MOST_DRAWN] for key in (*entry.reactants, *entry.products)} | set(content.seeds)
    pictures = {place[entry.key]: draw_species(entry.smiles) for entry in species if entry.key in drawn}
    return {
        "species": {
            "key": [entry.key for entry in species],
            "smiles": [entry.smiles for entry in species],
            "formula": [entry.formula for entry in species],
            "charge": [entry.charge for entry in species],
            "multiplicity": [entry.multiplicity for entry in species],
        },
        "seeds": [place[key] for key in content.seeds if key in place],
        "reactions": _columns(reactions, place, number),
        "pictures": {where: drawing_values(drawing) for where, drawing in pictures.items() if drawing is not None},
        "drawings": [_drawing(content, order[:size], place, number) for size in drawing_sizes(len(order))],
        "reached": n_reached,
        "states": [
            {
                "state": state.value,
                "label": wording.STATE_LABELS[state],
                "glyph": wording.STATE_GLYPHS[state],
                "meaning": wording.STATE_MEANINGS[state],
            }
            for state in State
        ],
        "ramp": list(BARRIER_COLOURS),
        "gas_constant_kcal_mol_k": BOLTZMANN_EV_PER_K * KCAL_MOL_PER_EV,
        "attempts_per_s_k": BOLTZMANN_EV_PER_K / PLANCK_EV_S,
        "details": {"url": details_url, "together": DETAILS_TOGETHER},
    }


def species_in_order(content: ReportContent) -> tuple[SpeciesEntry, ...]:
    """The listed species, seeds first, then those that only a reaction names."""
    entries = {entry.key: entry for entry in content.species}
    named = [key for reaction in content.by_barrier for key in reaction.reactants + reaction.products]
    order = dict.fromkeys([*(key for key in content.seeds if key in entries), *entries, *named])
    return tuple(entries.get(key, SpeciesEntry(key=key, smiles=key, formula="")) for key in order)


def packed_details(content: ReportContent) -> Iterator[str]:
    """Details of the reactions by rising barrier, each part a JSON list, compressed by gzip, in base 64."""
    order, _ = ranked(content)
    drawn = {entry.key for entry in order[:MOST_DRAWN]}
    reactions = content.by_barrier
    for start in range(0, len(reactions), DETAILS_TOGETHER):
        part = [
            reaction_detail(entry, with_drawing=entry.key in drawn)
            for entry in reactions[start : start + DETAILS_TOGETHER]
        ]
        text = json_text(part).encode("utf-8")
        yield base64.b64encode(gzip.compress(text, 6, mtime=0)).decode("ascii")


def json_text(value: Any) -> str:
    """A plain value as JSON of ASCII alone that is safe inside a script element.

    Numbers that are not finite become null, and characters that nobody sees are told, as by `report.wording.visible`.
    """
    text = _ESCAPE.sub(_told, finite_json(value))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def finite_json(value: Any) -> str:
    """A plain value as JSON of ASCII alone, null for numbers that are not finite."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def _told(match: re.Match[str]) -> str:
    """An escape of a JSON text, or what tells of the character that it stands for."""
    character: str = json.loads(f'"{match[0]}"')
    told = wording.visible(character)
    return match[0] if told == character else json.dumps(told)[1:-1]


def _columns(
    reactions: Sequence[ReactionEntry], place: Mapping[str, int], number: Mapping[str, int]
) -> dict[str, list[Any]]:
    """Reactions as columns; species and finders by their places."""
    states = list(State)
    return {
        "key": [entry.key for entry in reactions],
        "reactants": [[place[key] for key in entry.reactants] for entry in reactions],
        "products": [[place[key] for key in entry.products] for entry in reactions],
        "state": [states.index(entry.state) for entry in reactions],
        "verdict": [None if entry.verdict is None else entry.verdict.value for entry in reactions],
        "level": [entry.level or None for entry in reactions],
        "barrier_forward_kcal_mol": [_rounded(entry.barrier_forward_kcal_mol) for entry in reactions],
        "barrier_reverse_kcal_mol": [_rounded(entry.barrier_reverse_kcal_mol) for entry in reactions],
        "error_bar_95_kcal_mol": [_rounded(entry.error_bar_95_kcal_mol) for entry in reactions],
        "gradient_calls": [entry.gradient_calls for entry in reactions],
        "seconds": [_rounded(entry.seconds) for entry in reactions],
        "found_by": [_finder(entry, number) for entry in reactions],
        "turned": [int(entry.turned) for entry in reactions],
        "failure": [None if entry.failure is None else entry.failure.kind for entry in reactions],
    }


def _finder(entry: ReactionEntry, number: Mapping[str, int]) -> int | None:
    """Place of the reaction whose search found this one; -1 where it is not in the report."""
    return None if entry.found_by is None else number.get(entry.found_by, -1)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)


def _drawing(
    content: ReportContent, shown: Sequence[ReactionEntry], place: Mapping[str, int], number: Mapping[str, int]
) -> dict[str, Any]:
    """Reactions of one drawing with the centres of all its nodes, pixels at zoom 1."""
    members = {key for entry in shown for key in (*entry.reactants, *entry.products)} | set(content.seeds)
    if not content.reactions:
        members |= {entry.key for entry in content.species[:MOST_DRAWN]}
    part = replace(
        content,
        reactions=tuple(shown),
        species=tuple(entry for entry in species_in_order(content) if entry.key in members),
    )
    layout = network_layout(part)
    return {
        "reactions": [[number[entry.key], *layout.reactions[entry.key]] for entry in shown],
        "species": [[place[key], *where] for key, where in layout.species.items()],
    }
