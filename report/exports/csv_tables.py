"""CSV: species, reactions, transition states and checks, a table in a file, in a folder or a zip file."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from db.engine import reading
from db.flat_tables import TABLES
from db.part import Part
from report.exports.formats import ExportOptions
from report.exports.output import folder_or_zip, pack


def write(part: Part, path: Path, options: ExportOptions) -> None:  # noqa: ARG001 - the interface of all formats
    """Write the tables of a part as RFC 4180 has them, UTF-8, an empty field where nothing is known."""
    if not folder_or_zip(path):
        path.mkdir()
        write_tables(part, path)
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as own:
        write_tables(part, Path(own))
        pack(Path(own), path)


def write_tables(part: Part, folder: Path) -> None:
    """Write a file for each table into a folder."""
    with reading(part.engine) as session:
        for table in TABLES:
            with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, table.columns)  # ends lines with \r\n and quotes every field with either
                writer.writeheader()
                for rows in table.rows(session, part.shown):
                    writer.writerows(rows)
