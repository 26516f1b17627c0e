"""`cairn campaign status` and `cairn campaign diff`: where a campaign stands, and how two differ."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import print_json, print_table
from cli.query import DEFAULT_DATABASE, Database, JsonLines

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.overview import ReactionDifference
    from db.queries import ReactionRecord

FRONTIER_SHOWN = 10
_BUDGETS = (("gradient_calls", "gradient calls"), ("cpu_hours", "CPU h"), ("gpu_hours", "GPU h"))


def status_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign.")],
    database: Database = DEFAULT_DATABASE,
    json_lines: JsonLines = False,
) -> None:
    """Where a campaign stands: frontier, pace, time left, spending by tier, budget, and what its audit found.

    Example:

        cairn campaign status peroxide
    """
    from db.engine import open_database, reading  # noqa: PLC0415

    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            record = status_record(session, name)
    finally:
        engine.dispose()
    if json_lines:
        print_json(record)
        return
    _print_status(record)


def status_record(session: Session, name: str) -> dict[str, Any]:
    """Where a campaign stands, as plain JSON values, units in the names."""
    from cli.campaign import campaign_record  # noqa: PLC0415
    from cli.finish import triage_record  # noqa: PLC0415
    from db.lifecycle import campaigns, why_halted  # noqa: PLC0415
    from db.overview import frontier, paces  # noqa: PLC0415
    from db.totals import costs, progress  # noqa: PLC0415
    from report.from_database import triage_entry  # noqa: PLC0415

    (campaign,) = campaigns(session, name=name)
    waiting = frontier(session, name)
    return {
        **campaign_record(campaign),
        "halted": why_halted(session, name),
        "depth": None if campaign.specification is None else campaign.specification["depth"],
        "frontier": [{"smiles": smiles, "round": number} for smiles, number in waiting],
        "stages": [asdict(each) for each in progress(session, name)],
        "pace": [asdict(each) for each in paces(session, name)],
        "costs": [asdict(each) for each in costs(session, campaign=name)],
        "triage": triage_record(triage_entry(session, name)),
    }


def _print_status(record: dict[str, Any]) -> None:
    typer.echo(f"campaign {record['name']}: {record['state']}" + _halted(record))
    typer.echo(f"network: {record['n_species']} species, {record['n_reactions']} reactions, depth {record['depth']}")
    shown = ", ".join(each["smiles"] for each in record["frontier"][:FRONTIER_SHOWN])
    more = len(record["frontier"]) - FRONTIER_SHOWN
    typer.echo(
        f"frontier: {len(record['frontier'])} species not expanded"
        + (f": {shown}" if shown else "")
        + (f" and {more} more" if more > 0 else "")
    )
    for key, label in _BUDGETS:
        limit, spent = record["budget"][key], record["spent"][key]
        typer.echo(f"{label}: {spent:,.4g} spent" + (f" of {limit:,.4g}" if limit is not None else ""))
    triage = record["triage"]
    if triage["audits_finished"]:
        error = triage["audit_mean_error_kcal_mol"]
        told = "" if error is None else f", mean error {error:.1f} kcal/mol"
        typer.echo(f"audit: {triage['audits_verified']} of {triage['audits_finished']} verified{told}")
    pace = {each["kind"]: each for each in record["pace"]}
    rows = []
    for cost in record["costs"]:
        now = pace.get(cost["kind"], {})
        rows.append(
            (
                cost["kind"],
                cost["level"],
                cost["calculations"],
                now.get("open", 0),
                f"{now['per_minute']:.1f}" if now else None,
                _minutes(now.get("left_s")),
                f"{cost['gradient_calls']:,}",
                None if cost["cpu_seconds"] is None else f"{cost['cpu_seconds'] / 60:.1f}",
                cost["abandoned"],
            )
        )
    columns = ("kind", "level", "done", "open", "a minute", "left, min", "gradient calls", "CPU min", "abandoned")
    print_table("calculations, those shared with other campaigns too", columns, rows, right=columns[2:])


def _halted(record: dict[str, Any]) -> str:
    return f"; {record['halted']}" if record["halted"] is not None and record["state"] == "active" else ""


def _minutes(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds / 60:.1f}"


def diff_command(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="Name of a campaign.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="Name of another one.")],
    database: Database = DEFAULT_DATABASE,
    other_database: Annotated[
        str | None, typer.Option("--other-db", help="Database of the second campaign; default: the same.")
    ] = None,
    json_lines: JsonLines = False,
) -> None:
    """How two campaigns differ: settings, reactions, outcomes, verdicts, barriers by over 0.1 kcal/mol.

    Examples:

        cairn campaign diff cold hot

        cairn campaign diff mine mine --db sqlite:///one.db --other-db sqlite:///two.db
    """
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.overview import differing_reactions, differing_settings  # noqa: PLC0415

    with ExitStack() as stack:
        sessions = []
        for url in (database, other_database or database):
            engine = open_database(url, create=False)
            stack.callback(engine.dispose)
            sessions.append(stack.enter_context(reading(engine)))
        pair = (sessions[0], first), (sessions[1], second)
        settings = [asdict(each) for each in differing_settings(*pair)]
        found = [difference_record(each) for each in differing_reactions(*pair)]
    if json_lines:
        for each in (*settings, *found):
            print_json(each)
        return
    rows = [(each["setting"], each["first"], each["second"]) for each in settings]
    print_table(f"{len(settings)} settings", ("setting", first, second), rows)
    print_table(
        f"{len(found)} reactions",
        ("reaction", "differs in", f"{first}, kcal/mol", f"{second}, kcal/mol", "key"),
        [
            (each["reaction"], ", ".join(each["what"]), _told(each["first"]), _told(each["second"]), each["key"])
            for each in found
        ],
    )


def difference_record(difference: ReactionDifference) -> dict[str, Any]:
    """A reaction in which campaigns differ, as plain JSON values."""
    known = difference.first or difference.second
    assert known is not None
    return {
        "key": difference.key,
        "reaction": f"{' + '.join(known.reactants)} -> {' + '.join(known.products)}",
        "what": list(difference.what),
        "first": _known(difference.first),
        "second": _known(difference.second),
    }


def _known(record: ReactionRecord | None) -> dict[str, Any] | None:
    from report.records import reaction_record  # noqa: PLC0415

    if record is None:
        return None
    whole = reaction_record(record)
    return {name: whole[name] for name in ("outcome", "verdict", "barrier_forward_kcal_mol", "level")}


def _told(known: dict[str, Any] | None) -> str | None:
    if known is None:
        return None
    height = known["barrier_forward_kcal_mol"]
    told = "" if height is None else f"{height:.1f} at {known['level']}, "
    return f"{told}{known['verdict'] or known['outcome']}"
