"""`cairn report`: one file for a campaign or a whole database, which is only read."""

from __future__ import annotations

import hashlib
import json
import sqlite3

import pytest

from cli.main import run


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def database(explored, tmp_path):
    """A copy of an explored network."""
    settings, name = explored
    path = tmp_path / "network.db"
    with sqlite3.connect(settings.database.removeprefix("sqlite:///")) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()
    return path, name


def test_a_whole_database_becomes_one_file_and_stays_as_it_was(database, tmp_path, capsys):
    path, name = database
    before = digest(path)
    output = tmp_path / "page.html"
    assert run(["report", "--db", f"sqlite:///{path}", "-o", str(output), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["campaigns"] == [name]
    assert record["n_reactions"] == 1
    assert record["bytes"] == output.stat().st_size
    assert digest(path) == before
    assert "GFN2-xTB" in output.read_text(encoding="utf-8")


def test_a_campaign_and_a_level_can_be_named(database, tmp_path, capsys):
    path, name = database
    given = ["report", "--db", f"sqlite:///{path}", "-o", str(tmp_path / "page.html")]
    for level in ("GFN2-xTB", "gfn2"):  # by its key, or by the name under which it ran
        assert run([*given, "--campaign", name, "--level", level]) == 0
        assert "1 reactions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--campaign", "nobody"], "no campaign 'nobody'"),
        (["--level", "gfn7"], "it holds: gfn2 (GFN2-xTB)"),
        (["-o", "nowhere/page.html"], "nowhere"),
        (["--db", "sqlite:///missing.db"], "missing.db"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(database, tmp_path, monkeypatch, capsys, arguments, named):
    path, _ = database
    monkeypatch.chdir(tmp_path)
    assert run(["report", "--db", f"sqlite:///{path}", "-o", "page.html", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert named in " ".join(printed.err.replace("│", " ").split())
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("host", ["256.0.0.1", "not a host"])
def test_an_address_that_cannot_be_listened_on_is_refused(database, capsys, host):
    path, _ = database
    assert run(["serve", "--db", f"sqlite:///{path}", "--host", host]) == 2
    assert "give another --host or --port" in capsys.readouterr().err
