"""Merging networks: rows meet by what they are, and work that is going on is left alone."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import event, select

from chem.errors import DatabaseError
from chem.graph import MolecularGraph
from chem.identity import make_reaction
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.smiles import parse_smiles
from chem.types import Geometry
from db.engine import open_database, reading, writing
from db.load import load_reactions
from db.merging import merge
from db.part import part_of
from db.queries import ReactionFilter, reactions
from db.results import Estimate, add_estimates, record_search
from db.store import add_reactions
from db.tables import CalculationKind, CalculationRow
from db.transition_states import transition_state_of, transition_states_found_by
from db.work import claim, enqueue, heartbeat, settings_of_finished

EVERYTHING = frozenset(Status)


@pytest.fixture
def merged(tmp_path, engine):
    """Function that merges a database, or its verified part, into the empty one."""

    def into(url, verdicts=EVERYTHING):
        folder = tmp_path / f"part {len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        with part_of(url, folder, verdicts=verdicts) as part:
            return merge(part.engine, engine)

    return into


@pytest.fixture
def searched(tmp_path, network, gfn2):
    """URL of an SQLite file with the search for the shift, which found the decay on the way."""
    url = tmp_path / "searched.db"
    with filled(url, network.reactions) as other:
        search(other, "shift", network.search_result(), found={1: network.decay})
    return url


@contextmanager
def filled(url, stored):
    engine = open_database(url)
    with writing(engine) as session:
        add_reactions(session, stored)
    yield engine
    engine.dispose()


def search(engine, key, result, found=None):
    with writing(engine) as session:
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=[key], level_key=result.level.key)
    (claimed,) = claim(engine, kind=CalculationKind.SEARCH, worker="w", limit=1, lease_seconds=60)
    with writing(engine) as session:
        record_search(session, claimed, result, found=found)


def record_of(engine, key):
    with reading(engine) as session:
        (record,) = reactions(session, filters=ReactionFilter(reaction_keys=frozenset({key})))
        return record


def test_a_calculation_that_a_worker_holds_is_not_disturbed(engine, network, gfn2, searched, merged):
    with writing(engine) as session:
        add_reactions(session, network.reactions)
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["shift"], level_key=gfn2.key)
    (held,) = claim(engine, kind=CalculationKind.SEARCH, worker="mine", limit=1, lease_seconds=60)
    before = calculations(engine)
    assert merged(searched).added["calculations"] == 1
    assert calculations(engine)[0] == before[0]
    assert heartbeat(engine, worker="mine", lease_seconds=60)
    with writing(engine) as session:
        record_search(session, held, SearchResult(level=gfn2, attempts=network.search_result().attempts[2:3]))
    with reading(engine) as session:
        found = transition_states_found_by(session, "shift")
    assert sorted(each.start for each in found) == ["classical:1", "neb", "neb"]  # two came, one is mine


def test_nothing_counts_as_done_that_was_only_imported(engine, network, gfn2, searched, merged):
    merged(searched)
    with writing(engine) as session:
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["shift"], level_key=gfn2.key)
    (held,) = claim(engine, kind=CalculationKind.SEARCH, worker="mine", limit=2, lease_seconds=60)
    asked = {"kind": CalculationKind.SEARCH, "level_key": gfn2.key, "reaction_keys": ["shift"]}
    with reading(engine) as session:
        assert settings_of_finished(session, **asked) == {}
    with writing(engine) as session:
        record_search(session, held, network.search_result())
    with reading(engine) as session:
        assert settings_of_finished(session, **asked) == {"shift": {}}


def calculations(engine):
    with reading(engine) as session:
        statement = select(CalculationRow.__table__).order_by(CalculationRow.id)
        return [dict(row) for row in session.execute(statement).mappings()]


def test_what_was_found_elsewhere_keeps_its_origin(engine, searched, merged):
    merged(searched)
    with reading(engine) as session:
        shift, decay = (transition_state_of(session, key) for key in ("shift", "decay"))
    assert (shift.start, shift.outcome, shift.searched_reaction_key) == ("neb", Outcome.INTENDED, "shift")
    assert (decay.start, decay.outcome, decay.searched_reaction_key) == ("classical:1", Outcome.UNINTENDED, "shift")
    record = record_of(engine, "shift")
    assert (record.outcome, record.gradient_calls) == ("intended", 80)
    (row,) = calculations(engine)
    told = [row[name] for name in ("program", "version", "state", "finished_by")]
    assert told == ["xtb-python", "22.1", "done", None]


def test_levels_keep_the_order_in_which_they_came(engine, network, gfn2, dft, tmp_path, merged):
    with filled(tmp_path / "two.db", [network.shift]) as other:
        search(other, "shift", replace_level(network.search_result(), gfn2))
        search(other, "shift", replace_level(network.search_result(level=dft), dft))
    before = record_of(open_database(tmp_path / "two.db"), "shift")
    assert before.level == dft.key  # the latest counts, though its key comes first in the alphabet
    merged(tmp_path / "two.db")
    assert record_of(engine, "shift").level == dft.key


def replace_level(result, level):
    attempts = [
        each
        if each.transition_state is None
        else replace(each, transition_state=replace(each.transition_state, level=level))
        for each in result.attempts
    ]
    return SearchResult(level=level, attempts=tuple(attempts))


def test_thousands_of_rows_take_a_constant_number_of_statements_for_each_batch(engine, network, tmp_path, merged):
    def count(n):
        keys = [f"shift {number}" for number in range(n)]
        with filled(tmp_path / f"{n}.db", [replace(network.shift, key=key) for key in keys]) as other:
            states = [network.transition_state(seed=3 * place) for place in range(n)]
            with writing(other) as session:
                add_estimates(
                    session,
                    [Estimate(reaction_key=k, transition_state=s) for k, s in zip(keys, states, strict=True)],
                )
        statements = []
        told = lambda *arguments: statements.append(arguments[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", told)
        assert merged(tmp_path / f"{n}.db").added["transition_states"] > 0
        event.remove(engine, "before_cursor_execute", told)
        return len([each for each in statements if not each.startswith("INSERT")]), len(statements)

    few, many = count(20), count(300)
    assert few[0] == many[0]
    assert many[1] - few[1] <= 6  # an INSERT has room for so many values


# Acetaldehyde to vinyl alcohol: hydrogen 4 moves from the methyl carbon 0 to the oxygen 2.
ALDEHYDE = parse_smiles("CC=O")


def moved_hydrogen(graph):
    (methyl,) = [atom for atom in range(graph.n_atoms) if graph.numbers[atom] == 6 and len(graph.neighbors[atom]) == 4]
    (oxygen,) = [atom for atom in range(graph.n_atoms) if graph.numbers[atom] == 8]
    hydrogen = next(atom for atom in graph.neighbors[methyl] if graph.numbers[atom] == 1)
    bonds = graph.bonds - {tuple(sorted((methyl, hydrogen)))} | {tuple(sorted((oxygen, hydrogen)))}
    return MolecularGraph(numbers=graph.numbers, bonds=bonds)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5, 6), (6, 2, 0, 5, 1, 4, 3)])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_transition_state_is_turned_to_the_atom_order_and_direction_of_the_stored_reaction(
    engine, gfn2, tmp_path, merged, order, backwards
):
    enol = moved_hydrogen(ALDEHYDE)
    forward = make_reaction(ALDEHYDE, enol)
    sides = (enol, ALDEHYDE) if backwards else (ALDEHYDE, enol)
    stored = make_reaction(*sides)
    # the same reaction, its atoms numbered by another program
    stored = replace(
        stored, reactant_graph=stored.reactant_graph.permuted(order), product_graph=stored.product_graph.permuted(order)
    )
    assert stored.key == forward.key
    with writing(engine) as session:
        add_reactions(session, [stored])
    state = aldehyde_state(forward, gfn2)
    with filled(tmp_path / "forward.db", [forward]) as other:
        attempt = Attempt(start="a", gradient_calls=1, seconds=1.0, outcome=Outcome.INTENDED, transition_state=state)
        search(other, forward.key, SearchResult(level=gfn2, attempts=(attempt,)))
    merged(tmp_path / "forward.db")
    with reading(engine) as session:
        reaction = load_reactions(session, [forward.key])[forward.key]
        found = transition_state_of(session, forward.key).transition_state
    assert found.geometry.symbols == tuple(
        {1: "H", 6: "C", 8: "O"}[number] for number in reaction.reactant_graph.numbers
    )
    ends = (found.reactant_end, found.product_end)
    energies = (found.reactant_end_energy_ev, found.product_end_energy_ev)
    assert energies == ((-11.0, -12.0) if backwards else (-12.0, -11.0))
    given = ((state.reactant_end, forward.reactant_graph), (state.product_end, forward.product_graph))
    for end, graph, (source, source_graph) in zip(
        ends, (reaction.reactant_graph, reaction.product_graph), reversed(given) if backwards else given, strict=True
    ):
        assert bond_lengths(end, graph) == pytest.approx(bond_lengths(source, source_graph))
        assert bond_lengths(found.geometry, graph) == pytest.approx(bond_lengths(state.geometry, source_graph))
    assert found.barrier.forward_ev == (1.0 if backwards else 2.0)
    record = record_of(engine, forward.key)
    assert record.barrier_forward_kcal_mol == pytest.approx(23.0605 * (1.0 if backwards else 2.0), rel=1e-4)
    assert not any(merged(tmp_path / "forward.db").added.values())


def aldehyde_state(reaction, level):
    """Its atoms in random places: no two distances are alike."""
    start, saddle, end = (
        Geometry(numbers=reaction.reactant_graph.numbers, positions=np.random.default_rng(seed).normal(size=(7, 3)))
        for seed in range(3)
    )
    check = Check(name=CheckName.IRC_ENDS_MATCH, status=Status.PASSED, evidence={})
    return TransitionState(
        geometry=saddle,
        energy_ev=-10.0,
        level=level,
        verdict=Verdict(checks=(check,)),
        frequencies_cm1=(-1500.0, 900.0),
        reactant_end=start,
        product_end=end,
        reactant_end_energy_ev=-12.0,
        product_end_energy_ev=-11.0,
    )


def bond_lengths(geometry, graph):
    """Sorted: the same for every numbering of the atoms that keeps the bonds."""
    return sorted(float(np.linalg.norm(geometry.positions[i] - geometry.positions[j])) for i, j in graph.bonds)


def test_a_reaction_that_is_another_one_under_the_same_key_is_refused(engine, network, searched, merged):
    with writing(engine) as session:
        add_reactions(session, [replace(network.dissociation, key="shift")])
    with pytest.raises(DatabaseError, match="reaction shift of the archive breaks and forms other bonds"):
        merged(searched)
