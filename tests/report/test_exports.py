"""What leaves a database: nothing but what was asked for, whole or not at all, and readable by whom it is for."""

from __future__ import annotations

import errno
import json
import resource
import zipfile
from functools import cache
from xml.etree import ElementTree as ET

import ase.io
import networkx as nx
import numpy as np
import pandas as pd
import pytest

from chem.errors import ConfigurationError, DatabaseError, InputError
from chem.outcomes import Status
from cli.main import run
from db.engine import open_database, reading
from db.flat_tables import TABLES
from db.network import open_network
from db.part import part_of
from models.reaction_data import read_npz
from report.exports import graphml
from report.exports.formats import FORMATS, ExportOptions, export

EVERYTHING = frozenset(Status)
KEY = "\u202e<k>&'\""  # beginning of every key in the network


@pytest.fixture(scope="module")
def exported(network_url, tmp_path_factory):
    """Function that exports the small network, each way once, and gives the path."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def written(form, name, **options):
        export(network_url, form, folder / name, **options)
        return folder / name

    return written


def read_tables(folder):
    return {table.name: pd.read_csv(folder / f"{table.name}.csv") for table in TABLES}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_nothing_unverified_leaves_unless_it_is_named(exported, form):
    def verdicts(name, **options):
        folder = exported(form, name, **options)
        read = pd.read_csv if form == "csv" else pd.read_parquet
        return [set(read(folder / f"{table.name}.{form}").verdict.dropna()) for table in TABLES]

    assert verdicts(f"{form}-tables") == [{"passed"}] * 4
    named = frozenset({Status.ESTIMATED, Status.COULD_NOT_CHECK, Status.FAILED, Status.PASSED})
    species, reactions, states, checks = verdicts(f"{form}-all", verdicts=named)
    assert species <= {"passed", "could_not_check", "estimated", "failed"}
    assert reactions == {"passed", "estimated"}  # of the best transition state of each
    assert states == {"passed", "could_not_check", "estimated", "failed"}
    assert checks == {"passed", "could_not_check", "failed"}  # an estimate has none


def test_energies_of_species_come_from_what_leaves_alone(exported):
    verified = read_tables(exported("csv", "csv-tables"))["species"].set_index("key")
    named = read_tables(exported("csv", "other", verdicts=frozenset({Status.COULD_NOT_CHECK})))["species"]
    assert verified.energy_ev[f"{KEY}b"] == -13.0
    assert named.set_index("key").energy_ev[f"{KEY}b"] == -12.0
    assert set(named.verdict.dropna()) == {"could_not_check"}
    assert set(named.level.dropna()) == {"B3LYP/6-31G*"}


def test_a_graph_is_read_by_networkx_as_the_notebook_has_it(network_url, exported):
    path = exported("graphml", "network.graphml")
    graph = nx.read_graphml(path)
    assert isinstance(graph, nx.DiGraph)
    with open_network(network_url) as network:
        whole = network.to_networkx()
    assert set(graph) == {f"{KEY}{name}" for name in ("a", "b", "c", "d", "shift", "decay")}
    for name, attributes in graph.nodes(data=True):
        if attributes["kind"] == "reaction":
            ours = {key: value for key, value in whole.nodes[name].items() if key != "transition_state_key"}
            assert attributes.items() >= ours.items()
    assert graph.edges[f"{KEY}decay", f"{KEY}d"] == whole.edges[f"{KEY}decay", f"{KEY}d"]
    assert all(data["verdict"] == "passed" and data["level"] == "GFN2-xTB" for *_, data in graph.edges(data=True))


def test_a_graph_declares_the_type_of_every_attribute_and_has_no_empty_ones(exported):
    root = ET.parse(exported("graphml", "all.graphml", verdicts=EVERYTHING)).getroot()
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}
    keys = {key.get("id"): key.get("attr.type") for key in root.findall("g:key", space)}
    assert set(keys.values()) == {"string", "long", "double"}
    used = root.findall(".//g:data", space)
    assert {data.get("key") for data in used} <= set(keys)
    assert all(data.text not in (None, "", "None", "nan") for data in used)
    for data in used:
        {"string": str, "long": int, "double": float}[keys[data.get("key")]](data.text)


def test_a_species_may_stand_several_times_on_both_sides(tmp_path, filled):
    from dataclasses import replace

    from chem.graph import MolecularGraph
    from db.engine import writing
    from db.results import Estimate, add_estimates
    from db.store import add_reactions

    content = filled()
    hydrogen = content.species[3]
    exchange = replace(
        content.reaction("loss"),
        key="exchange",
        reactant_graph=MolecularGraph(numbers=(1, 1, 1, 1), bonds=frozenset({(0, 1), (2, 3)})),
        product_graph=MolecularGraph(numbers=(1, 1, 1, 1), bonds=frozenset({(0, 2), (1, 3)})),
        reactants=(hydrogen, hydrogen),
        products=(hydrogen, hydrogen),
    )
    content.fill(tmp_path / "network.db")
    engine = open_database(tmp_path / "network.db")
    with reading(engine) as session:
        from db.transition_states import transition_state_of

        state = transition_state_of(session, "shift").transition_state
    with writing(engine) as session:
        add_reactions(session, [exchange])
        add_estimates(session, [Estimate(reaction_key="exchange", transition_state=state)])
    engine.dispose()
    export(tmp_path / "network.db", "graphml", tmp_path / "network.graphml")
    graph = nx.read_graphml(tmp_path / "network.graphml")
    assert graph.edges["d", "exchange"]["stoichiometric_count"] == 2
    assert graph.edges["exchange", "d"]["stoichiometric_count"] == 2
    assert graph.nodes["exchange"]["reactant_keys"] == "d + d"


def test_structures_are_read_by_ase_with_energy_level_and_verdict(network_url, exported, hostile):
    frames = ase.io.read(exported("extxyz", "ends.extxyz", options=ExportOptions(ends=True)), ":")
    assert [frame.info["structure"] for frame in frames] == ["reactant_end", "transition_state", "product_end"] * 2
    by_key = {frame.info["reaction_key"]: frame for frame in frames if frame.info["structure"] == "transition_state"}
    shift = by_key[f"{KEY}shift"]
    assert shift.get_potential_energy() == pytest.approx(-9.98)
    assert shift.info["imaginary_frequency_cm1"] == -1520.0
    assert (shift.info["charge"], shift.info["multiplicity"]) == (0, 1)
    assert shift.info["mapped_smiles"] == hostile
    assert "mapped_smiles" not in by_key[f"{KEY}decay"].info  # its atoms are in the order of the shift
    assert {frame.info["verdict"] for frame in frames} == {"passed"}
    assert {frame.info["level"] for frame in frames} == {"GFN2-xTB"}
    with open_network(network_url) as network:
        atoms = network.atoms(f"{KEY}shift")
    assert np.allclose(shift.positions, atoms.transition_state.positions, atol=1e-7)


def test_tables_are_read_by_pandas_with_columns_that_say_their_units(exported):
    tables = read_tables(exported("csv", "csv-tables"))
    for table in TABLES:
        assert list(tables[table.name].columns) == list(table.columns)
    shift = tables["reactions"].set_index("key").loc[f"{KEY}shift"]
    assert shift.barrier_forward_kcal_mol == pytest.approx(2.02 * 23.0605, rel=1e-4)
    assert (shift.level, shift.verdict, shift.outcome) == ("GFN2-xTB", "passed", "intended")
    states = tables["transition_states"].set_index("key")
    state = states.loc[shift.transition_state_key]
    assert state.reaction_key == f"{KEY}shift"
    assert json.loads(state.frequencies_cm1) == [-1520.0, 900.0, 1200.0]
    assert set(tables["checks"].transition_state_key) == set(states.index)
    kinds = {int: "i", float: "f"}
    for table in TABLES:
        for name, kind in table.columns.items():
            if kind in kinds and tables[table.name][name].notna().all():
                assert tables[table.name][name].dtype.kind == kinds[kind], name


def test_parquet_holds_the_same_tables_in_a_zip_file_too(exported, tmp_path):
    folder = exported("csv", "csv-tables")
    with zipfile.ZipFile(exported("parquet", "tables.zip")) as packed:
        packed.extractall(tmp_path)
    for table in TABLES:
        frame = pd.read_parquet(tmp_path / f"{table.name}.parquet")
        schema = {name: frame[name].dtype.kind for name, kind in table.columns.items() if kind is float}
        assert set(schema.values()) <= {"f"}
        written = pd.read_csv(folder / f"{table.name}.csv")
        for name in table.columns:
            packed_column, plain = ([None if pd.isna(each) else each for each in one[name]] for one in (frame, written))
            assert packed_column == plain, name


def test_a_training_set_is_what_the_trainings_read(exported):
    data = read_npz(exported("training", "verified.npz", level="gfn2"))
    assert sorted(data.identifiers) == [f"{KEY}decay", f"{KEY}shift"]
    assert all(len(reaction.numbers) == 4 for reaction in data.reactions)


def test_hostile_text_survives_every_format(exported, hostile):
    tables = read_tables(exported("csv", "csv-tables"))
    assert tables["species"].set_index("key").smiles[f"{KEY}a"] == hostile
    assert set(tables["transition_states"].start) == {"classical:0", hostile}
    assert {json.loads(text)["note"] for text in tables["checks"].evidence} == {hostile}
    graph = nx.read_graphml(exported("graphml", "network.graphml"))
    assert graph.nodes[f"{KEY}a"]["smiles"] == hostile
    frames = ase.io.read(exported("extxyz", "states.extxyz"), ":")
    reactants = {frame.info["reaction_key"]: frame.info["reactants"] for frame in frames}
    assert reactants == {f"{KEY}shift": [hostile], f"{KEY}decay": ["F"]}
    products = next(frame.info["products"] for frame in frames if frame.info["reaction_key"] == f"{KEY}decay")
    assert products == ["C/C=C\\C", "1 2"]


def test_characters_that_xml_cannot_hold_are_replaced(tmp_path, filled):
    filled(labels=("a\x1bb", "b", "c", "d")).fill(tmp_path / "network.db")
    export(tmp_path / "network.db", "graphml", tmp_path / "network.graphml")
    assert nx.read_graphml(tmp_path / "network.graphml").nodes["a"]["smiles"] == "a\ufffdb"


def test_a_campaign_and_a_level_can_be_picked(exported):
    campaign = read_tables(exported("csv", "campaign", campaign="one"))
    assert set(campaign["reactions"].key) == {f"{KEY}decay"}
    level = read_tables(exported("csv", "level", level="b3lyp", verdicts=EVERYTHING))
    assert set(level["transition_states"].level) == {"B3LYP/6-31G*"}
    assert set(level["reactions"].key) == {f"{KEY}decay"}


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"campaign": "two"}, ConfigurationError, "no campaign 'two'"),
        ({"level": "ccsd"}, DatabaseError, r"nothing is stored at the level 'ccsd'; .*GFN2-xTB, B3LYP"),
        ({"level": "b3lyp"}, DatabaseError, "there are 1 could_not_check: name them with --verdict"),
        ({"options": ExportOptions(ends=True)}, ConfigurationError, "takes no ends; .* choose from: extxyz"),
    ],
)
def test_what_cannot_be_exported_is_told_and_nothing_is_written(network_url, tmp_path, options, error, told):
    with pytest.raises(error, match=told):
        export(network_url, "graphml", tmp_path / "network.graphml", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("form", "name", "told"),
    [
        ("graphml", "network.csv", "ending in .graphml"),
        ("csv", "tables.csv", "of a new folder or ending in .zip"),
        ("archive", "network", "ending in .zip"),
        ("graphml", "nowhere/network.graphml", "no folder"),
        ("graphml", "folder.graphml", "it is a folder"),
        ("csv", "full", "it is there already"),
        ("gexf", "network.gexf", "unknown format"),
    ],
)
def test_a_name_that_does_not_fit_is_refused_before_anything_is_read(tmp_path, form, name, told):
    (tmp_path / "folder.graphml").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=told):
        export("sqlite:///no such database.db", form, tmp_path / name)


def test_a_training_set_of_unverified_states_is_refused(network_url, tmp_path):
    with pytest.raises(InputError, match="verified transition states alone"):
        export(network_url, "training", tmp_path / "set.npz", verdicts=EVERYTHING)


def test_an_export_that_fails_leaves_the_old_file_and_nothing_else(network_url, tmp_path, monkeypatch, capsys):
    path = tmp_path / "network.graphml"
    path.write_text("before")

    def full(_part, fresh, _options):
        fresh.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(graphml, "write", full)
    assert run(["export", "graphml", "--db", network_url, "-o", str(path)]) == 1
    assert f"No space left on device: '{path}'" in capsys.readouterr().err
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_under_the_database_is_told_too(network_url, tmp_path):
    path = tmp_path / "network.graphml"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="No space left on device") as caught:
            export(network_url, "graphml", path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_a_large_network_streams(tmp_path, network_url):
    """Neither rows nor structures are collected: a few are read, a few are written."""
    with part_of(network_url, tmp_path, verdicts=EVERYTHING) as part:
        from db.state_stream import stream_states

        with reading(part.engine) as session:
            held = [len(batch) for batch in stream_states(session, part.shown, at_once=2)]
    assert held == [2, 2, 1]


def test_every_format_of_the_list_can_be_written_and_the_help_names_it(capsys):
    from importlib import import_module

    for form in FORMATS.values():
        assert callable(import_module(form.module).write)
    assert run(["export", "--help"]) == 0
    helped = capsys.readouterr().out
    assert all(name in helped for name in FORMATS)


def test_the_command_says_what_left_and_what_stayed(network_url, tmp_path, capsys):
    path = tmp_path / "tables"
    assert run(["export", "csv", "--db", network_url, "-o", str(path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == {
        "format": "csv",
        "file": str(path),
        "level": None,
        "species": 4,
        "reactions": 2,
        "transition_states": {"passed": 2},
        "left_out": {"could_not_check": 1, "estimated": 1, "failed": 1},
    }
    assert run(["export", "csv", "--db", network_url, "-o", str(path / "more"), "--verdict", "estimated"]) == 0
    assert "1 estimated" in capsys.readouterr().out
    assert run(["export", "csv", "--db", network_url, "-o", str(path / "no"), "--verdict", "sure"]) == 2
    assert "known are could_not_check, estimated, failed, passed" in capsys.readouterr().err


def test_names_of_machines_and_campaigns_stay(network_url, tmp_path):
    from sqlalchemy import text

    with part_of(network_url, tmp_path, verdicts=EVERYTHING) as part, reading(part.engine) as session:
        rows = session.execute(text("SELECT worker, finished_by, campaign_id FROM calculation")).all()
        assert rows == [(None, None, None)] * 2
        assert session.execute(text("SELECT COUNT(*) FROM campaign")).scalar_one() == 0
    assert b"host:1" not in (tmp_path / "network.db").read_bytes()
