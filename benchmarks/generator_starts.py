"""Where the generator may begin: its own fit of pair distances, or the middle of a linear, an IDPP or a DiG path.

    OMP_NUM_THREADS=1 python -m benchmarks.generator_starts --data rdb7.npz --split val -n 100

Ends are the published ones. For each start: its own strict RMSD from the published transition state, that of the
deterministic sample, and that of the candidate that ranks first of eight. `own and NAME` ranks four samples from each
of two starts together: another start is worth its samples only where that beats eight from one.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.saddle_starts import load
from chem.alignment import align
from chem.generator import EndPoints
from chem.guess import idpp_path, linear_path
from chem.ts_errors import strict_rmsd
from models.dig_conformers import latent_path, load_dig
from models.frames import centered
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig, draw
from models.reaction_batch import ReactionArrays, ReactionBatch, collate
from models.start import with_start

OTHERS = ("linear", "idpp", "dig")
SAMPLES = 8


def starts_of(ends: EndPoints, dig: Any) -> dict[str, NDArray[np.float64]]:
    """The middle of each path, shape (n_atoms, 3), Angstrom."""
    moved = ends.product.with_positions(align(ends.product.positions, ends.reactant.positions))
    superposed = EndPoints(reactant=ends.reactant, product=moved)
    return {
        "linear": linear_path(superposed, 1)[0],
        "idpp": idpp_path(superposed, 1)[0],
        "dig": latent_path(dig, superposed, 1)[0],
    }


def begun_at(batch: ReactionBatch, start: NDArray[np.float64]) -> ReactionBatch:
    """The same reaction with another start."""
    positions = torch.from_numpy(start).to(batch.start).unsqueeze(0)
    return replace(batch, start=centered(positions, batch.mask))


def first_ranked(generator: DiffusionGenerator, batch: ReactionBatch, positions: Tensor) -> int:
    """Place of the candidate that ranks first."""
    assert generator.scorer is not None
    return int(generator.scorer.score(batch, positions).order(0)[0])


def row_of(generator: DiffusionGenerator, dig: Any, reaction: dict[str, Any]) -> dict[str, float]:
    """RMSD of starts, deterministic samples and recommended candidates of one reaction, Angstrom."""
    ends = EndPoints(reactant=reaction["reactant"], product=reaction["product"])
    arrays = ReactionArrays(
        numbers=np.array(ends.reactant.numbers), ends=np.stack([ends.reactant.positions, ends.product.positions])
    )
    own = with_start(collate([arrays])).to(generator.device)
    batches = {"own": own} | {name: begun_at(own, start) for name, start in starts_of(ends, dig).items()}
    true = reaction["ts"].positions

    def error(positions: Tensor) -> float:
        return strict_rmsd(positions.cpu().double().numpy(), true)

    half, row = SAMPLES // 2, {}
    drawn = {name: draw(generator.model, each, generator.sampling) for name, each in batches.items()}
    for name, positions in drawn.items():
        row[f"{name}: start"] = error(batches[name].start[0])
        row[f"{name}: sample"] = error(positions[0, 0])
        row[f"{name}: first of {SAMPLES}"] = error(positions[0, first_ranked(generator, own, positions)])
    for name in OTHERS:
        both = torch.cat([drawn["own"][:, :half], drawn[name][:, :half]], dim=1)
        row[f"own and {name}: first of {SAMPLES}"] = error(both[0, first_ranked(generator, own, both)])
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("-n", type=int, default=100, help="reactions")
    parser.add_argument("--dig", type=Path, help="weights of DiG; else those that are shipped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    generator = DiffusionGenerator(sampling=SamplingConfig(n_samples=SAMPLES))
    dig = load_dig(arguments.dig)
    reactions = load(arguments.data, arguments.split, arguments.n, arguments.seed)
    rows = [row_of(generator, dig, each) for each in reactions]
    print(f"{len(rows)} reactions of {arguments.split}; strict RMSD, Angstrom: mean, median")
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        print(f"{name:28} {values.mean():.3f} {np.median(values):.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
