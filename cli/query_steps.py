"""`cairn query neighbours` and `cairn query branching`: what leads away from a species."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from cli.output import print_table
from cli.query import DEFAULT_DATABASE, Campaign, Database, JsonLines
from cli.query_options import CoReactants, Level, SpeciesName, asking, level_key, written
from cli.table_files import CsvFile, ParquetFile, check_table_files, row_of, tell

if TYPE_CHECKING:
    from chem.branching import Branch
    from db.neighbours import Neighbour
    from db.species_names import NamedSpecies


class NeighbourColumns(TypedDict):
    """Columns of `query neighbours`."""

    key: str
    is_forward: bool
    reactants: list[str]
    partners: list[str]
    products: list[str]
    barrier_forward_kcal_mol: float | None
    barrier_reverse_kcal_mol: float | None
    error_bar_95_kcal_mol: float | None
    level: str | None
    verdict: str | None
    outcome: str | None
    barrierless_side: str | None
    dissociation_kcal_mol: float | None


class BranchColumns(TypedDict):
    """Columns of `query branching`."""

    key: str
    reactants: list[str]
    products: list[str]
    products_branching_ratio: float | None
    branching_ratio: float | None
    rate_forward_per_s: float
    rate_from: str
    rate_factor_95: float | None
    temperature_k: float
    concentration_mol_per_l: float
    degeneracy: int
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_kcal_mol: float | None
    level: str
    verdict: str


def neighbours_command(
    species: SpeciesName,
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Reactions of a species, written in the direction away from it, lowest barrier first.

    Barriers are electronic energies above the end that holds the species, kcal/mol.

    Example:

        cairn query neighbours O=CCCOO
    """
    from db.neighbours import neighbours  # noqa: PLC0415
    from db.species_names import named_species  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    with asking(database) as session:
        (named,) = named_species(session, [species])
        found = neighbours(session, named, campaign=campaign, level_key=level_key(session, level))
    tell(
        [row_of(each, NeighbourColumns) for each in found],
        NeighbourColumns,
        lambda: _print_neighbours(named, found),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def _print_neighbours(species: NamedSpecies, found: Sequence[Neighbour]) -> None:
    from report.wording import barrier, energy  # noqa: PLC0415

    print_table(
        f"{len(found)} reactions away from {species.smiles}",
        ("reaction", "forward\nkcal/mol", "reverse\nkcal/mol", "verdict", "outcome", "level", "key"),
        [
            (
                written(each.reactants, each.products),
                barrier(each.barrier_forward_kcal_mol, each.error_bar_95_kcal_mol),
                energy(each.barrier_reverse_kcal_mol),
                each.verdict,
                each.outcome,
                each.level,
                each.key,
            )
            for each in found
        ],
        right=("forward\nkcal/mol", "reverse\nkcal/mol"),
    )


def branching_command(
    species: SpeciesName,
    temperature: Annotated[
        float,
        typer.Option("--temperature", metavar="K", min=1.0, max=10000.0, help="Temperature, K."),
    ],
    co_reactant: CoReactants = None,
    concentration: Annotated[
        float,
        typer.Option(
            "--concentration",
            metavar="MOL_PER_L",
            min=1e-30,
            max=1e3,
            help="Of each co-reactant, mol/L.",
        ),
    ] = 1.0,
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """What a species becomes at a temperature: its steps by branching ratio, those to one set of products together.

    Steps of the species alone, and with --with those with the co-reactants named. A rate is of transition-state theory
    with tunnelling where the transition state passed every check and all frequencies are known (`frequencies`), else
    of the electronic barrier alone (`barrier`). Where the error bar makes it uncertain by a factor, that is told.

    Example:

        cairn query branching O=CCCOO --temperature 500
    """
    from chem.branching import branching  # noqa: PLC0415
    from db.neighbours import leaving_steps, neighbours  # noqa: PLC0415
    from db.species_names import named_species  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    with asking(database) as session:
        named, *partners = named_species(session, [species, *(co_reactant or ())])
        there = {each.key for each in partners}
        known = neighbours(session, named, campaign=campaign, level_key=level_key(session, level))
        possible = [each for each in known if there.issuperset(each.partner_keys)]
        found = branching(leaving_steps(session, possible), temperature, concentration)
    left_out = len(known) - len(possible)
    tell(
        [branch_row(each, temperature, concentration) for each in found],
        BranchColumns,
        lambda: _print_branching(named, found, temperature),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )
    _warn(found, left_out)


def branch_row(branch: Branch, temperature_k: float, concentration_mol_per_l: float) -> dict[str, Any]:
    """A step with what goes along it, as plain JSON values."""
    step = branch.step
    return {
        "key": step.key,
        "reactants": list(step.reactants),
        "products": list(step.products),
        "products_branching_ratio": branch.products_ratio,
        "branching_ratio": branch.ratio,
        "rate_forward_per_s": branch.rate_per_s,
        "rate_from": branch.rate_from.value,
        "rate_factor_95": branch.rate_factor_95,
        "temperature_k": temperature_k,
        "concentration_mol_per_l": concentration_mol_per_l,
        "degeneracy": step.degeneracy,
        "barrier_forward_kcal_mol": step.barrier_forward_kcal_mol,
        "barrier_reverse_kcal_mol": step.barrier_reverse_kcal_mol,
        "error_bar_95_kcal_mol": step.error_bar_95_kcal_mol,
        "level": step.level,
        "verdict": step.verdict.value,
    }


def _print_branching(species: NamedSpecies, found: Sequence[Branch], temperature: float) -> None:
    from report.wording import barrier  # noqa: PLC0415

    numbers = ("share\nproducts", "share\nstep", "rate\n1/s", "uncertain\nby factor")
    print_table(
        f"{species.smiles} at {temperature:g} K: {len(found)} steps",
        ("products", *numbers, "rate from", "barrier\nkcal/mol", "verdict", "level", "key"),
        [
            (
                " + ".join(each.step.products),
                _share(each.products_ratio),
                _share(each.ratio),
                f"{each.rate_per_s:.2e}",
                None if each.rate_factor_95 is None else f"{each.rate_factor_95:.1e}",
                each.rate_from,
                barrier(each.step.barrier_forward_kcal_mol, each.step.error_bar_95_kcal_mol),
                each.step.verdict,
                each.step.level,
                each.step.key,
            )
            for each in found
        ],
        right=(*numbers, "barrier\nkcal/mol"),
    )


def _share(ratio: float | None) -> str | None:
    if ratio is None:
        return None
    return f"{100 * ratio:.2f} %" if ratio >= 1e-4 else f"{100 * ratio:.0e} %"


def _warn(found: Sequence[Branch], left_out: int) -> None:
    """Say on standard error what weakens the comparison."""
    if left_out:
        typer.echo(f"{left_out} steps with other molecules left out; --with names co-reactants", err=True)
    if len({each.step.level for each in found}) > 1:
        typer.echo("rates of several levels of theory are compared; --level takes those of one", err=True)
    if len({each.rate_from for each in found}) > 1:
        typer.echo("rates with and without entropies are compared: see rate_from", err=True)
