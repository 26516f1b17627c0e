"""`cairn db`: look after the database."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import print_json
from cli.query import DEFAULT_DATABASE, Database

db_app = typer.Typer(no_args_is_help=True, help="Look after the database.")


@db_app.callback()
def db_commands() -> None:
    """Look after the database."""


@db_app.command("upgrade")
def upgrade_command(
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Bring a database of an older version to the schema of this one; nothing is lost.

    Example:

        cairn db upgrade --db sqlite:///runs/cairn.db
    """
    from db.engine import upgrade  # noqa: PLC0415

    before, after = upgrade(database)
    typer.echo(f"{database}: schema {after}, nothing to do" if before == after else f"{database}: {before} -> {after}")


@db_app.command("check")
def check_command(
    database: Database = DEFAULT_DATABASE,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check that a database is sound: its storage, its tables, and every reference between rows. Exit code 1 if not.

    Example:

        cairn db check --db sqlite:///runs/cairn.db
    """
    from dataclasses import asdict  # noqa: PLC0415

    from db.upkeep import check  # noqa: PLC0415

    health = check(database)
    if json_lines:
        print_json(asdict(health))
    else:
        for name, count in health.rows.items():
            typer.echo(f"{name}: {count:,} rows")
        typer.echo(f"size: {_size(health.bytes)}")
        if health.expired_leases:
            typer.echo(f"{health.expired_leases} calculations of workers that are silent; the next claim takes them up")
        for problem in health.problems:
            typer.secho(problem, fg=typer.colors.RED)
        typer.echo(f"{len(health.problems)} problems" if health.problems else "sound")
    if health.problems:
        raise typer.Exit(1)


@db_app.command("vacuum")
def vacuum_command(database: Database = DEFAULT_DATABASE) -> None:
    """Give free space back to the system and renew the statistics of the query planner.

    Example:

        cairn db vacuum
    """
    from db.upkeep import vacuum  # noqa: PLC0415

    before, after = vacuum(database)
    typer.echo(f"{_size(before)} before, {_size(after)} after")


@db_app.command("judge")
def judge_command(
    database: Database = DEFAULT_DATABASE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")] = False,
) -> None:
    """Judge stored checks again by the thresholds of this version, from the numbers they kept; nothing is computed.

    Verdicts of transition states and barriers follow. A check that changes keeps its numbers and names its
    earlier_status.

    Example:

        cairn db judge --dry-run
    """
    from db.engine import open_database, reading, writing  # noqa: PLC0415
    from db.judging import judge_again  # noqa: PLC0415

    engine = open_database(database, create=False)
    try:
        with reading(engine) if dry_run else writing(engine) as session:
            changed = judge_again(session, store=not dry_run)
    finally:
        engine.dispose()
    for each in changed:
        if json_lines:
            print_json(
                {
                    "reaction_key": each.reaction_key,
                    "transition_state_key": each.transition_state_key,
                    "level": each.level_key,
                    "check": each.check.name.value,
                    "earlier_status": each.check.evidence["earlier_status"],
                    "status": each.check.status.value,
                    "verdict": each.verdict.value,
                    "evidence": dict(each.check.evidence),
                }
            )
        else:
            typer.echo(
                f"{each.reaction_key or each.transition_state_key} at {each.level_key}: {each.check.name.value}"
                f" {each.check.evidence['earlier_status']} -> {each.check.status.value}; verdict {each.verdict.value}"
            )
    if not json_lines:
        typer.echo(f"{len(changed)} checks {'would change' if dry_run else 'changed'}")


@db_app.command("copy")
def copy_command(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Database URL; it may be in use.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="URL of an empty or new database, of either kind.")],
) -> None:
    """Copy a whole network to another database: to PostgreSQL, back to one file, or as a backup.

    Examples:

        cairn db copy sqlite:///runs/cairn.db postgresql://cairn@host/network

        cairn db copy postgresql://cairn@host/network sqlite:///backup.db
    """
    from db.upkeep import copy  # noqa: PLC0415

    counts = copy(source, target)
    typer.echo(f"{sum(counts.values()):,} rows in {sum(map(bool, counts.values()))} tables copied")


def _size(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 2**20:.1f} MiB"
