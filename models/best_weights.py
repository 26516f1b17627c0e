"""The weights of the best validation so far, kept in a folder while a training goes on."""

from __future__ import annotations

import csv
import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.checkpoints import save_weights

WEIGHTS_FILE = "weights.safetensors"


@dataclass(slots=True, kw_only=True)
class BestWeights:
    """Keeps the averaged weights of the best validation so far.

    Attributes:
        folder: Gets `weights.safetensors`.
        kind: Kind of model.
        criterion: Figure of the validation by which weights are chosen; the smaller the better.
        config: Stored in the file.
        facts: Stored in its card: data, split, command, seed.
        best: Smallest value of the criterion so far.
    """

    folder: Path
    kind: str
    criterion: str
    config: Any
    facts: dict[str, Any]
    best: float = math.inf

    def __post_init__(self) -> None:
        """Go on from the curve that an earlier run left."""
        curve = self.folder / "curve.csv"
        if curve.exists() and (self.folder / WEIGHTS_FILE).exists():
            with curve.open(newline="") as file:
                values = [float(row[f"val_{self.criterion}"]) for row in csv.DictReader(file)]
            self.best = min([*values, math.inf])

    def offer(self, model: nn.Module, row: dict[str, float]) -> None:
        """Write the weights if this row of the curve is the best."""
        value = row[f"val_{self.criterion}"]
        if value >= self.best:
            return
        self.best = value
        today = dt.datetime.now(tz=dt.UTC).date().isoformat()
        card = {**self.facts, "date": today, "torch": torch.__version__, "curve": row}
        save_weights(self.folder / WEIGHTS_FILE, model, self.kind, self.config, card)
