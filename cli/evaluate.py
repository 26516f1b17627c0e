"""`cairn evaluate`: how good the models are on what they were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.evaluate_barrier import barrier_command
from cli.evaluate_relaxation import dig_command, morered_command, potential_command
from cli.evaluation_table import print_evaluation
from cli.output import print_json

if TYPE_CHECKING:
    from chem.types import LevelOfTheory
    from models.evaluation.barrier_energies import BarrierEnergies
    from models.evaluation.generation import KnownReaction
    from models.evaluation.records import Cell
    from models.evaluation.result import Evaluation
    from models.evaluation.structures import GeneratedReaction, JudgedReaction, Kind
    from models.generator import DiffusionGenerator

evaluate_app = typer.Typer(no_args_is_help=True, help="Measure the models on data that they were not trained on.")


@evaluate_app.callback()
def _evaluate() -> None:
    """Measure the models on data that they were not trained on."""


evaluate_app.command("morered")(morered_command)
evaluate_app.command("potential")(potential_command)
evaluate_app.command("dig")(dig_command)
evaluate_app.command("barrier")(barrier_command)


@evaluate_app.command("generator")
def generator_command(
    data: Annotated[Path, typer.Option(help="Reactions with known transition states, as for training.")],
    split: Annotated[str, typer.Option(help="Any value of the file's `split`, such as val or test.")],
    samples: Annotated[int, typer.Option(min=1, help="Samples of each reaction; the first is deterministic.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Network evaluations of each sample.")] = 3,
    start_noise: Annotated[
        float, typer.Option("--start-noise", min=0.0, help="Noise on the start of stochastic samples, Angstrom.")
    ] = 0.1,
    barriers: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL", help="Barrier errors at this level of theory: gfn2 or another of `cairn levels`."
        ),
    ] = None,
    polish: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Gradient calls of the polish, of generated and true transition states alike; by default those of an"
            " exploration.",
        ),
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights of the generator; default the shipped ones.")] = None,
    confidence: Annotated[
        Path | None,
        typer.Option(help="Weights of its confidence. With --checkpoint and without this, nothing is recommended."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many reactions of the split, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise and of the draw.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes for the barriers; 0 for one a core.")] = 0,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for plots, reactions.csv and evaluation.json.")
    ] = None,
    curve: Annotated[Path | None, typer.Option(help="Training's curve.csv, drawn as well; needs --output.")] = None,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure the generator of transition states, its confidence, its barriers and its speed.

    The strict RMSD takes atoms in their mapped order and proper rotations, and caps nothing; the lenient one is the
    best over mirror images and equivalent atoms, capped at 1 Angstrom. Barrier errors are capped at 50 kcal/mol, and
    failed calculations count as 50. Nothing is recommended where no confidence is there.

    Examples:

        cairn evaluate generator --data rdb7.npz --split test --barriers gfn2 -o evaluation

        cairn evaluate generator --data rdb7.npz --split val --checkpoint weights.safetensors --limit 100 --json
    """
    from chem.levels import resolve_level  # noqa: PLC0415
    from chem.polish import GRADIENT_CALLS  # noqa: PLC0415
    from models.evaluation.barrier_summary import summarise_barriers  # noqa: PLC0415
    from models.evaluation.generation import reactions_of, seconds_per_ts  # noqa: PLC0415
    from models.evaluation.records import records  # noqa: PLC0415
    from models.evaluation.result import Conditions, evaluation  # noqa: PLC0415
    from models.generator import DiffusionGenerator  # noqa: PLC0415
    from models.generator_sampling import SamplingConfig  # noqa: PLC0415
    from models.reaction_data import read_reactions  # noqa: PLC0415

    level = None if barriers is None else resolve_level(barriers)
    polish = GRADIENT_CALLS if polish is None else polish
    if curve is not None and output is None:
        raise typer.BadParameter("give --output, the folder for its plot, as well", param_hint="--curve")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    every = reactions_of(read_reactions(data), split, limit, seed)
    sampling = SamplingConfig(n_samples=samples, n_steps=steps, start_noise_angstrom=start_noise, seed=seed)
    generator = DiffusionGenerator(
        checkpoint=checkpoint,
        confidence=confidence,
        sampling=sampling,
        device=device,
        scored=confidence is not None or checkpoint is None,
    )
    reactions = [each for each in every if not generator.unsupported(each.ends)]
    if not reactions:
        raise typer.BadParameter(f"the generator knows the elements of none of {len(every)} reactions of {split}")
    with _stages() as stage:
        seconds = _timed(stage, lambda: seconds_per_ts(generator, reactions, seed))
        drawn, judged = _drawn(stage, f"{samples} samples of each reaction", generator, reactions)
        several = [
            known.swapped() for known, each in zip(reactions, judged, strict=True) if each.n_product_fragments > 1
        ]
        _, swapped = _drawn(stage, "two-fragment reactions in reverse", generator, several)
        energies = [] if level is None else _energies(stage, drawn, level, polish, workers)
    expected = _expected(energies, judged, generator)
    result = evaluation(
        Conditions(
            data=str(data),
            split=split,
            limit=limit,
            n_unsupported=len(every) - len(reactions),
            samples=samples,
            checkpoint=generator.checkpoint.sha256,
            network_evaluations=steps,
            start_noise_angstrom=start_noise,
            seed=seed,
            device=generator.device.type,
        ),
        judged,
        swapped,
        None
        if level is None
        else summarise_barriers(energies, expected, structure=_used(judged), level=level, polish_gradient_calls=polish),
        seconds,
    )
    if output is not None:
        _write(output, result, records(judged, energies, expected), judged, curve)
    if json_only:
        print_json(result.plain())
        return
    print_evaluation(result)
    if output is not None:
        typer.echo(f"plots, reactions.csv and evaluation.json written to {output}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stages:
    """Progress bars, one for each thing that happens."""

    begin: Callable[[str, int], Callable[[int], None]]


@contextmanager
def _stages() -> Iterator[_Stages]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def begin(what: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=total)
            return lambda done: progress.update(task, completed=done)

        yield _Stages(begin=begin)


def _timed(stage: _Stages, run: Callable[[], float]) -> float:
    done = stage.begin("timing one sample of each reaction", 1)
    seconds = run()
    done(1)
    return seconds


def _drawn(
    stage: _Stages, what: str, generator: DiffusionGenerator, reactions: Sequence[KnownReaction]
) -> tuple[list[GeneratedReaction], list[JudgedReaction]]:
    """Samples of reactions, and what they are worth."""
    from models.evaluation.generation import generated  # noqa: PLC0415
    from models.evaluation.structures import judged  # noqa: PLC0415

    if not reactions:
        return [], []
    drawn = generated(generator, reactions, stage.begin(what, len(reactions)))
    done, found = stage.begin("comparing with the true transition states", len(reactions)), []
    for place, each in enumerate(drawn, start=1):
        found.append(judged(each))
        done(place)
    return drawn, found


def _energies(
    stage: _Stages, drawn: Sequence[GeneratedReaction], level: LevelOfTheory, polish: int, workers: int
) -> list[BarrierEnergies]:
    """Energies of true and generated transition states, in worker processes; in the order of the reactions."""
    from models.evaluation.barrier_energies import BarrierEnergies, barrier_energies, barrier_job  # noqa: PLC0415
    from tasks.workers import WorkerLimits, WorkerPool  # noqa: PLC0415

    found = [BarrierEnergies(place=place) for place in range(len(drawn))]
    done = stage.begin(f"{level.method}, {polish} gradient calls of polish", len(drawn))
    jobs = (barrier_job(place, each, level, polish) for place, each in enumerate(drawn))
    with WorkerPool(WorkerLimits(n_workers=workers, jobs_per_worker=500)) as pool:
        for count, finished in enumerate(pool.run(barrier_energies, jobs), start=1):
            if finished.value is not None:  # a lost worker costs its one reaction, which counts as failed
                found[finished.job.place] = finished.value
            done(count)
    return found


def _expected(
    energies: Sequence[BarrierEnergies], judged: Sequence[JudgedReaction], generator: DiffusionGenerator
) -> list[float | None]:
    from models.evaluation.barrier_summary import expected_after_polish  # noqa: PLC0415

    judge = None if generator.scorer is None else generator.scorer.judge
    return expected_after_polish(energies, judged, structure=_used(judged), judge=judge) if energies else []


def _used(judged: Sequence[JudgedReaction]) -> Kind:
    return "recommended" if all("recommended" in each.errors for each in judged) else "deterministic"


def _write(
    folder: Path,
    result: Evaluation,
    rows: list[dict[str, Cell]],
    judged: Sequence[JudgedReaction],
    curve: Path | None,
) -> None:
    import json  # noqa: PLC0415

    from models.evaluation.records import write_records  # noqa: PLC0415
    from models.evaluation.structures import KINDS  # noqa: PLC0415
    from report.evaluation_plot import (  # noqa: PLC0415
        plot_calibration,
        plot_deviations,
        plot_learning_curve,
        plot_triage,
    )

    text = json.dumps(result.plain(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    write_records(folder / "reactions.csv", rows)
    plot_deviations(
        folder / "deviations.svg",
        {kind: [each.errors[kind].rmsd_strict for each in judged if kind in each.errors] for kind in KINDS},
    )
    if result.confidence is not None:
        bins = result.confidence.bins
        plot_calibration(
            folder / "calibration.svg",
            [each.confidence for each in bins],
            [each.share_right for each in bins],
            [each.n for each in bins],
        )
    if result.barriers is not None and result.barriers.curve is not None:
        plot_triage(folder / "triage.svg", result.barriers.curve, result.barriers.level)
    if curve is not None:
        plot_learning_curve(folder / "learning_curve.svg", curve)
