"""What a network can predict, and how one prediction turns into another.

For variance-preserving diffusion, with x_t = alpha x_0 + sigma eps:

| prediction | meaning | source |
|---|---|---|
| noise | eps | DOI 10.48550/arXiv.2006.11239 |
| score | gradient of ln p_t, -eps / sigma | DOI 10.48550/arXiv.2011.13456 |
| clean | x_0 | |
| velocity | alpha eps - sigma x_0 | DOI 10.48550/arXiv.2202.00512, appendix D |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.processes import VariancePreserving, spread

Prediction = Literal["noise", "score", "clean", "velocity"]
Predictor = Callable[[Tensor, Tensor], Tensor]  # (values, times) -> a prediction shaped like the values


def converted(
    value: Tensor,
    noised: Tensor,
    time: Tensor,
    process: VariancePreserving,
    *,
    source: Prediction,
    target: Prediction,
) -> Tensor:
    """One prediction expressed as another.

    Where sigma is 0 the noise, the score and the velocity do not follow from a clean sample, nor the score from
    anything; the result is then not finite.

    Args:
        value: The prediction, shape (..., n_atoms, 3).
        noised: x_t that it was made for, same shape.
        time: Of x_t, integer or fractional, shape of some first axes.
        process: Gives alpha and sigma.
        source: What `value` is.
        target: What is wanted.

    Returns:
        Same shape.

    Raises:
        ConfigurationError: If a name is unknown.
    """
    if source == target:
        return value
    alpha, sigma = process.coefficients(time, noised)
    clean, noise = _clean_and_noise(value, noised, alpha, sigma, source)
    if target == "noise":
        return noise
    if target == "score":
        return -noise / sigma
    if target == "clean":
        return clean
    if target == "velocity":
        return alpha * noise - sigma * clean
    raise ConfigurationError(f"prediction {target!r} is unknown; give noise, score, clean or velocity")


def _clean_and_noise(
    value: Tensor, noised: Tensor, alpha: Tensor, sigma: Tensor, source: Prediction
) -> tuple[Tensor, Tensor]:
    """Estimates of x_0 and eps that together give x_t back."""
    if source == "noise":
        return (noised - sigma * value) / alpha, value
    if source == "score":
        return (noised + sigma.square() * value) / alpha, -sigma * value
    if source == "clean":
        return value, (noised - alpha * value) / sigma
    if source == "velocity":
        return alpha * noised - sigma * value, sigma * noised + alpha * value
    raise ConfigurationError(f"prediction {source!r} is unknown; give noise, score, clean or velocity")


def noise_predictor(predict: Predictor, process: VariancePreserving, *, source: Prediction) -> Predictor:
    """A network of any parametrisation as the noise predictor that samplers and likelihood take.

    Args:
        predict: Maps values (..., n_atoms, 3) and times to a prediction of the same shape.
        process: The process it was trained on.
        source: What it predicts.

    Returns:
        A function of values and times that predicts the noise.
    """

    def predict_noise(values: Tensor, time: Tensor) -> Tensor:
        return converted(predict(values, time), values, time, process, source=source, target="noise")

    return predict_noise


def target_from_velocity(velocity: Tensor, point: Tensor, time: Tensor) -> Tensor:
    """End point of a straight path from its velocity: x_t + (1 - t) v.

    Holds for a path without noise, and for the drift of a path with it (see `models.diffusion.samplers`).

    Args:
        velocity: Shape (..., n_atoms, 3).
        point: x_t, same shape.
        time: 0 to 1, shape of some first axes.

    Returns:
        Same shape.
    """
    return point + (1.0 - spread(time, point)) * velocity


def velocity_from_target(target: Tensor, point: Tensor, time: Tensor) -> Tensor:
    """Velocity that leads straight to an end point: (target - x_t) / (1 - t); the inverse of `target_from_velocity`."""
    return (target - point) / (1.0 - spread(time, point))
