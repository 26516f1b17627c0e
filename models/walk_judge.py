"""Expected error of a barrier, told from how the polish of its candidate went.

A ridge regression of log(1 + error) on a few numbers of the walk, and a monotone curve from there to kcal/mol. Forces
that are left and a barrier that vanished say most. With the walk known, the generator's own confidence adds nothing,
and a network in place of the regression little (captured share over 351 reactions 0.79 against 0.74).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from chem.walk_features import NAMES
from models.monotone import curve_at, monotone_curve

if TYPE_CHECKING:
    from chem.triage import Calibration

CAP_KCAL_MOL = 50.0  # what larger errors and failures count as
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
        self.register_buffer("values", torch.linspace(0.0, CAP_KCAL_MOL, n_knots, dtype=torch.float64))
        self.register_buffer("calibration_scores", torch.zeros(n_calibration, dtype=torch.float64))
        self.register_buffer("calibration_errors", torch.zeros(n_calibration, dtype=torch.float64))
        self.source = "val"

    @property
    def calibration(self) -> Calibration:
        """Expected and true errors of the reactions that it was calibrated on."""
        from chem.triage import Calibration  # noqa: PLC0415 (training runs without what it imports)

        return Calibration(
            expected_error_kcal_mol=self.calibration_scores.numpy(),
            error_kcal_mol=self.calibration_errors.numpy(),
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
        standard = np.clip((features - self.mean.numpy()) / self.scale.numpy(), -FARTHEST, FARTHEST)
        weights = self.weights.numpy()
        found: Array = standard @ weights[:-1] + weights[-1]
        return found

    def expected(self, features: Array) -> Array:
        """Expected error, from features of shape (n, n_features); shape (n,), kcal/mol."""
        return curve_at(self.doubt(features), self.knots.numpy(), self.values.numpy())

    def fit(self, features: Array, errors_kcal_mol: Array) -> None:
        """Fit the regression.

        Args:
            features: From `chem.walk_features`, shape (n, n_features).
            errors_kcal_mol: True absolute errors, shape (n,), kcal/mol; infinite where a calculation failed.
        """
        mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
        standard = np.clip((features - mean) / scale, -FARTHEST, FARTHEST)
        target = np.log1p(np.minimum(errors_kcal_mol, CAP_KCAL_MOL))
        middle = standard.mean(axis=0)
        centred = standard - middle
        normal = centred.T @ centred + RIDGE * np.eye(centred.shape[1])
        slopes = np.linalg.solve(normal, centred.T @ (target - target.mean()))
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))
        self.weights.copy_(torch.from_numpy(np.append(slopes, target.mean() - middle @ slopes)))

    def calibrate(self, features: Array, errors_kcal_mol: Array, n_failed: int) -> None:
        """Draw the curve and keep the calibration set.

        Args:
            features: As for `fit`, of other reactions.
            errors_kcal_mol: As for `fit`.
            n_failed: How many reactions more had a polish that failed: these are always sent.
        """
        doubts = self.doubt(features)
        knots, values = monotone_curve(doubts, np.minimum(errors_kcal_mol, CAP_KCAL_MOL), len(self.knots))
        self.knots.copy_(torch.from_numpy(knots))
        self.values.copy_(torch.from_numpy(values))
        always = np.full(n_failed, np.inf)
        self.calibration_scores.copy_(torch.from_numpy(np.append(self.expected(features), always)))
        self.calibration_errors.copy_(torch.from_numpy(np.append(errors_kcal_mol, always)))
