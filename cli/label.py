"""`cairn label`: energies and forces of structures around known reactions, to train a force field on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import check_output, print_json, print_table


def label_command(
    data: Annotated[Path, typer.Option(help="Reactions: .npz, Transition1x's .h5 or the folder of RDB7.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File of structures to write, .npz.")],
    level: Annotated[str, typer.Option(help="Level of theory: gfn2 or another of `cairn levels`.")] = "gfn2",
    structures: Annotated[int, typer.Option(min=1, help="Structures of each reaction besides its reactant.")] = 8,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many reactions, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw and the displacements.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Compute energies and forces of structures around known reactions, for `cairn train potential`.

    Half lie around reactant, transition state and product, half around the path between them, all displaced at random,
    since a force field that is to judge guesses must have seen bad ones. Reactions of 10 % of the reactants are held
    out in `val` and `test`; what shares a species with them is left out of `train`. Results are kept beside the file as
    they come (.jsonl): a run that was stopped goes on.

    Example:

        cairn label --data rdb7.npz --level gfn2 --structures 4 -o labels.npz
    """
    from chem.levels import resolve_level  # noqa: PLC0415
    from cli.bars import counted  # noqa: PLC0415
    from models.reaction_data import read_reactions  # noqa: PLC0415
    from tasks.labels import make_labels  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    check_output(output)
    if output.suffix != ".npz":
        raise typer.BadParameter(f"{output} must end in .npz", param_hint="--output")
    resolved = resolve_level(level)
    with counted(f"reactions at {level}") as progress:
        counts = make_labels(
            read_reactions(data),
            resolved,
            output,
            WorkerLimits(n_workers=workers),
            structures_each=structures,
            limit=limit,
            seed=seed,
            progress=progress,
        )
    if json_only:
        named = {"reactions": counts.reactions, "failed": counts.failed, "kept": counts.kept}
        print_json({"file": str(output), "level": resolved.key, **named})
        return
    rows = [("reactions", str(counts.reactions)), ("structures left out", str(counts.failed))]
    rows += [(f"structures kept, {name}", str(value)) for name, value in counts.kept.items()]
    print_table(f"labels at {level}", ("", ""), rows)
    typer.echo(f"{sum(counts.kept.values())} structures written to {output}")
