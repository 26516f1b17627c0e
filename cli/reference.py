"""The reference under docs/reference/, made from the program itself: `python -m cli.reference -o docs/reference`."""

from __future__ import annotations

import argparse
import inspect
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.reference_views import COLUMNS, VIEWS, unit_of

CONFIGURATION = Path(__file__).resolve().parents[1] / "configs" / "explore.yaml"
SECTION = object()  # stands where a default would
NOTE = "<!-- Made by `python -m cli.reference -o docs/reference`. Do not edit. -->"


def commands_page() -> str:
    """Every command with its help, arguments and options, as Markdown."""
    from typer.main import get_command  # noqa: PLC0415

    from cli.main import app  # noqa: PLC0415

    found = list(_commands(get_command(app), "cairn"))
    contents = "\n".join(f"- [`{name}`](#{name.replace(' ', '-')}): {_summary(command)}" for name, command in found)
    sections = (_command_section(name, command) for name, command in found)
    return "\n".join([NOTE, "# Commands", "", contents, "", *sections])


def configuration_page() -> str:
    """Every key of a campaign's configuration with its default and what configs/explore.yaml says of it."""
    from tasks.settings import ExploreSettings  # noqa: PLC0415

    said = dict(_comments(CONFIGURATION.read_text(encoding="utf-8")))
    rows = [
        (f"`{key}`", "section" if value is SECTION else f"`{json.dumps(value, ensure_ascii=False)}`", said[key])
        for key, value in _leaves(ExploreSettings().model_dump(mode="json"))
    ]
    return "\n".join(
        [
            NOTE,
            "# Configuration",
            "",
            "Keys of a campaign's YAML file with their defaults, as [explore.yaml](../../configs/explore.yaml)",
            "explains them. A dot stands for a section: `search.n_images` is the key `n_images` of the section",
            "`search`. In the environment the same key is `CAIRN_SEARCH__N_IMAGES`. An unknown key is an error.",
            "",
            *_table(("key", "default", "meaning"), rows),
            "",
        ]
    )


def views_page() -> str:
    """Every view of the database with its columns and their units."""
    from sqlalchemy import inspect as look_at  # noqa: PLC0415

    from db.engine import open_database  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(Path(folder) / "empty.db")
        try:
            looked = look_at(engine)
            columns = {name: [each["name"] for each in looked.get_columns(name)] for name in looked.get_view_names()}
        finally:
            engine.dispose()
    lines = [
        NOTE,
        "# SQL views",
        "",
        "What a database answers to any SQL client. Views only read. A barrier never stands without its level and",
        "verdict: select both with it.",
        "",
    ]
    for view in sorted(columns):
        rows = [(f"`{name}`", unit_of(name), COLUMNS[name]) for name in columns[view]]
        lines += [f"## {view}", "", VIEWS[view], "", *_table(("column", "unit", "meaning"), rows), ""]
    return "\n".join(lines)


PAGES = {"commands.md": commands_page, "configuration.md": configuration_page, "views.md": views_page}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pages into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write into")
    folder = parser.parse_args(arguments).output
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, each in command.commands.items():
        yield from _commands(each, f"{name} {word}")


def _summary(command: Any) -> str:
    return " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split())


def _command_section(name: str, command: Any) -> str:
    rows = [_parameter(each) for each in command.params if each.name != "help"]
    table = [*_table(("argument or option", "default", "meaning"), rows), ""] if rows else []
    return "\n".join([f"## {name}", "", inspect.cleandoc(command.help), "", *table])


def _parameter(parameter: Any) -> tuple[str, str, str]:
    value = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        name = value.strip("[]") if value.startswith("[") else value
    else:
        name = ", ".join((*parameter.opts, *parameter.secondary_opts)) + ("" if parameter.is_flag else f" {value}")
    default = parameter.default
    if parameter.required:
        shown = "required"
    elif isinstance(default, bool | None) or callable(default):
        shown = ""
    else:
        shown = f"`{getattr(default, 'value', default)}`"
    variable = f" Also from `{parameter.envvar}`." if parameter.envvar else ""
    return f"`{name}`", shown, " ".join((parameter.help or "").split()) + variable


def _comments(text: str) -> Iterator[tuple[str, str]]:
    """(key with its section, comment) of each key of the YAML file."""
    section = ""
    for line in text.splitlines():
        found = re.match(r"( *)(\w+):([^#]*)(?:#\s*(.*))?$", line)
        if found is None:
            continue
        indent, key, value, comment = found.groups()
        if not indent and not value.strip():
            section = key
        yield (f"{section}.{key}" if indent else key), comment or ""


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield prefix + key, SECTION
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


if __name__ == "__main__":
    main()
