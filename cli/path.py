"""`cairn path`: a first path between two structures, for a nudged elastic band or to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import check_output, print_json, print_table, write_and_show

if TYPE_CHECKING:
    from chem.types import Geometry


def path_command(
    reactant: Annotated[Path, typer.Argument(help="Where it begins, XYZ; several molecules may lie in one file.")],
    product: Annotated[Path, typer.Argument(help="Where it ends, XYZ, the same atoms in the same order.")],
    method: Annotated[
        str, typer.Option(help="idpp (pair distances), linear (positions) or dig (latents of a network).")
    ] = "idpp",
    images: Annotated[int, typer.Option("-n", "--images", min=1, help="Structures between the ends.")] = 9,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write all structures, extended XYZ.")] = None,
    level: Annotated[
        str | None, typer.Option(help="Energies along the path at this level of theory: gfn2 or another.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights for dig; default the shipped ones.")] = None,
    device: Annotated[str, typer.Option(help="Where the network of dig runs: auto, cpu or cuda.")] = "auto",
    charge: Annotated[int, typer.Option(help="Total charge.")] = 0,
    multiplicity: Annotated[int, typer.Option(min=1, help="Spin multiplicity 2S+1.")] = 1,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Interpolate between a reactant and a product given in one atom order.

    The product is first superposed on the reactant. Nothing is relaxed: the path is a guess, and its highest energy no
    barrier. The shortest distance of each structure, in units of the sum of covalent radii, tells where atoms clash.

    Example:

        cairn path reactant.xyz product.xyz --method idpp --level gfn2 -o path.extxyz
    """
    from chem.alignment import align  # noqa: PLC0415
    from chem.errors import CalculationError, ConfigurationError  # noqa: PLC0415
    from chem.generator import EndPoints  # noqa: PLC0415
    from chem.guess import idpp_path, linear_path  # noqa: PLC0415
    from chem.levels import resolve_level  # noqa: PLC0415
    from chem.potential import GradientCounter, single_point  # noqa: PLC0415
    from chem.xyz import read_xyz  # noqa: PLC0415

    check_output(output)
    ways = {"idpp": idpp_path, "linear": linear_path}
    if method not in {*ways, "dig"}:
        raise ConfigurationError(f"method {method!r} is unknown; give idpp, linear or dig")
    resolved = None if level is None else resolve_level(level)
    ends = EndPoints(
        reactant=read_xyz(reactant, charge=charge, multiplicity=multiplicity),
        product=read_xyz(product, charge=charge, multiplicity=multiplicity),
    )
    last = ends.product.with_positions(align(ends.product.positions, ends.reactant.positions))
    if method == "dig":
        from models.dig_conformers import latent_path, load_dig  # noqa: PLC0415 (torch)

        superposed = EndPoints(reactant=ends.reactant, product=last)
        between = latent_path(load_dig(checkpoint, device=device), superposed, images)
    else:
        between = ways[method](ends, images)
    structures = [ends.reactant, *map(ends.reactant.with_positions, between), last]
    energies: list[float | None] = [None] * len(structures)
    for place, each in enumerate(structures):
        if resolved is None:
            break
        try:
            energies[place] = single_point(each, resolved, GradientCounter())
        except CalculationError:
            continue  # no self-consistent field where atoms clash: left open
    rows = path_rows(structures, energies)
    write_and_show(
        output,
        lambda path: _write(path, structures, rows),
        lambda: print_json({"method": method, "level": level, "images": rows}) if json_only else _print(rows, level),
    )
    if output is not None and not json_only:
        typer.echo(f"{len(structures)} structures written to {output}")


def path_rows(structures: list[Geometry], energies_ev: list[float | None]) -> list[dict[str, Any]]:
    """What is told of each structure of a path.

    Args:
        structures: From reactant to product.
        energies_ev: Of each, eV; None where there is none.
    """
    from chem.clashes import closest_ratio  # noqa: PLC0415
    from chem.units import kcal_mol  # noqa: PLC0415

    first = energies_ev[0]
    return [
        {
            "image": place,
            "shortest_distance_ratio": round(closest_ratio(each), 4) if each.n_atoms > 1 else None,
            "energy_above_reactant_kcal_mol": None
            if energy is None or first is None
            else round(kcal_mol(energy - first), 4),
        }
        for place, (each, energy) in enumerate(zip(structures, energies_ev, strict=True))
    ]


def _write(path: Path, structures: list[Geometry], rows: list[dict[str, Any]]) -> None:
    from chem.xyz import write_extended_xyz  # noqa: PLC0415

    write_extended_xyz(path, zip(structures, rows, strict=True))


def _print(rows: list[dict[str, Any]], level: str | None) -> None:
    columns = ("image", "shortest distance / radii") + (("above reactant, kcal/mol",) if level else ())
    table = []
    for row in rows:
        height = row["energy_above_reactant_kcal_mol"]
        shown = (None if height is None else f"{height:.1f}",) if level else ()
        ratio = row["shortest_distance_ratio"]
        table.append((row["image"], None if ratio is None else f"{ratio:.2f}", *shown))
    print_table("path" if level is None else f"path, energies at {level}", columns, table, right=columns)
