"""Parquet: species, reactions, transition states and checks, a table in a file, in a folder or a zip file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chem.errors import InputError
from db.engine import reading
from db.flat_tables import TABLES
from db.part import Part
from report.exports.formats import ExportOptions
from report.exports.output import folder_or_zip, pack


def write(part: Part, path: Path, options: ExportOptions) -> None:  # noqa: ARG001 - the interface of all formats
    """Write the tables of a part, null where nothing is known.

    Raises:
        InputError: pyarrow is not installed.
    """
    if not folder_or_zip(path):
        path.mkdir()
        _write_tables(part, path)
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as own:
        _write_tables(part, Path(own))
        pack(Path(own), path)


def _write_tables(part: Part, folder: Path) -> None:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy, and needed here alone
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InputError("parquet needs pyarrow, which is not installed; run: pip install pyarrow") from error
    with reading(part.engine) as session:
        for table in TABLES:
            schema = _schema(pa, table.columns)
            with parquet.ParquetWriter(folder / f"{table.name}.parquet", schema) as writer:
                for rows in table.rows(session, part.shown):
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _schema(pa: Any, columns: Mapping[str, type]) -> Any:
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    return pa.schema([(name, types[type_]) for name, type_ in columns.items()])
