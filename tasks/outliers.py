"""End points that a trained DiG finds unlikely for their bonds, as doubts that triage reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from chem.generator import EndPoints
from chem.graph import subgraph
from chem.perception import perceive_graph
from models.weights_file import WeightsFile, find_weights
from tasks.model_settings import OutlierSettings

KIND = "dig"


def outlier_weights(outliers: OutlierSettings) -> WeightsFile | None:
    """The weights that are asked for likelihoods, looked at but not loaded; None where none are.

    Raises:
        ConfigurationError: They are missing, damaged or of another model.
    """
    return None if outliers.least_log_likelihood is None else find_weights(KIND, outliers.checkpoint)


def outlier_settings(outliers: OutlierSettings) -> dict[str, Any]:
    """What decides which end points are doubted, as JSON values; empty where none are."""
    weights = outlier_weights(outliers)
    if weights is None:
        return {}
    values = {"checkpoint_sha256": weights.sha256, "least_log_likelihood": outliers.least_log_likelihood}
    return {"outliers": values}


def unlikely_ends(ends: Sequence[EndPoints], outliers: OutlierSettings) -> list[tuple[str, ...]]:
    """Why end points are doubted; empty where they are likely, or of molecules that the network does not know.

    Every molecule of both sides counts for itself, by the bonds that its distances show.

    Args:
        ends: Of each reaction, the most promising ones.
        outliers: Bound.
    """
    weights, least = outlier_weights(outliers), outliers.least_log_likelihood
    if weights is None or least is None:
        return [()] * len(ends)
    molecules, places = [], []
    for place, pair in enumerate(ends):
        for side, geometry in (("reactant", pair.reactant), ("product", pair.product)):
            if (geometry.charge, geometry.multiplicity) != (0, 1):
                continue
            graph = perceive_graph(geometry)
            for atoms in graph.fragments:
                molecules.append((subgraph(graph, atoms, charge=0, multiplicity=1), geometry.positions[list(atoms)]))
                places.append((place, side))
    from models.dig_outliers import likelihood_per_degree_of_freedom  # noqa: PLC0415 (torch)

    found = likelihood_per_degree_of_freedom(_load(weights.path, outliers.device), molecules)
    lowest: dict[tuple[int, str], float] = {}
    for key, value in zip(places, found, strict=True):
        if value is not None:
            lowest[key] = min(value, lowest.get(key, value))
    return [
        tuple(
            f"DiG finds the {side} unlikely: {value:.2f} nats a degree of freedom, below {least:g}"
            for side in ("reactant", "product")
            if (value := lowest.get((place, side), least)) < least
        )
        for place in range(len(ends))
    ]


@lru_cache(maxsize=1)
def _load(checkpoint: Path, device: str) -> Any:
    from models.dig_conformers import load_dig  # noqa: PLC0415 (torch)

    return load_dig(checkpoint, device=device)
