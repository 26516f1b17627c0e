"""Files and folders that appear whole or not at all, and archives whose bytes depend on nothing but their content."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from chem.errors import InputError

FOLDER = ""  # ending that stands for a folder
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment that a zip file can hold
_PERMISSIONS = 0o644
_COPIED_AT_ONCE = 2**20


def check_output(path: Path, form: str, endings: Sequence[str]) -> None:
    """Raise `InputError` where a file or folder cannot be written, before anything is spent on it.

    Args:
        path: What is to be written.
        form: Name of the format, for the message.
        endings: What the name may end in.
    """
    if path.suffix.lower() not in endings:
        choice = " or ".join(f"ending in {ending}" if ending else "of a new folder" for ending in endings)
        raise InputError(f"cannot write {form} to {path}; give a name {choice}")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {folder}; make it first")
    if path.suffix == FOLDER:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"cannot write {path}: it is there already; remove it or give the name of a new folder")
    elif path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file")
    if not os.access(path if path.is_file() else folder, os.W_OK) or not os.access(folder, os.W_OK):
        raise InputError(f"cannot write {path}: you may not write there; give a name elsewhere")


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; what is there at the end of the `with` block takes the place of `path`.

    On an exception nothing is left of it, and `path` stays as it was.
    """
    own = Path(tempfile.mkdtemp(dir=path.resolve().parent, prefix=".cairn-export-"))
    try:
        fresh = own / path.name
        yield fresh
        if fresh.is_dir():
            if path.is_dir():
                path.rmdir()  # empty, as `check_output` saw to
        else:
            fresh.chmod(_PERMISSIONS)
        fresh.replace(path)
    finally:
        shutil.rmtree(own, ignore_errors=True)


@contextmanager
def told_of_full_disk(path: Path) -> Iterator[None]:
    """Name the file in every error of the disk, also in those that come through SQLite."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    except (DBAPIError, sqlite3.OperationalError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not getattr(cause, "sqlite_errorname", "").startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            raise
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} or damaged", str(path)) from error


def folder_or_zip(path: Path) -> bool:
    """Whether the name is that of a zip file rather than of a folder."""
    return path.suffix.lower() == ".zip"


def files(folder: Path) -> list[tuple[str, Path]]:
    """Names, with / between folders, and paths of all files in a folder, sorted."""
    return sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())


def pack(folder: Path, path: Path) -> None:
    """Pack a folder as a zip file: sorted names, one fixed date, so that the same content gives the same bytes."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, file in files(folder):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _PERMISSIONS << 16
            entry.create_system = 3  # Unix, wherever it is written
            entry.file_size = file.stat().st_size  # tells whether it needs the format of large files
            with file.open("rb") as source, packed.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
