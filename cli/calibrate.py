"""`cairn calibrate`: error bars measured for a use that training does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import check_output, print_json, print_table

calibrate_app = typer.Typer(no_args_is_help=True, help="Measure the error bars of trained weights in another use.")


@calibrate_app.callback()
def calibrate() -> None:
    """Measure the error bars of trained weights in another use."""


@calibrate_app.command("barrier")
def calibrate_barrier_command(
    data: Annotated[Path, typer.Option(help="Reactions with barriers: .npz with the array dE0_kcal, kcal/mol.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File of weights to write, .safetensors.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights of the barrier head; default the shipped ones.")
    ] = None,
    split: Annotated[str, typer.Option(help="Reactions to calibrate on; none that the head was trained on.")] = "val",
    level: Annotated[str, typer.Option(help="Cheap level of theory, that of the head.")] = "gfn2",
    limit: Annotated[int, typer.Option(min=1, help="At most so many reactions, drawn at random.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Calibrate what a barrier head says of transition states that a database holds.

    Ends and published transition states of known reactions are relaxed at the cheap level, as a campaign's are. Half of
    them give the median shift of the barriers, the other half the factor of the 95 % error bars. Nothing else of the
    weights changes. Rows are kept beside the output (.jsonl): a run that was stopped goes on.

    The JSON: `file`, `sha256`, `n` reactions, `left_out` by reason, `shift_kcal_mol`, `half_width_mean_kcal_mol`.

    Example:

        cairn calibrate barrier --data rdb7.npz --checkpoint runs/barrier/weights.safetensors -o barrier.safetensors
    """
    from chem.levels import resolve_level  # noqa: PLC0415
    from cli.bars import counted  # noqa: PLC0415
    from models.barrier_estimates import BarrierHead  # noqa: PLC0415
    from models.reaction_data import read_reactions  # noqa: PLC0415
    from tasks.stationary_points import calibrate_stationary, stationary_points  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    check_output(output)
    if output.suffix != ".safetensors":
        raise typer.BadParameter(f"{output} must end in .safetensors", param_hint="--output")
    head, resolved = BarrierHead(checkpoint, "cpu"), resolve_level(level)
    head.check_level(resolved.key)
    with counted("reactions") as show:
        points = stationary_points(
            read_reactions(data),
            resolved,
            output,
            WorkerLimits(n_workers=workers),
            split=split,
            limit=limit,
            seed=seed,
            progress=show,
        )
    found = calibrate_stationary(head, points, output, data.name)
    if json_only:
        print_json({"file": str(output), **found, "left_out": points.left_out})
        return
    rows = [("reactions", str(found["n"]))]
    rows += [(f"left out: {reason}", str(count)) for reason, count in sorted(points.left_out.items())]
    rows += [
        ("median shift, kcal/mol", f"{found['shift_kcal_mol']:+.2f}"),
        ("mean half-width of the 95 % bar, kcal/mol", f"{found['half_width_mean_kcal_mol']:.1f}"),
    ]
    print_table(f"barrier head at stationary points of {level}", ("", ""), rows)
    typer.echo(f"weights written to {output}")
