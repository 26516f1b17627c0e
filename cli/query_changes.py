"""`cairn query changes` and `cairn query levels`: what is new, and where levels of theory disagree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from cli.output import print_table
from cli.query import DEFAULT_DATABASE, Campaign, Database, JsonLines
from cli.query_options import Limit, asking, known, written
from cli.table_files import CsvFile, ParquetFile, check_table_files, row_of, tell

if TYPE_CHECKING:
    from db.changes import Change, LevelDifference

WHAT = ("species", "reaction", "transition_state", "verdict")


class ChangeColumns(TypedDict):
    """Columns of `query changes`."""

    what: str
    happened_at: str
    species_key: str | None
    reaction_key: str | None
    label: str
    outcome: str | None
    barrier_forward_kcal_mol: float | None
    barrier_reverse_kcal_mol: float | None
    error_bar_95_kcal_mol: float | None
    level: str | None
    verdict: str | None


class LevelDifferenceColumns(TypedDict):
    """Columns of `query levels`."""

    key: str
    reactants: list[str]
    products: list[str]
    difference_forward_kcal_mol: float
    difference_reverse_kcal_mol: float
    from_level: str
    from_verdict: str
    from_barrier_forward_kcal_mol: float
    from_barrier_reverse_kcal_mol: float
    from_error_bar_95_kcal_mol: float | None
    level: str
    verdict: str
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_kcal_mol: float | None


def changes_command(
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="DATE",
            help="From then on: 2026-11-01 or 2026-11-01T18:30+01:00; UTC without a zone.",
        ),
    ],
    what: Annotated[
        list[str] | None,
        typer.Option(help="Only species, reaction, transition_state or verdict. May be repeated."),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    limit: Limit = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Species, reactions, transition states and verdicts that are new since a moment, the oldest first.

    A verdict is new where a calculation for the reaction ended, or where `cairn db judge` changed a stored check.
    Barriers are those of transition states, in kcal/mol.

    Example:

        cairn query changes --since 2026-11-01 --what verdict
    """
    from db.changes import changes  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    moment = moment_of(since)
    known(what, WHAT, "kind of change")
    with asking(database) as session:
        found = changes(session, moment, campaign=campaign, what=what or (), limit=limit)
    tell(
        [row_of(each, ChangeColumns) for each in found],
        ChangeColumns,
        lambda: _print_changes(found, moment),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def moment_of(text: str) -> datetime:
    """The moment that a date or a date with a time means, in UTC.

    Raises:
        ConfigurationError: It is neither in ISO 8601, or no moment of the calendar.
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415

    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"--since {text!r} is no date ({error}); give one such as 2026-11-01, 2026-11-01T18:30 (UTC) or"
            " 2026-11-01T18:30+01:00"
        ) from error


def _print_changes(found: Sequence[Change], since: datetime) -> None:
    from report.wording import barrier  # noqa: PLC0415

    print_table(
        f"{len(found)} changes since {since:%Y-%m-%d %H:%M} UTC",
        ("when, UTC", "what", "species or reaction", "outcome", "forward\nkcal/mol", "verdict", "level", "key"),
        [
            (
                f"{each.happened_at:%Y-%m-%d %H:%M:%S}",
                each.what.replace("_", " "),
                each.label,
                each.outcome,
                None
                if each.barrier_forward_kcal_mol is None
                else barrier(each.barrier_forward_kcal_mol, each.error_bar_95_kcal_mol),
                each.verdict,
                each.level,
                each.species_key or each.reaction_key,
            )
            for each in found
        ],
        right=("forward\nkcal/mol",),
    )


def level_differences_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    limit: Limit = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Reactions with barriers at two levels of theory or more, those that disagree most first.

    The difference is the barrier of the level that came later less that of the one that came first, kcal/mol.

    Example:

        cairn query levels --limit 10
    """
    from db.changes import level_differences  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    with asking(database) as session:
        found = level_differences(session, campaign=campaign)[:limit]
    tell(
        [row_of(each, LevelDifferenceColumns) for each in found],
        LevelDifferenceColumns,
        lambda: _print_levels(found),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def _print_levels(found: Sequence[LevelDifference]) -> None:
    from report.wording import barrier, energy  # noqa: PLC0415

    difference = ("reaction", "difference\nkcal/mol", "first\nkcal/mol", "its verdict", "first level")
    print_table(
        f"{len(found)} barriers at two levels",
        (*difference, "later\nkcal/mol", "its verdict", "later level", "key"),
        [
            (
                written(each.reactants, each.products),
                energy(each.difference_forward_kcal_mol),
                barrier(each.from_barrier_forward_kcal_mol, each.from_error_bar_95_kcal_mol),
                each.from_verdict,
                each.from_level,
                barrier(each.barrier_forward_kcal_mol, each.error_bar_95_kcal_mol),
                each.verdict,
                each.level,
                each.key,
            )
            for each in found
        ],
        right=("difference\nkcal/mol", "first\nkcal/mol", "later\nkcal/mol"),
    )
