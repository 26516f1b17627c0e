"""Hostile input to the commands on structures: exit 2 with what to correct, or a stored failure, never a traceback.

`benchmarks/hostile_inputs.py` holds many more.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import run

ROOT = Path(__file__).resolve().parents[2]
WATER = "O 0 0 0.119/H 0 0.763 -0.477/H 0 -0.763 -0.477"
GUESS = "C 0 0 0/N 0 0 1.15/H 1.5 0 1.1"
HCN = "C 0 0 0/N 0 0 1.15/H 0 0 -1.07"


@pytest.fixture
def structure(tmp_path):
    def written(atoms, name="a.xyz"):
        lines = atoms.split("/")
        (tmp_path / name).write_text("\n".join([str(len(lines)), "", *lines, ""]))
        return str(tmp_path / name)

    return written


@pytest.fixture
def level_file(tmp_path):
    def written(text):
        (tmp_path / "mine.yaml").write_text(text)
        return ["--level", "own", "--levels", str(tmp_path / "mine.yaml")]

    return written


def refusal(capsys, arguments):
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return " ".join(printed.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("command", "atoms", "options", "named"),
    [
        ("saddle", "O 0 0 0/H 0 0 0.96/H 0 0 0.96", [], "atoms 2 (H) and 3 (H) are 0.00 Angstrom apart"),
        ("thermo", "O 0 0 0/H 0 0 0.05/H 0 0.9 0", [], "atoms 1 (O) and 2 (H) are 0.05 Angstrom apart"),
        ("saddle", "H 0 0 0/H 0 0 1e16", [], "1e+16 Angstrom apart"),
        ("thermo", "H 0 0 0/H 0 0 0.74", ["--multiplicity", "5"], "at most 3"),
        ("thermo", WATER, ["--charge", "50"], "charge 50"),
        ("thermo", WATER, ["--temperature", "inf"], "inf K is no temperature"),
        ("thermo", WATER, ["--temperature", "1e300"], "1e+300 K is no temperature"),
        ("thermo", WATER, ["--temperature", "nan"], "nan K is no temperature"),
        ("thermo", WATER, ["--cutoff", "-1"], "--cutoff"),
        ("thermo", WATER, ["--cutoff", "inf"], "--cutoff"),
        ("thermo", WATER, ["--symmetry-number", str(10**400)], "--symmetry-number"),
        ("saddle", GUESS, ["--fmax", "0"], "fmax"),
        ("saddle", GUESS, ["--fmax", "inf"], "fmax"),
        ("saddle", GUESS, ["--time-limit", "0"], "--time-limit"),
        ("saddle", "I 0 0 0/H 0 0 1.6", ["--level", "hf/6-31g*"], "has no I"),
        ("thermo", WATER, ["--level", "wb97x-d3/def2-svp"], "wb97x-d3"),
        ("saddle", GUESS, ["-o", "nowhere/saddle.xyz"], "--output"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(capsys, structure, command, atoms, options, named):
    assert named in refusal(capsys, [command, structure(atoms), *options])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        bytes(range(256)),
        b"3\n\nO 0 0 0\n",
        b"-3\n\nO 0 0 0\n",
        b"1\n\nQq 0 0 0\n",
        b"1\n\nHe 0 0\n",
        b"9" * 30 + b"\n\nH 0 0 0\n",
    ],
)
def test_a_broken_file_is_refused_by_name(capsys, tmp_path, content):
    (tmp_path / "broken.xyz").write_bytes(content)
    assert "broken.xyz" in refusal(capsys, ["thermo", str(tmp_path / "broken.xyz")])


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("{method: hf, basis: sto-3g, scf_tolerance_hartree: .inf}", "scf_tolerance_hartree"),
        ("{method: x, calculator: ':Engine'}", "module:Class"),
        ("{method: x, calculator: 'no_such_program:Engine'}", "no_such_program"),
        ("{method: x, calculator: 'ase:A', arguments: {day: 2020-01-01}}", "arguments"),
        ("{method: x, calculator: 'ase:A', arguments: &itself {again: *itself}}", "arguments"),
    ],
)
def test_a_broken_level_is_refused_by_name(capsys, structure, level_file, entry, named):
    assert named in refusal(capsys, ["saddle", structure(GUESS), *level_file(f"own: {entry}")])


def test_bad_input_that_shows_only_in_the_calculation_is_no_fault_of_the_program(capsys, structure, level_file):
    wet = level_file("own: {method: hf, basis: sto-3g, solvent: vodka}")
    assert "vodka" in refusal(capsys, ["saddle", structure(GUESS), *wet])


def test_an_end_with_two_atoms_in_one_place_is_refused(capsys, structure):
    ends = structure(HCN, "r.xyz"), structure("C 0 0 0/N 0 0 1/H 0 0 1", "p.xyz")
    assert "p.xyz: atoms 2 (N) and 3 (H)" in refusal(capsys, ["ts", *ends])


def test_a_full_disk_does_not_take_the_result_along(capsys, monkeypatch, structure):
    monkeypatch.setattr("cli.saddle.run_alone", lambda function, job, _limit: function(job))
    assert run(["saddle", structure(GUESS), "--json", "-o", "/dev/full"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["outcome"] == "converged"
    assert "No space left on device: '/dev/full'" in printed.err


def test_a_reader_that_goes_away_does_not_take_the_file_along(structure, tmp_path):
    output = tmp_path / "saddle.xyz"
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    subprocess.run(
        [sys.executable, "-m", "cli.main", "saddle", structure(GUESS), "-o", str(output)],
        cwd=ROOT, stdout=reader.stdin, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    reader.stdin.close()
    assert output.read_text().startswith("3\n")


def test_standard_output_on_a_full_disk_is_a_fault_that_is_told():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "levels", "--json"],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error:")
    assert "No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_calculation_past_its_time_limit_is_killed_and_told(capsys, structure):
    assert run(["thermo", structure(WATER), "--level", "hf/def2-qzvp", "--time-limit", "1"]) == 1
    told = capsys.readouterr().err
    assert "killed after 1 s" in told
    assert "--time-limit" in told
