"""`cairn query`: ask the database of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from cli.output import print_table
from cli.query_options import Level, Limit, asking, finite, known, level_key, statuses, written
from cli.table_files import CsvFile, ParquetFile, check_table_files, tell
from report.records import reaction_record, species_record, verdict_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.queries import ReactionRecord
    from db.species_queries import SpeciesRecord

FREE = "free energy\nkcal/mol"
DEFAULT_DATABASE = "sqlite:///runs/cairn.db"

query_app = typer.Typer(
    no_args_is_help=True,
    help="Ask the database: reactions, species, what is reached, bottlenecks, branching, costs, failures, changes.",
)

Database = Annotated[
    str, typer.Option("--db", envvar="CAIRN_DATABASE", help="Database URL, sqlite:///FILE or postgresql://...")
]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Campaign = Annotated[str | None, typer.Option(help="Only what this campaign reached.")]
Elements = Annotated[
    list[str] | None,
    typer.Option(
        "--element", metavar="SYMBOL", help="Only with this element. May be repeated: with every one of them."
    ),
]
SubstructureOption = Annotated[
    str | None, typer.Option("--substructure", metavar="SMARTS", help="Only with a molecule that holds this pattern.")
]


class ReactionColumns(TypedDict):
    """Columns of `query reactions`."""

    key: str
    reactants: list[str]
    products: list[str]
    mapped_smiles: str
    degeneracy: int
    barrier_forward_kcal_mol: float | None
    barrier_reverse_kcal_mol: float | None
    barrier_error_kcal_mol: float | None
    error_bar_95_kcal_mol: float | None
    height_above_reactant_minima_kcal_mol: float | None
    height_above_product_minima_kcal_mol: float | None
    level: str | None
    verdict: str | None
    checks: dict[str, str]
    outcome: str | None
    failure: dict[str, str] | None
    barrierless_side: str | None
    dissociation_kcal_mol: float | None
    gradient_calls: int
    seconds: float
    origins: list[str]
    expected: dict[str, Any] | None


class FreeEnergyColumns(ReactionColumns):
    """Columns of `query reactions --temperature`."""

    temperature_k: float
    gibbs_activation_kcal_mol: float | None


class SpeciesColumns(TypedDict):
    """Columns of `query species`."""

    key: str
    smiles: str
    formula: str
    charge: int
    multiplicity: int
    energy_ev: float | None
    level: str | None
    n_reactions: int


@query_app.command("reactions")
def reactions_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(help="Only these verdicts: passed, failed, could_not_check, estimated. May be repeated."),
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these outcomes: intended, unintended, barrierless, computed, failed, estimated, pending. May be"
            " repeated."
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Only those that a campaign came upon in this way: enumerated, proposed, found (in the search for"
            " another). May be repeated."
        ),
    ] = None,
    min_barrier: Annotated[
        float | None,
        typer.Option(
            "--min-barrier", metavar="KCAL", callback=finite, help="Forward barrier known and not below, kcal/mol."
        ),
    ] = None,
    max_barrier: Annotated[
        float | None,
        typer.Option(
            "--max-barrier", metavar="KCAL", callback=finite, help="Forward barrier known and not above, kcal/mol."
        ),
    ] = None,
    element: Elements = None,
    substructure: SubstructureOption = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            metavar="K",
            min=1.0,
            max=10000.0,
            help="Tell the free energy of activation at this temperature and 1 atm too, K.",
        ),
    ] = None,
    limit: Limit = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Reactions with barriers, verdicts and costs, lowest forward barrier first.

    Barriers are electronic energies of the transition state above the two ends of its own reaction path, kcal/mol.

    Examples:

        cairn query reactions --verdict passed --max-barrier 50

        cairn query reactions --substructure '[OX2H]' --limit 10 --csv alcohols.csv
    """
    from chem.outcomes import Outcome  # noqa: PLC0415
    from chem.substructure import Substructure  # noqa: PLC0415
    from db.campaign_tables import Origin  # noqa: PLC0415
    from db.composition import element_symbols  # noqa: PLC0415
    from db.queries import PENDING, ReactionFilter, reactions  # noqa: PLC0415
    from db.results import COMPUTED, ESTIMATED  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    known(outcome, [*(each.value for each in Outcome), PENDING, ESTIMATED, COMPUTED], "outcome")
    known(origin, [each.value for each in Origin], "origin")
    verdicts, symbols = statuses(verdict), element_symbols(element or ())
    pattern = None if substructure is None else Substructure(substructure)
    with asking(database) as session:
        filters = ReactionFilter(
            campaign=campaign,
            level_key=level_key(session, level),
            known_only=level is not None,
            verdicts=verdicts,
            outcomes=frozenset(outcome) if outcome else None,
            origins=frozenset(map(Origin, origin)) if origin else None,
            lowest_barrier_kcal_mol=min_barrier,
            highest_barrier_kcal_mol=max_barrier,
            elements=symbols,
            substructure=pattern,
            lowest_first=True,
            limit=limit,
        )
        found = reactions(session, filters=filters)
        rows = [reaction_record(each) for each in found]
        if temperature is not None:
            rows = _with_free_energies(session, found, rows, temperature)
    tell(
        rows,
        ReactionColumns if temperature is None else FreeEnergyColumns,
        lambda: _print_reactions(found, rows, temperature),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def _with_free_energies(
    session: Session, found: Sequence[ReactionRecord], rows: Sequence[dict[str, Any]], temperature_k: float
) -> list[dict[str, Any]]:
    """The same rows with the free energy of activation, where the frequencies of all three points are known."""
    from chem.heights import gibbs_heights  # noqa: PLC0415
    from chem.units import kcal_mol  # noqa: PLC0415
    from db.transition_states import states_with_frequencies  # noqa: PLC0415

    shown = [each.transition_state_id for each in found]
    heights = {
        number: gibbs_heights(state, temperature_k)
        for number, state in states_with_frequencies(session, (each for each in shown if each is not None)).items()
    }
    told = [None if number is None else heights.get(number) for number in shown]
    return [
        {
            **row,
            "temperature_k": temperature_k,
            "gibbs_activation_kcal_mol": None if each is None else kcal_mol(each.forward_ev),
        }
        for row, each in zip(rows, told, strict=True)
    ]


def _print_reactions(
    found: Sequence[ReactionRecord], rows: Sequence[dict[str, Any]], temperature: float | None
) -> None:
    from report.wording import barrier, energy  # noqa: PLC0415

    columns = ["reaction", "forward\nkcal/mol", "reverse\nkcal/mol", "verdict", "outcome", "gradient\ncalls", "key"]
    if temperature is not None:
        columns.insert(2, FREE)
    lines = []
    for each, row in zip(found, rows, strict=True):
        line = [
            written(each.reactants, each.products),
            barrier(each.barrier_forward_kcal_mol, each.error_bar_95_kcal_mol),
            energy(each.barrier_reverse_kcal_mol),
            verdict_of(each),
            each.outcome if each.failure is None else f"{each.outcome}: {each.failure.kind}",
            each.gradient_calls,
            each.key,
        ]
        if temperature is not None:
            line.insert(2, energy(row["gibbs_activation_kcal_mol"]))
        lines.append(line)
    right = ("forward\nkcal/mol", FREE, "reverse\nkcal/mol", "gradient\ncalls")
    title = f"{len(found)} reactions" + (
        "" if temperature is None else f", free energies of activation at {temperature:g} K"
    )
    print_table(title, columns, lines, right=right)


@query_app.command("species")
def species_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    level: Level = None,
    min_barrier: Annotated[
        float | None,
        typer.Option(
            "--min-barrier",
            metavar="KCAL",
            callback=finite,
            help="Only species that no known barrier below this leads away from, and some barrier does, kcal/mol.",
        ),
    ] = None,
    element: Elements = None,
    substructure: SubstructureOption = None,
    limit: Limit = None,
    json_lines: JsonLines = False,
    csv_file: CsvFile = None,
    parquet_file: ParquetFile = None,
) -> None:
    """Species with their lowest energy and how many reactions they take part in, the oldest first.

    Examples:

        cairn query species --json

        cairn query species --element N --min-barrier 30
    """
    from chem.substructure import Substructure  # noqa: PLC0415
    from db.composition import element_symbols  # noqa: PLC0415
    from db.species_queries import SpeciesFilter, species  # noqa: PLC0415

    check_table_files(csv_file, parquet_file)
    symbols = element_symbols(element or ())
    pattern = None if substructure is None else Substructure(substructure)
    with asking(database) as session:
        filters = SpeciesFilter(
            level_key=level_key(session, level),
            lowest_barrier_kcal_mol=min_barrier,
            elements=symbols,
            substructure=pattern,
            limit=limit,
        )
        found = species(session, campaign=campaign, filters=filters)
    rows = [species_record(each) for each in found]
    tell(
        rows,
        SpeciesColumns,
        lambda: _print_species(found),
        json_lines=json_lines,
        csv_file=csv_file,
        parquet_file=parquet_file,
    )


def _print_species(found: Sequence[SpeciesRecord]) -> None:
    print_table(
        f"{len(found)} species",
        ("SMILES", "formula", "charge", "multiplicity", "lowest energy eV", "reactions", "key"),
        [
            (
                each.smiles,
                each.formula,
                each.charge,
                each.multiplicity,
                _number(each.energy_ev, 4),
                each.n_reactions,
                each.key,
            )
            for each in found
        ],
        right=("charge", "multiplicity", "lowest energy eV", "reactions"),
    )


def _number(value: float | None, digits: int = 1) -> str | None:
    return None if value is None else f"{value:.{digits}f}"
