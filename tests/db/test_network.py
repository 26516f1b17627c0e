"""A network in a notebook: records, graph, data frames, atoms, and no way to write."""

from __future__ import annotations

import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from sqlalchemy import event, text

from chem.errors import ConfigurationError, DatabaseError, InputError
from db import open_network, queries, species_queries
from db.campaigns import add_campaign, add_reaction_members, add_species_members
from db.engine import open_database, reading, writing
from db.flat_tables import REACTION_COLUMNS, SPECIES_COLUMNS
from db.results import Estimate, add_estimates, record_search
from db.store import add_reactions


@pytest.fixture
def url(engine, network, search, dft, database_url):
    """A network with a search at GFN2-xTB, an estimate at a density functional, and reactions without anything."""
    with writing(engine) as session:
        record_search(session, search("shift"), network.search_result(), found={1: network.decay})
        state = network.transition_state(seed=40, status=None, level=dft, ends_ev=(-12.5, -11.5))
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
        add_campaign(session, name="one", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "one", ["decay"], round_number=1)
        add_species_members(session, "one", [network.hydroxymethylene.key], round_number=0)
    return database_url


def test_records_are_those_of_the_queries(url, engine):
    with open_network(url) as network, reading(engine) as session:
        assert list(network.reactions) == queries.reactions(session)
        assert list(network.species) == species_queries.species(session)
        assert network.reactions is network.reactions


def test_a_campaign_and_a_level_limit_what_is_seen(url, network, dft):
    with open_network(url, campaign="one") as seen:
        assert [record.key for record in seen.reactions] == ["decay"]
        assert [record.key for record in seen.species] == [network.hydroxymethylene.key]
        assert {"decay", network.hydrogen.key} <= set(seen.to_networkx())  # with all who take part in it
    with open_network(url, level="b3lyp") as seen:
        barriers = {record.key: record.barrier_forward_kcal_mol for record in seen.reactions}
        assert barriers["decay"] is None
        assert {record.level for record in seen.reactions if record.verdict} == {dft.key}
        energies = {record.smiles: (record.energy_ev, record.level) for record in seen.species}
        assert energies["C=O"] == (-12.5, dft.key)
        assert energies["[H][H]"] == (None, None)
        species, _ = seen.to_pandas()
        assert species.set_index("smiles").energy_ev["[CH]O"] == -11.5
    with open_network(url, campaign="two") as seen, pytest.raises(ConfigurationError, match="no campaign 'two'"):
        _ = seen.reactions
    with pytest.raises(DatabaseError, match="this database holds GFN2-xTB, B3LYP"):
        open_network(url, level="CCSD(T)")


def test_the_graph_joins_species_through_reactions(url, network):
    with open_network(url) as seen:
        graph = seen.to_networkx()
    assert isinstance(graph, nx.DiGraph)
    assert set(graph.predecessors("dissociation")) == {network.formaldehyde.key}
    assert set(graph.successors("dissociation")) == {network.carbon_monoxide.key, network.hydrogen.key}
    assert graph.edges[network.hydrogen.key, "exchange"]["stoichiometric_count"] == 2
    shift = graph.nodes["shift"]
    assert (shift["kind"], shift["verdict"], shift["level"]) == ("reaction", "passed", "GFN2-xTB")
    assert shift["barrier_forward_kcal_mol"] == pytest.approx(46.12, abs=0.01)
    assert "barrier_forward_kcal_mol" not in graph.nodes["exchange"]
    assert nx.has_path(graph, network.formaldehyde.key, network.hydrogen.key)


def test_data_frames_have_named_columns_and_their_types(url):
    with open_network(url) as seen:
        species, reactions = seen.to_pandas()
        assert list(reactions.key) == [record.key for record in seen.reactions]
    assert list(species.columns) == list(SPECIES_COLUMNS)
    assert list(reactions.columns) == list(REACTION_COLUMNS)
    assert reactions.barrier_forward_kcal_mol.dtype == float
    assert species.charge.dtype == "Int64"
    lowest = reactions[reactions.verdict == "passed"].nsmallest(1, "barrier_forward_kcal_mol")
    assert lowest.key.item() == "decay"


def test_atoms_come_with_energies_verdict_and_level(url, network):
    with open_network(url) as seen:
        reactant, saddle, product = seen.atoms("shift")
        state = network.transition_state(seed=20)
        assert np.array_equal(saddle.positions, state.geometry.positions)
        assert np.array_equal(reactant.positions, state.reactant_end.positions)
        assert saddle.get_potential_energy() - reactant.get_potential_energy() == 2.0
        assert product.get_potential_energy() == -11.0
        for atoms in (reactant, saddle, product):
            assert (atoms.info["verdict"], atoms.info["level"]) == ("passed", "GFN2-xTB")
            assert (atoms.info["charge"], atoms.info["multiplicity"]) == (0, 1)
        assert saddle.info["imaginary_frequency_cm1"] == -1500.0
        with pytest.raises(InputError, match="no reaction 'unheard of'"):
            seen.atoms("unheard of")
        with pytest.raises(DatabaseError, match="exchange has no transition state"):
            seen.atoms("exchange")


@pytest.mark.parametrize(
    "command", ["DELETE FROM barrier", "INSERT INTO model_version (name) VALUES ('x')", "DROP TABLE audit"]
)
def test_nothing_can_be_written_through_it(url, count_rows, engine, command):
    before = count_rows(engine)
    with open_network(url) as seen:
        with pytest.raises(DatabaseError, match="may only be read"):
            write(seen._engine, command)
        assert not {"add", "write", "save", "commit"} & set(dir(seen))
    assert count_rows(engine) == before


def write(engine, command):
    with writing(engine) as session:
        session.execute(text(command))


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(DatabaseError, match="does not exist"):
        open_network(tmp_path / "nowhere.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_may_not_be_changed_stays_as_it_is(tmp_path, network):
    path = tmp_path / "still.db"
    engine = open_database(path)
    with writing(engine) as session:
        add_reactions(session, network.reactions)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    before = path.read_bytes()
    with open_network(path) as seen:
        assert len(seen.reactions) == 4
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_larger_network_takes_no_more_statements(engine, url):
    from dataclasses import replace

    def count():
        statements = []
        with open_network(url) as seen:
            event.listen(seen._engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
            seen.to_networkx()
            seen.to_pandas()
        return len(statements)

    few = count()
    with reading(engine) as session:
        from db.load import load_reactions

        shift = load_reactions(session, ["shift"])["shift"]
    with writing(engine) as session:
        add_reactions(session, [replace(shift, key=f"shift {number}") for number in range(200)])
    assert count() == few


def test_the_name_is_there_and_costs_nothing_until_it_is_used():
    code = (
        "import sys, db; assert 'sqlalchemy' not in sys.modules; from db import open_network;"
        " assert 'sqlalchemy' in sys.modules and 'pandas' not in sys.modules and 'networkx' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ImportError):
        from db import no_such_thing  # noqa: F401
