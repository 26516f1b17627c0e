"""Answers as tables: JSON lines, CSV and Parquet files with columns that stay the same whatever the rows hold.

The columns of an answer are the keys of a `TypedDict`, whose types say how each is stored: a nested value is JSON text,
but for lists of words in Parquet.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from chem.errors import ConfigurationError
from cli.output import check_output, print_json, write_and_show

CsvFile = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write the rows to this file too, as CSV; nested as JSON.")
]
ParquetFile = Annotated[
    Path | None, typer.Option("--parquet", metavar="FILE", help="Write the rows to this file too, as Apache Parquet.")
]

Row = Mapping[str, Any]
Columns = type[Any]  # a TypedDict


def check_table_files(csv_file: Path | None, parquet_file: Path | None) -> None:
    """Refuse files that cannot be written, before anything is asked.

    Raises:
        typer.BadParameter: The path of one is none for a file.
        ConfigurationError: The package that writes Parquet is not installed.
    """
    check_output(csv_file, "--csv")
    check_output(parquet_file, "--parquet")
    if parquet_file is not None and find_spec("pyarrow") is None:
        raise ConfigurationError("--parquet needs pyarrow, which is not installed; run: pip install pyarrow")


def row_of(value: object, columns: Columns) -> dict[str, Any]:
    """The attributes of a value that are columns, as plain JSON values."""
    from db.convert import plain_json  # noqa: PLC0415

    found = {}
    for name in get_type_hints(columns):
        attribute = getattr(value, name)
        found[name] = attribute.isoformat() if isinstance(attribute, datetime) else plain_json(attribute)
    return found


def tell(
    rows: Sequence[Row],
    columns: Columns,
    show: Callable[[], None],
    *,
    json_lines: bool,
    csv_file: Path | None = None,
    parquet_file: Path | None = None,
) -> None:
    """Give an answer in every form that was asked for.

    Args:
        rows: Plain JSON values by column.
        columns: A `TypedDict` of all columns in order.
        show: Prints it for people.
        json_lines: Print JSON in place of that, an object a line.
        csv_file: Write CSV there.
        parquet_file: Write Parquet there.

    Raises:
        OSError: A file could not be written; the answer has been shown all the same.
    """

    def printed() -> None:
        if not json_lines:
            show()
            return
        for row in rows:
            print_json(row)

    write_parquet_file = partial(write_parquet, rows=rows, columns=columns)
    write_csv_file = partial(write_csv, rows=rows, columns=columns)
    write_and_show(csv_file, write_csv_file, lambda: write_and_show(parquet_file, write_parquet_file, printed))


def write_csv(path: Path, rows: Iterable[Row], columns: Columns) -> None:
    """Write rows as CSV with a line of column names; what is not known is empty, nested values are JSON."""
    names = list(get_type_hints(columns))
    with _whole(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_cell(row[name]) for name in names] for row in rows)


def write_parquet(path: Path, rows: Iterable[Row], columns: Columns) -> None:
    """Write rows as Parquet; every column has its type, also where it is empty."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), list[str]: pa.list_(pa.string())}
    types = {name: _without_none(hint) for name, hint in get_type_hints(columns).items()}
    given = list(rows)
    arrays = [
        pa.array(
            [row[name] if kind in kinds else _nested(row[name]) for row in given],
            type=kinds.get(kind, pa.string()),
        )
        for name, kind in types.items()
    ]
    with _whole(path) as fresh:
        parquet.write_table(pa.table(arrays, names=list(types)), fresh)


def _without_none(hint: Any) -> Any:
    """The type of a column that may be empty."""
    options = [each for each in getattr(hint, "__args__", ()) if each is not type(None)]
    is_optional = type(None) in getattr(hint, "__args__", ())
    return options[0] if is_optional and len(options) == 1 else hint


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _nested(value) if isinstance(value, list | dict) else value


def _nested(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file to write beside another, which it replaces once it is whole; a pipe or device is written itself."""
    if path.exists() and not path.is_file():
        yield path
        return
    fresh = path.with_name(f"{path.name}.part")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
