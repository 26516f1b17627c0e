"""Which weights relax the guesses of a campaign, and what that choice means for its results."""

from __future__ import annotations

from typing import Any

from models.weights_file import WeightsFile, find_weights
from tasks.model_settings import RelaxationSettings

KIND_OF_WEIGHTS = {
    "morered-jt": "morered",
    "morered-as": "morered_separate",
    "morered-itp": "morered_separate",
    "potential": "potential",
}


def relaxation_weights(relaxation: RelaxationSettings) -> WeightsFile | None:
    """The weights that a way of relaxing needs, looked at but not loaded; None where it needs none.

    Raises:
        ConfigurationError: They are missing, damaged or of another model.
    """
    kind = KIND_OF_WEIGHTS.get(relaxation.method)
    return None if kind is None else find_weights(kind, relaxation.checkpoint)


def relaxation_settings(relaxation: RelaxationSettings) -> dict[str, Any]:
    """What decides how guesses are relaxed, as JSON values; empty where they are not."""
    if relaxation.method == "none":
        return {}
    weights = relaxation_weights(relaxation)
    values = {
        "method": relaxation.method,
        "checkpoint_sha256": None if weights is None else weights.sha256,
        "largest_noise_angstrom": relaxation.largest_noise_angstrom,
    }
    return {"relaxation": values}
