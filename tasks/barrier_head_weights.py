"""Which weights expect the barriers of a campaign's candidates, and what that choice means for its results."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chem.errors import ConfigurationError
from models.weights_file import WeightsFile, find_weights
from tasks.settings import ExploreSettings

if TYPE_CHECKING:
    from models.barrier_estimates import BarrierHead

KIND = "barrier"


def barrier_head_weights(settings: ExploreSettings) -> WeightsFile | None:
    """The weights that the settings name, looked at but not loaded; None where no head is asked for.

    Raises:
        ConfigurationError: They are missing, damaged or of another model.
    """
    return None if settings.barrier_head is None else find_weights(KIND, settings.barrier_head.checkpoint)


def check_barrier_head(settings: ExploreSettings) -> None:
    """Meet what may be wrong with the barrier head before any work starts; loads nothing.

    Raises:
        ConfigurationError: As `barrier_head_weights`; or the campaign does not triage, or explores at another level.
    """
    weights = barrier_head_weights(settings)
    if weights is None:
        return
    if settings.verify != "triage":
        raise ConfigurationError(
            f"barrier_head rejects reactions under verify: triage alone, not {settings.verify}; leave it out"
        )
    known = str(weights.card.get("level", ""))
    if known != settings.theory.key:
        raise ConfigurationError(
            f"the barrier head {weights.path} corrects {known}, the campaign explores at {settings.theory.key}; take"
            " that level, or train a head on labels of `cairn label-barriers --level`"
        )


def barrier_head_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides which reactions are given up, as JSON values; empty without a head."""
    weights = barrier_head_weights(settings)
    if weights is None or settings.barrier_head is None:
        return {}
    bound = settings.barrier_head.reject_above_kcal_mol
    return {"barrier_head": {"checkpoint_sha256": weights.sha256, "reject_above_kcal_mol": bound}}


@lru_cache(maxsize=1)
def load_head(checkpoint: Path, device: str) -> BarrierHead:
    """The head with its weights, loaded once in a process; the network is imported here."""
    from models.barrier_estimates import BarrierHead  # noqa: PLC0415

    return BarrierHead(checkpoint, device)
