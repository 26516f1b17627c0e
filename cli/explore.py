"""`cairn explore`: grow and verify the reaction network of one or more molecules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import print_json

if TYPE_CHECKING:
    from tasks.settings import ExploreSettings


def explore_command(
    smiles: Annotated[
        list[str] | None,
        typer.Argument(metavar="SMILES", help="Molecules to start from; default: those of the file."),
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Rounds of expansion.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file; configs/explore.yaml explains every key.")] = None,
    database: Annotated[
        str | None, typer.Option("--db", help="Database URL, sqlite:///FILE or postgresql://...")
    ] = None,
    max_barrier: Annotated[
        float | None, typer.Option("--max-barrier", metavar="KCAL", help="Expand across barriers up to this, kcal/mol.")
    ] = None,
    max_pairs: Annotated[
        int | None,
        typer.Option("--max-pairs", min=0, help="Pairs of reached species to react with each other, a round."),
    ] = None,
    propose: Annotated[
        int | None,
        typer.Option(min=0, help="Reactions drawn of every expanded molecule, as by `cairn propose`."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; as many as the cores allow.")] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            help="reactdiff: the trained network; classical: interpolated distances, no training; or module:Class."
        ),
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(help="triage: search and check the doubtful reactions; all: every one; none: estimates only."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where the HTML report goes; default: beside the database.")
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help="One JSON object with the summary on standard output.")
    ] = False,
) -> None:
    """Explore a reaction network: enumerate, generate transition states, verify the doubtful, keep everything.

    Run it again on the same database to go on: nothing that is finished is calculated again.

    Examples:

        cairn explore O=CCCOO

        cairn explore C=C O --max-pairs 3 --db sqlite:///hydration.db

        cairn explore O=CCO --propose 48 --db sqlite:///proposals.db
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from tasks.settings import load_settings  # noqa: PLC0415

    given: dict[str, Any] = {
        "seeds": tuple(smiles) if smiles else None,
        "depth": depth,
        "database": database,
        "max_barrier_kcal_mol": max_barrier,
        "maximum_pairs": max_pairs,
        "generator": generator,
        "verify": verify,
        "report": report,
        "propose": propose,
        "workers": {"n_workers": workers} if workers is not None else None,
    }
    if config is not None and not config.is_file():
        raise ConfigurationError(f"there is no configuration file {config}")
    settings = load_settings(config, **{key: value for key, value in given.items() if value is not None})
    run_exploration(settings, json_lines=json_lines)


def run_exploration(settings: ExploreSettings, *, json_lines: bool) -> None:
    """Run a campaign with a live display, write its report and print its summary.

    Args:
        settings: Of the campaign.
        json_lines: The summary as one JSON object instead of for people.
    """
    from cli.flow_run import get_ready  # noqa: PLC0415
    from cli.progress import live_progress  # noqa: PLC0415
    from db.engine import open_database, without_password  # noqa: PLC0415
    from tasks.learned_weights import with_learned_weights  # noqa: PLC0415
    from tasks.plan import campaign_name, check_settings  # noqa: PLC0415

    settings = with_learned_weights(settings.model_copy(update={"database": without_password(settings.database)}))
    check_settings(settings)  # bad input shows before anything starts
    open_database(settings.database).dispose()  # makes its folder, or says why it cannot be used
    if settings.report is not None and settings.report.is_dir():
        raise typer.BadParameter(f"{settings.report} is a folder; name a file in it", param_hint="--report")
    get_ready()
    name = campaign_name(settings)
    with live_progress(settings, name):
        from flows.explore import explore  # noqa: PLC0415  (two seconds of Prefect, under the progress display)
        from tasks.calculations import close_shared_pool  # noqa: PLC0415
        from tasks.runner import cluster_for  # noqa: PLC0415

        try:
            with cluster_for(settings) as placed:
                explore(placed)
        finally:
            close_shared_pool()
    from cli.finish import finish  # noqa: PLC0415

    summary = finish(settings, name, quiet=json_lines)
    if json_lines:
        print_json(summary)
    from tasks.campaign import why_campaign_halted  # noqa: PLC0415

    if (halted := why_campaign_halted(settings.database, name)) is not None:
        typer.echo(f"campaign {name} goes no further: {halted}", err=True)
