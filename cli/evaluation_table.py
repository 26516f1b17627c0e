"""What an evaluation of the generator found, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cli.output import print_table

if TYPE_CHECKING:
    from chem.ranking import TriageCurve
    from models.evaluation.barrier_summary import BarrierSummary
    from models.evaluation.confidence_summary import ConfidenceSummary
    from models.evaluation.geometry_summary import Distribution, GeometrySummary
    from models.evaluation.result import Evaluation
    from models.evaluation.structures import Kind

PERCENT_SENT = (0, 5, 10, 14, 20, 30, 50)
_COLUMNS = ("mean", "median", "p90", "< 0.1", "< 0.2", "< 0.5", "core", "lenient", "distances", "wrong hand", "clashes")
_CAPTION = "Å; core, lenient and distances are medians"


def print_evaluation(result: Evaluation) -> None:
    """Print everything that an evaluation found."""
    conditions = result.conditions
    left_out = f", {conditions.n_unsupported} left out for their elements" if conditions.n_unsupported else ""
    print_table(
        f"strict RMSD of {result.geometry.n} reactions of {conditions.split}{left_out} ({_CAPTION})",
        ("structure", *_COLUMNS),
        [(kind, *_cells(result.geometry, kind)) for kind in result.geometry.rmsd_strict],
        right=_COLUMNS,
    )
    shown: Kind = "recommended" if result.geometry.rmsd_strict["recommended"] is not None else "deterministic"
    groups: list[tuple[str, GeometrySummary]] = [
        *((f"{name} product molecules", each) for name, each in result.by_product_fragments.items()),
        ("2+ reactant molecules (swapped)", result.swapped),
        *((f"{name} atoms", each) for name, each in result.by_size.items()),
    ]
    print_table(
        f"the {shown} sample by kind of reaction ({_CAPTION})",
        ("reactions", "n", *_COLUMNS),
        [(name, each.n, *_cells(each, shown)) for name, each in groups],
        right=("n", *_COLUMNS),
    )
    if result.confidence is not None:
        _print_confidence(result.confidence)
    if result.barriers is not None:
        _print_barriers(result.barriers)
    rows = [
        ("samples of each reaction", conditions.samples),
        ("network evaluations of each sample", conditions.network_evaluations),
        (f"seconds per transition state ({conditions.device})", f"{result.seconds_per_ts:.4f}"),
        ("checkpoint", conditions.checkpoint),
    ]
    print_table("conditions", ("", ""), rows)


def _print_confidence(confidence: ConfidenceSummary) -> None:
    rows = [
        ("AUROC", _number(confidence.auroc)),
        ("rank correlation of doubt and RMSD", _number(confidence.spearman)),
        ("expected calibration error", _number(confidence.calibration_error)),
        ("right (under 0.2 Å)", _percent(confidence.share_right)),
    ]
    print_table("confidence in the recommended sample", ("", ""), rows)


def _print_barriers(barriers: BarrierSummary) -> None:
    rows = [
        (f"mean, raw, of the {barriers.structure} sample", _number(barriers.raw, 2)),
        (f"mean, polished, of the {barriers.structure} sample", _number(barriers.mean, 2)),
        (f"median, polished, of the {barriers.structure} sample", _number(barriers.median, 2)),
        ("mean, raw, of the first stochastic sample", _number(barriers.first_raw, 2)),
        ("mean, polished, of the first stochastic sample", _number(barriers.first, 2)),
        ("captured share at 14 %", _number(barriers.captured_share)),
        ("rank correlation of expected and true error", _number(barriers.spearman)),
        ("failed, counted as 50", _counts(barriers.failures)),
        ("gradient calls in all", barriers.gradient_calls),
        ("gradient calls of a polish, mean", _number(barriers.mean_polish_calls, 1)),
    ]
    print_table(f"barrier error at {barriers.level}, kcal/mol", ("", ""), rows)
    if barriers.curve is not None:
        _print_curve(barriers.curve)


def _print_curve(curve: TriageCurve) -> None:
    columns = ("expected error", "random", "oracle")
    rows = []
    for percent in PERCENT_SENT:
        place = int(abs(100.0 * curve.shares - percent).argmin())
        values = (curve.scored_kcal_mol[place], curve.random_kcal_mol[place], curve.oracle_kcal_mol[place])
        rows.append((percent, *(_number(float(value), 2) for value in values)))
    print_table("mean barrier error with the worst sent, kcal/mol", ("sent, %", *columns), rows, right=columns)


def _cells(summary: GeometrySummary, kind: Kind) -> tuple[str | None, ...]:
    strict = summary.rmsd_strict[kind]
    if strict is None:
        return (None,) * len(_COLUMNS)
    return (
        _number(strict.mean),
        _number(strict.median),
        _number(strict.p90),
        _percent(strict.below_0_1),
        _percent(strict.below_0_2),
        _percent(strict.below_0_5),
        *(_median(each[kind]) for each in (summary.core_rmsd, summary.rmsd_lenient, summary.distance_mae)),
        _percent(summary.wrong_hand_rate[kind]),
        _percent(summary.clash_rate[kind]),
    )


def _median(distribution: Distribution | None) -> str | None:
    return None if distribution is None else _number(distribution.median)


def _number(value: float | None, digits: int = 3) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100.0 * share:.1f} %"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
