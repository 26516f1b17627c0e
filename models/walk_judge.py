"""Expected error of a barrier, told from how the polish of its candidate went.

A ridge regression of log(1 + error) on a few numbers of the walk, and a monotone curve from there to kcal/mol. Forces
that are left and a barrier that vanished say most. With the walk known, the generator's own confidence adds nothing,
and a network in place of the regression little (captured share over 351 reactions 0.79 against 0.74).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from chem.errors import InputError
from chem.ranking import ERROR_CAP_KCAL_MOL
from chem.triage import Calibration
from chem.walk_features import NAMES
from models.checkpoints import read_checkpoint, shipped
from models.monotone import curve_at, monotone_curve

FEWEST = 3  # reactions to fit or calibrate on; a sensible number is a few hundred
RIDGE = 10.0  # beside features of unit variance, as many as there are reactions
FARTHEST = 5.0  # standard deviations within which a column may count
Array = NDArray[np.float64]


class WalkJudge(nn.Module):
    """Regression, curve and calibration set; all of it buffers, nothing is trained by gradients.

    Args:
        n_knots: Knots of the curve.
        n_calibration: Reactions whose scores and errors are kept for triage.
    """

    def __init__(self, n_knots: int = 32, n_calibration: int = 0) -> None:
        super().__init__()
        width = len(NAMES)
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(width, dtype=torch.float64))
        self.register_buffer("weights", torch.zeros(width + 1, dtype=torch.float64))  # the last is the constant
        self.register_buffer("knots", torch.linspace(-3.0, 5.0, n_knots, dtype=torch.float64))
        self.register_buffer("values", torch.linspace(0.0, ERROR_CAP_KCAL_MOL, n_knots, dtype=torch.float64))
        self.register_buffer("calibration_scores", torch.zeros(n_calibration, dtype=torch.float64))
        self.register_buffer("calibration_errors", torch.zeros(n_calibration, dtype=torch.float64))
        self.source = "val"

    def numbers(self, name: str) -> Array:
        """A buffer as numpy array, wherever the module lies."""
        found: Array = self.get_buffer(name).cpu().numpy()
        return found

    @property
    def calibration(self) -> Calibration:
        """Expected and true errors of the reactions that it was calibrated on."""
        return Calibration(
            expected_error_kcal_mol=self.numbers("calibration_scores"),
            error_kcal_mol=self.numbers("calibration_errors"),
            source=self.source,
        )

    def expected_errors_kcal_mol(self, features: Sequence[Array]) -> list[float]:
        """Expected absolute errors of the barriers that polishes left, kcal/mol.

        Args:
            features: What `chem.walk_features` tells of each.
        """
        return [float(value) for value in self.expected(np.stack(features))] if features else []

    def doubt(self, features: Array) -> Array:
        """What the curve is drawn over, from features of shape (n, n_features); shape (n,)."""
        weights = self.numbers("weights")
        found: Array = self._standard(features) @ weights[:-1] + weights[-1]
        return found

    def _standard(self, features: Array) -> Array:
        found: Array = np.clip((features - self.numbers("mean")) / self.numbers("scale"), -FARTHEST, FARTHEST)
        return found

    def expected(self, features: Array) -> Array:
        """Expected error, from features of shape (n, n_features); shape (n,), kcal/mol."""
        return curve_at(self.doubt(features), self.numbers("knots"), self.numbers("values"))

    def fit(self, features: Array, errors_kcal_mol: Array) -> None:
        """Fit the regression.

        Args:
            features: From `chem.walk_features`, shape (n, n_features).
            errors_kcal_mol: True absolute errors, shape (n,), kcal/mol; infinite where a calculation failed.
        """
        _check(features)
        self.mean.copy_(torch.from_numpy(features.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(np.maximum(features.std(axis=0), 1e-6)))
        standard = self._standard(features)
        target = np.log1p(np.minimum(errors_kcal_mol, ERROR_CAP_KCAL_MOL))
        middle = standard.mean(axis=0)
        centred = standard - middle
        normal = centred.T @ centred + RIDGE * np.eye(centred.shape[1])
        slopes = np.linalg.solve(normal, centred.T @ (target - target.mean()))
        self.weights.copy_(torch.from_numpy(np.append(slopes, target.mean() - middle @ slopes)))

    def calibrate(self, features: Array, errors_kcal_mol: Array, n_failed: int) -> None:
        """Draw the curve and keep the calibration set.

        Args:
            features: As for `fit`, of other reactions.
            errors_kcal_mol: As for `fit`.
            n_failed: How many reactions more had a polish that failed: these are always sent.
        """
        _check(features)
        doubts = self.doubt(features)
        knots, values = monotone_curve(doubts, np.minimum(errors_kcal_mol, ERROR_CAP_KCAL_MOL), len(self.knots))
        self.knots.copy_(torch.from_numpy(knots))
        self.values.copy_(torch.from_numpy(values))
        always = np.full(n_failed, np.inf)
        self.calibration_scores.copy_(torch.from_numpy(np.append(self.expected(features), always)))
        self.calibration_errors.copy_(torch.from_numpy(np.append(errors_kcal_mol, always)))


def load_judge(path: Path | None) -> WalkJudge:
    """The judge of a confidence, alone and on the CPU.

    Args:
        path: Weights of the confidence; None takes those that Cairn ships.

    Raises:
        ConfigurationError: They are missing or damaged.
    """
    checkpoint = shipped("confidence") if path is None else read_checkpoint(path, "confidence")
    prefix = "judge."
    own = {name.removeprefix(prefix): value for name, value in checkpoint.weights.items() if name.startswith(prefix)}
    judge = WalkJudge(len(own["knots"]), len(own["calibration_scores"]))
    judge.load_state_dict(own)
    judge.source = str(checkpoint.card.get("calibrated_on", judge.source))
    return judge


def _check(features: Array) -> None:
    if len(features) < FEWEST:
        raise InputError(
            f"{len(features)} reactions have a polished candidate that can be believed, {FEWEST} at least are needed to"
            " expect errors; give more reactions, or a generator and a level of theory that go with them"
        )
