"""The `cairn` command: exit 0 when it ran, 2 for bad input, 1 for a fault, 130 when interrupted."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click
import typer

from cli.enumerate import enumerate_command
from cli.explore import explore_command
from cli.query import query_app
from cli.ts import ts_command

app = typer.Typer(
    name="cairn",
    help="Explore reaction networks: enumerate reactions, find and verify transition states, keep the network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("explore")(explore_command)
app.command("enumerate")(enumerate_command)
app.command("ts")(ts_command)
app.add_typer(query_app, name="query")


def main() -> NoReturn:
    """Run the command line and turn what happens into an exit code."""
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
        result: Any = app(args=arguments, standalone_mode=False, prog_name="cairn")
    except InputError as error:
        _complain(str(error))
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted; run the same command again to go on")
        return 130
    except BrokenPipeError:
        # The reader went away (`cairn ... | head`): not a fault, but the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _complain(message: str) -> None:
    typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
    typer.echo(message, err=True)


if __name__ == "__main__":
    main()
