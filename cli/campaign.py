"""`cairn campaign`: campaigns that are kept in a database, run for as long as it takes, paused and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.campaign_status import diff_command, status_command
from cli.output import print_json, print_table
from cli.query import DEFAULT_DATABASE, Database, JsonLines

if TYPE_CHECKING:
    from db.campaign_tables import CampaignState
    from db.lifecycle import Campaign

campaign_app = typer.Typer(no_args_is_help=True, help="Create, run, watch, pause and compare campaigns of a database.")

campaign_app.command("status")(status_command)
campaign_app.command("diff")(diff_command)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign; `cairn campaign list` tells them.")]


@campaign_app.command("create")
def create_command(
    smiles: Annotated[
        list[str] | None, typer.Argument(metavar="[SMILES]...", help="Molecules to start from; default: of the file.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the campaign; default: made from its settings.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file; configs/explore.yaml explains every key.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Rounds of expansion.")] = None,
    gradient_calls: Annotated[
        int | None, typer.Option("--gradient-calls", min=1, help="Budget of gradient calls.")
    ] = None,
    cpu_hours: Annotated[float | None, typer.Option("--cpu-hours", help="Budget of CPU time, h.")] = None,
    reactions: Annotated[int | None, typer.Option(min=1, help="Budget of reactions.")] = None,
    database: Database = DEFAULT_DATABASE,
    json_lines: JsonLines = False,
) -> None:
    """Store a campaign without running it; the whole specification goes into the database, the budget too.

    Again with the same name and with settings that lead to the same network, it changes the depth, the ladder and the
    budget of the campaign.

    Examples:

        cairn campaign create O=CCCOO --name peroxide --depth 2 --gradient-calls 100000

        cairn campaign create --config mine.yaml --name mine --db postgresql://cairn@host/network
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from db.engine import open_database, writing  # noqa: PLC0415
    from db.lifecycle import campaigns  # noqa: PLC0415
    from tasks.campaign_start import store_campaign  # noqa: PLC0415
    from tasks.learned_weights import with_learned_weights  # noqa: PLC0415
    from tasks.plan import check_settings  # noqa: PLC0415
    from tasks.settings import load_settings  # noqa: PLC0415

    if config is not None and not config.is_file():
        raise ConfigurationError(f"there is no configuration file {config}")
    budget = {"gradient_calls": gradient_calls, "cpu_hours": cpu_hours, "reactions": reactions}
    given: dict[str, Any] = {
        "seeds": tuple(smiles) if smiles else None,
        "name": name,
        "depth": depth,
        "database": database,
        "budget": {key: value for key, value in budget.items() if value is not None} or None,
    }
    settings = load_settings(config, **{key: value for key, value in given.items() if value is not None})
    settings = with_learned_weights(settings)
    check_settings(settings)
    engine = open_database(settings.database)
    try:
        with writing(engine) as session:
            stored = store_campaign(session, settings)
            (campaign,) = campaigns(session, name=stored)
    finally:
        engine.dispose()
    if json_lines:
        print_json(campaign_record(campaign))
        return
    typer.echo(f"campaign {stored} is stored; `cairn campaign run {stored}` runs it")


@campaign_app.command("run")
def run_command(
    name: Name,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; as many as the cores allow.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where the HTML report goes.")] = None,
    database: Database = DEFAULT_DATABASE,
    json_lines: JsonLines = False,
) -> None:
    """Run a campaign in this process until it is done, paused, stopped, or its budget is spent.

    Any number of these may run at once, on any machine that reaches the database: they share the work. What anybody has
    calculated at the same level is used.

    Example:

        cairn campaign run peroxide --workers 2
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from cli.explore import run_exploration  # noqa: PLC0415
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.lifecycle import why_halted  # noqa: PLC0415
    from tasks.plan import stored_settings  # noqa: PLC0415

    given: dict[str, Any] = {
        "database": database,
        "report": report,
        "workers": {"n_workers": workers} if workers is not None else None,
    }
    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            given = {key: value for key, value in given.items() if value is not None}
            settings = stored_settings(session, name, **given)
            halted = why_halted(session, name)
    finally:
        engine.dispose()
    if halted is not None:
        raise ConfigurationError(
            f"{name}: {halted}; `cairn campaign resume` lets a paused one go on, `cairn campaign create` with a larger"
            " budget one that has spent it"
        )
    run_exploration(settings, json_lines=json_lines)


@campaign_app.command("list")
def list_command(database: Database = DEFAULT_DATABASE, json_lines: JsonLines = False) -> None:
    """The campaigns of a database with their states, sizes and spending.

    Example:

        cairn campaign list --json
    """
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.lifecycle import campaigns  # noqa: PLC0415

    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            found = campaigns(session)
    finally:
        engine.dispose()
    if json_lines:
        for each in found:
            print_json(campaign_record(each))
        return
    print_table(
        f"{len(found)} campaigns",
        ("name", "state", "species", "reactions", "gradient\ncalls", "CPU h", "created"),
        [
            (
                each.name,
                each.state.value,
                each.n_species,
                each.n_reactions,
                f"{each.spent.gradient_calls:,}",
                f"{each.spent.cpu_hours:.2f}",
                f"{each.created_at:%Y-%m-%d %H:%M} UTC",
            )
            for each in found
        ],
        right=("species", "reactions", "gradient\ncalls", "CPU h"),
    )


@campaign_app.command("pause")
def pause_command(name: Name, database: Database = DEFAULT_DATABASE) -> None:
    """Begin no further work of a campaign, whoever runs it; what is running is finished and kept.

    Example:

        cairn campaign pause peroxide
    """
    from db.campaign_tables import CampaignState  # noqa: PLC0415

    _set_state(name, CampaignState.PAUSED, database)


@campaign_app.command("resume")
def resume_command(name: Name, database: Database = DEFAULT_DATABASE) -> None:
    """Let a paused campaign go on; `cairn campaign run` or a deployment takes it up.

    Example:

        cairn campaign resume peroxide
    """
    from db.campaign_tables import CampaignState  # noqa: PLC0415

    _set_state(name, CampaignState.ACTIVE, database)


@campaign_app.command("stop")
def stop_command(name: Name, database: Database = DEFAULT_DATABASE) -> None:
    """End a campaign for good; its network stays, and others go on using it.

    Example:

        cairn campaign stop peroxide
    """
    from db.campaign_tables import CampaignState  # noqa: PLC0415

    _set_state(name, CampaignState.STOPPED, database)


def _set_state(name: str, state: CampaignState, database: str) -> None:
    from db.engine import open_database, writing  # noqa: PLC0415
    from db.lifecycle import set_state  # noqa: PLC0415

    engine = open_database(database, create=False)
    try:
        with writing(engine) as session:
            before = set_state(session, name, state)
    finally:
        engine.dispose()
    typer.echo(f"campaign {name} was {before.value} and is {state.value}")


def campaign_record(campaign: Campaign) -> dict[str, Any]:
    """A campaign as plain JSON values."""
    from dataclasses import asdict  # noqa: PLC0415

    return {
        "name": campaign.name,
        "state": campaign.state.value,
        "n_species": campaign.n_species,
        "n_reactions": campaign.n_reactions,
        "budget": asdict(campaign.budget),
        "spent": asdict(campaign.spent),
        "created_at": campaign.created_at.isoformat(),
    }
