"""Which weights propose the further reactions of a campaign, and what that choice means for its network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chem.enumeration import EnumerationRules
from chem.types import Species
from models.domain import is_in_domain
from models.weights_file import WeightsFile, find_weights
from tasks.model_settings import ProposeSettings

KIND = "joint"
GUIDES = ("potential", "barrier")  # weights that tell low barriers, as shipped


def proposal_weights(propose: ProposeSettings) -> WeightsFile | None:
    """The weights, looked at but not loaded; None where nothing is proposed.

    Raises:
        ConfigurationError: They are missing, damaged or of another model.
    """
    return find_weights(KIND, propose.checkpoint) if propose.n else None


def proposal_settings(propose: ProposeSettings) -> dict[str, Any]:
    """What decides which reactions are proposed, as JSON values; empty where none are."""
    weights = proposal_weights(propose)
    if weights is None:
        return {}
    values: dict[str, Any] = {
        "n": propose.n,
        "checkpoint_sha256": weights.sha256,
        "steps": propose.steps,
        "break_bonds": propose.break_bonds,
        "form_bonds": propose.form_bonds,
    }
    if propose.guidance:
        guides = {f"{kind}_sha256": find_weights(kind, None).sha256 for kind in GUIDES}
        values |= {"guidance": propose.guidance, **guides}
    return {"propose": values}


def plausible_rules(enumeration: EnumerationRules, propose: ProposeSettings) -> EnumerationRules:
    """Rules that a sound proposal keeps: those of the enumeration with bounds of their own."""
    return replace(enumeration, break_bonds=propose.break_bonds, form_bonds=propose.form_bonds)


def is_known_to(weights: WeightsFile, species: Species) -> bool:
    """Whether the network was trained on such molecules: neutral, closed-shell, its elements, with a bond to change."""
    return species.graph.n_atoms > 1 and is_in_domain(species.graph, weights.config["backbone"]["elements"])
