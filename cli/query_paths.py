"""`cairn query paths`: the lowest ways from one species to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from cli.output import print_table
from cli.query import DEFAULT_DATABASE, Campaign, Database, JsonLines
from cli.query_options import CoReactants, asking, finite
from cli.table_files import CsvFile, ParquetFile, check_table_files, tell

if TYPE_CHECKING:
    from chem.paths import PathCost
    from db.known_paths import KnownPath


class PathColumns(TypedDict):
    """Columns of `query paths`."""

    rank: int
    cost: float
    cost_kind: str
    cost_unit: str
    energy: str
    temperature_k: float | None
    level: str
    verdict: str
    highest_kcal_mol: float
    species: list[str]
    steps: list[dict[str, Any]]


UNITS = {"minimax": "kcal/mol", "span": "kcal/mol", "rate": "s^-1"}


def paths_command(
    start: Annotated[str, typer.Argument(metavar="FROM", help="Species by SMILES or key.")],
    goal: Annotated[str, typer.Argument(metavar="TO", help="Likewise.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many paths.")] = 5,
    with_: CoReactants = None,
    cost: Annotated[
        str,
        typer.Option(
            help="minimax: the highest transition state above the start; span: the energetic span; rate: the slowest"
            " effective rate."
        ),
    ] = "minimax",
    gibbs: Annotated[
        bool, typer.Option("--gibbs", help="Free energies of species apart, once `cairn kinetics` found their minima.")
    ] = False,
    temperature: Annotated[
        float, typer.Option(metavar="K", min=1.0, callback=finite, help="Temperature of --gibbs and --cost rate, K.")
    ] = 500.0,
    level: Annotated[
        str | None, typer.Option(help="Level of theory; default: the one with the most barriers. Levels never mix.")
    ] = None,
    campaign: Campaign = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(help="Steps of this verdict; default passed, could_not_check, estimated. May be repeated."),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """The k lowest paths from one species to another, each with its profile and the verdict of every step.

    Barriers of different steps do not add, so a path is judged by its energies above where it starts: electronic ones
    of the two ends of each step, or with --gibbs free energies of species apart at a temperature and 1 bar. Besides the
    species it has come to, a step may take what --with names, more of the start, and what an earlier step made. No path
    leads through a species twice.

    Examples:

        cairn query paths O=CCCOO C=CC=O -k 3

        cairn query paths O=CCCOO CC=O --gibbs --temperature 500 --cost span

        cairn query paths C=C CCO --with O --cost rate --temperature 800 --json
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from chem.outcomes import Status  # noqa: PLC0415
    from chem.paths import PathCost  # noqa: PLC0415
    from db.gibbs_network import with_gibbs_heights  # noqa: PLC0415
    from db.known_network import USABLE, known_network  # noqa: PLC0415
    from db.known_paths import known_paths, widest_level  # noqa: PLC0415
    from db.level_names import level_key_of  # noqa: PLC0415
    from db.species_names import named_species  # noqa: PLC0415

    if cost not in {each.value for each in PathCost}:
        raise ConfigurationError(f"unknown cost {cost!r}; known are {', '.join(PathCost)}")
    usable = {each.value for each in USABLE}
    if wrong := sorted(set(verdict or ()) - usable):
        raise ConfigurationError(f"no path goes over the verdict {', '.join(wrong)}; choose from {', '.join(USABLE)}")
    kind = PathCost(cost)
    check_table_files(csv_file, parquet_file)
    with asking(database) as session:
        key = widest_level(session) if level is None else level_key_of(session, level)
        first, last, *hands = named_species(session, [start, goal, *(with_ or ())])
        verdicts = [Status(each) for each in verdict or USABLE]
        network = known_network(session, campaign=campaign, level_key=key, verdicts=verdicts)
        left_out = 0
        if gibbs:
            network, left_out = with_gibbs_heights(session, network, level_key=key, temperature_k=temperature)
        found = known_paths(
            session,
            network,
            first,
            last,
            k=k,
            at_hand=hands,
            cost=kind,
            temperature_k=temperature,
            level_key=key,
        )
    conditions = temperature if gibbs or kind is PathCost.RATE else None
    records = [
        path_record(rank, each, kind, key, temperature_k=conditions, gibbs=gibbs)
        for rank, each in enumerate(found, start=1)
    ]
    if left_out:
        typer.echo(f"{left_out} steps without free energies are left out", err=True)

    def show() -> None:
        if not records:
            typer.echo(f"no path from {first.smiles} to {last.smiles} at {key}; --with names co-reactants at hand")
        for record in records:
            _print(record)

    tell(records, PathColumns, show, json_lines=json_lines, csv_file=csv_file, parquet_file=parquet_file)


def path_record(
    rank: int, path: KnownPath, cost: PathCost, level_key: str, *, temperature_k: float | None, gibbs: bool
) -> dict[str, Any]:
    """A path as plain JSON values, energies above its start."""
    return {
        "rank": rank,
        "cost": path.cost,
        "cost_kind": cost.value,
        "cost_unit": UNITS[cost.value],
        "energy": "gibbs" if gibbs else "electronic",
        "temperature_k": temperature_k,
        "level": level_key,
        "verdict": path.verdict.value,
        "highest_kcal_mol": path.highest_kcal_mol,
        "species": list(path.species),
        "steps": [
            {
                "key": each.reaction.key,
                "direction": "forward" if each.is_forward else "reverse",
                "reactants": list(each.reactants),
                "products": list(each.products),
                "barrier_kcal_mol": each.step.barrier_kcal_mol,
                "barrier_error_kcal_mol": each.reaction.barrier_error_kcal_mol,
                "error_bar_95_kcal_mol": each.reaction.error_bar_95_kcal_mol,
                "verdict": None if each.reaction.verdict is None else each.reaction.verdict.value,
                "before_kcal_mol": each.step.before_kcal_mol,
                "saddle_kcal_mol": each.step.saddle_kcal_mol,
                "after_kcal_mol": each.step.after_kcal_mol,
            }
            for each in path.steps
        ],
    }


def _print(record: dict[str, Any]) -> None:
    from report.wording import barrier  # noqa: PLC0415

    cost = f"{record['cost']:.3g}" if record["cost_kind"] == "rate" else f"{record['cost']:.1f}"
    columns = ("step", "barrier\nkcal/mol", "before", "saddle", "after", "verdict", "key")
    print_table(
        f"{record['rank']}. {' -> '.join(record['species'])}: {record['cost_kind']} {cost} {record['cost_unit']}"
        f" ({record['energy']} energies), {record['verdict']} at {record['level']}",
        columns,
        [
            (
                f"{' + '.join(each['reactants'])} -> {' + '.join(each['products'])}",
                barrier(each["barrier_kcal_mol"], each["error_bar_95_kcal_mol"]),
                f"{each['before_kcal_mol']:.1f}",
                f"{each['saddle_kcal_mol']:.1f}",
                f"{each['after_kcal_mol']:.1f}",
                each["verdict"],
                each["key"],
            )
            for each in record["steps"]
        ],
        right=columns[1:5],
    )
