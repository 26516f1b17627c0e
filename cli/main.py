"""The `cairn` command: exit 0 when it ran, 2 for bad input, 1 for a fault, 130 when interrupted."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from types import FrameType
from typing import Annotated, NoReturn

import typer

from cli.calibrate import calibrate_app
from cli.campaign import campaign_app
from cli.conformers import conformers_command
from cli.db import db_app
from cli.enumerate import enumerate_command
from cli.evaluate import evaluate_app
from cli.exchange import export_command, import_command
from cli.expect_barriers import expect_barriers_command
from cli.explore import explore_command
from cli.generate import generate_command
from cli.kinetics import kinetics_command
from cli.label import label_command
from cli.label_barriers import label_barriers_command
from cli.learn import learn_command
from cli.levels import levels_command
from cli.minima import minima_command
from cli.path import path_command
from cli.propose import propose_command
from cli.query import query_app
from cli.query_changes import changes_command, level_differences_command
from cli.query_ledger import costs_command, failures_command
from cli.query_paths import paths_command
from cli.query_reach import bottlenecks_command, reachable_command
from cli.query_steps import branching_command, neighbours_command
from cli.relax import relax_command
from cli.report import report_command
from cli.saddle import saddle_command
from cli.serve import serve_command
from cli.thermo import thermo_command
from cli.train import train_app
from cli.ts import ts_command
from cli.up import down_command, up_command
from cli.verify import verify_command

app = typer.Typer(
    name="cairn",
    help="Explore reaction networks: enumerate reactions, find and verify transition states, keep the network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("explore")(explore_command)
app.command("enumerate")(enumerate_command)
app.command("propose")(propose_command)
app.command("ts")(ts_command)
app.command("verify")(verify_command)
app.command("expect-barriers")(expect_barriers_command)
app.command("saddle")(saddle_command)
app.command("thermo")(thermo_command)
app.command("generate")(generate_command)
app.command("relax")(relax_command)
app.command("conformers")(conformers_command)
app.command("path")(path_command)
app.command("kinetics")(kinetics_command)
app.command("minima")(minima_command)
app.command("label")(label_command)
app.command("label-barriers")(label_barriers_command)
app.add_typer(train_app, name="train")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(calibrate_app, name="calibrate")
app.command("learn")(learn_command)
query_app.command("paths")(paths_command)
query_app.command("neighbours")(neighbours_command)
query_app.command("reachable")(reachable_command)
query_app.command("bottlenecks")(bottlenecks_command)
query_app.command("branching")(branching_command)
query_app.command("costs")(costs_command)
query_app.command("failures")(failures_command)
query_app.command("changes")(changes_command)
query_app.command("levels")(level_differences_command)
app.add_typer(query_app, name="query")
app.command("export")(export_command)
app.command("import")(import_command)
app.command("report")(report_command)
app.command("serve")(serve_command)
app.command("levels")(levels_command)
app.add_typer(campaign_app, name="campaign")
app.add_typer(db_app, name="db")
app.command("up")(up_command)
app.command("down")(down_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cairn {version('cairn')}")
        raise typer.Exit


@app.callback()
def cairn(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Explore reaction networks: enumerate reactions, find and verify transition states, keep the network."""


def main() -> NoReturn:
    """Run the command line and turn what happens into an exit code."""
    signal.signal(signal.SIGINT, _interrupted)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: Words after `cairn`.

    Returns:
        The exit code.
    """
    from chem.errors import InputError  # noqa: PLC0415  (numpy and ASE, only once a command runs)

    try:
        app(args=arguments, prog_name="cairn")
    except InputError as error:
        typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
        typer.echo(str(error), err=True)
        return 2
    except BrokenPipeError:
        _end_output()  # the reader went away (`cairn ... | head`): not a fault
        return 0
    except OSError as error:
        _end_output()
        typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
        typer.echo(f"{error}; what was printed or stored before this stands", err=True)
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _end_output() -> None:
    """Write what is left, or drop it where it cannot be written: the interpreter would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    typer.echo("interrupted", err=True)
    raise SystemExit(130)


if __name__ == "__main__":
    main()
