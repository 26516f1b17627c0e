"""Extended XYZ for ASE and for trainings of potentials: saddle points, and where asked for the ends of their paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chem.types import Geometry
from chem.xyz import write_extended_xyz
from db.engine import reading
from db.part import Part
from db.state_stream import FiledState, stream_states, structures
from report.exports.formats import ExportOptions


def write(part: Part, path: Path, options: ExportOptions) -> None:
    """Write the transition states of a part, one at a time; energies in eV, positions in Angstrom."""
    with reading(part.engine) as session:
        states = (filed for some in stream_states(session, part.shown) for filed in some)
        write_extended_xyz(path, (frame for filed in states for frame in _frames(filed, ends=options.ends)))


def _frames(filed: FiledState, *, ends: bool) -> Iterator[tuple[Geometry, dict[str, Any]]]:
    before, saddle, after = structures(filed)
    for each in (before, saddle, after) if ends else (saddle,):
        if each is not None:  # an end that is not known
            yield each.geometry, {"structure": each.role, "energy": each.energy_ev, **each.known}
