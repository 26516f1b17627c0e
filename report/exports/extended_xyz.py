"""Extended XYZ for ASE and for trainings of potentials: saddle points, and where asked for the ends of their paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chem.types import Geometry
from chem.xyz import write_extended_xyz
from db.engine import reading
from db.part import Part
from db.state_stream import FiledState, stream_states
from report.exports.formats import ExportOptions


def write(part: Part, path: Path, options: ExportOptions) -> None:
    """Write the transition states of a part, one at a time; energies in eV, positions in Angstrom."""
    with reading(part.engine) as session:
        states = (filed for some in stream_states(session, part.shown) for filed in some)
        write_extended_xyz(path, (frame for filed in states for frame in frames(filed, ends=options.ends)))


def frames(filed: FiledState, *, ends: bool) -> Iterator[tuple[Geometry, dict[str, Any]]]:
    """The structures of one transition state with what is known of each.

    Args:
        filed: The transition state.
        ends: Also those of its two ends that are known.
    """
    state = filed.record.transition_state
    forward, reverse = filed.barriers_kcal_mol
    imaginary = state.imaginary_frequencies_cm1
    common = {
        "reaction_key": filed.reaction_key,
        "transition_state_key": filed.key,
        "level": state.level.key,
        "program": " ".join(part for part in (state.level.program, state.level.version) if part) or None,
        "verdict": state.verdict.status.value,
        "charge": state.geometry.charge,
        "multiplicity": state.geometry.multiplicity,
        "reactants": list(filed.reactants),
        "products": list(filed.products),
        "mapped_smiles": filed.mapped_smiles or None,
    }
    if ends and state.reactant_end is not None:
        yield state.reactant_end, {"structure": "reactant_end", "energy": state.reactant_end_energy_ev, **common}
    yield (
        state.geometry,
        {
            "structure": "transition_state",
            "energy": state.energy_ev,
            **common,
            "imaginary_frequency_cm1": imaginary[0] if imaginary else None,
            "barrier_forward_kcal_mol": forward,
            "barrier_reverse_kcal_mol": reverse,
            "barrier_error_kcal_mol": filed.barrier_error_kcal_mol,
            "error_bar_95_kcal_mol": filed.error_bar_95_kcal_mol,
        },
    )
    if ends and state.product_end is not None:
        yield state.product_end, {"structure": "product_end", "energy": state.product_end_energy_ev, **common}
