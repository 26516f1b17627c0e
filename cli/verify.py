"""`cairn verify`: prove known transition states at another level of theory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.limits import MemoryGib, Threads, TimeLimit
from cli.output import print_json, print_table
from cli.queue_status import queue_status

if TYPE_CHECKING:
    from chem.outcomes import TransitionState
    from db.queries import ReactionRecord
    from tasks.rungs import Rung

DEFAULT_DATABASE = "sqlite:///runs/cairn.db"


def verify_command(
    level: Annotated[
        str, typer.Option(help="Level of theory to prove them at: a name that `cairn levels` lists, or method/basis.")
    ],
    reaction_keys: Annotated[
        list[str] | None, typer.Argument(metavar="[REACTION_KEY]...", help="Reactions, as `cairn query` names them.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="All reactions of this campaign that qualify.")] = None,
    from_level: Annotated[str, typer.Option("--from", help="Level at which the transition states are known.")] = "gfn2",
    undecided: Annotated[
        bool,
        typer.Option("--undecided", help="Search instead, with all checks, what failed or led elsewhere before."),
    ] = False,
    energies: Annotated[
        bool, typer.Option("--energies", help="Energies alone, at the points that are known; nothing is searched.")
    ] = False,
    verdict: Annotated[
        list[str] | None, typer.Option(help="Start from these verdicts; default: passed. May be repeated.")
    ] = None,
    max_barrier: Annotated[
        float | None, typer.Option("--max-barrier", metavar="KCAL", help="Only up to this known barrier, kcal/mol.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(metavar="K", min=1.0, max=10000.0, help="Temperature of the rate constants, K.")
    ] = 298.15,
    frequencies: Annotated[
        bool, typer.Option(help="Prove the ends by their vibrations too, which gives zero-point and free energies.")
    ] = True,
    budget: Annotated[int, typer.Option(min=1, help="Gradient calls to spend at most on one reaction.")] = 1000,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0: as many as the cores allow.")] = 0,
    threads: Threads = 1,
    memory_gib: MemoryGib = 4.0,
    time_limit: TimeLimit = 14400.0,
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    database: Annotated[
        str, typer.Option("--db", envvar="CAIRN_DATABASE", help="Database URL, sqlite:///FILE or postgresql://...")
    ] = DEFAULT_DATABASE,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a reaction on standard output.")] = False,
) -> None:
    """Prove transition states of the database at another level of theory, and store what comes out.

    Each saddle point is searched from the known one with a cheap Hessian to begin with, its path is followed to both
    ends, and every check is run again. Finished work is not repeated. With --energies only the energies of the three
    known points are computed. With --undecided the reactions are those whose search failed or led elsewhere; they are
    searched at the new level from the same ends and guesses.

    Examples:

        cairn verify --campaign explore-0123456789ab --level b3lyp-svp

        cairn verify rx-1dde0b3e30f85662ab45 --level b3lyp-tzvp --energies --json

        cairn verify rx-31e980d3938a344b5f9d --undecided --level b3lyp-svp
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from chem.levels import read_levels, resolve_level  # noqa: PLC0415
    from chem.outcomes import Status  # noqa: PLC0415
    from chem.verification import VerificationSettings  # noqa: PLC0415
    from db.engine import without_password  # noqa: PLC0415
    from tasks.rungs import make_rung  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    if energies and undecided:
        raise ConfigurationError("--energies searches nothing; leave out one of --energies and --undecided")
    if not reaction_keys and campaign is None:
        raise ConfigurationError("name reactions by their keys, or a campaign with --campaign")
    wrong = sorted(set(verdict or ()) - {each.value for each in Status})
    if wrong:
        raise ConfigurationError(f"unknown verdict {', '.join(wrong)}; known are {', '.join(Status)}")
    entries = read_levels(levels)
    settings = VerificationSettings(budget_gradient_calls=budget, end_frequencies=frequencies)
    rung = make_rung(
        database=without_password(database),
        level=resolve_level(level, entries=entries),
        from_level_key=resolve_level(from_level, entries=entries).key,
        verification=None if energies else settings,
        workers=WorkerLimits(
            n_workers=workers, threads_per_worker=threads, job_memory_gib=memory_gib, job_timeout_s=time_limit
        ),
        campaign=campaign,
        verdicts=[Status(each) for each in verdict or ("passed",)],
        reaction_keys=reaction_keys or None,
        highest_barrier_kcal_mol=max_barrier,
    )
    _check_reactions(rung)
    rungs = _search_rungs(rung, budget) if undecided else [rung]
    for each in rungs:
        _climb(each)
    records = [record for each in rungs for record in _records(each, temperature)]
    if json_lines:
        for record in records:
            print_json(record)
        return
    _print(rung, records)


def _check_reactions(rung: Rung) -> None:
    """Bad input shows before anything starts: a missing database, an unknown campaign or key."""
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.queries import ReactionFilter, reactions  # noqa: PLC0415

    engine = open_database(rung.queue.database, create=False)
    try:
        with reading(engine) as session:
            wanted = ReactionFilter(campaign=rung.queue.campaign, reaction_keys=rung.reaction_keys)
            known = {record.key for record in reactions(session, filters=wanted)}
    finally:
        engine.dispose()
    if missing := sorted((rung.reaction_keys or set()) - known):
        raise ConfigurationError(
            f"the database has no reaction {', '.join(missing)}; `cairn query reactions` lists them"
        )


def _search_rungs(rung: Rung, budget: int) -> list[Rung]:
    """One for each way in which what is undecided was searched at the level below."""
    from dataclasses import replace  # noqa: PLC0415

    from chem.errors import ConfigurationError  # noqa: PLC0415
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.queries import reactions  # noqa: PLC0415
    from db.tables import CalculationKind  # noqa: PLC0415
    from db.work import settings_of_finished  # noqa: PLC0415
    from tasks.rungs import search_rungs, starting_points  # noqa: PLC0415

    engine = open_database(rung.queue.database, create=False)
    try:
        with reading(engine) as session:
            wanted = reactions(session, filters=starting_points(replace(rung, undecided=True)))
            searched_with = settings_of_finished(
                session,
                kind=CalculationKind.SEARCH,
                level_key=rung.from_level_key,
                reaction_keys=[each.key for each in wanted],
            )
    finally:
        engine.dispose()
    if not searched_with:
        raise ConfigurationError(
            f"none of these reactions was searched at {rung.from_level_key} without being found;"
            " `cairn query reactions` tells outcomes"
        )
    return search_rungs(rung, searched_with, budget)


def _climb(rung: Rung) -> None:
    from cli.flow_run import get_ready  # noqa: PLC0415

    get_ready()
    queue = rung.queue
    with queue_status(
        queue,
        queue.level.key,
        lambda now: (
            f"{queue.level.key}: {now.ended} of {now.total} done, {now.running} running,"
            f" {now.gradient_calls:,} gradient calls"
        ),
    ):
        from flows.verify import verify  # noqa: PLC0415  (two seconds of Prefect)
        from tasks.calculations import close_shared_pool  # noqa: PLC0415

        try:
            verify(rung)
        finally:
            close_shared_pool()


def _records(rung: Rung, temperature_k: float) -> list[dict[str, Any]]:
    """What is known of the reactions at the new level, each beside its barrier at the level below."""
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.queries import ReactionFilter, reactions  # noqa: PLC0415
    from db.transition_states import transition_states_of  # noqa: PLC0415
    from tasks.rungs import starting_points  # noqa: PLC0415

    engine = open_database(rung.queue.database, create=False)
    try:
        with reading(engine) as session:
            below = reactions(session, filters=starting_points(rung))
            keys = frozenset(each.key for each in below)
            above = {
                each.key: each
                for each in reactions(
                    session, filters=ReactionFilter(reaction_keys=keys, level_key=rung.queue.level_key)
                )
            }
            states = transition_states_of(session, keys, level_key=rung.queue.level_key)
    finally:
        engine.dispose()
    return [verified_record(each, above[each.key], states.get(each.key), rung, temperature_k) for each in below]


def verified_record(
    below: ReactionRecord, above: ReactionRecord, state: TransitionState | None, rung: Rung, temperature_k: float
) -> dict[str, Any]:
    """One reaction as plain JSON values, units in the names; heights and rates are from the ends of the path."""
    from chem.heights import gibbs_heights, zero_point_heights  # noqa: PLC0415
    from chem.kinetics import path_rate  # noqa: PLC0415
    from chem.thermochemistry import REFERENCE_TEMPERATURE_K  # noqa: PLC0415
    from chem.units import KCAL_MOL_PER_EV, kcal_mol  # noqa: PLC0415
    from report.records import reaction_record  # noqa: PLC0415

    record = reaction_record(above)
    zero = None if state is None else zero_point_heights(state)
    gibbs = None if state is None else gibbs_heights(state, REFERENCE_TEMPERATURE_K)
    rate = None
    if state is not None and len(above.reactants) == 1:  # of a complex of two molecules it would say little
        bar = above.error_bar_95_kcal_mol
        error_ev = None if bar is None else bar / KCAL_MOL_PER_EV
        rate = path_rate(state, temperature_k, degeneracy=above.degeneracy or 1, barrier_error_ev=error_ev)
    return {
        **record,
        "from_level": rung.from_level_key,
        "from_barrier_forward_kcal_mol": below.barrier_forward_kcal_mol,
        "from_verdict": None if below.verdict is None else below.verdict.value,
        "e0_forward_kcal_mol": None if zero is None else kcal_mol(zero.forward_ev),
        "e0_reverse_kcal_mol": None if zero is None else kcal_mol(zero.reverse_ev),
        "gibbs_298_forward_kcal_mol": None if gibbs is None else kcal_mol(gibbs.forward_ev),
        "gibbs_298_reverse_kcal_mol": None if gibbs is None else kcal_mol(gibbs.reverse_ev),
        "rate_forward_per_s": None if rate is None else rate.value,
        "rate_temperature_k": temperature_k,
        "rate_tunnelling": None if rate is None else rate.tunnelling,
        "rate_factor_95": None if rate is None else rate.factor,
    }


def _print(rung: Rung, records: list[dict[str, Any]]) -> None:
    from report.wording import barrier  # noqa: PLC0415

    print_table(
        f"{len(records)} reactions at {rung.queue.level_key}",
        ("reaction", "forward\nkcal/mol", "with ZPE\nkcal/mol", "verdict", "outcome", "before\nkcal/mol", "key"),
        [
            (
                f"{' + '.join(each['reactants'])} -> {' + '.join(each['products'])}",
                barrier(each["barrier_forward_kcal_mol"], each["error_bar_95_kcal_mol"]),
                _number(each["e0_forward_kcal_mol"]),
                each["verdict"],
                each["outcome"] if each["failure"] is None else f"{each['outcome']}: {each['failure']['kind']}",
                f"{_number(each['from_barrier_forward_kcal_mol'])} ({each['from_verdict']})",
                each["key"],
            )
            for each in records
        ],
        right=("forward\nkcal/mol", "with ZPE\nkcal/mol"),
    )


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
