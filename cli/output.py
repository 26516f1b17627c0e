"""What the commands print: JSON lines on standard output, tables for people, everything else on standard error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from chem.outcomes import Failure
    from chem.types import LevelOfTheory


def check_output(path: Path | None, option: str = "--output") -> None:
    """Raise `typer.BadParameter` where a file could not be written, before anything is spent on its content."""
    if path is None:
        return
    folder = path.resolve().parent
    if path.is_dir() or not folder.is_dir():
        raise typer.BadParameter(f"{path} is no file in an existing folder", param_hint=option)
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise typer.BadParameter(f"{path} cannot be written; name a file elsewhere", param_hint=option)


def write_and_show(path: Path | None, write: Callable[[Path], None], show: Callable[[], None]) -> None:
    """Write a result to a file and show it, so that neither takes the other along.

    The file comes first, for the reader of a pipe may go away; a full disk is told when the result has been shown.

    Args:
        path: The file; None writes none.
        write: Writes it.
        show: Prints the result.

    Raises:
        OSError: The file could not be written; it is named.
    """
    failed: OSError | None = None
    if path is not None:
        try:
            write(path)
        except OSError as error:
            failed = OSError(error.errno, error.strerror, str(path))
    show()
    if failed is not None:
        raise failed


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()
) -> None:
    """A table for people.

    Args:
        title: Above the table.
        columns: Headings, units included.
        rows: Cells in the order of the columns; None prints as a dash.
        right: Columns that are aligned to the right.
    """
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None else str(cell) for cell in row))
    console = Console()
    # A pipe has no width: let lines be as long as they are rather than fold keys at 80 columns.
    (console if console.is_terminal else Console(width=400)).print(table)


def plain_failure(failure: Failure | None) -> dict[str, str] | None:
    """A failure as JSON values."""
    if failure is None:
        return None
    return {"stage": failure.stage.value, "kind": failure.kind, "message": failure.message}


def plain_level(level: LevelOfTheory) -> dict[str, str]:
    """A level of theory as JSON values; `key` is its identity."""
    return {"name": level.name, "key": level.key, "program": level.program, "version": level.version}
