"""Read an archive back: nothing of it is used before everything of it was found to be as it was written."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from chem.errors import DatabaseError, InputError
from db.archive_checks import contradictions
from db.engine import database_file, open_database, reading
from db.merging import Merged, merge
from db.part import FILE_NAME
from db.schema import schema_versions
from db.upkeep import check
from report.exports.archive import CHECKSUMS, NAME, VERSION, VERSIONS, digest_of
from report.exports.output import told_of_full_disk

_READ_AT_ONCE = 2**20
_TOLD = 3  # contradictions named in an error


def import_archive(path: Path, url: str | Path) -> Merged:
    """Add a network from an archive to a database, which is made where there is none.

    Args:
        path: The archive.
        url: The database; it may be in use, and its own calculations are left alone.

    Returns:
        What was added, and what was there.

    Raises:
        InputError: The file is missing, no archive of Cairn, damaged, or contradicts itself.
        DatabaseError: The archive or the database has another schema version, or the database cannot be opened.
        OSError: The disk is full.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}; give an archive that `cairn export archive` wrote")
    with tempfile.TemporaryDirectory(prefix="cairn-import-") as own:
        with told_of_full_disk(Path(own)):
            file = Path(own) / FILE_NAME
            _unpack_checked(path, file)
            archive = _open_checked(path, file)
        try:
            target = open_database(url)
            try:
                with told_of_full_disk(database_file(url) or Path(own)):
                    return merge(archive, target)
            finally:
                target.dispose()
        finally:
            archive.dispose()


def _unpack_checked(path: Path, file: Path) -> None:
    """Compare every file of the archive with its checksum, and unpack the database."""
    try:
        with zipfile.ZipFile(path) as packed:
            _check_kind(path, packed)
            _check_sums(path, packed)
            with packed.open(FILE_NAME) as source, file.open("wb") as target:
                shutil.copyfileobj(source, target, _READ_AT_ONCE)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise InputError(f"{path} is damaged or no zip file: {error}; get it again") from error


def _check_kind(path: Path, packed: zipfile.ZipFile) -> None:
    names = set(packed.namelist())
    missing = {CHECKSUMS, VERSIONS, FILE_NAME} - names
    if missing:
        raise InputError(
            f"{path} is no archive of Cairn: it holds no {', '.join(sorted(missing))}; give a file that"
            " `cairn export archive` wrote"
        )
    try:
        versions: Mapping[str, Any] = json.loads(packed.read(VERSIONS))
        kind, layout, schema = (versions[name] for name in ("archive", "archive_version", "schema_version"))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no archive of Cairn: {VERSIONS} in it cannot be read ({error})") from error
    if kind != NAME:
        raise InputError(f"{path} is no archive of Cairn: {VERSIONS} in it says {kind!r}")
    known = schema_versions()
    newer = layout != VERSION or schema not in known
    if newer:
        raise DatabaseError(
            f"archive {path} has layout {layout} and schema version {schema}, which this program, with layout {VERSION}"
            f" and schema version {known[-1]}, does not know: a newer Cairn wrote it; update Cairn"
        )
    if schema != known[-1]:
        raise DatabaseError(
            f"archive {path} has schema version {schema}, older than this program's {known[-1]}; unpack {FILE_NAME}"
            " from it, run `cairn db upgrade` on that, and import what `cairn export archive` makes of it"
        )


def _check_sums(path: Path, packed: zipfile.ZipFile) -> None:
    sums: dict[str, str] = {}
    for line in packed.read(CHECKSUMS).decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        sums[name] = digest
    names = {entry.filename for entry in packed.infolist() if not entry.is_dir()} - {CHECKSUMS}
    if missing := sorted(set(sums) - names):
        raise InputError(f"{path} is damaged: {', '.join(missing)} is missing; get it again")
    if foreign := sorted(names - set(sums)):
        raise InputError(f"{path} was changed: {', '.join(foreign)} is not in its {CHECKSUMS}; get it again")
    for name, digest in sums.items():
        with packed.open(name) as stream:
            if digest_of(stream) != digest:
                raise InputError(f"{path} is damaged: {name} does not match its checksum; get it again")


def _open_checked(path: Path, file: Path) -> Engine:
    """The database of an archive, whose checksums are right, but which anybody may have written."""
    try:
        problems = list(check(file).problems)
        engine = open_database(file, read_only=True)
    except DatabaseError as error:
        raise InputError(f"the database in {path} cannot be used: {error}") from error
    if not problems:
        with reading(engine) as session:
            problems = list(islice(contradictions(session), _TOLD))
    if problems:
        engine.dispose()
        raise InputError(f"{path} contradicts itself: {'; '.join(problems[:_TOLD])}; it was changed by hand")
    return engine
