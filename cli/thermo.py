"""`cairn thermo`: zero-point energy, enthalpy, entropy and free energy of one structure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.limits import MemoryGib, Threads, TimeLimit, limits_for
from cli.output import plain_failure, plain_level, print_json, print_table
from cli.single_job import run_alone

if TYPE_CHECKING:
    from tasks.jobs import ThermoReport


def thermo_command(
    structure: Annotated[Path, typer.Argument(help="One molecule, XYZ; it is relaxed first.")],
    level: Annotated[
        str, typer.Option(help="Level of theory: a name that `cairn levels` lists, or method/basis.")
    ] = "gfn2",
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    temperature: Annotated[list[float] | None, typer.Option(help="Temperature, K; may be given several times.")] = None,
    standard_state: Annotated[str, typer.Option(help="1 atm, 1 bar or 1 M.")] = "1 atm",
    cutoff: Annotated[
        float,
        typer.Option(
            min=0, max=10_000, help="Softer modes count as rotors in the entropy, cm-1; 0: all as oscillators."
        ),
    ] = 100.0,
    saddle: Annotated[bool, typer.Option("--saddle", help="The structure is a saddle point, and stays one.")] = False,
    symmetry_number: Annotated[
        int | None,
        typer.Option(min=1, max=10**6, help="Rotational symmetry number; default: found from the structure."),
    ] = None,
    charge: Annotated[int, typer.Option(help="Total charge.")] = 0,
    multiplicity: Annotated[int, typer.Option(min=1, help="Spin multiplicity 2S+1.")] = 1,
    budget: Annotated[int, typer.Option(min=1, help="Gradient calls to spend at most.")] = 3000,
    threads: Threads = 1,
    memory_gib: MemoryGib = 4.0,
    time_limit: TimeLimit = 1800.0,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Compute the thermochemistry of one structure as an ideal gas.

    The structure is relaxed to a minimum, or with `--saddle` to a saddle point, and its order proved by its vibrations.
    Rotations are those of a rigid body; the entropy of soft modes is that of rotors (quasi-RRHO). Several molecules in
    one file are refused: each has its own translation.

    Example:

        cairn thermo water.xyz --level hf/3-21g --temperature 298.15 --temperature 500
    """
    from rich.console import Console  # noqa: PLC0415

    from chem.errors import GeometryError  # noqa: PLC0415
    from chem.levels import read_levels, resolve_level  # noqa: PLC0415
    from chem.perception import perceive_graph  # noqa: PLC0415
    from chem.potential import check_elements  # noqa: PLC0415
    from chem.thermochemistry import HOTTEST_K, STANDARD_STATES  # noqa: PLC0415
    from chem.xyz import read_xyz  # noqa: PLC0415
    from tasks.jobs import ThermoJob, thermo_of  # noqa: PLC0415

    if standard_state not in STANDARD_STATES:
        raise typer.BadParameter(
            f"{standard_state!r} is none of {', '.join(STANDARD_STATES)}", param_hint="--standard-state"
        )
    wrong = [each for each in temperature or [] if not 0 < each <= HOTTEST_K]
    if wrong:
        raise typer.BadParameter(
            f"{wrong[0]} K is no temperature of a molecule; give one above 0, at most {HOTTEST_K:.0f}",
            param_hint="--temperature",
        )
    theory = resolve_level(level, entries=read_levels(levels))
    geometry = read_xyz(structure, charge=charge, multiplicity=multiplicity)
    if not saddle and len(perceive_graph(geometry).fragments) > 1:
        raise GeometryError(f"{structure} holds several molecules; give each its own file")
    check_elements(geometry, theory)
    limits = limits_for(geometry, theory, threads, memory_gib, time_limit)
    job = ThermoJob(
        geometry=geometry,
        level=theory,
        is_saddle=saddle,
        temperatures_k=tuple(temperature or [298.15]),
        standard_state=STANDARD_STATES[standard_state],
        cutoff_cm1=cutoff,
        symmetry_number=symmetry_number,
        budget_gradient_calls=budget,
    )
    with Console(stderr=True).status(f"computing at {theory.key}"):
        report = run_alone(thermo_of, job, limits)
    record = thermo_record(report, job.geometry.charge, job.geometry.multiplicity)
    if json_only:
        print_json(record)
        return
    _print(record)


def thermo_record(report: ThermoReport, charge: int, multiplicity: int) -> dict[str, Any]:
    """Thermochemistry as plain JSON values, units in the names."""
    from chem.units import EV_PER_HARTREE, kcal_mol  # noqa: PLC0415

    geometry, failure = report.geometry, report.failure
    return {
        "outcome": "converged" if failure is None else "failed",
        "failure": plain_failure(failure),
        "energy_hartree": None if report.energy_ev is None else report.energy_ev / EV_PER_HARTREE,
        "frequencies_cm1": None if report.frequencies_cm1 is None else list(report.frequencies_cm1),
        "symmetry_number": report.symmetry_number,
        "thermochemistry": [
            {
                "temperature_k": each.temperature_k,
                "standard_state": each.standard_state.name,
                "zero_point_energy_kcal_mol": kcal_mol(each.zero_point_energy_ev),
                "enthalpy_hartree": each.enthalpy_ev / EV_PER_HARTREE,
                "entropy_cal_mol_k": 1000.0 * kcal_mol(each.entropy_ev_per_k),
                "gibbs_energy_hartree": each.gibbs_energy_ev / EV_PER_HARTREE,
                "cutoff_cm1": each.cutoff_cm1,
            }
            for each in report.thermochemistry
        ],
        "gradient_calls": report.gradient_calls,
        "hessian_calls": report.hessian_calls,
        "seconds": report.seconds,
        "level": plain_level(report.level),
        "charge": charge,
        "multiplicity": multiplicity,
        "symbols": None if geometry is None else list(geometry.symbols),
        "positions": None if geometry is None else geometry.positions.tolist(),
    }


def _print(record: dict[str, Any]) -> None:
    level = record["level"]
    title = f"{level['key']} ({level['program']} {level['version']})"
    if record["failure"] is not None:
        failure = record["failure"]
        print_table(title, ("", ""), [("outcome", "failed"), ("reason", f"{failure['stage']}: {failure['message']}")])
        return
    print_table(
        title,
        ("", ""),
        [
            ("electronic energy, hartree", f"{record['energy_hartree']:.6f}"),
            ("symmetry number", record["symmetry_number"]),
            ("lowest modes, cm-1", " ".join(f"{mode:.0f}" for mode in record["frequencies_cm1"][:4]) or "none"),
            ("gradient calls, Hessians", f"{record['gradient_calls']}, {record['hessian_calls']}"),
        ],
    )
    columns = ("T, K", "state", "ZPE, kcal/mol", "H, hartree", "S, cal/(mol K)", "G, hartree")
    rows = [
        (
            f"{each['temperature_k']:g}",
            each["standard_state"],
            f"{each['zero_point_energy_kcal_mol']:.2f}",
            f"{each['enthalpy_hartree']:.6f}",
            f"{each['entropy_cal_mol_k']:.2f}",
            f"{each['gibbs_energy_hartree']:.6f}",
        )
        for each in record["thermochemistry"]
    ]
    print_table("thermochemistry", columns, rows, right=tuple(name for name in columns if name != "state"))
