"""`cairn levels`: the levels of theory, and which of them can run here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import print_json, print_table

if TYPE_CHECKING:
    from chem.levels import LevelEntry


def levels_command(
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object a level on standard output.")] = False,
) -> None:
    """List the levels of theory by name, and what is missing to run them.

    Wherever a level is asked for, any `method/basis` that PySCF knows can be given as well, such as hf/3-21g or
    b3lyp-d3bj/def2-svp.

    Example:

        cairn levels --levels mine.yaml
    """
    from chem.levels import read_levels  # noqa: PLC0415

    entries = read_levels(levels)
    records = [level_record(name, entries) for name in sorted(entries)]
    if json_only:
        for record in records:
            print_json(record)
        return
    print_table(
        "levels of theory",
        ("name", "method", "basis", "further", "program", "available"),
        [
            (
                record["name"],
                record["method"],
                record["basis"],
                ", ".join(f"{name} {value}" for name, value in record["options"].items()),
                " ".join(filter(None, (record["program"], record["version"]))),
                "yes" if record["available"] else record["missing"],
            )
            for record in records
        ],
    )


def level_record(name: str, entries: dict[str, LevelEntry]) -> dict[str, Any]:
    """One level as plain JSON values."""
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from chem.levels import resolve_level  # noqa: PLC0415

    entry = entries[name]
    record: dict[str, Any] = {"name": name, "available": True, "missing": None, "method": entry.method}
    try:
        level = resolve_level(name, entries=entries)
    except ConfigurationError as error:
        missing = {"available": False, "missing": str(error), "basis": entry.basis}
        return record | missing | {"program": entry.program, "version": "", "options": {}, "key": None}
    return record | {
        "method": level.method,
        "basis": level.basis,
        "program": level.program,
        "version": level.version,
        "options": dict(level.options),
        "key": level.key,
    }
