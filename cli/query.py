"""`cairn query`: ask the database of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import print_json, print_table
from report.records import reaction_record, species_record, verdict_of

if TYPE_CHECKING:
    from db.queries import ReactionRecord

DEFAULT_DATABASE = "sqlite:///runs/cairn.db"

query_app = typer.Typer(no_args_is_help=True, help="Ask the database: reactions with barriers and verdicts, species.")

Database = Annotated[
    str, typer.Option("--db", envvar="CAIRN_DATABASE", help="Database URL, sqlite:///FILE or postgresql://...")
]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Campaign = Annotated[str | None, typer.Option(help="Only what this campaign reached.")]


@query_app.command("reactions")
def reactions_command(
    database: Database = DEFAULT_DATABASE,
    campaign: Campaign = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(help="Only these verdicts: passed, failed, could_not_check, estimated. May be repeated."),
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(help="Only these outcomes: intended, unintended, failed, estimated, pending. May be repeated."),
    ] = None,
    max_barrier: Annotated[
        float | None,
        typer.Option("--max-barrier", metavar="KCAL", help="Forward barrier known and not above, kcal/mol."),
    ] = None,
    json_lines: JsonLines = False,
) -> None:
    """Reactions with barriers, verdicts and costs, lowest forward barrier first.

    Barriers are electronic energies of the transition state above the two ends of its own reaction path, kcal/mol.

    Example:

        cairn query reactions --verdict passed --max-barrier 50
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from chem.outcomes import Outcome, Status  # noqa: PLC0415
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.queries import PENDING, ReactionFilter, reactions  # noqa: PLC0415
    from db.results import COMPUTED, ESTIMATED  # noqa: PLC0415

    for given, known, name in (
        (verdict, {each.value for each in Status}, "verdict"),
        (outcome, {*(each.value for each in Outcome), PENDING, ESTIMATED, COMPUTED}, "outcome"),
    ):
        wrong = sorted(set(given or ()) - known)
        if wrong:
            raise ConfigurationError(f"unknown {name} {', '.join(wrong)}; known are {', '.join(sorted(known))}")
    filters = ReactionFilter(
        campaign=campaign,
        verdicts=frozenset(Status(each) for each in verdict) if verdict else None,
        outcomes=frozenset(outcome) if outcome else None,
        highest_barrier_kcal_mol=max_barrier,
    )
    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            found = sorted(reactions(session, filters=filters), key=_by_barrier)
    finally:
        engine.dispose()
    if json_lines:
        for each in found:
            print_json(reaction_record(each))
        return
    from report.wording import barrier, energy  # noqa: PLC0415

    print_table(
        f"{len(found)} reactions",
        ("reaction", "forward\nkcal/mol", "reverse\nkcal/mol", "verdict", "outcome", "gradient\ncalls", "key"),
        [
            (
                f"{' + '.join(each.reactants)} -> {' + '.join(each.products)}",
                barrier(each.barrier_forward_kcal_mol, each.error_bar_95_kcal_mol),
                energy(each.barrier_reverse_kcal_mol),
                verdict_of(each),
                each.outcome if each.failure is None else f"{each.outcome}: {each.failure.kind}",
                each.gradient_calls,
                each.key,
            )
            for each in found
        ],
        right=("forward\nkcal/mol", "reverse\nkcal/mol", "gradient\ncalls"),
    )


@query_app.command("species")
def species_command(
    database: Database = DEFAULT_DATABASE, campaign: Campaign = None, json_lines: JsonLines = False
) -> None:
    """Species with their lowest energy and how many reactions they take part in.

    Example:

        cairn query species --json
    """
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.queries import species  # noqa: PLC0415

    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            found = species(session, campaign=campaign)
    finally:
        engine.dispose()
    if json_lines:
        for each in found:
            print_json(species_record(each))
        return
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


def _by_barrier(record: ReactionRecord) -> tuple[bool, float, str]:
    barrier = record.barrier_forward_kcal_mol
    return barrier is None, barrier if barrier is not None else 0.0, record.key


def _number(value: float | None, digits: int = 1) -> str | None:
    return None if value is None else f"{value:.{digits}f}"
