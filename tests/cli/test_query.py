"""`cairn query` on the command line: one answer as a table, as JSON lines, as CSV and as Parquet."""

from __future__ import annotations

import csv
import json
from typing import get_type_hints

import pytest

from cli.main import run
from cli.query import FreeEnergyColumns, ReactionColumns, SpeciesColumns
from cli.query_changes import ChangeColumns, LevelDifferenceColumns, moment_of
from cli.query_ledger import CostColumns, FailureColumns
from cli.query_reach import BottleneckColumns, ReachedColumns
from cli.query_steps import BranchColumns, NeighbourColumns
from cli.table_files import write_csv, write_parquet

QUESTIONS = {
    "reactions": ([], ReactionColumns),
    "reactions at a temperature": (["reactions", "--temperature", "500"], FreeEnergyColumns),
    "species": ([], SpeciesColumns),
    "neighbours": (["neighbours", "C#N"], NeighbourColumns),
    "reachable": (["reachable", "C#N", "--max-height", "90"], ReachedColumns),
    "bottlenecks": (["bottlenecks", "C#N"], BottleneckColumns),
    "branching": (["branching", "C#N", "--temperature", "500"], BranchColumns),
    "costs": ([], CostColumns),
    "failures": ([], FailureColumns),
    "changes": (["changes", "--since", "2001-01-01"], ChangeColumns),
    "levels": ([], LevelDifferenceColumns),
}
EMPTY = {"failures", "levels"}  # the explored network has neither


def words(question, database):
    given, columns = QUESTIONS[question]
    return ["query", *(given or [question]), "--db", database], columns


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_is_the_same_in_every_form(explored, tmp_path, capsys, question):
    parquet = pytest.importorskip("pyarrow.parquet")
    settings, _ = explored
    asked, columns = words(question, settings.database)
    names = list(get_type_hints(columns))
    files = {"--csv": tmp_path / "rows.csv", "--parquet": tmp_path / "rows.parquet"}
    assert run([*asked, "--json", *(str(each) for pair in files.items() for each in pair)]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert bool(records) == (question not in EMPTY)
    assert all(list(record) == names for record in records)
    with files["--csv"].open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == names
    for row, record in zip(rows, records, strict=True):
        for cell, value in zip(row, record.values(), strict=True):
            assert cell == as_cell(value)
    table = parquet.read_table(files["--parquet"])
    assert table.column_names == names
    for row, record in zip(table.to_pylist(), records, strict=True):
        for cell, value in zip(row.values(), record.values(), strict=True):
            assert cell == value or json.loads(cell) == value
    assert run(asked) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split()[0].isdigit() or question in {"costs", "branching"}


def as_cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


@pytest.mark.parametrize("columns", [columns for _, columns in QUESTIONS.values()])
def test_a_table_without_rows_has_all_its_columns_and_their_types(tmp_path, columns):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    write_csv(tmp_path / "none.csv", [], columns)
    assert (tmp_path / "none.csv").read_text() == ",".join(get_type_hints(columns)) + "\n"
    write_parquet(tmp_path / "none.parquet", [], columns)
    schema = parquet.read_schema(tmp_path / "none.parquet")
    assert schema.names == list(get_type_hints(columns))
    assert pa.null() not in schema.types
    for name, kind in zip(schema.names, schema.types, strict=True):
        if name.endswith(("_kcal_mol", "_per_s", "_ev", "seconds", "_gib", "_k")):
            assert kind == pa.float64(), name


def test_reachable_and_neighbours_tell_the_barrier_that_reactions_tell(explored, capsys):
    settings, _ = explored
    answers = {}
    for question in ("reactions", "neighbours", "reachable"):
        assert run([*words(question, settings.database)[0], "--json"]) == 0
        (answers[question],) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    height = answers["reactions"]["barrier_forward_kcal_mol"]
    assert answers["neighbours"]["barrier_forward_kcal_mol"] == height
    assert answers["reachable"]["pass_height_kcal_mol"] == pytest.approx(height)
    assert answers["reachable"]["smiles"] == "[C-]#[NH+]"
    assert answers["reachable"]["levels"] == [answers["reactions"]["level"]]


def test_a_limit_below_the_pass_reaches_nothing(explored, capsys):
    settings, _ = explored
    assert run(["query", "reachable", "C#N", "--max-height", "20", "--json", "--db", settings.database]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["neighbours", "CCO"], "species 'CCO' is not in this database"),
        (["reachable", "C#N", "--with", "C1CC"], "C1CC"),
        (["reachable", "C#N", "--max-height", "nan"], "nan is not a finite number"),
        (["reachable", "C#N", "--verdict", "perhaps"], "perhaps"),
        (["bottlenecks"], "SPECIES"),
        (["branching", "C#N"], "--temperature"),
        (["branching", "C#N", "--temperature", "nan"], "--temperature"),
        (["branching", "C#N", "--temperature", "0"], "--temperature"),
        (["branching", "C#N", "--temperature", "500", "--concentration", "-1"], "--concentration"),
        (["changes"], "--since"),
        (["changes", "--since", "yesterday"], "'yesterday' is no date"),
        (["changes", "--since", "2026-02-30"], "2026-02-30"),
        (["changes", "--since", "2026-01-01", "--what", "news"], "unknown kind of change news"),
        (["reactions", "--substructure", "[["], "substructure '[[' is no SMARTS"),
        (["reactions", "--element", "Xx"], "unknown element Xx"),
        (["species", "--level", "gfn7"], "no level of theory 'gfn7'"),
        (["reactions", "--limit", "0"], "--limit"),
        (["costs", "--campaign", "none such"], "none such"),
        (["failures", "--campaign", "none such"], "none such"),
        (["levels", "--campaign", "none such"], "none such"),
        (["species", "--csv", "nowhere/at/all.csv"], "nowhere/at/all.csv"),
        (["species", "--parquet", "nowhere/at/all.parquet"], "nowhere/at/all.parquet"),
    ],
)
def test_bad_input_is_refused_by_name(explored, capsys, arguments, named):
    settings, _ = explored
    assert run(["query", *arguments, "--db", settings.database]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert named in " ".join(printed.err.replace("│", " ").split())


def test_a_missing_package_is_named_with_its_remedy_before_anything_is_asked(explored, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("cli.table_files.find_spec", lambda _name: None)
    settings, _ = explored
    file = tmp_path / "rows.parquet"
    assert run(["query", "species", "--parquet", str(file), "--db", settings.database]) == 2
    printed = capsys.readouterr()
    assert "--parquet needs pyarrow, which is not installed; run: pip install pyarrow" in printed.err
    assert (printed.out, file.exists()) == ("", False)


def test_a_file_of_before_stays_where_the_new_one_cannot_be_written(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("of before\n")
    with pytest.raises(KeyError):
        write_csv(file, [{"key": "a row that lacks columns"}], SpeciesColumns)
    assert file.read_text() == "of before\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_date_without_a_zone_is_in_utc():
    assert moment_of("2026-11-01") == moment_of("2026-11-01T00:00:00Z") == moment_of("2026-11-01T01:00+01:00")
    assert moment_of(" 2026-11-01T18:30 ").isoformat() == "2026-11-01T18:30:00+00:00"


def test_rates_of_two_kinds_are_told_to_be_compared(capsys):
    from types import SimpleNamespace

    from cli.query_steps import _warn

    branches = [SimpleNamespace(step=SimpleNamespace(level=level), rate_from=level) for level in ("one", "other")]
    _warn(branches, 2)
    told = capsys.readouterr().err
    assert "2 steps with other molecules left out" in told
    assert "several levels of theory" in told
    assert "with and without entropies" in told
