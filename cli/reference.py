"""Makes the pages of docs/reference/ from the program itself: `python -m cli.reference docs/reference`.

Commands and options come from the command line, settings from configs/explore.yaml and the settings themselves, columns
of views from a new database, JSON fields from the columns of queries and the tables of README.md, which tests hold
against what the commands print.
"""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from sqlalchemy import inspect as inspect_database
from typer.main import get_command

from cli.main import app
from cli.query import FreeEnergyColumns, ReactionColumns, SpeciesColumns
from cli.query_changes import ChangeColumns, LevelDifferenceColumns
from cli.query_ledger import CostColumns, FailureColumns
from cli.query_reach import BottleneckColumns, ReachedColumns
from cli.query_steps import BranchColumns, NeighbourColumns
from db.engine import open_database
from db.view_columns import COLUMNS, VIEWS
from tasks.settings import PREFIX, ExploreSettings

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 118
NOTE = "Made by `python -m cli.reference docs/reference` from the program itself; do not edit.\n"
UNITS = {  # ending of a name -> unit
    "_kcal_mol": "kcal/mol",
    "_ev": "eV",
    "_ev_per_angstrom": "eV/Å",
    "_angstrom": "Å",
    "_cm1": "cm⁻¹",
    "_per_s": "s⁻¹",
    "_mol_per_l": "mol/L",
    "_hartree": "Hartree",
    "_seconds": "s",
    "_gib": "GiB",
    "_hours": "h",
    "_bar": "bar",
    "_k": "K",
    "_s": "s",
}
QUERY_COLUMNS = {
    "query reactions": ReactionColumns,
    "query reactions --temperature": FreeEnergyColumns,
    "query species": SpeciesColumns,
    "query neighbours": NeighbourColumns,
    "query reachable": ReachedColumns,
    "query bottlenecks": BottleneckColumns,
    "query branching": BranchColumns,
    "query levels": LevelDifferenceColumns,
    "query costs": CostColumns,
    "query failures": FailureColumns,
    "query changes": ChangeColumns,
}


def pages() -> dict[str, str]:
    """Every page of the reference by the name of its file."""
    return {
        "command_line.md": "\n".join(_command_line()) + "\n",
        "configuration.md": "\n".join(_configuration()) + "\n",
        "json_fields.md": "\n".join(_json_fields()) + "\n",
        "sql_views.md": "\n".join(_sql_views()) + "\n",
    }


def unit_of(name: str) -> str:
    """The unit that a name carries; empty where it carries none."""
    if name in {"seconds", "cpu_seconds", "wall_seconds", "gpu_seconds"}:
        return "s"
    endings = [ending for ending in UNITS if name.endswith(ending)]
    return UNITS[max(endings, key=len)] if endings else ""


def _item(term: str, text: str) -> str:
    """An entry of a list, wrapped."""
    return textwrap.fill(
        f"- {term}: {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _command_line() -> Iterator[str]:
    yield "# The command line\n"
    yield NOTE
    yield (
        "Exit codes: 0 it ran (a search that finds nothing has run), 2 bad input, 1 a fault, 130 interrupted. Every"
        " command takes\n`--help`."
    )
    for name, command in _commands(get_command(app), "cairn"):
        yield f"\n## `{name}`\n"
        yield "\n\n".join(_help(inspect.cleandoc(command.help)))
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        options = [each for each in command.params if each.param_type_name == "option"]
        for title, group in (("Arguments", arguments), ("Options", options)):
            if group:
                yield f"\n{title}:\n"
                yield "\n".join(_item(_term(each), _explained(each)) for each in group)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, each in command.commands.items():
        yield from _commands(each, f"{name} {word}")


def _help(text: str) -> Iterator[str]:
    """Paragraphs of a help text; examples, which are indented, as one code block."""
    paragraphs = text.split("\n\n")
    while paragraphs:
        first = paragraphs.pop(0)
        if not first.startswith("    "):
            yield "\n".join(textwrap.wrap(first, WIDTH, break_long_words=False, break_on_hyphens=False))
            continue
        examples = [first.strip()]
        while paragraphs and paragraphs[0].startswith("    "):
            examples.append(paragraphs.pop(0).strip())
        yield "\n".join(["```sh", *map(_continued, examples), "```"])


def _continued(line: str) -> str:
    """A command line over as many lines as it takes, joined by backslashes."""
    parts = textwrap.wrap(line, WIDTH - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return " \\\n".join(parts)


def _term(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    flag = getattr(parameter, "is_bool_flag", False)
    word = parameter.metavar or getattr(kind, "__name__", str(kind)).upper().removeprefix("<CLASS ").strip()
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        return f"`{word if parameter.metavar else parameter.name.upper()}`"
    return ", ".join(f"`{each}`" for each in names) + ("" if flag else f" `{word}`")


def _explained(parameter: Any) -> str:
    text = " ".join(parameter.help.split())
    text = text if text.endswith(".") else f"{text}."
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if low is not None or high is not None:
        text += f" At least {low:g}." if high is None else f" Between {low or 0:g} and {high:g}."
    if parameter.required:
        text += " Required."
    elif parameter.default not in (None, False, "") and not callable(parameter.default):
        text += f" Default: `{parameter.default}`."
    return text + (f" Environment: `{parameter.envvar}`." if parameter.envvar else "")


def _configuration() -> Iterator[str]:
    source = (ROOT / "configs" / "explore.yaml").read_text(encoding="utf-8")
    defaults = ExploreSettings().model_dump(mode="json")
    yield "# Settings of an exploration\n"
    yield NOTE
    yield (
        "The keys of a file for `cairn explore --config FILE` and `cairn campaign create --config FILE`, with their"
        f" defaults.\nEach can be given in the environment too: `{PREFIX}` and the name, with two underscores for a key"
        f" inside a section, such as\n`{PREFIX}DEPTH=2` or `{PREFIX}SEARCH__USE_NEB=false`. An unknown key is an error."
    )
    yield "\n## At the top\n"
    section: dict[str, Any] = defaults
    yaml_values = yaml.safe_load(source)
    above: dict[str, Any] = yaml_values
    for key, comment, indented in _yaml_keys(source):
        if not indented and isinstance(yaml_values[key], dict) and yaml_values[key]:
            section, above = defaults[key], yaml_values[key]
            yield f"\n## `{key}`" + (f": {comment}" if comment else "") + "\n"
            continue
        if not indented:
            section, above = defaults, yaml_values
        unit = unit_of(key)
        term = f"`{key}`" + (f" ({unit})" if unit else "")
        value = yaml.safe_dump(above[key], default_flow_style=True, width=10_000).strip().removesuffix("...").strip()
        assert key in section, f"configs/explore.yaml names {key}, which is no setting"
        yield _item(term, f"{comment}. Default: `{value}`.")


def _yaml_keys(source: str) -> Iterator[tuple[str, str, bool]]:
    """Key, comment, and whether it stands in a section, in the order of the file."""
    for line in source.splitlines():
        found = re.match(r"^( {2})?(\w+):(?:\s.*?)?(?:#\s*(.*))?$", line)
        if found:
            yield found[2], (found[3] or "").strip(), bool(found[1])


def _sql_views() -> Iterator[str]:
    yield "# SQL views\n"
    yield NOTE
    yield "Energies of tables are in eV; those of views that people read are in kcal/mol, as each name says."
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/new.db")
        try:
            inspector = inspect_database(engine)
            for view, meaning in VIEWS.items():
                yield f"\n## `{view}`: {meaning}\n"
                for column in inspector.get_columns(view):
                    unit = unit_of(column["name"])
                    yield _item(f"`{column['name']}`" + (f" ({unit})" if unit else ""), COLUMNS[column["name"]])
        finally:
            engine.dispose()


def _json_fields() -> Iterator[str]:
    yield "# JSON fields\n"
    yield NOTE
    yield "What `--json` prints: one object a line. `null` stands where something is not known."
    tables = _readme_tables((ROOT / "README.md").read_text(encoding="utf-8"))
    for command, rows in tables.items():
        columns = QUERY_COLUMNS.get(command)
        hints = {} if columns is None else get_type_hints(columns)
        yield f"\n## `cairn {command} --json`\n"
        for names, unit, meaning in rows:
            known = ", ".join(dict.fromkeys(_type_of(hints[name]) for name in names if name in hints))
            about = "; ".join(filter(None, (known, unit)))
            yield _item(", ".join(f"`{name}`" for name in names) + (f" ({about})" if about else ""), meaning)


def _type_of(hint: Any) -> str:
    """The JSON type of a column, in words."""
    words = {"str": "string", "float": "number", "int": "integer", "bool": "true or false", "list[str]": "strings"}
    name = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    plain = name.removesuffix(" | None")
    word = words.get(plain, "object" if plain.startswith("dict") else plain)
    return f"{word} or null" if plain != name else word


def _readme_tables(page: str) -> dict[str, list[tuple[list[str], str, str]]]:
    """By command the rows of README's tables of JSON fields: names, unit, meaning."""
    found: dict[str, list[tuple[list[str], str, str]]] = {}
    for command, header, table in re.findall(
        r"^\| field of `([^`]+) --json` \|(.*)\n\|[-|]+\n((?:\|.*\n)+)", page, flags=re.MULTILINE
    ):
        has_unit = "unit" in header
        body = table.replace("](#", "](../../README.md#").replace("](models/", "](../../models/")
        rows = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in body.splitlines()]
        found[command] = [
            (re.findall(r"`([^`]+)`", cells[0]), cells[1] if has_unit else "", cells[-1]) for cells in rows
        ]
    return found


def main() -> None:
    """Write the pages into the folder that is named."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (folder / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
