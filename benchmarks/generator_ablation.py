"""What each choice of the generator is worth: short trainings that differ in one thing, and the same validation of all.

All variants see the same reactions in the same order with the same seed. A short training tells what helps at the
beginning; it cannot tell what helps at the end.

    OMP_NUM_THREADS=1 python -m benchmarks.generator_ablation --data rdb7.npz --steps 1000
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.configuration import from_plain, read_configuration, to_plain
from models.diffusion.losses import mean_squared_error
from models.frames import aligned, centered
from models.generator_training import GeneratorTrainingConfig, prepared, validate
from models.reactdiff import ReactDiff, loss, prediction_on_path
from models.reaction_batch import ReactionBatch
from models.reaction_data import ReactionData, read_reactions
from models.training import LossFunction, train, training_init

Change = Callable[[ReactionBatch], ReactionBatch]


def as_they_are(batch: ReactionBatch) -> ReactionBatch:
    """No change."""
    return batch


def from_the_midpoint(batch: ReactionBatch) -> ReactionBatch:
    """Start half-way between the superposed ends, knowing nothing of bonds."""
    reactant, product = batch.ends.unbind(1)
    return replace(batch, start=centered((reactant + aligned(product, reactant, batch.mask)) / 2, batch.mask))


def mean_square_loss(
    model: ReactDiff, batch: ReactionBatch, generator: torch.Generator, common: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean squared deviation after superposition, without the distance term."""
    predicted = prediction_on_path(model, batch, generator, common)
    truth = aligned(batch.ts, predicted.detach(), batch.mask)
    error = mean_squared_error(predicted, truth, batch.mask).mean()
    return error, {"mean_square": error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One training.

    Attributes:
        name: What the table calls it.
        options: Keys of the configuration that differ, by section.
        starts: What it makes of the starts.
        loss: What it minimises.
    """

    name: str
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    starts: Change = as_they_are
    loss: LossFunction = loss


VARIANTS = (
    Variant(name="as configured"),
    Variant(name="start: midpoint of the ends", starts=from_the_midpoint),
    Variant(name="no noise on the start", options={"path": {"start_noise_angstrom": 0.0}}),
    Variant(name="twice the noise on the start", options={"path": {"start_noise_angstrom": 0.3}}),
    Variant(name="never its own predictions", options={"path": {"rollout_share": 0.0}}),
    Variant(name="no distance loss", options={"path": {"distance_weight": 0.0}}),
    Variant(name="mean square instead of deviation", loss=mean_square_loss),
    Variant(
        name="half the width",
        options={
            "backbone": {
                "irreps": "48x0e+4x0o+16x1o+8x1e",
                "edge_channels": 32,
                "direction_channels": 8,
                "product_channels": 16,
            }
        },
    ),
    Variant(
        name="one and a half times the width",
        options={
            "backbone": {
                "irreps": "144x0e+12x0o+48x1o+24x1e",
                "edge_channels": 96,
                "direction_channels": 24,
                "product_channels": 48,
            }
        },
    ),
    Variant(name="two blocks instead of four", options={"backbone": {"n_blocks": 2}}),
    Variant(name="with rank-two tensors", options={"backbone": {"irreps": "96x0e+8x0o+32x1o+16x1e+8x2e"}}),
)


def configured(base: GeneratorTrainingConfig, variant: Variant, steps: int, batch_size: int) -> GeneratorTrainingConfig:
    """The configuration of a variant."""
    plain = to_plain(base)
    for section, options in variant.options.items():
        plain[section] |= options
    plain["training"] |= {"steps": steps, "batch_size": batch_size, "validate_every": steps, "checkpoint_every": steps}
    plain["training"]["warmup_steps"] = min(base.training.warmup_steps, steps // 5)
    return from_plain(GeneratorTrainingConfig, plain, variant.name)


def tried(variant: Variant, data: ReactionData, config: GeneratorTrainingConfig) -> dict[str, Any]:
    """Train one variant; its row of the table."""
    splits = {name: [i for i, split in enumerate(data.splits) if split == name] for name in ("train", "val")}
    seen, held_out = (variant.starts(prepared(data, index)) for index in splits.values())
    torch.manual_seed(config.training.seed)
    model = ReactDiff(config.model)
    state = training_init(model, config.training, torch.device("cpu"))
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            state,
            seen,
            variant.loss,
            lambda average: validate(average, held_out, config.sampling_steps),
            config.training,
            Path(folder),
            report=rows.append,
        )
    metrics = {name: value for name, value in rows[-1].items() if name.startswith("val_")}
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"variant": variant.name, "parameters": n_parameters, "seconds": round(rows[-1]["seconds"]), **metrics}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="reactions with train and val splits")
    parser.add_argument("--config", type=Path, default=Path("configs/model/reactdiff_cpu.yaml"))
    parser.add_argument("--steps", type=int, default=1000, help="steps of each training")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--only", nargs="+", choices=[variant.name for variant in VARIANTS], help="default: all")
    parser.add_argument("--csv", type=Path, help="write the rows here as well")
    arguments = parser.parse_args()
    base = read_configuration(GeneratorTrainingConfig, arguments.config)
    data = read_reactions(arguments.data)
    rows: list[dict[str, Any]] = []
    print("| variant | parameters | seconds | median RMSD on val, Angstrom | mean | core, median |")
    print("|---|---|---|---|---|---|", flush=True)
    for variant in VARIANTS:
        if arguments.only and variant.name not in arguments.only:
            continue
        row = tried(variant, data, configured(base, variant, arguments.steps, arguments.batch_size))
        rows.append(row)
        print("|", " | ".join(str(value) for name, value in row.items() if name != "val_below_0_1"), "|", flush=True)
        if arguments.csv is not None:
            with arguments.csv.open("w", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(row))
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
