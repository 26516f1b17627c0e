"""`cairn minima`: molecules of known reactions relaxed at a level of theory, to train on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.output import check_output, print_json, print_table


def minima_command(
    data: Annotated[Path, typer.Option(help="Reactions: .npz, Transition1x's .h5 or the folder of RDB7.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File of structures to write, .npz.")],
    level: Annotated[str, typer.Option(help="Level of theory: gfn2 or another of `cairn levels`.")] = "gfn2",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many molecules.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Relax the single molecules of known reactions and pack the minima, for `cairn train morered`.

    All conformers of a species are in one split, 90 % of the species in `train`. Results are kept beside the file as
    they come (.jsonl): a run that was stopped goes on.

    Example:

        cairn minima --data rdb7.npz --level gfn2 -o minima.npz
    """
    from chem.levels import resolve_level  # noqa: PLC0415
    from cli.bars import counted  # noqa: PLC0415
    from models.reaction_data import read_reactions  # noqa: PLC0415
    from tasks.minima import make_minima  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    check_output(output)
    if output.suffix != ".npz":
        raise typer.BadParameter(f"{output} must end in .npz", param_hint="--output")
    resolved = resolve_level(level)
    with counted(f"molecules at {level}") as progress:
        counts = make_minima(
            read_reactions(data), resolved, output, WorkerLimits(n_workers=workers), limit=limit, progress=progress
        )
    if json_only:
        print_json({"file": str(output), "level": resolved.key, **asdict(counts)})
        return
    rows = [(name, str(value)) for name, value in asdict(counts).items() if name != "kept"]
    rows += [(f"kept, {name}", str(value)) for name, value in counts.kept.items()]
    print_table(f"minima at {level}", ("", ""), [(name.replace("_", " "), value) for name, value in rows])
    typer.echo(f"{sum(counts.kept.values())} minima written to {output}")
