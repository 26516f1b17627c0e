"""`cairn export` and `cairn import`: a network for other programs, for publication, for another database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import print_json
from cli.query import DEFAULT_DATABASE, Campaign, Database

if TYPE_CHECKING:
    from db.merging import Merged
    from report.exports.formats import ExportSummary

JsonLine = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def export_command(
    form: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="cantera (.yaml), chemkin (.inp), graphml, extxyz, csv, parquet, training (.npz of cairn train) or"
            " archive (.zip).",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File, or for csv and parquet a new folder or a .zip.")
    ],
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Annotated[
        str | None, typer.Option(help="Only this level of theory, by the key or name under which it is stored.")
    ] = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(
            help="Transition states of this verdict, passed alone unless told otherwise: passed, could_not_check,"
            " estimated, failed. May be repeated."
        ),
    ] = None,
    ends: Annotated[bool, typer.Option("--ends", help="extxyz: also the two ends of each reaction path.")] = False,
    licence: Annotated[
        str | None, typer.Option(help="archive: licence of the data, CC-BY-4.0 (default), CC-BY-SA-4.0 or CC0-1.0.")
    ] = None,
    title: Annotated[str, typer.Option(help="archive: title of the data set.")] = "",
    author: Annotated[
        list[str] | None, typer.Option(help="archive: an author as 'Family, Given'. May be repeated.")
    ] = None,
    json_line: JsonLine = False,
) -> None:
    """Write verified transition states and their reactions for other programs.

    Nothing that is not proved leaves unless --verdict names it; every row, node, edge and structure says its verdict
    and its level. Barriers are in kcal/mol, energies in eV, positions in Angstrom, frequencies in cm-1. The file
    appears whole or not at all.

    Examples:

        cairn export graphml -o network.graphml

        cairn export cantera -o mechanism.yaml --level gfn2

        cairn export extxyz -o states.extxyz --ends --verdict passed --verdict could_not_check

        cairn export archive -o network.zip --title 'Decomposition of KHP' --author 'Doe, Jane'
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from chem.outcomes import Status  # noqa: PLC0415
    from report.exports.formats import ExportOptions, export  # noqa: PLC0415
    from report.exports.licence import DEFAULT_LICENCE  # noqa: PLC0415

    known = {status.value for status in Status}
    if wrong := sorted(set(verdict or ()) - known):
        raise ConfigurationError(f"unknown verdict {', '.join(wrong)}; known are {', '.join(sorted(known))}")
    summary = export(
        database,
        form,
        output,
        campaign=campaign,
        level=level,
        verdicts=frozenset(Status(each) for each in verdict or (Status.PASSED,)),
        options=ExportOptions(ends=ends, licence=licence or DEFAULT_LICENCE, title=title, authors=tuple(author or ())),
    )
    if json_line:
        print_json(export_record(summary, form, output))
        return
    states = ", ".join(f"{count} {status.value}" for status, count in sorted(summary.transition_states.items()))
    typer.echo(f"{summary.species} species, {summary.reactions} reactions, transition states: {states}; in {output}")
    if summary.left_out:
        others = ", ".join(f"{count} {status.value}" for status, count in sorted(summary.left_out.items()))
        typer.echo(f"left out: {others} (--verdict names what is to leave)", err=True)
    if form == "archive" and not author:
        typer.echo("nobody is named as author: give --author, or add them to metadata.json and CITATION.cff", err=True)


def import_command(
    archive: Annotated[Path, typer.Argument(metavar="FILE.zip", help="Archive that `cairn export archive` wrote.")],
    database: Database = DEFAULT_DATABASE,
    json_line: JsonLine = False,
) -> None:
    """Add the network of an archive to a database; what the database holds stays as it is.

    Every file is compared with its checksum first. An import that is repeated changes nothing, two networks become one,
    and calculations that others work on meanwhile are left alone.

    Example:

        cairn import network.zip --db sqlite:///runs/cairn.db
    """
    from report.exports.archive_reading import import_archive  # noqa: PLC0415

    merged = import_archive(archive, database)
    if json_line:
        print_json(import_record(merged, archive))
        return
    for name, added in merged.added.items():
        typer.echo(f"{name.replace('_', ' ')}: {added:,} new, {merged.known[name]:,} known")


def export_record(summary: ExportSummary, form: str, output: Path) -> dict[str, Any]:
    """What an export wrote, as plain JSON values."""
    return {
        "format": form,
        "file": str(output),
        "level": summary.level,
        "species": summary.species,
        "reactions": summary.reactions,
        "transition_states": {status.value: count for status, count in sorted(summary.transition_states.items())},
        "left_out": {status.value: count for status, count in sorted(summary.left_out.items())},
    }


def import_record(merged: Merged, archive: Path) -> dict[str, Any]:
    """What an import did, as plain JSON values."""
    return {"file": str(archive), "added": dict(merged.added), "known": dict(merged.known)}
