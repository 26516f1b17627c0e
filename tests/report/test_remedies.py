"""Every kind of failure has a remedy, and remedies name settings and commands that exist."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from chem.outcomes import Failure, Stage
from cli.main import app
from report.remedies import BY_KIND, BY_STAGE_AND_KIND, UNKNOWN, remedy

ROOT = Path(__file__).parents[2]
NOT_STORED = {"kinetics"}  # of rate equations, which are no calculation
NAMED = sorted(
    {name for text in (*BY_KIND.values(), *BY_STAGE_AND_KIND.values()) for name in re.findall("`(.+?)`", text)}
)


def kinds_in_the_code():
    """Kinds of failures that the code gives by name."""
    for path in [each for folder in ("chem", "tasks", "db") for each in ROOT.glob(f"{folder}/*.py")]:
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            given = {
                "CalculationError": call.args[:1],
                "__init__": call.args[:1],
                "fail": call.args[1:2],
                "Failure": [each.value for each in call.keywords if each.arg == "kind"],
            }.get(name, [])
            yield from (each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str))


def test_every_kind_of_failure_has_a_remedy_and_no_other():
    assert set(kinds_in_the_code()) - NOT_STORED == set(BY_KIND)


def test_the_stage_decides_where_it_matters():
    budgets = {remedy(Failure(stage=stage, kind="budget", message="")) for stage in (Stage.PREPARE, Stage.SADDLE)}
    assert len(budgets) == 2
    assert remedy(Failure(stage=Stage.ENERGIES, kind="scf", message="")) == BY_KIND["scf"]
    assert remedy(Failure(stage=Stage.ENERGIES, kind="unheard of", message="")) == UNKNOWN


@pytest.mark.parametrize("name", NAMED)
def test_what_a_remedy_names_exists(name):
    if name.startswith("cairn "):
        command = get_command(app)
        for word in shlex.split(name)[1:]:
            if word.startswith("--"):
                assert word in {each for parameter in command.params for each in parameter.opts}
            else:
                command = command.commands[word]
        return
    settings = yaml.safe_load((ROOT / "configs" / "explore.yaml").read_text())
    for part in name.partition(":")[0].split("."):
        assert part in settings
        settings = settings[part]
