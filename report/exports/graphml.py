"""GraphML for Cytoscape, Gephi and networkx: species and reactions as nodes of a directed graph.

Edges lead from reactants to their reaction and from there to the products, so that a reaction may have several of each.
It is written as it is read, a few thousand reactions in memory at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import escape, quoteattr

from db.engine import reading
from db.graph_parts import EDGE_COLUMNS, NODE_COLUMNS, graph_parts
from db.part import Part
from report.exports.formats import ExportOptions

_TYPES = {str: "string", int: "long", float: "double"}
# Characters that XML 1.0 cannot hold in any way.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""


def write(part: Part, path: Path, options: ExportOptions) -> None:  # noqa: ARG001 - the interface of all formats
    """Write the graph of a part of a network; attributes that are not known are left out."""
    with path.open("w", encoding="utf-8", newline="\n") as file, reading(part.engine) as session:
        file.write(_HEAD)
        for kind, columns in (("node", NODE_COLUMNS), ("edge", EDGE_COLUMNS)):
            for name, type_ in columns.items():
                file.write(f'  <key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{_TYPES[type_]}"/>\n')
        file.write('  <graph id="network" edgedefault="directed">\n')
        for nodes, edges in graph_parts(session, part.shown):
            for name, attributes in nodes:
                _element(file, "node", f"id={quoteattr(_possible(name))}", attributes)
            for source, target, attributes in edges:
                ends = f"source={quoteattr(_possible(source))} target={quoteattr(_possible(target))}"
                _element(file, "edge", ends, attributes)
        file.write("  </graph>\n</graphml>\n")


def _element(file: TextIO, kind: str, head: str, attributes: Mapping[str, Any]) -> None:
    file.write(f"    <{kind} {head}>\n")
    file.writelines(f'      <data key="{kind}_{name}">{text}</data>\n' for name, text in _texts(attributes))
    file.write(f"    </{kind}>\n")


def _texts(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        # A plain carriage return would be read as a line feed.
        yield name, escape(_possible(value), {"\r": "&#13;"}) if isinstance(value, str) else repr(value)


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
