"""`cairn saddle`: a saddle point from a guess, at any level of theory."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.limits import MemoryGib, Threads, TimeLimit, limits_for
from cli.output import check_output, plain_failure, plain_level, print_json, print_table, write_and_show
from cli.single_job import run_alone

if TYPE_CHECKING:
    from chem.refine import Refinement
    from chem.types import Geometry


def saddle_command(
    start: Annotated[Path, typer.Argument(help="Guess of the saddle point, XYZ.")],
    level: Annotated[
        str, typer.Option(help="Level of theory: a name that `cairn levels` lists, or method/basis.")
    ] = "gfn2",
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    charge: Annotated[int, typer.Option(help="Total charge.")] = 0,
    multiplicity: Annotated[int, typer.Option(min=1, help="Spin multiplicity 2S+1.")] = 1,
    hessian: Annotated[
        str, typer.Option(help="Hessian of the guess to begin with: level (its own), cheap (GFN2-xTB's) or none.")
    ] = "level",
    fmax: Annotated[
        float, typer.Option(help="Largest force on an atom of a converged saddle point, eV/Angstrom.")
    ] = 0.01,
    budget: Annotated[int, typer.Option(min=1, help="Gradient calls to spend at most.")] = 500,
    threads: Threads = 1,
    memory_gib: MemoryGib = 4.0,
    time_limit: TimeLimit = 1800.0,
    restart: Annotated[
        Path | None,
        typer.Option(help="XYZ file that keeps the last geometry, and to go on from where it is there already."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the saddle point, XYZ.")] = None,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Find a saddle point from a guess and prove that it has exactly one imaginary mode.

    Nothing is said of the reaction that it belongs to: `cairn ts` checks that. A stationary point with a second
    imaginary mode is left along that mode and searched again. The outcome is `converged` or `failed`, with the reason.

    Examples:

        cairn saddle guess.xyz --level hf/3-21g --json

        cairn saddle guess.xyz --level b3lyp-svp --charge -1 -o saddle.xyz
    """
    from typing import get_args  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from chem.levels import read_levels, resolve_level  # noqa: PLC0415
    from chem.potential import check_elements  # noqa: PLC0415
    from chem.refine import RefineSettings, StartingHessian  # noqa: PLC0415
    from chem.restart import Restart  # noqa: PLC0415
    from chem.xyz import read_xyz, write_xyz  # noqa: PLC0415
    from tasks.jobs import RefineJob, refine_guess  # noqa: PLC0415

    if hessian not in get_args(StartingHessian):
        raise typer.BadParameter(f"{hessian!r} is none of level, cheap, none", param_hint="--hessian")
    theory = resolve_level(level, entries=read_levels(levels))
    guess = read_xyz(start, charge=charge, multiplicity=multiplicity)
    check_elements(guess, theory)
    limits = limits_for(guess, theory, threads, memory_gib, time_limit)
    check_output(output)
    check_output(restart, "--restart")
    settings = RefineSettings(
        budget_gradient_calls=budget,
        fmax_ev_per_angstrom=fmax,
        starting_hessian=hessian,  # type: ignore[arg-type]
    )
    kept = None if restart is None else Restart(path=restart)
    job = RefineJob(guess=guess, level=theory, settings=settings, restart=kept)
    with Console(stderr=True).status(f"searching at {theory.key}, at most {budget} gradient calls"):
        found = run_alone(refine_guess, job, limits)
    if kept is not None:
        kept.forget()
    record = refinement_record(found, guess)
    saddle = found.saddle

    def write(path: Path) -> None:
        if saddle is not None:
            comment = f"outcome={record['outcome']} energy_ev={saddle.energy_ev:.6f} level={theory.key}"
            write_xyz(path, saddle.geometry, comment)

    write_and_show(output, write, partial(print_json if json_only else _print, record))
    if output is not None and not json_only:
        typer.echo(f"saddle point written to {output}" if found.saddle else f"no geometry to write to {output}")


def refinement_record(found: Refinement, guess: Geometry) -> dict[str, Any]:
    """A refinement as plain JSON values, units in the names; without a saddle point the positions are the guess's."""
    from chem.units import EV_PER_HARTREE  # noqa: PLC0415

    saddle, modes = found.saddle, found.vibrations
    geometry = guess if saddle is None else saddle.geometry
    return {
        "outcome": "converged" if found.failure is None else "failed",
        "failure": plain_failure(found.failure),
        "energy_hartree": None if saddle is None else saddle.energy_ev / EV_PER_HARTREE,
        "imaginary_frequencies_cm1": (
            None if modes is None else [float(value) for value in modes.frequencies_cm1 if value < 0]
        ),
        "frequencies_cm1": None if modes is None else modes.frequencies_cm1.tolist(),
        "gradient_calls": found.gradient_calls,
        "hessian_calls": found.hessian_calls,
        "gfn2_gradient_calls": found.cheap_gradient_calls,
        "seconds": found.seconds,
        "attempts": [
            {
                "way": str(attempt.way),
                "gradient_calls": attempt.gradient_calls,
                "failure": plain_failure(attempt.failure),
            }
            for attempt in found.attempts
        ],
        "level": plain_level(found.level),
        "charge": geometry.charge,
        "multiplicity": geometry.multiplicity,
        "symbols": list(geometry.symbols),
        "positions": geometry.positions.tolist(),
    }


def _print(record: dict[str, Any]) -> None:
    rows: list[tuple[str, object]] = [("outcome", record["outcome"])]
    if record["failure"] is not None:
        rows.append(("reason", f"{record['failure']['stage']}: {record['failure']['message']}"))
    if record["energy_hartree"] is not None:
        rows.append(("energy, hartree", f"{record['energy_hartree']:.8f}"))
    modes = record["imaginary_frequencies_cm1"]
    if modes is not None:
        rows.append(("imaginary modes, cm-1", " ".join(f"{mode:.0f}" for mode in modes) or "none"))
    rows.append(("gradient calls", record["gradient_calls"]))
    rows.append(("Hessians", record["hessian_calls"]))
    rows.append(("seconds", f"{record['seconds']:.1f}"))
    level = record["level"]
    print_table(f"{level['key']} ({level['program']} {level['version']})", ("", ""), rows)
