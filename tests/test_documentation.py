"""README, CONTRIBUTING and NOTICE say what the code does: their commands, fields, numbers and names are looked up."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from rich.text import Text
from sqlalchemy import text
from typer.main import get_command

import db.campaign_tables  # noqa: F401  (fills the metadata)
from chem.bond_changes import NEUTRAL_VALENCES
from chem.outcomes import CheckName, Outcome, Status
from chem.potential import SAME_STATE_EV
from chem.search import SearchSettings
from chem.types import hill_formula
from chem.verdict_rules import (
    BROKEN_SYMMETRY_EV,
    CONSISTENT_EV,
    MODE_SHARE_THRESHOLD,
    ORDER_TOLERANCE_EV,
    SPIN_CONTAMINATION,
)
from cli.main import app
from db.base import Base
from db.engine import open_database, reading
from tasks.workers import WorkerLimits
from tests.guides import GUIDES, blocks
from tests.readme import README

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for folder in ("chem", "db", "tasks") for path in ROOT.glob(f"{folder}/*.py")
)
REMEDIES = sorted(set(re.findall(r"`(cairn [a-z][a-z ]+)`", SOURCES)))
MANUAL = {"README.md": README, **GUIDES}
PAGES = {**MANUAL, "CONTRIBUTING.md": CONTRIBUTING, "CHANGELOG.md": CHANGELOG}


def shown_lines(page):
    """The `cairn ...` lines of the code blocks, to be copied as they are."""
    return [line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("cairn ")]


def command_lines(page):
    """Those lines, and the commands in running text, where arguments may be left out."""
    inline = [each for each in re.findall(r"`(cairn [^`\n]+)`", page) if "COMMAND" not in each]
    return sorted({*shown_lines(page), *inline})


def resolve(words):
    """The command, or group of commands, that words name, with the words that are left."""
    command, rest = get_command(app), list(words)
    while hasattr(command, "commands") and rest:
        assert rest[0] in command.commands, f"there is no command {rest[0]!r}"
        command = command.commands[rest.pop(0)]
    return command, rest


def commands(command=None, name="cairn"):
    """(name, command) of every command that does something."""
    command = get_command(app) if command is None else command
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, each in command.commands.items():
        yield from commands(each, f"{name} {word}")


def make_targets(page):
    return sorted(set(re.findall(r"^make ([a-z-]+)", "\n".join(blocks(page, "sh")), flags=re.MULTILINE))) + sorted(
        set(re.findall(r"`make ([a-z-]+)", page))
    )


def anchor(heading):
    """What a web view of Markdown makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(("page", "line"), [(page, line) for page in MANUAL for line in command_lines(MANUAL[page])])
def test_a_command_line_of_the_manual_is_understood(page, line):
    words = shlex.split(line)[1:]
    command, rest = resolve(words)
    if rest or line in shown_lines(MANUAL[page]):
        command.make_context(command.name, rest)  # parses and checks every option, runs nothing


def test_the_readme_shows_every_command_at_work():
    lines = command_lines(README)
    for name, _ in commands():
        assert any(line.startswith(f"{name} ") for line in lines), f"README shows no `{name} ...`"


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_explains_itself(name, command):
    assert command.help, f"{name} has no help"
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("line", REMEDIES)
def test_a_command_that_a_message_of_the_program_recommends_exists(line):
    command, _ = resolve(shlex.split(line)[1:])
    assert not hasattr(command, "commands"), f"{line!r} is not a whole command"


@pytest.mark.parametrize(
    "option", sorted(set(re.findall(r"`(?:[^`\n]* )?(--[a-z][a-z-]*)", "\n".join(MANUAL.values()))))
)
def test_every_option_that_the_manual_names_exists(option):
    known = {each for _, command in commands() for parameter in command.params for each in parameter.opts}
    assert option in known | {"--help", "--editable"}


def test_every_package_and_folder_is_in_the_tour():
    tour = README.split("## A tour of the folders")[1].split("\n## ")[0]
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(packages) == sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    for name in (*packages, "configs", "benchmarks", "tests"):
        assert f"| `{name}/` |" in tour
    layers = next(each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    for page in (README, CONTRIBUTING):
        assert layers["name"].split(",")[0] in page.replace("\n", " ")


@pytest.mark.parametrize("target", make_targets("\n".join(MANUAL.values())))
def test_a_make_target_of_the_manual_exists_and_make_help_names_it(target):
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE)
    helped = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"make {target} " in helped.stdout


@pytest.mark.parametrize("target", make_targets(CONTRIBUTING))
def test_a_make_target_of_the_contribution_guide_exists(target):
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_documentation_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if target.startswith("https://"):
            continue
        path, _, heading = target.partition("#")
        linked = (ROOT / page).parent / path if path else ROOT / page
        assert linked.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {anchor(each) for each in headings}, target


@pytest.mark.parametrize("page", [*MANUAL, "CONTRIBUTING.md"])
def test_files_that_the_documentation_names_exist(page):
    packages = "|".join(
        (*PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], "configs", "benchmarks", "tests")
    )
    for name in re.findall(rf"`((?:{packages})/[\w./]*)`", PAGES[page]):
        assert (ROOT / name).exists(), name


def test_names_that_the_contribution_guide_gives_are_in_the_code():
    code = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("*/*.py")}
    for module, name in (
        ("chem/levels.py", "PROGRAMS"),
        ("chem/potential.py", "open_backend"),
        ("chem/potential.py", "class Backend("),
        ("chem/generator.py", "class Generator("),
        ("chem/outcomes.py", "class CheckName("),
        ("tasks/settings.py", "generator:"),
    ):
        assert name in code[ROOT / module], f"{name} is not in {module}"
        assert name.removeprefix("class ").rstrip("(:") in CONTRIBUTING


def test_the_thresholds_in_the_readme_are_those_of_the_checks():
    rows = {
        name: next(line for line in README.splitlines() if line.startswith(f"| `{name.value}`")) for name in CheckName
    }
    assert f"−{SearchSettings().imaginary_threshold_cm1:g} cm⁻¹" in rows[CheckName.ONE_IMAGINARY_MODE]  # noqa: RUF001
    assert f"at least {MODE_SHARE_THRESHOLD:g} of" in rows[CheckName.MODE_MOVES_CHANGING_BONDS]
    assert f"more than {ORDER_TOLERANCE_EV:.4f} eV above" in rows[CheckName.ENERGIES_ORDERED]
    assert f"within {SAME_STATE_EV:g} eV" in rows[CheckName.ONE_LEVEL]
    assert f"to {CONSISTENT_EV:g} eV" in rows[CheckName.REACTION_ENERGY_CONSISTENT]
    for number in (f"{SPIN_CONTAMINATION:g} above", f"over {BROKEN_SYMMETRY_EV:g} eV below"):
        assert number in rows[CheckName.NO_SPIN_CONTAMINATION]
    assert f"killed after {WorkerLimits().job_timeout_s:g} s" in README


def test_every_verdict_and_outcome_is_explained_in_the_readme():
    section = README.split("## Reading a verdict")[1].split("\n## ")[0]
    for value in (*Status, *Outcome):
        assert f"**`{value.value}`**" in section


def test_the_elements_in_the_readme_are_those_with_valence_rules():
    listed = re.search(r"Enumeration knows ([^.]+)\.", README)[1].replace(" and ", ", ")
    assert [hill_formula((number,)) for number in NEUTRAL_VALENCES] == listed.split(", ")


def test_the_queries_in_the_manual_run_on_a_new_database(tmp_path):
    statements = [each for page in MANUAL.values() for each in blocks(page, "sql")]
    assert len(statements) >= 2
    engine = open_database(tmp_path / "network.db")
    try:
        for statement in statements:
            with reading(engine) as session:
                assert session.execute(text(statement)).all() == []
    finally:
        engine.dispose()


def test_every_table_that_the_readme_explains_exists_and_no_important_one_is_left_out():
    section = README.split("## The database")[1].split("Two views")[0]
    named = {
        name
        for row in re.findall(r"^\| (`.+`) \|", section, flags=re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert named <= set(Base.metadata.tables)
    assert named == set(Base.metadata.tables)


def test_the_defaults_that_the_readme_names_are_the_defaults():
    settings = yaml.safe_load((ROOT / "configs" / "explore.yaml").read_text(encoding="utf-8"))
    (seed,) = settings["seeds"]
    assert f"`{seed}`" in README
    assert re.search(r"^SMILES \?= (.+)$", MAKEFILE, flags=re.MULTILINE)[1] == seed
    assert f"`{settings['database'].removeprefix('sqlite:///')}`" in README


def test_the_notice_names_every_dependency_and_what_is_shipped():
    optional = PROJECT["project"]["optional-dependencies"]
    extras = [*optional["postgresql"], *optional["dask"]]
    for requirement in (*PROJECT["project"]["dependencies"], *extras):
        name = re.match(r"[\w-]+", requirement)[0]
        assert re.search(rf"^{name} \(", NOTICE, flags=re.MULTILINE), f"NOTICE does not name {name}"
    versions = (ROOT / "report" / "vendor" / "VERSIONS").read_text(encoding="utf-8")
    for name, version, licence in re.findall(r"\.js +(\w+) +([\d.]+) +([\w.-]+)", versions):
        line = next(each for each in NOTICE.splitlines() if each.lower().startswith(name))
        assert f"({version})" in line
        assert licence in line
    for name in re.findall(r"report/vendor/(\S+?)[;,.]?(?:\s|$)", NOTICE):
        assert (ROOT / "report" / "vendor" / name).exists(), name


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    version = PROJECT["project"]["version"]
    assert citation["version"] == version
    assert version in CHANGELOG
    assert citation["license"] == PROJECT["project"]["license"]


def test_the_documentation_reads_on_a_plain_terminal():
    for page, content in PAGES.items():
        for number, line in enumerate(content.splitlines(), 1):
            assert Text(line).cell_len <= 140, f"{page}:{number}"
