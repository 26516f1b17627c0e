"""One row for each reaction of an evaluation, for a table that others can read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from models.evaluation.barrier_energies import BarrierEnergies
from models.evaluation.structures import KINDS, JudgedReaction, Kind

Cell = str | int | float | None
BARRIER_KINDS: tuple[Kind, ...] = ("first", "deterministic", "recommended")


def records(
    reactions: Sequence[JudgedReaction],
    barriers: Sequence[BarrierEnergies] = (),
    expected_kcal_mol: Sequence[float | None] = (),
) -> list[dict[str, Cell]]:
    """Errors of every reaction, units in the names of the columns.

    Args:
        reactions: As judged.
        barriers: One for each in the same order; empty where no energies were calculated.
        expected_kcal_mol: Expected errors of these barriers once polished, kcal/mol; empty likewise.
    """
    rows = []
    for place, each in enumerate(reactions):
        row: dict[str, Cell] = {
            "reaction": each.identifier,
            "n_atoms": each.n_atoms,
            "n_reactant_fragments": each.n_reactant_fragments,
            "n_product_fragments": each.n_product_fragments,
            "confidence": each.confidence,
            "expected_error_kcal_mol": each.expected_error_kcal_mol,
        }
        for kind in KINDS:
            errors = each.errors.get(kind)
            row[f"{kind}_rmsd_strict_angstrom"] = errors.rmsd_strict if errors else None
            row[f"{kind}_rmsd_lenient_angstrom"] = errors.rmsd_lenient if errors else None
            row[f"{kind}_core_rmsd_angstrom"] = errors.core_rmsd if errors else None
            row[f"{kind}_distance_mae_angstrom"] = errors.distance_mae if errors else None
            row[f"{kind}_wrong_hand"] = None if errors is None or errors.wrong_hand is None else int(errors.wrong_hand)
            row[f"{kind}_clashing"] = int(errors.clashing) if errors else None
        if expected_kcal_mol:
            row["expected_error_polished_kcal_mol"] = expected_kcal_mol[place]
        if barriers:
            for kind in BARRIER_KINDS:
                row[f"{kind}_barrier_error_raw_kcal_mol"] = barriers[place].error_kcal_mol(kind, polished=False)
                row[f"{kind}_barrier_error_polished_kcal_mol"] = barriers[place].error_kcal_mol(kind, polished=True)
                row[f"{kind}_failure"] = barriers[place].failure(kind) if kind in barriers[place].energies else None
        rows.append(row)
    return rows


def write_records(path: Path, rows: Sequence[dict[str, Cell]]) -> None:
    """Write rows as CSV; empty cells where there is no value."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["reaction"])
        writer.writeheader()
        writer.writerows(rows)
