"""A training set: verified transition states of one level of theory as `cairn train` reads them."""

from __future__ import annotations

from pathlib import Path

from db.engine import reading
from db.part import Part
from db.training_set import export_training_set
from report.exports.formats import ExportOptions


def write(part: Part, path: Path, options: ExportOptions) -> None:  # noqa: ARG001 - the interface of all formats
    """Write the neutral singlets of a part with both ends; see `db.training_set`.

    Raises:
        DatabaseError: There is none, or the part holds several levels of theory.
    """
    with reading(part.engine) as session:
        export_training_set(session, path)
