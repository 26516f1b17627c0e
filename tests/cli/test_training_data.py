"""`cairn minima` and `cairn label`: from known reactions to files that trainings read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from models.structure_data import read_structures

HCN = [[0.0, 0.0, -1.07], [0.0, 0.0, 0.0], [0.0, 0.0, 1.15]]
SADDLE = [[1.1, 0.0, 0.3], [0.0, 0.0, 0.0], [0.0, 0.0, 1.18]]
HNC = [[0.0, 0.0, 2.15], [0.0, 0.0, 0.0], [0.0, 0.0, 1.17]]


@pytest.fixture
def reactions(tmp_path):
    """A file with the shift of hydrogen cyanide to its isocyanide."""
    path = tmp_path / "reactions.npz"
    np.savez(
        path,
        offset=[0, 3],
        numbers=[1, 6, 7],
        reactant=np.array(HCN),
        ts=np.array(SADDLE),
        product=np.array(HNC),
        split=["train"],
    )
    return path


@pytest.mark.parametrize(
    ("command", "options", "labelled"), [("minima", [], False), ("label", ["--structures", "2"], True)]
)
def test_a_file_is_written_and_what_became_of_everything_is_told(tmp_path, reactions, command, options, labelled):
    output = tmp_path / "structures.npz"
    words = [command, "--data", str(reactions), "-o", str(output), "--workers", "1", "--json", *options]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    stored = read_structures(output)
    assert sum(record["kept"].values()) == len(stored)
    assert 0 < len(stored) <= 3
    assert (stored.level, stored.labelled) == (record["level"], labelled)


@pytest.mark.parametrize("command", ["minima", "label"])
def test_another_ending_is_refused_before_anything_is_spent(tmp_path, reactions, command):
    result = CliRunner().invoke(app, [command, "--data", str(reactions), "-o", str(tmp_path / "structures.jsonl")])
    assert result.exit_code == 2
    assert "must end in .npz" in result.output
