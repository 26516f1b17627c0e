"""A network in a notebook: read a database as records, as a graph, as data frames, and as atoms.

```python
from db import open_network

with open_network("sqlite:///runs/cairn.db") as network:
    species, reactions = network.to_pandas()
    proved = reactions[reactions.verdict == "passed"].sort_values("barrier_forward_kcal_mol")
    reactant, saddle, product = network.atoms(proved.key.iloc[0])
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from sqlalchemy import Engine

from chem.errors import DatabaseError, InputError
from db import queries, species_queries
from db.engine import open_database, reading
from db.flat_tables import REACTION_COLUMNS, SPECIES_COLUMNS, Row, reaction_rows, species_rows
from db.graph_parts import graph_parts
from db.load import known_reactions
from db.selection import Selection, stored_level_key
from db.state_stream import Structure, filed_states, structures
from db.transition_states import transition_state_of

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd  # type: ignore[import-untyped]
    from ase import Atoms


class ReactionAtoms(NamedTuple):
    """The three structures of a reaction path, all in one atom order; an end that is not known is None."""

    reactant: Atoms | None
    transition_state: Atoms
    product: Atoms | None


def open_network(url: str | Path, *, campaign: str | None = None, level: str | None = None) -> Network:
    """Open a network for reading.

    Args:
        url: Path of an SQLite file, or a URL such as `sqlite:///runs/cairn.db` or `postgresql://user@host/network`.
        campaign: Only what this campaign reached.
        level: Only energies and barriers of this level of theory, by the key or name under which it is stored; a
            reaction that has none there has no barrier.

    Returns:
        The network; use it in a `with` block, or call its `close` when done.

    Raises:
        DatabaseError: The database cannot be opened, or holds nothing at this level.
    """
    engine = open_database(url, read_only=True)
    try:
        with reading(engine) as session:
            key = None if level is None else stored_level_key(session, level)
    except BaseException:
        engine.dispose()
        raise
    return Network(engine, Selection(campaign=campaign, level_key=key))


class Network:
    """A network that is open for reading; nothing can be written through it.

    Records are read when they are first asked for, and stay as they were then.
    """

    def __init__(self, engine: Engine, selection: Selection) -> None:
        self._engine = engine
        self._selection = selection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @cached_property
    def species(self) -> tuple[species_queries.SpeciesRecord, ...]:
        """Species in the order in which they were stored, energies in eV.

        Raises:
            ConfigurationError: There is no campaign of the name that was given.
        """
        chosen = self._selection
        with reading(self._engine) as session:
            return tuple(species_queries.species(session, campaign=chosen.campaign, level_key=chosen.level_key))

    @cached_property
    def reactions(self) -> tuple[queries.ReactionRecord, ...]:
        """Reactions in the order in which they were stored, each barrier in kcal/mol with its level and verdict.

        Raises:
            ConfigurationError: There is no campaign of the name that was given.
        """
        filters = queries.ReactionFilter(campaign=self._selection.campaign, level_key=self._selection.level_key)
        with reading(self._engine) as session:
            return tuple(queries.reactions(session, filters=filters))

    def to_networkx(self) -> nx.DiGraph[str]:
        """The graph of species and reactions, both as nodes with the columns of `to_pandas` as attributes.

        Edges lead from reactants to their reaction and on to the products; `stoichiometric_count` says how often a
        species stands there. An attribute that is not known is left out.
        """
        import networkx as nx  # noqa: PLC0415

        graph: nx.DiGraph[str] = nx.DiGraph()
        with reading(self._engine) as session:
            for nodes, edges in graph_parts(session, self._selection):
                graph.add_nodes_from(nodes)
                graph.add_edges_from(edges)
        return graph

    def to_pandas(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Species and reactions as data frames with the columns of `cairn export csv`, units in their names.

        Energies of species are those seen at the ends of reaction paths, each with its level and verdict.
        """
        return self._frame(species_rows, SPECIES_COLUMNS), self._frame(reaction_rows, REACTION_COLUMNS)

    def _frame(self, rows: Callable[..., Iterator[list[Row]]], columns: Mapping[str, type]) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415

        with reading(self._engine) as session:
            found = [row for part in rows(session, self._selection) for row in part]
        kinds = {str: "string", int: "Int64", float: "float64"}
        return pd.DataFrame(
            {name: pd.Series([row[name] for row in found], dtype=kinds[kind]) for name, kind in columns.items()}
        )

    def atoms(self, reaction_key: str) -> ReactionAtoms:
        """The transition state that counts for a reaction and the two ends of its path, as ASE atoms.

        Energies, eV, are those of a calculator; verdict, level and keys are in `info`, as in `cairn export extxyz`.

        Raises:
            InputError: There is no such reaction.
            DatabaseError: It has no transition state, or none at the level that was given.
        """
        with reading(self._engine) as session:
            found = transition_state_of(session, reaction_key, level_key=self._selection.level_key)
            if found is None:
                if not known_reactions(session, [reaction_key]):
                    raise InputError(f"there is no reaction {reaction_key!r} in this database; see .reactions")
                place = "" if self._selection.level_key is None else f" at {self._selection.level_key}"
                raise DatabaseError(f"reaction {reaction_key} has no transition state{place}")
            (filed,) = filed_states(session, [found.id])
        before, saddle, after = structures(filed)
        return ReactionAtoms(
            None if before is None else _atoms(before), _atoms(saddle), None if after is None else _atoms(after)
        )


def _atoms(structure: Structure) -> Atoms:
    from ase import Atoms  # noqa: PLC0415
    from ase.calculators.singlepoint import SinglePointCalculator  # noqa: PLC0415

    geometry = structure.geometry
    known = {name: value for name, value in structure.known.items() if value is not None}
    atoms = Atoms(numbers=geometry.numbers, positions=geometry.positions, info={"structure": structure.role, **known})
    if structure.energy_ev is not None:
        atoms.calc = SinglePointCalculator(atoms, energy=structure.energy_ev)
    return atoms
