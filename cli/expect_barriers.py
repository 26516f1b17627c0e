"""`cairn expect-barriers`: reference barriers that a network expects of stored transition states."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import print_json
from cli.query import DEFAULT_DATABASE, Database


def expect_barriers_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Annotated[str | None, typer.Option(help="Only reactions that this campaign reached.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights of the barrier head; default the shipped ones.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Ask a barrier head what the reference that it learned would say of the transition states of a database.

    Takes those of the head's level (GFN2-xTB) whose checks did not fail, with both ends; nothing is computed by quantum
    chemistry. Answers are stored beside the level's own barriers, with error bars and the verdict `estimated`, and told
    by `cairn query reactions --json`. What was asked before is not asked again.

    The JSON: `database`, `checkpoint_sha256`, `level`, `reference`, `new` answers.

    Example:

        cairn expect-barriers --db sqlite:///runs/cairn.db
    """
    from cli.bars import counted  # noqa: PLC0415
    from db.engine import open_database, without_password  # noqa: PLC0415
    from models.barrier_estimates import BarrierHead  # noqa: PLC0415
    from tasks.expected_barriers import expect_barriers  # noqa: PLC0415

    head = BarrierHead(checkpoint, device)
    engine = open_database(database, create=False)
    try:
        with counted("transition states") as show:
            new = expect_barriers(engine, head, campaign=campaign, progress=show)
    finally:
        engine.dispose()
    record = {
        "database": without_password(database),
        "checkpoint_sha256": head.checkpoint.sha256,
        "level": head.level,
        "reference": str(head.checkpoint.card["reference"]),
        "new": new,
    }
    if json_only:
        print_json(record)
        return
    typer.echo(f"{new} transition states have barriers expected at {record['reference']}, each estimated")
