"""`cairn query costs` and `cairn query failures`: what calculations cost, and why some failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from cli.output import print_table
from cli.query import DEFAULT_DATABASE, Campaign, Database, JsonLines
from cli.query_options import asking, written
from cli.table_files import CsvFile, ParquetFile, check_table_files, row_of, tell

if TYPE_CHECKING:
    from db.ledger import TierCost
    from db.totals import FailureGroup


class CostColumns(TypedDict):
    """Columns of `query costs`."""

    kind: str
    level: str
    calculations: int
    gradient_calls: int
    hessian_calls: int | None
    scf_cycles: int | None
    cpu_seconds: float | None
    gpu_seconds: float | None
    wall_seconds: float
    peak_memory_gib: float | None
    abandoned_attempts: int
    verified_reactions: int
    gradient_calls_per_verified: float | None
    cpu_seconds_per_verified: float | None
    wall_seconds_per_verified: float | None


class FailureColumns(TypedDict):
    """Columns of `query failures`."""

    kind: str
    level: str
    failure_stage: str
    failure_kind: str
    calculations: int
    gradient_calls: int
    example_key: str
    example_reactants: list[str]
    example_products: list[str]
    example_message: str
    hint: str


def costs_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """What was spent, by kind of calculation and level of theory, and for each reaction that was verified.

    Times are in seconds; wall times of calculations that ran side by side add up. With --campaign the calculations for
    its reactions count, whoever paid for them. GPU time is that of the generator, which campaigns pay.

    Example:

        cairn query costs --campaign peroxide
    """
    from db.ledger import ledger  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    with asking(database) as session:
        found = ledger(session, campaign=campaign)
    tell(
        [row_of(each, CostColumns) for each in found],
        CostColumns,
        lambda: _print_costs(found),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def _print_costs(found: Sequence[TierCost]) -> None:
    def number(value: float | None) -> str | None:
        return None if value is None else f"{value:,.0f}"

    columns = ("calculations", "gradient\ncalls", "Hessians", "SCF\ncycles", "CPU s", "GPU s", "wall s", "abandoned")
    per_verified = ("verified\nreactions", "gradients\nfor each", "CPU s\nfor each")
    print_table(
        "costs",
        ("kind", "level", *columns, *per_verified),
        [
            (
                each.kind,
                each.level,
                each.calculations,
                number(each.gradient_calls),
                number(each.hessian_calls),
                number(each.scf_cycles),
                number(each.cpu_seconds),
                number(each.gpu_seconds),
                number(each.wall_seconds),
                each.abandoned_attempts,
                each.verified_reactions,
                number(each.gradient_calls_per_verified),
                number(each.cpu_seconds_per_verified),
            )
            for each in found
        ],
        right=(*columns, *per_verified),
    )


def failures_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Which calculations failed and why, the most frequent first, each with an example and what to try.

    Example:

        cairn query failures --campaign peroxide
    """
    from db.totals import failures  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    with asking(database) as session:
        found = failures(session, campaign=campaign)
    tell(
        [failure_row(each) for each in found],
        FailureColumns,
        lambda: _print_failures(found),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def failure_row(group: FailureGroup) -> dict[str, Any]:
    """Calculations that failed alike, as plain JSON values."""
    from report.remedies import remedy  # noqa: PLC0415

    return {
        "kind": group.calculation_kind,
        "level": group.level,
        "failure_stage": group.example.stage.value,
        "failure_kind": group.example.kind,
        "calculations": group.count,
        "gradient_calls": group.gradient_calls,
        "example_key": group.reaction_key,
        "example_reactants": list(group.reactants),
        "example_products": list(group.products),
        "example_message": group.example.message,
        "hint": remedy(group.example),
    }


def _print_failures(found: Sequence[FailureGroup]) -> None:
    from report.remedies import remedy  # noqa: PLC0415

    print_table(
        f"{sum(each.count for each in found)} failed calculations",
        ("calculation", "failed at", "how many", "gradient\ncalls", "example", "its message", "what to try"),
        [
            (
                f"{each.calculation_kind}, {each.level}",
                f"{each.example.stage}: {each.example.kind}",
                each.count,
                each.gradient_calls,
                f"{written(each.reactants, each.products)}, {each.reaction_key}",
                each.example.message,
                remedy(each.example),
            )
            for each in found
        ],
        right=("how many", "gradient\ncalls"),
    )
