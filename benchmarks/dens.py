"""Denoising as a second task of the force field (DeNS), at equal steps, with several seeds.

    OMP_NUM_THREADS=1 python -m benchmarks.dens --data labels.npz --config configs/model/potential_cpu.yaml --steps 4000

Three ways: without the task, with it, and with it but without telling the network the forces before the displacement,
where the task has no one answer (Liao et al., arXiv:2403.09549). Each run goes on where it was stopped. Errors are of
structures whose species no network has seen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

WAYS: dict[str, dict[str, Any]] = {
    "without": {"structure_share": 0.0},
    "with": {},
    "not told the forces": {"told_forces": False},
}


def configuration(base: Path, changes: dict[str, Any], steps: int, seed: int) -> dict[str, Any]:
    """A configuration with other settings of the denoising, steps and seed."""
    values: dict[str, Any] = yaml.safe_load(base.read_text())
    values["model"]["denoising"] |= changes
    values["training"] |= {"steps": steps, "seed": seed, "validate_every": steps, "checkpoint_every": 500}
    values["training"]["warmup_steps"] = min(values["training"]["warmup_steps"], steps // 10)
    return values


def run(command: list[str]) -> str:
    done = subprocess.run([sys.executable, "-m", "cli.main", *command], check=True, capture_output=True, text=True)
    return done.stdout


def trained(way: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One training with its errors; read back where it was done before."""
    folder: Path = arguments.folder / f"{way.replace(' ', '_')}_{seed}"
    result = folder / "result.json"
    if result.exists():
        found: dict[str, Any] = json.loads(result.read_text())
        return found
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(configuration(arguments.config, WAYS[way], arguments.steps, seed)))
    began = time.perf_counter()
    resume = ["--resume"] if list(folder.glob("*checkpoint*")) else []
    given = ["--data", str(arguments.data), "--config", str(config), "-o", str(folder), "--device", arguments.device]
    run(["train", "potential", *given, *resume])
    seconds = time.perf_counter() - began
    weights = folder / "weights.safetensors"
    words = ["evaluate", "potential", "--data", str(arguments.data), "--checkpoint", str(weights), "--json"]
    row = {"way": way, "seed": seed, "seconds": round(seconds, 1), "steps": arguments.steps}
    row |= json.loads(run([*words, "--split", arguments.split, "--device", arguments.device]))
    result.write_text(json.dumps(row) + "\n")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as `cairn label` writes it")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", default="test")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("runs/dens"))
    arguments = parser.parse_args()
    rows = [trained(way, seed, arguments) for seed in range(arguments.seeds) for way in WAYS]
    print("| DeNS | force MAE, meV/A, each seed | mean | less than without | energy MAE, meV | s |")
    print("|---|---|---|---|---|---|")
    plain = float(np.mean([row["force_mae_ev_per_angstrom"] for row in rows if row["way"] == "without"]))
    for way in WAYS:
        of_way = [row for row in rows if row["way"] == way]
        forces = [1e3 * row["force_mae_ev_per_angstrom"] for row in of_way]
        print(
            f"| {way} | {', '.join(f'{each:.1f}' for each in forces)} | {np.mean(forces):.1f}"
            f" | {100 * (1 - np.mean(forces) / plain / 1e3):.1f} %"
            f" | {1e3 * np.mean([row['energy_mae_ev'] for row in of_way]):.0f}"
            f" | {np.mean([row['seconds'] for row in of_way]):.0f} |"
        )


if __name__ == "__main__":
    main()
