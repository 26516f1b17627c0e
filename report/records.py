"""Reactions, species and paths as plain JSON values, units in the names: what commands print and servers answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from db.expected_barriers import ExpectedBarrier
    from db.queries import ReactionRecord
    from db.species_queries import SpeciesRecord
    from report.paths import Path, PathStep


def reaction_record(record: ReactionRecord) -> dict[str, Any]:
    """A reaction as plain JSON values."""
    return {
        "key": record.key,
        "reactants": list(record.reactants),
        "products": list(record.products),
        "mapped_smiles": record.mapped_smiles,
        "degeneracy": record.degeneracy,
        "barrier_forward_kcal_mol": record.barrier_forward_kcal_mol,
        "barrier_reverse_kcal_mol": record.barrier_reverse_kcal_mol,
        "barrier_error_kcal_mol": record.barrier_error_kcal_mol,
        "error_bar_95_kcal_mol": record.error_bar_95_kcal_mol,
        "height_above_reactant_minima_kcal_mol": record.height_above_reactant_minima_kcal_mol,
        "height_above_product_minima_kcal_mol": record.height_above_product_minima_kcal_mol,
        "level": record.level,
        "verdict": verdict_of(record),
        "checks": {name.value: status.value for name, status in record.checks.items()},
        "outcome": record.outcome,
        "failure": (
            {"stage": record.failure.stage.value, "kind": record.failure.kind, "message": record.failure.message}
            if record.failure is not None
            else None
        ),
        "barrierless_side": record.barrierless_side,
        "dissociation_kcal_mol": record.dissociation_kcal_mol,
        "gradient_calls": record.gradient_calls,
        "seconds": record.seconds,
        "origins": sorted(origin.value for origin in record.origins),
        "expected": None if record.expected is None else _expected_record(record.expected),
    }


def _expected_record(expected: ExpectedBarrier) -> dict[str, Any]:
    return {
        "barrier_forward_kcal_mol": expected.barrier_forward_kcal_mol,
        "barrier_reverse_kcal_mol": expected.barrier_reverse_kcal_mol,
        "error_bar_95_forward_kcal_mol": expected.error_bar_95_forward_kcal_mol,
        "error_bar_95_reverse_kcal_mol": expected.error_bar_95_reverse_kcal_mol,
        "reference": expected.reference,
        "checkpoint_sha256": expected.checkpoint_sha256,
        "verdict": expected.verdict.value,
    }


def species_record(record: SpeciesRecord) -> dict[str, Any]:
    """A species as plain JSON values."""
    return {
        "key": record.key,
        "smiles": record.smiles,
        "formula": record.formula,
        "charge": record.charge,
        "multiplicity": record.multiplicity,
        "energy_ev": record.energy_ev,
        "level": record.level,
        "n_reactions": record.n_reactions,
    }


def verdict_of(record: ReactionRecord) -> str | None:
    """The verdict of its transition state; without one, of its own search; None while that is pending."""
    if record.verdict is not None:
        return record.verdict.value
    return {"unintended": "failed", "failed": "could_not_check", "barrierless": "estimated"}.get(record.outcome or "")


def path_record(path: Path, smiles: dict[str, str]) -> dict[str, Any]:
    """A path as plain JSON values, every height beside its verdict and level.

    Args:
        path: The path.
        smiles: Of the species, by key.
    """
    return {
        "height_above_start_kcal_mol": path.height_kcal_mol,
        "verdict": None if path.verdict is None else path.verdict.value,
        "level": path.level,
        "steps": [_step_record(step, smiles) for step in path.steps],
    }


def _step_record(step: PathStep, smiles: dict[str, str]) -> dict[str, Any]:
    reaction = step.reaction
    sides = (reaction.products, reaction.reactants) if step.is_reverse else (reaction.reactants, reaction.products)
    reactants, products = ([smiles.get(key, key) for key in side] for side in sides)
    return {
        "key": reaction.key,
        "reactants": reactants,
        "products": products,
        "start_above_start_kcal_mol": step.start_kcal_mol,
        "barrier_forward_kcal_mol": step.barrier_kcal_mol,
        "barrier_reverse_kcal_mol": step.barrier_back_kcal_mol,
        "level": reaction.level,
        "verdict": None if reaction.verdict is None else reaction.verdict.value,
    }
