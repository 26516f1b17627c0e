"""A network as nodes and edges: species and reactions, each a node, joined by who reacts in what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from db.flat_tables import REACTION_COLUMNS, SPECIES_COLUMNS, rows_with_sides, species_rows
from db.selection import Selection
from db.tables import Side

Attributes = dict[str, Any]
Node = tuple[str, Attributes]
Edge = tuple[str, str, Attributes]

# `kind` is species or reaction; `label` is for people.
NODE_COLUMNS: Mapping[str, type] = {"kind": str, "label": str, **SPECIES_COLUMNS, **REACTION_COLUMNS}
EDGE_COLUMNS: Mapping[str, type] = {"role": str, "stoichiometric_count": int, "level": str, "verdict": str}


def graph_parts(session: Session, selection: Selection) -> Iterator[tuple[list[Node], list[Edge]]]:
    """Nodes and edges of a selection in pieces of some thousand, first the species, then reactions with their edges.

    Nodes are named by the keys of species and reactions. Attributes that are not known are left out.
    """
    for species in species_rows(session, selection):
        yield [(row["key"], _known({"kind": "species", "label": row["smiles"], **row})) for row in species], []
    for reactions in rows_with_sides(session, selection):
        nodes, edges = [], []
        for row, sides in reactions:
            label = f"{row['reactants']} -> {row['products']}"
            nodes.append((row["key"], _known({"kind": "reaction", "label": label, **row})))
            for side, species_key, count in sides:
                ends = (species_key, row["key"]) if side is Side.REACTANT else (row["key"], species_key)
                attributes = {
                    "role": side.value,
                    "stoichiometric_count": count,
                    "level": row["level"],
                    "verdict": row["verdict"],
                }
                edges.append((*ends, _known(attributes)))
        yield nodes, edges


def _known(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}
