"""What the generator's sampling is worth: steps, a second pass over its own answer, the mean of noisy samples.

    OMP_NUM_THREADS=1 python -m benchmarks.generator_steps --data rdb7.npz --split val

Every way sees the same reactions with the same weights; RMSDs are strict, of one answer a reaction.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoints import read_checkpoint, shipped
from models.frames import aligned, centered, rmsd
from models.generator_sampling import SamplingConfig, draw
from models.generator_training import core_rmsd, prepared
from models.reactdiff import ReactDiff, ReactDiffConfig, sample
from models.reaction_batch import ReactionBatch
from models.reaction_data import read_reactions

GROUP = 50  # reactions of like size at once


def refined(model: ReactDiff, batch: ReactionBatch, passes: int, n_steps: int) -> Tensor:
    """The answer of one pass as the start of the next."""
    for _ in range(passes):
        batch = replace(batch, start=centered(sample(model, batch, n_steps=n_steps), batch.mask))
    return batch.start


def mean_sample(model: ReactDiff, batch: ReactionBatch, n_samples: int, n_steps: int) -> Tensor:
    """Mean of the deterministic sample and noisy ones superposed on it."""
    drawn = draw(model, batch, SamplingConfig(n_samples=n_samples, n_steps=n_steps))
    first = drawn[:, 0]
    others = [aligned(drawn[:, k], first, batch.mask) for k in range(1, n_samples)]
    return centered(torch.stack([first, *others]).mean(0), batch.mask)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--checkpoint", type=Path, help="default: the shipped weights")
    arguments = parser.parse_args()
    checkpoint = (
        shipped("reactdiff") if arguments.checkpoint is None else read_checkpoint(arguments.checkpoint, "reactdiff")
    )
    model = ReactDiff(checkpoint.configuration(ReactDiffConfig))
    checkpoint.load_into(model)
    model.eval()
    data = read_reactions(arguments.data)
    batch = prepared(data, [i for i, split in enumerate(data.splits) if split == arguments.split])
    ways = {
        **{
            f"{steps} step{'s' * (steps > 1)}": lambda some, n=steps: sample(model, some, n_steps=n) for steps in (1, 2)
        },
        "3 steps": lambda some: sample(model, some, n_steps=3),
        "5 steps": lambda some: sample(model, some, n_steps=5),
        "10 steps": lambda some: sample(model, some, n_steps=10),
        "3 steps, then 1 from there": lambda some: refined(
            model, replace(some, start=sample(model, some, n_steps=3)), 1, 1
        ),
        "3 steps, twice": lambda some: refined(model, some, 2, 3),
        "3 steps, four times": lambda some: refined(model, some, 4, 3),
        "mean of 8 samples": lambda some: mean_sample(model, some, 8, 3),
    }
    print("| way | median, Angstrom | mean | under 0.1 | core, median |")
    print("|---|---|---|---|---|", flush=True)
    groups = [batch.select(part) for part in batch.mask.sum(-1).argsort().split(GROUP)]
    for name, way in ways.items():
        deviations, cores = [], []
        with torch.no_grad():
            for some in groups:
                found = way(some)
                deviations.append(rmsd(found, some.ts, some.mask.to(found)))
                cores.append(core_rmsd(found, some))
        values, core = torch.cat(deviations), torch.cat(cores)
        print(
            f"| {name} | {float(values.median()):.3f} | {float(values.mean()):.3f}"
            f" | {float((values < 0.1).float().mean()):.2f} | {float(core.nanmedian()):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
