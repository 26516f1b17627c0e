"""Samples that lean toward a property: the gradient of its likelihood added to the score."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.diffusion.parametrisations import Predictor, converted
from models.diffusion.processes import VariancePreserving, spread

Slope = Callable[[Tensor, Tensor], Tensor]  # gradient of ln q(property | values) at values and integer times
Preference = Callable[[Tensor], Tensor]  # logarithm of how much clean values are wanted, one number for each system


def guided(process: VariancePreserving, predict_noise: Predictor, slope: Slope, strength: float) -> Predictor:
    """A predictor whose samples lean toward a property: eps - strength sigma grad ln q.

    Args:
        process: Of the predictor.
        predict_noise: Unguided.
        slope: Gradient of the logarithm of how likely the property is, in the units of the process.
        strength: 0 leaves the samples as they are, 1 gives those that have the property by Bayes' rule.
    """

    def predict(values: Tensor, times: Tensor) -> Tensor:
        sigma = spread(process.schedule.sigma(times), values)
        return predict_noise(values, times) - strength * sigma * slope(values, times)

    return predict


def slope_at_expected(
    process: VariancePreserving, noise: Tensor, values: Tensor, times: Tensor, mask: Tensor, preference: Preference
) -> Tensor:
    """Slope of a preference of clean values, taken at those that predicted noise lets expect of noised ones.

    As in diffusion posterior sampling (10.48550/arXiv.2209.14687), but for how the expected values move with the noised
    ones: by alpha, as for data of unit variance in every direction. The derivative of the network itself is that of its
    noise over alpha; early, where alpha is small, its errors would tear structures apart.

    Args:
        process: Of the noise.
        noise: Predicted at the values and times, without gradients.
        values: Noised.
        times: Integer, one for each system.
        mask: 1 where a point is.
        preference: Of clean values in the units of the process.
    """
    expected = converted(noise, values, times, process, source="noise", target="clean")
    with torch.enable_grad():
        tracked = process.project(expected, mask).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(preference(tracked).sum(), tracked)
    alpha, _ = process.coefficients(times, values)
    return process.project(alpha * gradient, mask)
