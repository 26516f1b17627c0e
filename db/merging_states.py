"""Put the transition states of an archive into a database, in the direction and atom order of its reactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from chem.errors import DatabaseError
from chem.identity import order_onto
from chem.types import Reaction
from db.convert import Values, geometry_values, runs_backwards, to_geometry
from db.engine import writing
from db.load import load_reactions
from db.portable import CalculationIdentity, calculation_ids, state_keys
from db.statements import ids_by, insert_new, select_in, streamed
from db.tables import (
    AttemptRow,
    BarrierRow,
    CalculationRow,
    GeometryRow,
    ReactionRow,
    TransitionStateCheckRow,
    TransitionStateRow,
)

_GEOMETRIES = ("geometry_id", "reactant_end_geometry_id", "product_end_geometry_id")
_OF_ENDS = ("geometry_id", "energy_ev", "frequencies_cm1")  # columns of which each end has its own


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    """How a reaction of the archive is written in the database.

    Attributes:
        id: Row id in the database.
        order: Atom k here is atom `order[k]` there; None where all are in the same order.
        backwards: Whether the two directions differ.
    """

    id: int
    order: tuple[int, ...] | None = None
    backwards: bool = False


def merge_states(there: Session, target: Engine, levels: Mapping[int, int]) -> tuple[int, int]:
    """Add the transition states that a database does not have, with geometries, checks, barriers and attempts.

    Args:
        there: Reading the archive.
        target: The database; species, reactions and calculations of the archive are in it already.
        levels: Row ids of levels in the database, by those in the archive.

    Returns:
        How many were added, and how many were there.

    Raises:
        DatabaseError: A reaction of the archive is another than that of the same key in the database.
    """
    table = TransitionStateRow.__table__
    added = known = 0
    rows = there.execute(select(table).order_by(table.c.id), execution_options=streamed())
    for part in rows.mappings().partitions():
        states = [dict(row) for row in part]
        with writing(target) as here:
            new = _Part(there, here, states).add(levels)
        added, known = added + new, known + len(states) - new
    return added, known


class _Part:
    """Some transition states of an archive on their way into a database; rows are named by their ids there."""

    def __init__(self, there: Session, here: Session, states: list[Values]) -> None:
        self.there, self.here = there, here
        found_by = {state["calculation_id"] for state in states} - {None}
        self.finders = {row.id: row for (row,) in select_in(there, select(CalculationRow), CalculationRow.id, found_by)}
        searched = {row.reaction_id for row in self.finders.values()} - {None}
        self.reactions = _writings(there, here, {state["reaction_id"] for state in states} | searched)
        numbers = {each.id for each in self.reactions.values()}
        stored = set(state_keys(here, TransitionStateRow.reaction_id, numbers).values())
        self.new = {state["id"]: state for state in states if state["key"] not in stored}
        self.calculations = calculation_ids(here, numbers)

    def add(self, levels: Mapping[int, int]) -> int:
        """Write those that are new; returns how many."""
        rows = self._rows(levels, self._add_geometries())
        insert_new(self.here, TransitionStateRow, rows, unique=["key"])
        ids = ids_by(self.here, TransitionStateRow.key, (row["key"] for row in rows))
        numbers = {number: ids[state["key"]] for number, state in self.new.items()}
        for table, unique, turned in (
            (TransitionStateCheckRow, ["transition_state_id", "name"], lambda row: row),
            (BarrierRow, ["transition_state_id"], lambda row: self._turned_barrier(row, levels)),
            (AttemptRow, ["calculation_id", "position"], self._moved_attempt),
        ):
            found = select_in(self.there, select(table.__table__), table.transition_state_id, numbers)
            entries = [turned({**row._mapping}) for row in found]
            for entry in entries:
                entry["transition_state_id"] = numbers[entry["transition_state_id"]]
                del entry["id"]
            insert_new(self.here, table, entries, unique=unique)
        return len(rows)

    def _rows(self, levels: Mapping[int, int], geometries: Mapping[tuple[int, int], int]) -> list[Values]:
        rows = []
        for number, state in self.new.items():
            row = {
                **state,
                **{name: geometries.get((number, state[name])) for name in _GEOMETRIES},
                "reaction_id": self.reactions[state["reaction_id"]].id,
                "level_id": levels[state["level_id"]],
                "calculation_id": self._calculation_id(state["calculation_id"]),
            }
            if self.reactions[state["reaction_id"]].backwards:
                for name in _OF_ENDS:
                    before, after = f"reactant_end_{name}", f"product_end_{name}"
                    row[before], row[after] = row[after], row[before]
            del row["id"]
            rows.append(row)
        return rows

    def _calculation_id(self, number: int | None) -> int | None:
        if number is None:
            return None
        row = self.finders[number]
        return self.calculations[CalculationIdentity(row.kind, row.subject_key, row.level_key, row.settings_hash)]

    def _add_geometries(self) -> dict[tuple[int, int], int]:
        """Write the geometries of the new ones in the order of atoms here.

        Returns:
            Row ids here, by transition state and geometry there.
        """
        wanted = {
            (number, state[name])
            for number, state in self.new.items()
            for name in _GEOMETRIES
            if state[name] is not None
        }
        statement = select(GeometryRow.__table__)
        found = select_in(self.there, statement, GeometryRow.id, {geometry for _, geometry in wanted})
        rows = {row.id: row for row in found}
        values = {}
        for number, geometry in wanted:
            # The atoms stand as in the reaction that was searched for, which may be another than the one found.
            finder = self.finders.get(self.new[number]["calculation_id"])
            ordering = self.new[number]["reaction_id"] if finder is None else finder.reaction_id
            order = self.reactions[ordering].order
            row = rows[geometry]
            values[number, geometry] = (
                {name: value for name, value in row._mapping.items() if name != "id"}
                if order is None
                else geometry_values(to_geometry(row).permuted(order))
            )
        insert_new(self.here, GeometryRow, list(values.values()), unique=["content_hash"])
        ids = ids_by(self.here, GeometryRow.content_hash, (each["content_hash"] for each in values.values()))
        return {place: ids[each["content_hash"]] for place, each in values.items()}

    def _turned_barrier(self, row: Values, levels: Mapping[int, int]) -> Values:
        written = self.reactions[row["reaction_id"]]
        heights = (row["forward_ev"], row["reverse_ev"])
        forward, reverse = reversed(heights) if written.backwards else heights
        return {
            **row,
            "reaction_id": written.id,
            "level_id": levels[row["level_id"]],
            "forward_ev": forward,
            "reverse_ev": reverse,
        }

    def _moved_attempt(self, row: Values) -> Values:
        return {**row, "calculation_id": self._calculation_id(row["calculation_id"])}


def _writings(there: Session, here: Session, numbers: set[int]) -> dict[int, _Writing]:
    """By row id in the archive, how its reactions are written in the database."""
    columns = (ReactionRow.id, ReactionRow.key, ReactionRow.reactant_graph, ReactionRow.product_graph)
    given = list(select_in(there, select(*columns), ReactionRow.id, numbers))
    stored = {row.key: row for row in select_in(here, select(*columns), ReactionRow.key, {row.key for row in given})}
    found, other = {}, []
    for row in given:
        own = stored[row.key]
        if (row.reactant_graph, row.product_graph) == (own.reactant_graph, own.product_graph):
            found[row.id] = _Writing(id=own.id)
        else:
            other.append(row)
    theirs, ours = (load_reactions(session, [row.key for row in other]) for session in (there, here))
    for row in other:
        found[row.id] = _writing(stored[row.key].id, theirs[row.key], ours[row.key])
    return found


def _writing(number: int, given: Reaction, stored: Reaction) -> _Writing:
    onto = (stored.reactant_graph, stored.product_graph)
    first = runs_backwards(given, stored)
    for backwards in (first, not first):
        sides = (given.reactant_graph, given.product_graph)
        before, after = reversed(sides) if backwards else sides
        order = order_onto(before, after, onto)
        if order is not None:
            return _Writing(id=number, order=None if order == tuple(sorted(order)) else order, backwards=backwards)
    raise DatabaseError(
        f"reaction {given.key} of the archive breaks and forms other bonds than the one of that key in the database;"
        " one of them was made by another program or changed by hand"
    )
