"""`cairn levels` and `cairn saddle`."""

from __future__ import annotations

import json

import pytest

from cli.main import run

GUESS = "3\nbetween HCN and HNC\nC 0.0 0.0 0.0\nN 0.0 0.0 1.14838\nH 1.58536 0.0 1.14838\n"


@pytest.fixture
def guess(tmp_path):
    path = tmp_path / "guess.xyz"
    path.write_text(GUESS)
    return str(path)


def printed(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_levels_says_what_can_run_here(capsys):
    assert run(["levels", "--json"]) == 0
    records = {record["name"]: record for record in printed(capsys)}
    assert records["gfn2"]["available"]
    assert records["b3lyp-svp"]["key"] == "b3lyp-d3bj/def2-svp/density_fitting=yes,grid=2"


def test_levels_says_what_is_missing_and_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setattr("chem.levels.find_spec", lambda name: None)
    assert run(["levels", "--json"]) == 0
    records = [record for record in printed(capsys) if record["name"] != "potential"]  # which is Cairn's own
    assert not any(record["available"] for record in records)
    assert all("pip install" in record["missing"] for record in records)


def test_an_own_level_is_listed_and_can_be_run(capsys, tmp_path, guess):
    (tmp_path / "mine.yaml").write_text("tiny: {method: hf, basis: sto-3g}\n")
    own = ["--levels", str(tmp_path / "mine.yaml")]
    assert run(["levels", *own]) == 0
    assert "tiny" in capsys.readouterr().out
    assert run(["saddle", guess, "--level", "tiny", *own, "--json"]) == 0
    (record,) = printed(capsys)
    assert (record["outcome"], record["level"]["key"]) == ("converged", "hf/sto-3g")


def test_saddle_finds_the_published_saddle_point_and_writes_it(capsys, tmp_path, guess):
    output = tmp_path / "saddle.xyz"
    assert run(["saddle", guess, "--level", "hf/3-21g", "--json", "-o", str(output)]) == 0
    (record,) = printed(capsys)
    assert record["outcome"] == "converged"
    assert record["energy_hartree"] == pytest.approx(-92.24604, abs=1e-5)
    assert len(record["imaginary_frequencies_cm1"]) == 1
    assert record["symbols"] == ["C", "N", "H"]
    assert output.read_text().splitlines()[0].strip() == "3"


def test_saddle_tells_people_the_same(capsys, guess):
    assert run(["saddle", guess]) == 0
    told = capsys.readouterr().out
    assert "converged" in told
    assert "GFN2-xTB" in told


def test_a_search_that_finds_nothing_has_run_and_keeps_the_guess(capsys, guess):
    assert run(["saddle", guess, "--level", "hf/3-21g", "--budget", "2", "--json"]) == 0
    (record,) = printed(capsys)
    assert (record["outcome"], record["failure"]["kind"]) == ("failed", "budget")
    assert record["positions"][2][0] == pytest.approx(1.58536)


def test_the_environment_says_what_a_search_may_use_as_for_a_campaign(capsys, guess, monkeypatch):
    monkeypatch.setenv("CAIRN_WORKERS__JOB_MEMORY_GIB", "0.2")
    assert run(["saddle", guess]) == 2
    assert "needs about 0.5 GiB of memory, and a job may use 0.2 GiB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--level", "gfn9"], "gfn9"),
        (["--level", "hf/nosuch"], "nosuch"),
        (["--hessian", "best"], "best"),
        (["--multiplicity", "2"], "multiplicity 2"),
        (["--levels", "nowhere.yaml"], "nowhere.yaml"),
        (["-o", "no/such/folder.xyz"], "folder.xyz"),
        (["--level", "hf/def2-svp", "--memory-gib", "0.1"], "needs about 0.3 GiB"),
    ],
)
def test_what_saddle_cannot_use_is_named(capsys, guess, options, named):
    assert run(["saddle", guess, *options]) == 2
    assert named in capsys.readouterr().err
