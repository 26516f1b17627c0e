"""The checks that a converged saddle point must stand, as values with their evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chem.alignment import rmsd
from chem.frequencies import Vibrations
from chem.generator import EndPoints
from chem.graph import MolecularGraph
from chem.identity import mapping_form, reaction_key
from chem.irc import Branch
from chem.outcomes import Check, CheckName, Status
from chem.perception import perceive_graph
from chem.types import Geometry, Pair
from chem.verdict_rules import MODE_SHARE_THRESHOLD, judged


def count_imaginary(vibrations: Vibrations, threshold_cm1: float) -> int:
    """Number of imaginary modes beyond numerical noise."""
    return int((vibrations.frequencies_cm1 < -threshold_cm1).sum())


def check_order(vibrations: Vibrations, threshold_cm1: float) -> Check:
    """Passed when exactly one mode is imaginary by more than the threshold; the evidence lists all imaginary ones."""
    number = count_imaginary(vibrations, threshold_cm1)
    imaginary = vibrations.frequencies_cm1[vibrations.frequencies_cm1 < 0]
    evidence = {
        "imaginary_frequencies_cm1": [round(float(value), 2) for value in imaginary],
        "threshold_cm1": threshold_cm1,
        "n_imaginary": number,
    }
    return judged(CheckName.ONE_IMAGINARY_MODE, evidence)


def stretch_rates(geometry: Geometry, mode: NDArray[np.float64], pairs: list[Pair]) -> NDArray[np.float64]:
    """Change of each pair distance per unit displacement along a mode, unitless, shape (n_pairs,)."""
    if not pairs:
        return np.zeros(0)
    first, second = np.array(pairs).T
    vectors = geometry.positions[first] - geometry.positions[second]
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rates: NDArray[np.float64] = (units * (mode[first] - mode[second])).sum(axis=1)
    return rates


def check_mode(geometry: Geometry, mode: NDArray[np.float64], before: MolecularGraph, after: MolecularGraph) -> Check:
    """Whether the imaginary mode moves the bonds that break or form.

    With r_b the change of the length of bond b per unit displacement along the mode, over the bonds of both sides, the
    share is sum of r_b^2 over changing bonds / sum of r_b^2 over all bonds. Passed from `MODE_SHARE_THRESHOLD` up.
    """
    changing = sorted(before.bonds ^ after.bonds)
    kept = sorted(before.bonds & after.bonds)
    moving = float((stretch_rates(geometry, mode, changing) ** 2).sum())
    spectating = float((stretch_rates(geometry, mode, kept) ** 2).sum())
    share = moving / (moving + spectating) if moving + spectating > 0 else 0.0
    evidence = {
        "share_of_changing_bonds": round(share, 4),
        "threshold": MODE_SHARE_THRESHOLD,
        "changing_bonds": [list(pair) for pair in changing],
    }
    return judged(CheckName.MODE_MOVES_CHANGING_BONDS, evidence)


def orient(branches: tuple[Branch, Branch], ends: EndPoints) -> tuple[Branch, Branch]:
    """The branches with the reactant's side first.

    Decided by labelled bonds, then by the direction of the canonical mapping, then by the smaller deviations from the
    ends.
    """
    before, after = perceive_graph(ends.reactant), perceive_graph(ends.product)
    graphs = [perceive_graph(branch.end.geometry) for branch in branches]
    kept = (graphs[0].bonds == before.bonds) + (graphs[1].bonds == after.bonds)
    swapped = (graphs[1].bonds == before.bonds) + (graphs[0].bonds == after.bonds)
    if kept == swapped:
        wanted = mapping_form(before, after).digest
        kept = int(mapping_form(graphs[0], graphs[1]).digest == wanted)
        swapped = int(mapping_form(graphs[1], graphs[0]).digest == wanted)
    if kept == swapped:
        positions = [branch.end.geometry.positions for branch in branches]
        first, last = ends.reactant.positions, ends.product.positions
        kept = int(
            rmsd(positions[0], first) + rmsd(positions[1], last) <= rmsd(positions[1], first) + rmsd(positions[0], last)
        )
        swapped = 1 - kept
    return branches if kept > swapped else (branches[1], branches[0])


def check_ends(branches: tuple[Branch, Branch], ends: EndPoints) -> Check:
    """Whether the relaxed ends of the path are the reaction that was asked for.

    Passed when the reaction between the perceived graphs of the ends has the key of the one between the perceived
    graphs of reactant and product: any atom order, either direction. An end that did not relax to a minimum makes it
    `could_not_check`.
    """
    before, after = perceive_graph(ends.reactant), perceive_graph(ends.product)
    first, last = (perceive_graph(branch.end.geometry) for branch in branches)
    found, wanted = reaction_key(first, last), reaction_key(before, after)
    evidence: dict[str, Any] = {
        "found_key": found,
        "wanted_key": wanted,
        "broken_bonds": [list(pair) for pair in sorted(first.bonds - last.bonds)],
        "formed_bonds": [list(pair) for pair in sorted(last.bonds - first.bonds)],
        "reactant_side_is_reactant": first.bonds == before.bonds,
        "product_side_is_product": last.bonds == after.bonds,
        "path_length_angstrom_sqrt_amu": [round(branch.length, 3) for branch in branches],
        "path_reached_basin": [branch.reached_basin for branch in branches],
        "ends_converged": [branch.end.converged for branch in branches],
    }
    if not all(branch.end.converged for branch in branches):
        status = Status.COULD_NOT_CHECK
        evidence["reason"] = "an end of the path did not relax to a minimum"
    else:
        status = Status.PASSED if found == wanted and first.bonds != last.bonds else Status.FAILED
    return Check(name=CheckName.IRC_ENDS_MATCH, status=status, evidence=evidence)


def check_energies(energy_ev: float, reactant_end_energy_ev: float, product_end_energy_ev: float) -> Check:
    """Whether the saddle point lies above both relaxed ends."""
    heights = [energy_ev - end for end in (reactant_end_energy_ev, product_end_energy_ev)]
    evidence = {"height_above_reactant_end_ev": heights[0], "height_above_product_end_ev": heights[1]}
    return judged(CheckName.ENERGIES_ORDERED, evidence)


def not_checked(name: CheckName, reason: str) -> Check:
    """A check that could not be run, with why."""
    return Check(name=name, status=Status.COULD_NOT_CHECK, evidence={"reason": reason})
