"""`cairn ts`: the transition state between one reactant and one product."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.limits import MemoryGib, Threads, TimeLimit, limits_for
from cli.output import check_output, plain_failure, print_json, print_table, write_and_show
from cli.single_job import run_alone

if TYPE_CHECKING:
    from chem.outcomes import SearchResult
    from chem.types import Geometry


def ts_command(
    reactant: Annotated[Path, typer.Argument(help="Reactant side, XYZ; several molecules may lie in one file.")],
    product: Annotated[Path, typer.Argument(help="Product side, XYZ, the same atoms in the same order.")],
    charge: Annotated[int, typer.Option(help="Total charge.")] = 0,
    multiplicity: Annotated[int, typer.Option(min=1, help="Spin multiplicity 2S+1.")] = 1,
    level: Annotated[
        str, typer.Option(help="Level of theory: a name that `cairn levels` lists, or method/basis.")
    ] = "gfn2",
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    budget: Annotated[int, typer.Option(min=1, help="Gradient calls to spend at most.")] = 3000,
    conformers: Annotated[
        int, typer.Option(min=0, help="Further conformers of the transition state to search once one is proved.")
    ] = 0,
    threads: Threads = 1,
    memory_gib: MemoryGib = 4.0,
    time_limit: TimeLimit = 1800.0,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the transition state, XYZ.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Find and verify the transition state between a reactant and a product given in one atom order.

    Guesses are refined with Sella; the saddle point is checked by its frequencies and by following the reaction path
    to both ends. The outcome is `intended`, `unintended` (a real transition state of another reaction) or `failed`,
    with the reason.

    Example:

        cairn ts reactant.xyz product.xyz -o ts.xyz --json
    """
    from rich.console import Console  # noqa: PLC0415

    from chem.generator import EndPoints  # noqa: PLC0415
    from chem.levels import read_levels, resolve_level  # noqa: PLC0415
    from chem.potential import check_elements  # noqa: PLC0415
    from chem.search import SearchSettings  # noqa: PLC0415
    from chem.xyz import read_xyz, write_xyz  # noqa: PLC0415
    from tasks.jobs import PairJob, search_pair  # noqa: PLC0415

    theory = resolve_level(level, entries=read_levels(levels))
    ends = EndPoints(
        reactant=read_xyz(reactant, charge=charge, multiplicity=multiplicity),
        product=read_xyz(product, charge=charge, multiplicity=multiplicity),
    )
    check_elements(ends.reactant, theory)
    limits = limits_for(ends.reactant, theory, threads, memory_gib, time_limit)
    check_output(output)
    job = PairJob(ends=ends, level=theory, settings=SearchSettings(budget_gradient_calls=budget, conformers=conformers))
    with Console(stderr=True).status(f"searching at {theory.method}, at most {budget} gradient calls"):
        result = run_alone(search_pair, job, limits)
    record = search_record(result)
    state = result.best.transition_state

    def write(path: Path) -> None:
        if state is not None:
            comment = f"outcome={result.outcome} energy_ev={state.energy_ev:.6f} level={theory.key}"
            write_xyz(path, state.geometry, comment)

    write_and_show(output, write, partial(print_json, record) if json_lines else partial(_print, record, result))
    if output is not None and not json_lines:
        typer.echo(
            f"transition state written to {output}" if state is not None else f"no geometry to write to {output}"
        )


def search_record(result: SearchResult) -> dict[str, Any]:
    """The result of a search as plain JSON values, units in the names."""
    from chem.barrier_errors import error_bar_of_state_kcal_mol  # noqa: PLC0415
    from chem.units import kcal_mol  # noqa: PLC0415

    best = result.best
    state = best.transition_state
    barrier = state.barrier if state is not None else None
    bar = None if state is None or barrier is None else error_bar_of_state_kcal_mol(state)
    return {
        "outcome": result.outcome.value,
        "verdict": state.verdict.status.value if state is not None else None,
        "checks": {check.name.value: check.status.value for check in state.verdict.checks} if state is not None else {},
        "evidence": {check.name.value: dict(check.evidence) for check in state.verdict.checks} if state else {},
        "barrier_forward_kcal_mol": kcal_mol(barrier.forward_ev) if barrier is not None else None,
        "barrier_reverse_kcal_mol": kcal_mol(barrier.reverse_ev) if barrier is not None else None,
        "error_bar_95_kcal_mol": bar,
        "imaginary_frequencies_cm1": list(state.imaginary_frequencies_cm1) if state is not None else [],
        "gradient_calls": result.gradient_calls,
        "seconds": result.seconds,
        "level": {
            "name": result.level.name,
            "method": result.level.method,
            "program": result.level.program,
            "version": result.level.version,
        },
        "failure": plain_failure(best.failure),
        "attempts": [
            {
                "start": attempt.start,
                "outcome": attempt.outcome.value,
                "gradient_calls": attempt.gradient_calls,
                "seconds": attempt.seconds,
                "failure": attempt.failure.message if attempt.failure is not None else None,
            }
            for attempt in result.attempts
        ],
        "ts": _plain_geometry(state.geometry) if state is not None else None,
    }


def _plain_geometry(geometry: Geometry) -> dict[str, Any]:
    return {"symbols": list(geometry.symbols), "positions": geometry.positions.tolist()}


def _print(record: dict[str, Any], result: SearchResult) -> None:
    rows: list[tuple[str, object]] = [("outcome", record["outcome"])]
    if record["failure"] is not None:
        rows.append(("reason", f"{record['failure']['stage']}: {record['failure']['message']}"))
    for name in ("forward", "reverse"):
        value = record[f"barrier_{name}_kcal_mol"]
        if value is not None:
            bar = "" if record["error_bar_95_kcal_mol"] is None else f" ± {record['error_bar_95_kcal_mol']:.0f}"
            rows.append((f"barrier {name}, kcal/mol", f"{value:.1f}{bar} ({record['verdict']})"))
    modes = record["imaginary_frequencies_cm1"]
    if modes:
        rows.append(("imaginary modes, cm-1", " ".join(f"{mode:.0f}" for mode in modes)))
    rows.extend((name.replace("_", " "), status) for name, status in record["checks"].items())
    rows.append(("gradient calls", record["gradient_calls"]))
    rows.append(("seconds", f"{record['seconds']:.1f}"))
    level = result.level
    print_table(f"{level.method} ({level.program} {level.version})", ("", ""), rows)
    print_table(
        "attempts",
        ("start", "outcome", "gradient calls", "reason"),
        [(each["start"], each["outcome"], each["gradient_calls"], each["failure"]) for each in record["attempts"]],
        right=("gradient calls",),
    )
