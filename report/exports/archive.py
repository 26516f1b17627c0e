"""An archive to publish: a network with everything that is needed to read it, cite it and import it again.

The same part of a network gives the same bytes. `report.exports.archive_reading` reads it back.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.engine import reading
from db.part import FILE_NAME, Part
from db.schema import schema_versions
from db.selection import count_network
from db.tables import CalculationRow, LevelRow, TransitionStateRow
from report.exports import archive_text, csv_tables, extended_xyz, graphml
from report.exports.archive_text import Contents
from report.exports.formats import ExportOptions
from report.exports.licence import LICENCES
from report.exports.output import files, pack

NAME = "Cairn network archive"
VERSION = 1  # of the layout of the files
CHECKSUMS = "SHA256SUMS"
VERSIONS = "versions.json"
_READ_AT_ONCE = 2**20


def write(part: Part, path: Path, options: ExportOptions) -> None:
    """Write the archive of a part of a network."""
    with tempfile.TemporaryDirectory(dir=path.parent) as own:
        folder = Path(own)
        _write_files(part, folder, options)
        sums = "".join(f"{_digest(file)}  {name}\n" for name, file in files(folder))
        (folder / CHECKSUMS).write_text(sums, encoding="utf-8")
        pack(folder, path)


def digest_of(stream: IO[bytes]) -> str:
    """SHA-256 of what a stream still holds."""
    found = hashlib.sha256()
    while part := stream.read(_READ_AT_ONCE):
        found.update(part)
    return found.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return digest_of(stream)


def _write_files(part: Part, folder: Path, options: ExportOptions) -> None:
    (folder / "tables").mkdir()
    csv_tables.write_tables(part, folder / "tables")
    extended_xyz.write(part, folder / "transition_states.extxyz", ExportOptions(ends=True))
    graphml.write(part, folder / "network.graphml", options)
    shutil.copyfile(part.file, folder / FILE_NAME)
    with reading(part.engine) as session:
        levels = _levels(session)
        versions = _versions(session)
        n_species, n_reactions = count_network(session, part.shown)
        contents = Contents(
            title=options.title or f"Reaction network of {n_reactions} elementary reactions",
            authors=options.authors,
            licence=LICENCES[options.licence],
            levels=levels,
            versions=versions,
            n_species=n_species,
            n_reactions=n_reactions,
            transition_states={status.value: count for status, count in sorted(part.states.items())},
        )
    _write_json(folder / "levels.json", levels)
    _write_json(folder / VERSIONS, versions)
    _write_json(folder / "metadata.json", archive_text.zenodo_metadata(contents))
    text = {
        "README.md": archive_text.readme(contents),
        "CITATION.cff": yaml.safe_dump(archive_text.citation(contents), sort_keys=False, allow_unicode=True),
        "LICENSE": LICENCES[options.licence].text,
    }
    for name, content in text.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _levels(session: Session) -> list[dict[str, Any]]:
    """Levels of theory with the number of transition states of each verdict, in the order in which they were used."""
    counts: dict[int, dict[str, int]] = {}
    statement = (
        select(TransitionStateRow.level_id, TransitionStateRow.verdict, func.count())
        .group_by(TransitionStateRow.level_id, TransitionStateRow.verdict)
        .order_by(TransitionStateRow.verdict)
    )
    for number, verdict, count in session.execute(statement):
        counts.setdefault(number, {})[verdict] = count
    return [
        {
            "key": row.key,
            "name": row.name,
            "method": row.method,
            "basis": row.basis,
            "program": row.program,
            "version": row.version,
            "options": dict(row.options),
            "transition_states": counts[row.id],
        }
        for row in session.scalars(select(LevelRow).where(LevelRow.id.in_(counts)).order_by(LevelRow.id))
    ]


def _versions(session: Session) -> dict[str, Any]:
    """What wrote the archive, and every program behind its numbers."""
    used = select(TransitionStateRow.level_id)
    programs = {
        *session.execute(select(LevelRow.program, LevelRow.version).where(LevelRow.id.in_(used))).tuples(),
        *session.execute(select(CalculationRow.program, CalculationRow.version).distinct()).tuples(),
    }
    return {
        "archive": NAME,
        "archive_version": VERSION,
        "schema_version": schema_versions()[-1],
        "cairn": version("cairn"),
        "programs": [{"program": name, "version": number} for name, number in sorted(programs) if name],
    }
