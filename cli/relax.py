"""`cairn relax`: guessed structures to their minima, by a network, a force field or tight binding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import check_output, print_json, print_table, write_and_show

if TYPE_CHECKING:
    from chem.types import Geometry
    from tasks.relaxing import RelaxedStructure


def relax_command(
    structures: Annotated[Path, typer.Argument(help="Guesses: XYZ or extended XYZ, one or many in a file.")],
    method: Annotated[
        str, typer.Option(help="morered-jt, morered-as, morered-itp, potential, mmff94 or gfn2.")
    ] = "gfn2",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the relaxed, extended XYZ.")] = None,
    hold_bonds: Annotated[
        bool, typer.Option("--hold-bonds", help="Tell a network the bonds that distances in the guess show.")
    ] = False,
    charge: Annotated[int, typer.Option(help="Total charge.")] = 0,
    multiplicity: Annotated[int, typer.Option(min=1, help="Spin multiplicity 2S+1.")] = 1,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights of the network; default the shipped ones.")] = None,
    device: Annotated[str, typer.Option(help="Where a network runs: auto, cpu or cuda.")] = "auto",
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Relax guessed structures to their minima.

    The ways of MoreRed take the noise off all guesses of a file together, in some evaluations of a network, and say how
    much there was: how broken each guess is. MMFF94 keeps the bonds that distances show; GFN2-xTB goes where the
    energy leads.

    Example:

        cairn relax guess.xyz --method gfn2 -o relaxed.extxyz
    """
    from rich.console import Console  # noqa: PLC0415

    from chem.perception import perceive_graph  # noqa: PLC0415
    from chem.xyz import read_xyz_structures  # noqa: PLC0415
    from tasks.relaxing import relax_structures  # noqa: PLC0415

    check_output(output)
    guesses = read_xyz_structures(structures, charge=charge, multiplicity=multiplicity)
    graphs = [perceive_graph(each) if hold_bonds else None for each in guesses]
    with Console(stderr=True).status(f"relaxing {len(guesses)} structures with {method}"):
        relaxed = relax_structures(guesses, graphs, method, checkpoint=checkpoint, device=device)
    rows = [
        relaxed_row(place, guess, each) for place, (guess, each) in enumerate(zip(guesses, relaxed, strict=True), 1)
    ]
    write_and_show(
        output,
        lambda path: _write(path, relaxed, method),
        lambda: print_json({"method": method, "structures": rows}) if json_only else _print(rows),
    )
    if output is not None and not json_only:
        typer.echo(f"{len(relaxed)} structures written to {output}")


def relaxed_row(number: int, guess: Geometry, relaxed: RelaxedStructure) -> dict[str, Any]:
    """What is told of one structure.

    Args:
        number: Its place in the file, from 1.
        guess: Before.
        relaxed: After.
    """
    from chem.alignment import rmsd  # noqa: PLC0415
    from chem.perception import perceive_graph  # noqa: PLC0415

    return {
        "structure": number,
        "converged": relaxed.converged,
        "evaluations": relaxed.evaluations,
        "seconds": round(relaxed.seconds, 4),
        "moved_angstrom": round(rmsd(relaxed.geometry.positions, guess.positions), 4),
        "same_bonds": relaxed.keeps_bonds_of(perceive_graph(guess)),
        "noise_angstrom": None if relaxed.noise_angstrom is None else round(relaxed.noise_angstrom, 4),
        "failure": relaxed.failure,
    }


def _write(path: Path, relaxed: Sequence[RelaxedStructure], method: str) -> None:
    from chem.xyz import write_extended_xyz  # noqa: PLC0415

    write_extended_xyz(path, [(each.geometry, {"method": method, "converged": each.converged}) for each in relaxed])


def _print(rows: Sequence[dict[str, Any]]) -> None:
    columns = ("", "converged", "evaluations", "moved, Å", "same bonds", "noise seen, Å", "s")
    table = [
        (
            str(row["structure"]),
            row["failure"] or ("yes" if row["converged"] else "no"),
            str(row["evaluations"]),
            f"{row['moved_angstrom']:.3f}",
            "yes" if row["same_bonds"] else "no",
            "" if row["noise_angstrom"] is None else f"{row['noise_angstrom']:.3f}",
            f"{row['seconds']:.3f}",
        )
        for row in rows
    ]
    print_table("relaxed", columns, table)
