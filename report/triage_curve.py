"""The triage of a campaign as a curve: which error is expected to be left when a share of the reactions is sent.

Reactions are sent in the order of their expected error, the worst first, after those that were sent before any error
was expected of them. What is sent counts as zero. The curve ends at what triage did; beside it stands what the audit
measured on a random share of the believed reactions, counted in the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

from report.triage_entry import TriageEntry

WIDTH, HEIGHT = 470.0, 250.0  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 444.0, 14.0, 208.0
_MOST_POINTS = 200
_NORMAL_95 = 1.96  # half the width of a 95 % interval in standard errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point of the picture, pixels; `low` and `high` are the ends of its error bar, None where it has none."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageCurve:
    """What the picture shows.

    Attributes:
        path: The curve as SVG path data.
        chosen: What triage did: the share that it sent, the error that it expects to be left.
        measured: What the audit measured at the same share; None without a finished audit.
        x_ticks: (place, text) of the horizontal axis, per cent sent.
        y_ticks: The same of the vertical axis, kcal/mol.
        share_sent: Share of the reactions that triage sent.
        expected_kcal_mol: Mean error that is expected to be left over all reactions.
        measured_kcal_mol: The same as measured; None without a finished audit.
        margin_95_kcal_mol: Half-width of its 95 % interval; None with fewer than two audits.
        unscored: Reactions that were believed without an expected error and are left out.
    """

    path: str
    chosen: Mark
    measured: Mark | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    share_sent: float
    expected_kcal_mol: float
    measured_kcal_mol: float | None
    margin_95_kcal_mol: float | None
    unscored: int


def triage_curve(triage: TriageEntry) -> TriageCurve | None:
    """The curve of a campaign; None where nothing was believed with an expected error."""
    believed = triage.expected_of_accepted_kcal_mol
    if not believed:
        return None
    unscored = triage.accepted - len(believed)
    n = triage.accepted + triage.dispatched - unscored
    points = remaining_errors(triage, n)
    share, expected = triage.dispatched / n, sum(believed) / n
    measured = margin = None
    if triage.mean_error_kcal_mol is not None:
        measured = (1.0 - share) * triage.mean_error_kcal_mol
    if triage.standard_error_kcal_mol is not None:
        margin = (1.0 - share) * _NORMAL_95 * triage.standard_error_kcal_mol
    top = _nice(max(points[0][1], (measured or 0.0) + (margin or 0.0), 1e-3))

    def x(value: float) -> float:
        return round(_LEFT + value * (_RIGHT - _LEFT), 1)

    def y(value: float) -> float:
        return round(_BOTTOM - min(value, top) / top * (_BOTTOM - _TOP), 1)

    mark = None
    if measured is not None:
        ends = (None, None) if margin is None else (y(max(measured - margin, 0.0)), y(measured + margin))
        mark = Mark(x=x(share), y=y(measured), low=ends[0], high=ends[1])
    every = max(1, len(points) // _MOST_POINTS)
    kept = [*points[:-1:every], points[-1]]
    return TriageCurve(
        path="M" + "L".join(f"{x(at)} {y(left)}" for at, left in kept),
        chosen=Mark(x=x(share), y=y(expected)),
        measured=mark,
        x_ticks=tuple((x(tick / 100), f"{tick} %") for tick in (0, 25, 50, 75, 100)),
        y_ticks=tuple((y(top * part / 4), f"{top * part / 4:.3g}") for part in range(5)),
        share_sent=share,
        expected_kcal_mol=expected,
        measured_kcal_mol=measured,
        margin_95_kcal_mol=margin,
        unscored=unscored,
    )


def remaining_errors(triage: TriageEntry, n: int) -> list[tuple[float, float]]:
    """Share that is sent and mean expected error that is left, kcal/mol, from no score sent to all.

    Args:
        triage: With the expected errors of the reactions.
        n: Reactions that it saw.
    """
    scores = sorted((*triage.expected_of_accepted_kcal_mol, *triage.expected_of_dispatched_kcal_mol), reverse=True)
    at_once = triage.dispatched - len(triage.expected_of_dispatched_kcal_mol)
    left = [sum(scores) - gone for gone in accumulate(scores, initial=0.0)]
    return [((at_once + number) / n, max(rest, 0.0) / n) for number, rest in enumerate(left)]


def _nice(value: float) -> float:
    """The next number of 1, 2 or 4 times a power of ten, which four ticks divide well."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 10) if step * power >= value * (1 - 1e-9))
