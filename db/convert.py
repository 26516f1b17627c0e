"""Rows <-> domain types. Values for rows are plain dictionaries by column name, as bulk statements take them."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from operator import attrgetter
from typing import Any

import numpy as np

from chem.graph import MolecularGraph
from chem.outcomes import Attempt, Check, CheckName, Failure, Outcome, Stage, Status, TransitionState, Verdict, Walk
from chem.types import Geometry, LevelOfTheory, Reaction, Species
from db.tables import FailureColumns, GeometryRow, LevelRow, ReactionRow, Side, SpeciesRow

Values = dict[str, Any]

SIDE_SEPARATOR = " + "  # SMILES contain no spaces


def sha256(*parts: object) -> str:
    """SHA-256 of the parts as one JSON list."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def plain_json(value: Any) -> Any:
    """The same value in types that JSON has; numbers that are not finite become the strings nan, inf, -inf.

    Raises:
        TypeError: The value has no JSON form.
    """
    if isinstance(value, np.ndarray):
        return plain_json(value.tolist())
    if isinstance(value, np.generic):
        return plain_json(value.item())
    if isinstance(value, Enum):
        return plain_json(value.value)
    if isinstance(value, str):
        return storable_text(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {storable_text(str(name)): plain_json(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(entry) for entry in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain_json(entry) for entry in value)
    raise TypeError(f"{value!r} of type {type(value).__name__} has no JSON form")


def storable_text(text: str) -> str:
    """The text without what a database refuses: NUL and half surrogates, which programs' raw output may hold."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Identity of the settings of a calculation, whatever order they were written in."""
    return sha256(plain_json(settings))


def graph_values(graph: MolecularGraph) -> Values:
    """A molecular graph as JSON."""
    return {
        "numbers": list(graph.numbers),
        "bonds": [list(pair) for pair in sorted(graph.bonds)],
        "charge": graph.charge,
        "multiplicity": graph.multiplicity,
        "tetrahedral": [list(centre) for centre in sorted(graph.tetrahedral)],
        "double_bonds": [list(bond) for bond in sorted(graph.double_bonds)],
    }


def to_graph(values: Mapping[str, Any]) -> MolecularGraph:
    """Inverse of `graph_values`."""
    return MolecularGraph(
        numbers=tuple(values["numbers"]),
        bonds=frozenset((i, j) for i, j in values["bonds"]),
        charge=values["charge"],
        multiplicity=values["multiplicity"],
        tetrahedral=frozenset((atom, sign) for atom, sign in values["tetrahedral"]),
        double_bonds=frozenset((i, j, sign) for i, j, sign in values["double_bonds"]),
    )


def geometry_hash(geometry: Geometry) -> str:
    """Identity of a geometry: every bit of it."""
    numbers, positions = _blobs(geometry)
    return sha256(geometry.charge, geometry.multiplicity, numbers.hex(), positions.hex())


def geometry_values(geometry: Geometry) -> Values:
    """A geometry as a row."""
    numbers, positions = _blobs(geometry)
    return {
        "content_hash": geometry_hash(geometry),
        "n_atoms": geometry.n_atoms,
        "charge": geometry.charge,
        "multiplicity": geometry.multiplicity,
        "numbers": numbers,
        "positions": positions,
    }


def _blobs(geometry: Geometry) -> tuple[bytes, bytes]:
    return geometry.numbers.astype(np.uint8).tobytes(), geometry.positions.astype("<f8").tobytes()


def to_geometry(row: GeometryRow) -> Geometry:
    """Inverse of `geometry_values`."""
    return Geometry(
        numbers=np.frombuffer(row.numbers, dtype=np.uint8).astype(np.int64),
        positions=np.frombuffer(row.positions, dtype="<f8").astype(np.float64).reshape(row.n_atoms, 3),
        charge=row.charge,
        multiplicity=row.multiplicity,
    )


def species_values(species: Species) -> Values:
    """A species as a row."""
    return {
        "key": species.key,
        "energy_key": species.energy_key,
        "formula": species.formula,
        "smiles": species.smiles,
        "charge": species.charge,
        "multiplicity": species.multiplicity,
        "graph": graph_values(species.graph),
    }


def to_species(row: SpeciesRow) -> Species:
    """Inverse of `species_values`."""
    return Species(key=row.key, smiles=row.smiles, graph=to_graph(row.graph), energy_key=row.energy_key)


def reaction_values(reaction: Reaction, mapped_smiles: str) -> Values:
    """A reaction as a row; its species are rows of their own."""
    return {
        "key": reaction.key,
        "reactant_smiles": SIDE_SEPARATOR.join(species.smiles for species in reaction.reactants),
        "product_smiles": SIDE_SEPARATOR.join(species.smiles for species in reaction.products),
        "mapped_smiles": mapped_smiles,
        "broken": [list(pair) for pair in reaction.broken],
        "formed": [list(pair) for pair in reaction.formed],
        "degeneracy": reaction.degeneracy,
        "reactant_graph": graph_values(reaction.reactant_graph),
        "product_graph": graph_values(reaction.product_graph),
    }


def to_reaction(row: ReactionRow, species: Iterable[tuple[Side, int, Species]]) -> Reaction:
    """Inverse of `reaction_values`, with the (side, count, species) of the reaction in any order."""
    sides: dict[Side, list[Species]] = {Side.REACTANT: [], Side.PRODUCT: []}
    for side, count, one in species:
        sides[side] += [one] * count
    return Reaction(
        key=row.key,
        reactant_graph=to_graph(row.reactant_graph),
        product_graph=to_graph(row.product_graph),
        reactants=tuple(sorted(sides[Side.REACTANT], key=lambda one: one.key)),
        products=tuple(sorted(sides[Side.PRODUCT], key=lambda one: one.key)),
        degeneracy=row.degeneracy,
    )


def runs_backwards(reaction: Reaction, stored: Reaction) -> bool:
    """Whether `reaction` is written against the direction in which the same key is `stored`.

    The species of the sides decide, or up to mirror image where only that tells them apart. Where both sides hold the
    same species, the graphs do if they are in the stored atom order; else the two directions are one: no.
    """
    for identity in (attrgetter("key"), attrgetter("energy_key")):
        side = Counter(map(identity, reaction.reactants))
        same = side == Counter(map(identity, stored.reactants))
        opposite = side == Counter(map(identity, stored.products))
        if same != opposite:
            return opposite
    return (
        reaction.reactant_graph == stored.product_graph
        and reaction.product_graph == stored.reactant_graph
        and reaction.reactant_graph != stored.reactant_graph
    )


def level_values(level: LevelOfTheory) -> Values:
    """A level of theory as a row."""
    return {
        "key": level.key,
        "name": level.name,
        "method": level.method,
        "basis": level.basis,
        "program": level.program,
        "version": level.version,
        "options": [list(pair) for pair in sorted(level.options)],
    }


def to_level(row: LevelRow) -> LevelOfTheory:
    """Inverse of `level_values`."""
    return LevelOfTheory(
        name=row.name,
        method=row.method,
        basis=row.basis,
        program=row.program,
        version=row.version,
        options=tuple((name, value) for name, value in row.options),
    )


def failure_values(failure: Failure | None) -> Values:
    """The three failure columns."""
    if failure is None:
        return {"failure_stage": None, "failure_kind": None, "failure_message": None}
    return {
        "failure_stage": failure.stage.value,
        "failure_kind": failure.kind,
        "failure_message": storable_text(failure.message),
    }


def to_failure(row: FailureColumns) -> Failure | None:
    """Inverse of `failure_values`."""
    if row.failure_stage is None or row.failure_kind is None:
        return None
    return Failure(stage=Stage(row.failure_stage), kind=row.failure_kind, message=row.failure_message or "")


def attempt_values(attempt: Attempt) -> Values:
    """One attempt of a search as a row, without what links it to others."""
    return {
        "start": attempt.start,
        "outcome": attempt.outcome.value,
        "gradient_calls": attempt.gradient_calls,
        "seconds": attempt.seconds,
        **failure_values(attempt.failure),
    }


def transition_state_values(state: TransitionState, *, backwards: bool) -> Values:
    """The plain columns of a transition state, its ends swapped where it was found `backwards`.

    Raises:
        ValueError: An energy is not finite.
    """
    energies = (state.reactant_end_energy_ev, state.product_end_energy_ev)
    for energy in (state.energy_ev, *energies):
        if energy is not None and not math.isfinite(energy):
            raise ValueError(f"a transition state of {state.geometry.formula} has the energy {energy} eV")
    first, second = reversed(energies) if backwards else energies
    modes = (state.reactant_end_frequencies_cm1, state.product_end_frequencies_cm1)
    first_modes, second_modes = (plain_json(each) or None for each in (reversed(modes) if backwards else modes))
    return {
        "energy_ev": state.energy_ev,
        "frequencies_cm1": plain_json(state.frequencies_cm1),
        "verdict": state.verdict.status.value,
        "reactant_end_energy_ev": first,
        "product_end_energy_ev": second,
        "reactant_end_frequencies_cm1": first_modes,
        "product_end_frequencies_cm1": second_modes,
        "walk": None if state.walk is None else asdict(state.walk),
    }


def to_walk(values: Mapping[str, Any] | None) -> Walk | None:
    """How a polish went, as `transition_state_values` stored it."""
    return None if values is None else Walk(**values)


def ends_in_stored_direction(state: TransitionState, *, backwards: bool) -> tuple[Geometry | None, Geometry | None]:
    """Reactant and product end of a transition state, swapped where it was found `backwards`."""
    ends = (state.reactant_end, state.product_end)
    return (ends[1], ends[0]) if backwards else ends


def check_values(check: Check) -> Values:
    """One check as a row, without its transition state."""
    return {"name": check.name.value, "status": check.status.value, "evidence": plain_json(check.evidence)}


def to_verdict(checks: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Verdict:
    """The verdict of stored (name, status, evidence), in the order in which the checks are defined."""
    order = list(CheckName)
    built = [Check(name=CheckName(name), status=Status(status), evidence=evidence) for name, status, evidence in checks]
    return Verdict(checks=tuple(sorted(built, key=lambda check: order.index(check.name))))


def to_outcome(value: str | None) -> Outcome | None:
    """The outcome of a search, where there is one."""
    return None if value is None else Outcome(value)
