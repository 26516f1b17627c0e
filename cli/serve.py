"""`cairn serve`: the report of a database, live, for a browser and for scripts."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from cli.output import print_json
from cli.query import DEFAULT_DATABASE, Database
from cli.report import Campaign, Level


def serve_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is reached from this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json_only: Annotated[
        bool, typer.Option("--json", help="The address as one JSON object on standard output.")
    ] = False,
) -> None:
    """Show the network in a browser while it grows, and answer scripts; ends with Ctrl-C.

    The page is that of `cairn report`, read anew when it is loaded; the data are under /api/reactions, /api/species and
    /api/paths. The database is only read. There is no password: whoever reaches the address reads the network.

    Examples:

        cairn serve --db sqlite:///runs/cairn.db --open

        cairn serve --port 8080 --json
    """
    import webbrowser  # noqa: PLC0415

    from db.engine import shown_url  # noqa: PLC0415
    from report.live import LiveReport  # noqa: PLC0415
    from report.serving import address_of, is_local, listening_socket, serve  # noqa: PLC0415

    report = LiveReport(database, campaign=campaign, level=level)
    with listening_socket(host, port) as listener:
        address = address_of(listener)
        if not is_local(host):
            typer.echo(f"listening on {host}: whoever reaches this machine can read the network", err=True)
        if json_only:
            print_json(serve_record(address, shown_url(database), campaign, level))
        else:
            typer.echo(f"{shown_url(database)} at {address}  (Ctrl-C ends)")
        if open_browser:
            webbrowser.open(address)
        serve(report, listener, host)
    sys.stdout.flush()
    os._exit(0)  # nothing is left to do, and the interpreter would take a second to take itself apart


def serve_record(address: str, database: str, campaign: str | None, level: str | None) -> dict[str, Any]:
    """Where the network is shown, as plain JSON values."""
    return {
        "address": address,
        "database": database,
        "campaign": campaign,
        "level": level,
        "process_id": os.getpid(),
    }
