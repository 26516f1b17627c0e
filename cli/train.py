"""`cairn train`: train the models."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import print_json, print_table

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PARTS = ("train_", "val_")  # beginnings of the columns of the curve that are shown

train_app = typer.Typer(no_args_is_help=True, help="Train the models.")

Data = Annotated[Path, typer.Option(help="Reactions: .npz, Transition1x's .h5 or the folder of RDB7.")]
Config = Annotated[Path, typer.Option(help="How to train: a file like those under configs/model/.")]
Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the weights and everything on the way there.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")]
ProcessCount = Annotated[
    int, typer.Option(min=1, help="Share every batch among so many processes, each with one CPU core or one GPU.")
]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", min=0.0, help="Stop with a checkpoint after this long.")
]
Device = Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")]
JsonLines = Annotated[bool, typer.Option("--json", help="A JSON object for each validation.")]


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What the trainings of all networks have in common, as options of `cairn train`."""

    data: Path
    config: Path
    output: Path
    device: str
    resume: bool
    processes: int
    max_seconds: float | None

    def follow(
        self,
        main: Callable[[list[str], Callable[[dict[str, float]], None]], None],
        steps: int,
        own: list[str],
        json_lines: bool,
    ) -> None:
        """Train, show each validation as it comes, draw the learning curve.

        Args:
            main: The training.
            steps: Steps that it takes in all.
            own: Its own options.
            json_lines: Print a JSON object for each validation instead of a table at the end.
        """
        from models.best_weights import WEIGHTS_FILE  # noqa: PLC0415
        from models.generator_sampling import device_of  # noqa: PLC0415
        from report.evaluation_plot import plot_learning_curve  # noqa: PLC0415

        arguments = ["--data", str(self.data), "--config", str(self.config), "--out", str(self.output)]
        arguments += ["--device", str(device_of(self.device)), "--processes", str(self.processes), *own]
        arguments += ["--resume"] if self.resume else []
        arguments += ["--max-seconds", str(self.max_seconds)] if self.max_seconds is not None else []
        rows: list[dict[str, float]] = []
        with _learning(steps, self.max_seconds) as show:

            def report(row: dict[str, float]) -> None:
                rows.append(row)
                show(row)
                if json_lines:
                    print_json(row)

            main(arguments, report)
        if (self.output / "curve.csv").exists():
            plot_learning_curve(self.output / "curve.svg", self.output / "curve.csv")
        if json_lines:
            return
        if rows:
            print_table("last validation", ("", ""), [(_words(name), f"{value:g}") for name, value in rows[-1].items()])
        if (self.output / WEIGHTS_FILE).exists():
            curve = self.output / "curve.svg"
            typer.echo(f"best weights so far in {self.output / WEIGHTS_FILE}, learning curve in {curve}")
        else:
            typer.echo(f"stopped before the first validation; go on with --resume from {self.output / 'checkpoint'}")


@train_app.command("generator")
def generator_command(
    data: Data,
    config: Config,
    output: Folder,
    resume: Resume = False,
    start_from: Annotated[
        Path | None, typer.Option("--start-from", help="Weights of a trained generator to begin with, not random ones.")
    ] = None,
    processes: ProcessCount = 1,
    max_seconds: MaxSeconds = None,
    fold: Annotated[
        str, typer.Option(metavar="k/K", help="Leave out fold k of K, counted from 0, for training a confidence.")
    ] = "",
    device: Device = "auto",
    json_lines: JsonLines = False,
) -> None:
    """Train the generator of transition states.

    Weights are averaged over the steps, and those of the best validation are kept in `weights.safetensors`, with data,
    split, command, seed and metrics inside. `curve.csv` and `curve.svg` hold the learning curve, `checkpoint/` what a
    later `--resume` needs.

    Examples:

        cairn train generator --data rdb7.npz --config configs/model/reactdiff_cpu.yaml -o runs/generator

        cairn train generator --data rdb7.npz --config configs/model/reactdiff_cpu.yaml -o runs/generator --resume
    """
    from models.configuration import read_configuration  # noqa: PLC0415
    from models.generator_training import GeneratorTrainingConfig, main  # noqa: PLC0415

    _check_fold(fold)
    own = ["--start-from", str(start_from)] if start_from is not None else []
    own += ["--fold", fold] if fold else []
    run = TrainingRun(data, config, output, device, resume, processes, max_seconds)
    run.follow(main, read_configuration(GeneratorTrainingConfig, config).training.steps, own, json_lines)


def _structure_command(name: str, explained: str) -> None:
    """Add the training of a network that learns from single structures."""

    def command(
        data: Annotated[Path, typer.Option(help="Structures, as `cairn minima` or `cairn label` writes them.")],
        config: Config,
        output: Folder,
        resume: Resume = False,
        processes: ProcessCount = 1,
        max_seconds: MaxSeconds = None,
        device: Device = "auto",
        json_lines: JsonLines = False,
    ) -> None:
        from importlib import import_module  # noqa: PLC0415

        from models.configuration import read_configuration  # noqa: PLC0415

        module = import_module(f"models.{name}_training")
        steps = read_configuration(module.TRAINING.config_kind, config).training.steps
        run = TrainingRun(data, config, output, device, resume, processes, max_seconds)
        run.follow(module.main, steps, [], json_lines)

    train_app.command(name, help=inspect.cleandoc(explained))(command)


_structure_command(
    "morered",
    """Train MoreRed, which relaxes structures by reverse diffusion.

    It learns from minima of one level of theory, and is to be used where energies come from that level. What is kept is
    as for the generator.

    Example:

        cairn train morered --data minima.npz --config configs/model/morered_joint_cpu.yaml -o runs/morered
    """,
)
_structure_command(
    "dig",
    """Train DiG, which draws conformers of a molecule from its bonds.

    It learns from minima. What is kept is as for the generator.

    Example:

        cairn train dig --data minima.npz --config configs/model/dig_cpu.yaml -o runs/dig
    """,
)
_structure_command(
    "potential",
    """Train a force field, with denoising of non-equilibrium structures as a second task.

    It learns from energies and forces, and stands in for the level of theory that they are from. What is kept is as for
    the generator.

    Example:

        cairn train potential --data labels.npz --config configs/model/potential_cpu.yaml -o runs/potential
    """,
)


@train_app.command("barrier")
def barrier_command(
    data: Annotated[Path, typer.Option(help="Barrier labels, as `cairn label-barriers` writes them.")],
    config: Config,
    output: Folder,
    resume: Resume = False,
    start_from: Annotated[
        Path | None,
        typer.Option("--start-from", help="Weights of a generator of the same size, whose trunk to begin with."),
    ] = None,
    processes: ProcessCount = 1,
    max_seconds: MaxSeconds = None,
    device: Device = "auto",
    json_lines: JsonLines = False,
) -> None:
    """Train the barrier head, which expects barriers from a candidate and its energies at a cheap level.

    It learns what reference barriers differ by from heights at the cheap level, with the error that is left. Each
    validation calibrates the error bars on the split `val`, so the weights that are kept have theirs. What is kept is
    as for the generator.

    Example:

        cairn train barrier --data barrier_labels.npz --config configs/model/barrier_cpu.yaml -o runs/barrier
    """
    from models.barrier_training import BarrierTrainingConfig, main  # noqa: PLC0415
    from models.configuration import read_configuration  # noqa: PLC0415

    own = ["--start-from", str(start_from)] if start_from is not None else []
    run = TrainingRun(data, config, output, device, resume, processes, max_seconds)
    run.follow(main, read_configuration(BarrierTrainingConfig, config).training.steps, own, json_lines)


@train_app.command("joint")
def joint_command(
    data: Data,
    config: Config,
    output: Folder,
    resume: Resume = False,
    processes: ProcessCount = 1,
    max_seconds: MaxSeconds = None,
    device: Device = "auto",
    json_lines: JsonLines = False,
) -> None:
    """Train the joint diffusion of reactant, transition state and product, which proposes reactions.

    What is kept is as for the generator. Weights are chosen by the error of the noise on `val`, the reactant known.

    Example:

        cairn train joint --data rdb7.npz --config configs/model/joint_cpu.yaml -o runs/joint
    """
    from models.configuration import read_configuration  # noqa: PLC0415
    from models.joint_training import JointTrainingConfig, main  # noqa: PLC0415

    run = TrainingRun(data, config, output, device, resume, processes, max_seconds)
    run.follow(main, read_configuration(JointTrainingConfig, config).training.steps, [], json_lines)


@train_app.command("confidence")
def confidence_command(
    data: Data,
    config: Config,
    output: Folder,
    generator: Annotated[Path, typer.Option(help="Weights of the generator whose samples are to be judged.")],
    trunk: Annotated[Path, typer.Option(help="Weights of a generator trained with --fold; its features are read.")],
    fold: Annotated[str, typer.Option(metavar="k/K", help="The fold that the trunk was trained without.")],
    level: Annotated[
        str, typer.Option(help="Level of theory of the barrier errors: gfn2 or another of `cairn levels`.")
    ] = "gfn2",
    workers: Annotated[int, typer.Option(min=0, help="Processes for the barriers; 0 for one a core.")] = 0,
) -> None:
    """Train and calibrate the confidence of a generator.

    Draws samples of reactions that the trunk has not seen, measures errors of their barriers, fits, and calibrates on
    the split `val`. A run that was stopped goes on where it was.

    Example:

        cairn train confidence --data rdb7.npz --config configs/model/confidence.yaml --generator weights.safetensors \
--trunk fold0/weights.safetensors --fold 0/2 -o runs/confidence
    """
    from models.confidence_training import ConfidenceTrainingConfig  # noqa: PLC0415
    from models.configuration import read_configuration  # noqa: PLC0415
    from models.reaction_data import read_reactions  # noqa: PLC0415
    from tasks.confidence import ConfidenceInputs, train_confidence  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    if not fold:
        raise typer.BadParameter("name the fold that the trunk was trained without, such as 0/2", param_hint="--fold")
    _check_fold(fold)
    settings = read_configuration(ConfidenceTrainingConfig, config)
    inputs = ConfidenceInputs(
        data=read_reactions(data),
        data_name=data.name,
        generator=generator,
        trunk=trunk,
        fold=fold,
        folder=output,
        level=level,
    )
    with _bars() as (bars, _):
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        path = train_confidence(inputs, settings, WorkerLimits(n_workers=workers), told)
    typer.echo(f"weights written to {path}")


def _check_fold(fold: str) -> None:
    found = re.fullmatch(r"(\d+)/(\d+)", fold)
    if fold and (found is None or int(found[1]) >= int(found[2]) or int(found[2]) < 2):
        raise typer.BadParameter(f"{fold!r} is no fold k/K with k from 0 to K - 1, such as 0/2", param_hint="--fold")


@contextmanager
def _bars() -> Iterator[tuple[Progress, bool]]:
    """Progress bars on standard error, and whether a terminal shows them."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        yield bars, console.is_terminal


@contextmanager
def _learning(steps: int, max_seconds: float | None) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Shows each row of the learning curve: step, losses, validation, seconds left."""
    begun = time.monotonic()
    first: list[tuple[float, float]] = []
    with _bars() as (bars, redrawn):
        task = bars.add_task("preparing", total=steps)

        def show(row: Mapping[str, float]) -> None:
            now = time.monotonic() - begun
            if not first:  # the pace counts from the first validation on: before it lies the reading of the data
                first.append((now, row["step"]))
            left = seconds_left(*first[0], now, row["step"], steps)
            if max_seconds is not None:
                left = min(max_seconds - now, left) if left is not None else max_seconds - now
            ending = "" if left is None else f", {max(0.0, left):.0f} s left"
            text = ", ".join(f"{_words(name)} {value:.4g}" for name, value in row.items() if name.startswith(PARTS))
            bars.update(task, completed=row["step"], description=f"{text}{ending}")
            if not redrawn:
                typer.echo(f"step {row['step']:.0f} of {steps}: {text}{ending}", err=True)

        yield show


def seconds_left(begun: float, from_step: float, now: float, step: float, steps: int) -> float | None:
    """Time that the remaining steps take at the pace so far, s; None before there is one.

    Args:
        begun: When the pace is measured from, s.
        from_step: Step at that time.
        now: Time, s.
        step: Step.
        steps: The last step.
    """
    return (steps - step) * (now - begun) / (step - from_step) if step > from_step else None


def _words(name: str) -> str:
    """Column of the curve for people: `val_rmsd_median_angstrom` is `val rmsd median, Å`."""
    for ending, unit in (("_angstrom", "Å"), ("_kcal_mol", "kcal/mol")):
        if name.endswith(ending):
            return f"{name.removesuffix(ending).replace('_', ' ')}, {unit}"
    return name.replace("_", " ")
