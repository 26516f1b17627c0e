"""Whatever Cairn says of the height of a transition state, it says with its verdict and its level of theory."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re

import pytest
from sqlalchemy import inspect

from cli.finish import summary_record
from cli.main import run
from cli.ts import search_record
from db.engine import open_database, reading
from report.from_database import campaign_report
from report.html import render_report
from tasks.jobs import PairJob, search_pair
from tasks.rungs import make_rung
from tasks.workers import WorkerLimits

HEIGHT = re.compile(r"^(from_)?(barrier|e0|gibbs_298|height|rate)_.*_(kcal_mol|ev|per_s)$|^(forward|reverse)_ev$")
NO_HEIGHT = re.compile(r"error|max_barrier")
MODULES = ("chem.outcomes", "db.queries", "db.transition_states", "report.content")


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
        assert any(holder.get("level") or holder.get("from_level") for holder in holders), name
    return len(found)


def test_every_query_on_the_command_line_tells_them(explored, capsys):
    settings, _ = explored
    assert run(["query", "reactions", "--json", "--db", settings.database]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(assert_told(record) for record in records) >= 4
    assert run(["query", "species", "--json", "--db", settings.database]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert_told(json.loads(line))


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


@pytest.mark.parametrize("module", MODULES)
def test_every_value_with_heights_has_fields_for_them(module):
    for value in vars(importlib.import_module(module)).values():
        if not dataclasses.is_dataclass(value):
            continue
        names = {field.name for field in dataclasses.fields(value)}
        if any(map(is_height, names)):
            assert "verdict" in names, value
