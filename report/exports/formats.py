"""The formats of `cairn export`, and the one way in which all of them are written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path

from chem.errors import ConfigurationError, InputError
from chem.outcomes import Status
from db.engine import reading
from db.part import Part, part_of
from db.selection import count_network
from report.exports.licence import DEFAULT_LICENCE, LICENCES
from report.exports.output import FOLDER, check_output, in_one_step, told_of_full_disk


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What some formats can be asked for besides; a format that does not take an option refuses it.

    Attributes:
        ends: Also the two ends of each reaction path.
        licence: Of the data, by its SPDX identifier.
        title: Of the data set.
        authors: Names as in `Family, Given`, in order.
    """

    ends: bool = False
    licence: str = DEFAULT_LICENCE
    title: str = ""
    authors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Only licences whose text is here."""
        if self.licence not in LICENCES:
            raise ConfigurationError(f"unknown licence {self.licence!r}; known are {', '.join(LICENCES)}")


DEFAULTS = ExportOptions()


@dataclass(frozen=True, slots=True)
class Format:
    """A format of export.

    Attributes:
        module: Where its function `write(part, path, options)` is; imported when it is needed.
        endings: What the name of the file must end in; an empty ending stands for a folder.
        options: Names of the `ExportOptions` that it takes.
        passed_alone: Whether it can hold no transition state of another verdict than `passed`.
    """

    module: str
    endings: tuple[str, ...]
    options: frozenset[str] = frozenset()
    passed_alone: bool = False


# A new format is one line here and a module with `write(part, path, options)`; the help of cli/exchange.py names it.
FORMATS: Mapping[str, Format] = {
    "graphml": Format("report.exports.graphml", (".graphml",)),
    "extxyz": Format("report.exports.extended_xyz", (".extxyz", ".xyz"), frozenset({"ends"})),
    "csv": Format("report.exports.csv_tables", (FOLDER, ".zip")),
    "parquet": Format("report.exports.parquet_tables", (FOLDER, ".zip")),
    "cantera": Format("report.exports.mechanism", (".yaml", ".yml"), passed_alone=True),
    "chemkin": Format("report.exports.mechanism", (".inp", ".ck"), passed_alone=True),
    "training": Format("report.exports.training", (".npz",), passed_alone=True),
    "archive": Format("report.exports.archive", (".zip",), frozenset({"licence", "title", "authors"})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSummary:
    """What an export holds.

    Attributes:
        level: Key of the level of theory that was asked for; None for all.
        species: Number of species.
        reactions: Number of reactions.
        transition_states: Number of transition states of each verdict.
        left_out: Number of those of other verdicts, which stay in the database.
    """

    level: str | None
    species: int
    reactions: int
    transition_states: Mapping[Status, int]
    left_out: Mapping[Status, int]


def export(
    url: str | Path,
    name: str,
    path: Path,
    *,
    campaign: str | None = None,
    level: str | None = None,
    verdicts: frozenset[Status] = frozenset({Status.PASSED}),
    options: ExportOptions = DEFAULTS,
) -> ExportSummary:
    """Write a part of a database in one of the `FORMATS`, whole or not at all.

    Args:
        url: The database; it may be in use.
        name: The format.
        path: File to write, which is replaced in one step, or folder to make.
        campaign: Only reactions that this campaign reached.
        level: Only this level of theory, by key or name.
        verdicts: Only transition states of these verdicts.
        options: What else the format is asked for.

    Returns:
        What was written.

    Raises:
        InputError: The format or an option is unknown to it, the path does not fit it, the database cannot be opened,
            or there is nothing to write.
        OSError: The disk is full or the file cannot be written; what was there before stands.
    """
    form = _checked(name, verdicts, options)
    check_output(path, name, form.endings)
    with (
        told_of_full_disk(path),
        tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".cairn-export-") as own,
        part_of(url, Path(own), campaign=campaign, level=level, verdicts=verdicts) as part,
    ):
        with in_one_step(path) as fresh:
            import_module(form.module).write(part, fresh, options)
        return _summary(part)


def _checked(name: str, verdicts: frozenset[Status], options: ExportOptions) -> Format:
    if name not in FORMATS:
        raise ConfigurationError(f"unknown format {name!r}; known are {', '.join(FORMATS)}")
    form = FORMATS[name]
    for field in fields(options):
        if getattr(options, field.name) != getattr(DEFAULTS, field.name) and field.name not in form.options:
            takers = ", ".join(other for other, each in FORMATS.items() if field.name in each.options)
            raise ConfigurationError(f"format {name} takes no {field.name}; leave it out, or choose from: {takers}")
    if form.passed_alone and verdicts != {Status.PASSED}:
        raise InputError(f"format {name} holds verified transition states alone; leave out --verdict")
    return form


def _summary(part: Part) -> ExportSummary:
    with reading(part.engine) as session:
        species, reactions = count_network(session, part.shown)
    return ExportSummary(
        level=part.selection.level_key,
        species=species,
        reactions=reactions,
        transition_states=part.states,
        left_out=part.left_out,
    )
