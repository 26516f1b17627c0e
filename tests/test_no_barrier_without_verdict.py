"""Whatever Cairn says of the height of a transition state, it says with its verdict and its level of theory."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re

import ase.io
import networkx as nx
import pandas as pd
import pytest
from sqlalchemy import inspect
from typer.main import get_command

from chem.outcomes import Status
from cli.finish import summary_record
from cli.learn import FIGURES
from cli.main import run
from cli.query import query_app
from cli.query_changes import LevelDifferenceColumns
from cli.table_files import row_of
from cli.ts import search_record
from db import open_network
from db.changes import LevelDifference
from db.engine import open_database, reading
from db.flat_tables import TABLES
from db.graph_parts import EDGE_COLUMNS, NODE_COLUMNS
from report.exports.formats import export
from report.from_database import campaign_report
from report.html import render_report
from tasks.jobs import PairJob, search_pair
from tasks.rungs import make_rung
from tasks.workers import WorkerLimits

HEIGHT = re.compile(
    r"^(from_)?(barrier|e0|gibbs_298|gibbs_activation|height|pass_height|rate)(_.*)?_(kcal_mol|ev|per_s)$"
    r"|^(forward|reverse)_ev$"
)
NO_HEIGHT = re.compile(r"error|max_barrier")
COLUMNS = (*(table.columns for table in TABLES), NODE_COLUMNS, EDGE_COLUMNS)
MODULES = (
    "chem.barrier_estimate",
    "chem.branching",
    "chem.outcomes",
    "db.changes",
    "db.neighbours",
    "db.queries",
    "db.reachable",
    "db.shown",
    "db.transition_states",
    "report.content",
)
QUERIES = {  # of the network of hydrogen cyanide, with the least number of heights that each answer holds
    "reactions": 4,
    "reactions --temperature 500": 4,
    "species": 0,
    "neighbours C#N": 2,
    "reachable C#N": 1,
    "bottlenecks C#N": 2,
    "branching C#N --temperature 500": 3,
    "costs": 0,
    "failures": 0,
    "changes --since 2001-01-01": 2,
    "levels": 0,
    "paths C#N [C-]#[NH+]": 1,
}


def is_height(name):
    return bool(HEIGHT.match(name)) and not NO_HEIGHT.search(name)


def heights(value, above=()):
    """Every height in plain JSON with the objects that hold it, the innermost last."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if is_height(name) and inner is not None:
                yield name, (*above, value)
            yield from heights(inner, (*above, value))
    elif isinstance(value, list):
        for inner in value:
            yield from heights(inner, above)


def assert_told(record):
    """Each height has a verdict and a level, in its own object or one around it; returns how many heights there are."""
    found = list(heights(record))
    for name, holders in found:
        own = "from_verdict" if name.startswith("from_") else "verdict"
        assert any(holder.get(own) for holder in holders), name
        levels = ("from_level",) if name.startswith("from_") else ("level", "levels", "from_level")
        assert any(holder.get(level) for holder in holders for level in levels), name
    return len(found)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_on_the_command_line_tells_them(explored, capsys, query):
    settings, _ = explored
    assert run(["query", *query.split(), "--json", "--db", settings.database]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(assert_told(record) for record in records) >= QUERIES[query]


def test_figures_of_learned_versions_are_errors_and_no_heights():
    assert not [name for name in FIGURES if is_height(name) or is_height(name.split("_", 1)[1])]


def test_no_query_is_forgotten():
    known = {words.split()[0] for words in QUERIES}
    assert known == set(get_command(query_app).commands)


def test_a_difference_of_levels_tells_them_of_both():
    difference = LevelDifference(
        key="rx-1",
        reactants=("C",),
        products=("N",),
        from_level="GFN2-xTB",
        from_verdict=Status.PASSED,
        from_barrier_forward_kcal_mol=1.0,
        from_barrier_reverse_kcal_mol=1.0,
        from_error_bar_95_kcal_mol=None,
        level="hf/3-21g",
        verdict=Status.FAILED,
        barrier_forward_kcal_mol=2.0,
        barrier_reverse_kcal_mol=2.0,
        error_bar_95_kcal_mol=None,
        difference_forward_kcal_mol=1.0,
        difference_reverse_kcal_mol=1.0,
    )
    assert assert_told(row_of(difference, LevelDifferenceColumns)) == 4


def test_the_difference_of_two_campaigns_tells_them(explored, tmp_path, capsys):
    settings, name = explored
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert run(["campaign", "create", "C#N", "--name", "other", "--db", other]) == 0
    capsys.readouterr()
    assert run(["campaign", "diff", name, "other", "--db", settings.database, "--other-db", other, "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(assert_told(record) for record in records) >= 1


def test_the_summary_and_the_page_of_an_exploration_tell_them(explored, tmp_path):
    settings, name = explored
    engine = open_database(settings.database)
    with reading(engine) as session:
        content = campaign_report(session, name)
    engine.dispose()
    assert assert_told(summary_record(content, settings, name, tmp_path / "page.html")) >= 1
    assert all(entry.verdict is not None for entry in content.reactions if entry.barrier_forward_kcal_mol is not None)
    assert "GFN2-xTB" in content.level
    assert "GFN2-xTB" in render_report(content)


def test_what_a_server_answers_and_what_a_page_holds_tells_them(explored):
    import asyncio
    import base64
    import gzip

    import httpx

    from report.live import LiveReport, live_app

    settings, _ = explored
    report = LiveReport(settings.database)

    async def answers():
        transport = httpx.ASGITransport(app=live_app(report))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            listed = (await client.get("/api/reactions")).json()
            detail = (await client.get(f"/api/reactions/{listed['reactions'][0]['key']}")).json()
            return listed, detail, (await client.get("/api/species")).json(), (await client.get("/api/paths")).json()

    listed, detail, species, paths = asyncio.run(answers())
    report.engine.dispose()
    assert assert_told(listed) >= 2
    assert assert_told(detail) >= 4
    assert assert_told(paths) >= 3
    assert_told(species)
    engine = open_database(settings.database)
    with reading(engine) as session:
        page = render_report(campaign_report(session, None))
    engine.dispose()
    columns = json.loads(re.search(r'id="report-data">(.*?)</script>', page, flags=re.DOTALL)[1])["reactions"]
    assert assert_told(columns) >= 2
    part = re.search(r'id="details-0">(.*?)</script>', page)[1]
    assert assert_told(json.loads(gzip.decompress(base64.b64decode(part)))) >= 2


def test_a_single_search_tells_them(explored):
    from chem.levels import resolve_level
    from chem.search import SearchSettings
    from db.load import load_end_points
    from tasks.plan import preparation_settings

    settings, _ = explored
    engine = open_database(settings.database)
    with reading(engine) as session:
        from db.queries import reactions

        (record,) = reactions(session)
        ends = load_end_points(session, [record.key], "GFN2-xTB", preparation_settings(settings))[record.key][0]
    engine.dispose()
    result = search_pair(PairJob(ends=ends, level=resolve_level("gfn2"), settings=SearchSettings()))
    assert assert_told(search_record(result)) >= 2


def test_a_verification_tells_them_of_both_levels(explored):
    from chem.levels import resolve_level
    from cli.verify import verified_record
    from db.queries import reactions

    settings, _ = explored
    rung = make_rung(
        database=settings.database,
        level=resolve_level("hf/3-21g"),
        from_level_key="GFN2-xTB",
        verification=None,
        workers=WorkerLimits(),
    )
    engine = open_database(settings.database)
    with reading(engine) as session:
        (record,) = reactions(session)
    engine.dispose()
    assert assert_told(verified_record(record, record, None, rung, 298.15)) >= 3


def test_every_view_and_table_with_heights_has_columns_for_them(explored):
    settings, _ = explored
    engine = open_database(settings.database)
    seen = inspect(engine)
    count = 0
    for name in (*seen.get_table_names(), *seen.get_view_names()):
        columns = {column["name"] for column in seen.get_columns(name)}
        if any(map(is_height, columns)):
            count += 1
            assert "verdict" in columns, name
            assert columns & {"level_key", "level_id"}, name
    engine.dispose()
    assert count >= 3


def test_proposals_tell_no_heights(explored):
    from chem.proposals import Sieved
    from cli.propose import proposals_record

    record = proposals_record(
        Sieved(reactions=(), thrown_away=()), {}, level=explored[0].theory, gradient_calls=1, enumerated=()
    )
    assert assert_told(record) == 0
    assert record["level"]["key"] == "GFN2-xTB"


def test_whatever_is_exported_tells_them(explored, tmp_path):
    settings, _ = explored
    everything = frozenset(Status)
    for form, name in (("csv", "tables"), ("graphml", "network.graphml"), ("extxyz", "states.extxyz")):
        export(settings.database, form, tmp_path / name, verdicts=everything)
    rows = [
        row.dropna().to_dict()
        for table in TABLES
        for _, row in pd.read_csv(tmp_path / "tables" / f"{table.name}.csv").iterrows()
    ]
    graph = nx.read_graphml(tmp_path / "network.graphml")
    attributes = [*(data for _, data in graph.nodes(data=True)), *(data for *_, data in graph.edges(data=True))]
    comments = [dict(frame.info) for frame in ase.io.read(tmp_path / "states.extxyz", ":")]
    for told in (rows, attributes, comments):
        assert sum(assert_told(record) for record in told) >= 2
    assert all(record["verdict"] and record["level"] for record in comments)
    assert all(data["verdict"] and data["level"] for *_, data in graph.edges(data=True))


def test_whatever_a_notebook_sees_tells_them(explored):
    settings, _ = explored
    with open_network(settings.database) as network:
        (reaction,) = network.reactions
        graph, frames = network.to_networkx(), network.to_pandas()
        atoms = [each.info for each in network.atoms(reaction.key)]
    assert sum(assert_told(dict(data)) for _, data in graph.nodes(data=True)) >= 2
    for frame in frames:
        heights_there = frame[[name for name in frame.columns if is_height(name)]].notna().any(axis=1)
        assert frame.verdict[heights_there].notna().all()
        assert frame.level[heights_there].notna().all()
    assert len(atoms) == 3
    assert all(told["verdict"] and told["level"] for told in atoms)


@pytest.mark.parametrize("columns", COLUMNS)
def test_every_table_that_leaves_has_columns_for_them(columns):
    if any(is_height(name) for name in columns):
        assert {"verdict", "level"} <= set(columns)


@pytest.mark.parametrize("module", MODULES)
def test_every_value_with_heights_has_fields_for_them(module):
    namespace = vars(importlib.import_module(module))
    for value in namespace.values():
        if not dataclasses.is_dataclass(value) or value.__module__ not in MODULES:
            continue
        names = {field.name for field in dataclasses.fields(value)}
        held = [namespace.get(field.type) for field in dataclasses.fields(value)]  # types are words
        names_within = {
            field.name for each in held if dataclasses.is_dataclass(each) for field in dataclasses.fields(each)
        }
        if any(map(is_height, names)):
            assert "verdict" in names | names_within, value
