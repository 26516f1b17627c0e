"""What is done with a candidate: believed, sent to quantum chemistry, or dropped."""

from __future__ import annotations

from typing import Literal

from chem.outcomes import Action, Decision
from chem.types import TSCandidate

Policy = Literal["all", "triage", "none"]


def decide(policy: Policy, best: TSCandidate | None) -> Decision:
    """Decide on a reaction by its best candidate.

    Args:
        policy: `all` verifies every reaction, `none` takes every candidate as an estimate, `triage` verifies where the
            generator gives no confidence.
        best: The candidate that its generator ranks first; None where there is none.
    """
    if best is None:
        return Decision(action=Action.REFINE, reasons=("no candidate: the search starts from a band",))
    if policy == "none":
        return Decision(action=Action.ACCEPT, reasons=("the campaign verifies nothing",))
    if policy == "all":
        return Decision(action=Action.REFINE, reasons=("the campaign verifies everything",))
    return Decision(action=Action.REFINE, reasons=(f"generator {best.generator} gives no calibrated confidence",))
