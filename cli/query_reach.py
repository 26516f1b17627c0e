"""`cairn query reachable` and `cairn query bottlenecks`: how far known barriers lead, and what that hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from cli.output import print_table
from cli.query import DEFAULT_DATABASE, Campaign, Database, JsonLines
from cli.query_options import (
    CoReactants,
    Level,
    Limit,
    MaxHeight,
    SpeciesNames,
    Verdicts,
    asking,
    level_key,
    statuses,
    written,
)
from cli.table_files import CsvFile, ParquetFile, check_table_files, row_of, tell

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from chem.outcomes import Status
    from db.known_network import KnownNetwork
    from db.reachable import NetworkBottleneck, ReachedSpecies


class ReachedColumns(TypedDict):
    """Columns of `query reachable`."""

    key: str
    smiles: str
    formula: str
    pass_height_kcal_mol: float
    error_bar_95_kcal_mol: float | None
    energy_above_start_kcal_mol: float
    depth: int
    starts: list[str]
    highest_step_key: str
    last_step_key: str
    last_step_reactants: list[str]
    last_step_products: list[str]
    verdict: str
    levels: list[str]


class BottleneckColumns(TypedDict):
    """Columns of `query bottlenecks`."""

    key: str
    reactants: list[str]
    products: list[str]
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_kcal_mol: float | None
    level: str
    verdict: str
    n_over: int
    n_highest: int
    n_cut_off: int
    n_raised: int
    largest_rise_kcal_mol: float
    mean_rise_kcal_mol: float
    examples: list[str]


def reachable_command(
    species: SpeciesNames,
    max_height: MaxHeight = None,
    co_reactant: CoReactants = None,
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    verdict: Verdicts = None,
    limit: Limit = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Species that are reached from others over known barriers, each by its easiest way, lowest pass first.

    The pass of a way is its highest transition state above the species at hand: energies add up along a way, and what
    was formed on the side stays there. Steps of several molecules need all of them: at hand, given by --with, or made
    before. What is made of co-reactants alone is left out. The verdict of a way is the worst on it.

    Example:

        cairn query reachable O=CCCOO --max-height 60
    """
    from db.reachable import reached_species  # noqa: PLC0415
    from db.species_names import named_species  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    verdicts = statuses(verdict)
    with asking(database) as session:
        named = named_species(session, [*species, *(co_reactant or ())])
        found = reached_species(
            session,
            _network(session, campaign, level, verdicts),
            named[: len(species)],
            with_species=named[len(species) :],
            max_height_kcal_mol=max_height,
            limit=limit,
        )
    tell(
        [row_of(each, ReachedColumns) for each in found],
        ReachedColumns,
        lambda: _print_reached(found, [each.smiles for each in named[: len(species)]]),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def _print_reached(found: Sequence[ReachedSpecies], starts: Sequence[str]) -> None:
    from report.wording import barrier, energy  # noqa: PLC0415

    print_table(
        f"{len(found)} species reached from {', '.join(starts)}",
        ("SMILES", "pass\nkcal/mol", "energy\nkcal/mol", "steps", "verdict", "levels", "last step", "its key"),
        [
            (
                each.smiles,
                barrier(each.pass_height_kcal_mol, each.error_bar_95_kcal_mol),
                energy(each.energy_above_start_kcal_mol),
                each.depth,
                each.verdict,
                "; ".join(each.levels),
                written(each.last_step_reactants, each.last_step_products),
                each.last_step_key,
            )
            for each in found
        ],
        right=("pass\nkcal/mol", "energy\nkcal/mol", "steps"),
    )


def bottlenecks_command(
    species: SpeciesNames,
    max_height: MaxHeight = None,
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    verdict: Verdicts = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many steps at most.")] = 20,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Steps that what is reached from some species hangs on, the worst first.

    Each step is taken away: species that are then not reached (with --max-height: not below it) are cut off; others
    are raised where their lowest pass rises by over 0.1 kcal/mol. The steps that do this to the most species come
    first; of equal ones those that cut off more.

    Example:

        cairn query bottlenecks O=CCCOO --max-height 80
    """
    from db.reachable import network_bottlenecks  # noqa: PLC0415
    from db.species_names import named_species  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    verdicts = statuses(verdict)
    with asking(database) as session:
        named = named_species(session, species)
        network = _network(session, campaign, level, verdicts)
        found, looked_for = network_bottlenecks(session, network, named, most=limit, max_height_kcal_mol=max_height)
    tell(
        [row_of(each, BottleneckColumns) for each in found],
        BottleneckColumns,
        lambda: _print_bottlenecks(found, [each.smiles for each in named]),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )
    if not looked_for.is_complete:
        typer.echo(
            f"only the {looked_for.n_tried} steps that most ways go over were taken away: others may cut off more;"
            " --max-height makes the network smaller",
            err=True,
        )


def _network(
    session: Session, campaign: str | None, level: str | None, verdicts: frozenset[Status] | None
) -> KnownNetwork:
    from db.known_network import USABLE, known_network  # noqa: PLC0415

    return known_network(
        session,
        campaign=campaign,
        level_key=level_key(session, level),
        verdicts=USABLE if verdicts is None else [each for each in USABLE if each in verdicts],
    )


def _print_bottlenecks(found: Sequence[NetworkBottleneck], starts: Sequence[str]) -> None:
    from report.wording import barrier  # noqa: PLC0415

    counts = ("ways\nover it", "highest\nthere", "cut off", "raised")
    print_table(
        f"{len(found)} bottlenecks from {', '.join(starts)}",
        ("reaction", "barrier\nkcal/mol", "verdict", *counts, "largest rise\nkcal/mol", "such as", "key"),
        [
            (
                written(each.reactants, each.products),
                barrier(each.barrier_forward_kcal_mol, each.error_bar_95_kcal_mol),
                each.verdict,
                each.n_over,
                each.n_highest,
                each.n_cut_off,
                each.n_raised,
                f"{each.largest_rise_kcal_mol:.1f}",
                ", ".join(each.examples[:3]),
                each.key,
            )
            for each in found
        ],
        right=("barrier\nkcal/mol", *counts, "largest rise\nkcal/mol"),
    )
