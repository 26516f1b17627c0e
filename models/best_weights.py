"""The weights of the best validation so far, kept in a folder while a training goes on."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.checkpoints import save_weights
from models.weights_file import read_weights_file

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
        """Go on from the weights that an earlier run left."""
        path = self.folder / WEIGHTS_FILE
        if path.exists():
            curve = read_weights_file(path, self.kind).card["curve"]
            self.best = float(curve[f"val_{self.criterion}"])

    def offer(self, model: nn.Module, row: dict[str, float]) -> None:
        """Write the weights if this row of the curve is the best."""
        value = row[f"val_{self.criterion}"]
        if not value < self.best:  # nor where it is no number
            return
        self.best = value
        today = dt.datetime.now(tz=dt.UTC).date().isoformat()
        card = {**self.facts, "date": today, "torch": torch.__version__, "curve": row}
        save_weights(self.folder / WEIGHTS_FILE, model, self.kind, self.config, card)
