"""`cairn db`: look after the database."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.query import DEFAULT_DATABASE

db_app = typer.Typer(no_args_is_help=True, help="Look after the database.")


@db_app.callback()
def db_commands() -> None:
    """Look after the database."""


@db_app.command("upgrade")
def upgrade_command(
    database: Annotated[
        str, typer.Option("--db", envvar="CAIRN_DATABASE", help="Database URL, sqlite:///FILE or postgresql://...")
    ] = DEFAULT_DATABASE,
) -> None:
    """Bring a database of an older version to the schema of this one; nothing is lost.

    Example:

        cairn db upgrade --db sqlite:///runs/cairn.db
    """
    from db.engine import upgrade  # noqa: PLC0415

    before, after = upgrade(database)
    typer.echo(f"{database}: schema {after}, nothing to do" if before == after else f"{database}: {before} -> {after}")
