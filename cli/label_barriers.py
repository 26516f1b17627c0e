"""`cairn label-barriers`: energies of ends and candidates of reactions with known barriers, to train a head on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import check_output, print_json, print_table


def label_barriers_command(
    data: Annotated[Path, typer.Option(help="Reactions with barriers: .npz with the array dE0_kcal, kcal/mol.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File of labels to write, .npz.")],
    level: Annotated[str, typer.Option(help="Cheap level of theory: gfn2 or another of `cairn levels`.")] = "gfn2",
    reference: Annotated[
        str, typer.Option(help="What the barriers of the data are, in words; kept with labels and weights.")
    ] = "CCSD(T)-F12 with zero-point energy",
    noised: Annotated[
        int, typer.Option(min=0, help="Displaced transition states of each reaction of the split train.")
    ] = 2,
    generate: Annotated[
        bool, typer.Option(help="Generate a candidate of each reaction of the other splits, beside the true one.")
    ] = True,
    samples: Annotated[int, typer.Option(min=1, help="Samples of which the generator takes the best.")] = 8,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights of the generator; default the shipped ones.")] = None,
    confidence: Annotated[
        Path | None,
        typer.Option(help="Weights of its confidence. With --checkpoint and without this, the first sample is taken."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many reactions of each split, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw, the displacements and the generator.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    device: Annotated[str, typer.Option(help="Where the generator runs: auto, cpu or cuda.")] = "auto",
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Compute what `cairn train barrier` learns from: reference barriers beside energies at a cheap level.

    Energies are single points of reactant, product and candidates: the true transition state; of `train` also
    displaced ones, up to 0.15 Angstrom RMSD along soft directions; of the other splits one that is generated, since
    those of the reactions that a generator was trained on are too good. Splits are those of the data. Results are kept
    beside the file as they come (.jsonl): a run that was stopped goes on.

    The JSON: `file`, `level`, `reference`, `reactions` by split, `candidates` by kind, `left_out` reactions, `failed`
    candidates, `energies` computed.

    Example:

        cairn label-barriers --data rdb7.npz --limit 2000 -o barrier_labels.npz
    """
    from dataclasses import asdict  # noqa: PLC0415

    from chem.levels import resolve_level  # noqa: PLC0415
    from cli.bars import stages  # noqa: PLC0415
    from models.generator import DiffusionGenerator  # noqa: PLC0415
    from models.generator_sampling import SamplingConfig  # noqa: PLC0415
    from models.reaction_data import read_reactions  # noqa: PLC0415
    from tasks.barrier_labels import make_barrier_labels  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    check_output(output)
    if output.suffix != ".npz":
        raise typer.BadParameter(f"{output} must end in .npz", param_hint="--output")
    resolved = resolve_level(level)
    generator = None
    if generate:
        generator = DiffusionGenerator(
            checkpoint=checkpoint,
            confidence=confidence,
            sampling=SamplingConfig(n_samples=samples, seed=seed),
            device=device,
            scored=confidence is not None or checkpoint is None,
        )
    with stages() as progress:
        counts = make_barrier_labels(
            read_reactions(data),
            resolved,
            output,
            WorkerLimits(n_workers=workers),
            reference=reference,
            noised_each=noised,
            generator=generator,
            limit=limit,
            seed=seed,
            progress=progress,
        )
    if json_only:
        print_json({"file": str(output), "level": resolved.key, "reference": reference, **asdict(counts)})
        return
    rows = [(f"reactions, {name}", str(value)) for name, value in counts.reactions.items()]
    rows += [(f"candidates, {name}", str(value)) for name, value in counts.candidates.items()]
    rows += [("reactions left out", str(counts.left_out)), ("candidates without energy", str(counts.failed))]
    print_table(f"barrier labels at {level}", ("", ""), rows)
    typer.echo(f"{sum(counts.reactions.values())} reactions written to {output}")
