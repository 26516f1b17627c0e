"""The audit of a campaign: a random share of its reactions whose candidates it believed is verified all the same.

Which reactions those are depends on the seed and the reaction alone. The same share of the reactions that it sent to
the search stands for those: together they are a random sample of everything that the campaign's triage saw, and renew
the calibration set (10.48550/arXiv.2208.02814 asks for reactions exchangeable with those that are decided on).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from chem.triage import Calibration

ENOUGH_AUDITS = 50  # finished audits from which on they replace the shipped calibration


class AuditOutcome(StrEnum):
    """What the verification of a believed candidate showed."""

    VERIFIED = "verified"  # the search found the transition state of the reaction
    WRONG_SADDLE = "wrong_saddle"  # it found that of another reaction
    NOT_VERIFIED = "not_verified"  # it found none


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedReaction:
    """One reaction of the random sample of a campaign.

    Attributes:
        score_kcal_mol: Expected barrier error that triage held against its threshold; None where something else sent
            the reaction to the search, such as a hard check.
        error_kcal_mol: Barrier error found, infinite where no transition state of the reaction was found; None where
            the reaction was not believed, so that there is no estimate whose error could be known.
    """

    score_kcal_mol: float | None
    error_kcal_mol: float | None


def is_drawn(seed: int, reaction_key: str, share: float) -> bool:
    """Whether a reaction belongs to the random sample, whatever its company and its place in the campaign.

    Args:
        seed: Of the campaign.
        reaction_key: Which reaction.
        share: Share of all reactions that is drawn, 0 to 1.
    """
    digest = hashlib.sha256(f"audit {seed} {reaction_key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def audit_calibration(sample: Sequence[AuditedReaction], campaign: str) -> Calibration | None:
    """The calibration set that a campaign's own audit makes; None as long as it is too small.

    Reactions that were sent by something other than their score are always sent: their score is infinite. Those that
    were sent by their score have no known error, which counts as infinite, the cap of the risk rule: a threshold is
    never raised on the strength of reactions that nobody looked at.

    Args:
        sample: Finished audits and the reactions drawn among those sent to the search.
        campaign: Name of the campaign.
    """
    if sum(each.error_kcal_mol is not None for each in sample) < ENOUGH_AUDITS:
        return None
    scores = [math.inf if each.score_kcal_mol is None else each.score_kcal_mol for each in sample]
    errors = [math.inf if each.error_kcal_mol is None else each.error_kcal_mol for each in sample]
    return Calibration(
        expected_error_kcal_mol=np.array(scores),
        error_kcal_mol=np.array(errors),
        source=f"audit of campaign {campaign}",
    )
