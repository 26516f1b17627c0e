"""`cairn report`: the network of a database as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import check_output, print_json
from cli.query import DEFAULT_DATABASE, Database

if TYPE_CHECKING:
    from report.content import ReportContent

Campaign = Annotated[str | None, typer.Option(help="Only what this campaign reached; default: the whole database.")]
Level = Annotated[
    str | None,
    typer.Option(
        help="Barriers of this level of theory alone: its key, or its name such as gfn2; default: the best verdict."
    ),
]


def report_command(
    output: Annotated[Path, typer.Option("-o", "--output", help="HTML file to write.")],
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Write the network as one HTML file that needs no network: drawing, paths, table, structures, costs, failures.

    Barriers are in kcal/mol, each beside its verdict and level. The database is only read. Of a large network the page
    draws what lies lowest above the seeds; table, search and paths hold everything.

    Examples:

        cairn report --db sqlite:///runs/cairn.db -o network.html

        cairn report --campaign peroxide --level GFN2-xTB -o peroxide.html
    """
    from db.engine import shown_url  # noqa: PLC0415
    from report.html import write_report  # noqa: PLC0415
    from report.source import load_content  # noqa: PLC0415

    check_output(output)
    content = load_content(database, campaign=campaign, level=level)
    write_report(content, output)
    record = report_record(content, output, shown_url(database))
    if json_only:
        print_json(record)
        return
    typer.echo(
        f"{output}: {record['n_species']:,} species, {record['n_reactions']:,} reactions,"
        f" {record['bytes'] / 2**20:.1f} MiB"
    )


def report_record(content: ReportContent, path: Path, database: str) -> dict[str, Any]:
    """What was written where, as plain JSON values."""
    return {
        "report": str(path),
        "database": database,
        "campaigns": list(content.campaigns),
        "level": content.level,
        "n_species": len(content.species),
        "n_reactions": len(content.reactions),
        "bytes": path.stat().st_size,
    }
