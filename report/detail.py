"""Everything that is known of one reaction as plain JSON values: what a page shows when the reaction is opened."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chem.outcomes import Failure
from report import wording
from report.content import AttemptEntry, ReactionEntry, TSEntry
from report.drawing import Drawing, draw_reaction
from report.scene import ts_scene


def reaction_detail(entry: ReactionEntry, *, with_drawing: bool = True) -> dict[str, Any]:
    """One reaction, heights beside their verdict and level.

    Args:
        entry: With its details.
        with_drawing: Whether both sides are drawn with their changed bonds.

    Returns:
        Energies, structures in Angstrom, evidence of every check, attempts and failure, units in the names.
    """
    drawing = draw_reaction(entry.mapped_smiles) if with_drawing else None
    return {
        "key": entry.key,
        "reactants": list(entry.reactants),
        "products": list(entry.products),
        "mapped_smiles": entry.mapped_smiles,
        "degeneracy": entry.degeneracy,
        "turned": entry.turned,
        "state": entry.state.value,
        "verdict": None if entry.verdict is None else entry.verdict.value,
        "level": entry.level or None,
        "barrier_forward_kcal_mol": entry.barrier_forward_kcal_mol,
        "barrier_reverse_kcal_mol": entry.barrier_reverse_kcal_mol,
        "error_bar_95_kcal_mol": entry.error_bar_95_kcal_mol,
        "e0_forward_kcal_mol": entry.e0_forward_kcal_mol,
        "e0_reverse_kcal_mol": entry.e0_reverse_kcal_mol,
        "gibbs_298_forward_kcal_mol": entry.gibbs_298_forward_kcal_mol,
        "gibbs_298_reverse_kcal_mol": entry.gibbs_298_reverse_kcal_mol,
        "dissociation_kcal_mol": entry.dissociation_kcal_mol,
        "outcome": None if entry.outcome is None else wording.OUTCOME_LABELS[entry.outcome],
        "found_by": entry.found_by,
        "proposed": entry.proposed,
        "expected": None if entry.expected is None else asdict(entry.expected),
        "checks": [
            {
                "name": str(check.name),
                "label": wording.CHECK_LABELS.get(check.name, str(check.name)),
                "state": wording.STATE_OF_STATUS[check.status].value,
                "evidence": {name: wording.value_text(value) for name, value in check.evidence.items()},
            }
            for check in entry.checks
        ],
        "failure": _failure(entry.failure),
        "attempts": [_attempt(attempt) for attempt in entry.attempts],
        "transition_state": None if entry.transition_state is None else _transition_state(entry.transition_state),
        "scheme": None
        if drawing is None
        else {
            "reactants": drawing_values(drawing.reactants),
            "products": drawing_values(drawing.products),
            "broken": drawing.broken,
            "formed": drawing.formed,
        },
    }


def drawing_values(drawing: Drawing) -> list[Any]:
    """A drawing as width, height and the SVG paths of its inside."""
    return [drawing.width, drawing.height, drawing.body]


def _failure(failure: Failure | None) -> dict[str, str] | None:
    if failure is None:
        return None
    return {"stage": wording.stage_label(failure.stage), "kind": failure.kind, "message": failure.message}


def _attempt(attempt: AttemptEntry) -> dict[str, Any]:
    return {
        "start": attempt.start,
        "outcome": wording.OUTCOME_LABELS[attempt.outcome],
        "gradient_calls": attempt.gradient_calls,
        "seconds": attempt.seconds,
        "failure": _failure(attempt.failure),
    }


def _transition_state(entry: TSEntry) -> dict[str, Any]:
    frequencies = entry.imaginary_frequencies_cm1
    return {
        "energy_ev": entry.energy_ev,
        "reactant_end_energy_ev": entry.reactant_end_energy_ev,
        "product_end_energy_ev": entry.product_end_energy_ev,
        "imaginary_frequencies_cm1": None if frequencies is None else list(frequencies),
        "scene": ts_scene(entry),
    }
