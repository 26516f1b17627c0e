"""Figures of an evaluation and of a training: triage, deviations, calibration, learning curve."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chem.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chem.ranking import TriageCurve

SUFFIXES = (".svg", ".png", ".pdf")
SIZE_INCHES = (5.0, 3.6)
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")  # distinguishable by the colour-blind (Okabe and Ito)


def plot_triage(path: Path, curve: TriageCurve, level: str) -> None:
    """Mean barrier error against the share sent to quantum chemistry, beside random and oracle triage.

    Args:
        path: File to write; its suffix, .svg, .png or .pdf, says the format.
        curve: What to draw.
        level: Level of theory of the energies.

    Raises:
        ConfigurationError: The suffix is unknown or matplotlib is not installed.
    """
    figure, axes = new_figure(path)
    for values, label, style, color in (
        (curve.random_kcal_mol, "random", "--", COLORS[4]),
        (curve.scored_kcal_mol, "expected error", "-", COLORS[0]),
        (curve.oracle_kcal_mol, "oracle", ":", COLORS[1]),
    ):
        axes.plot(100.0 * curve.shares, values, style, color=color, label=label)
    axes.axvline(14.0, color="0.8", linewidth=0.8, zorder=0)
    axes.set(xlabel="sent to quantum chemistry, %", ylabel="mean barrier error, kcal/mol", title=level)
    axes.set_ylim(bottom=0.0)
    axes.set_xlim(left=0.0)
    save_figure(path, figure, axes)


def plot_deviations(path: Path, deviations_angstrom: Mapping[str, ArrayLike]) -> None:
    """Cumulative distributions of strict deviations, one line for each kind of structure.

    Args:
        path: As in `plot_triage`.
        deviations_angstrom: By kind, each of shape (n,), Angstrom; empty ones are left out.

    Raises:
        ConfigurationError: As in `plot_triage`.
        InputError: There is nothing to draw.
    """
    known = {kind: np.sort(np.asarray(values, dtype=np.float64)) for kind, values in deviations_angstrom.items()}
    known = {kind: values for kind, values in known.items() if values.size}
    if not known:
        raise InputError("no deviations to draw; evaluate at least one reaction")
    figure, axes = new_figure(path)
    for place, (kind, values) in enumerate(known.items()):
        shares = 100.0 * np.arange(values.size + 1) / values.size
        axes.step(np.append(0.0, values), shares, where="post", color=COLORS[place % len(COLORS)], label=kind)
    for limit in (0.1, 0.2):
        axes.axvline(limit, color="0.8", linewidth=0.8, zorder=0)
    axes.set(xlabel="strict RMSD to the true transition state, Å", ylabel="reactions below, %", ylim=(0.0, 100.0))
    axes.set_xlim(0.0, max(0.5, *(float(np.quantile(values, 0.95)) for values in known.values())))
    save_figure(path, figure, axes)


def plot_calibration(path: Path, confidences: ArrayLike, shares_right: ArrayLike, counts: Sequence[int]) -> None:
    """Share that is right against the confidence, by bins of equal mass, beside the diagonal.

    Args:
        path: As in `plot_triage`.
        confidences: Mean confidence of each bin, shape (n_bins,).
        shares_right: Share of each bin that is right, same shape.
        counts: Reactions in each bin; the bars are standard errors of such a share.

    Raises:
        ConfigurationError: As in `plot_triage`.
    """
    figure, axes = new_figure(path)
    right = np.asarray(shares_right, dtype=np.float64)
    errors = np.sqrt(right * (1.0 - right) / np.asarray(counts, dtype=np.float64))
    axes.plot([0.0, 1.0], [0.0, 1.0], "--", color=COLORS[4], label="perfect")
    axes.errorbar(np.asarray(confidences), right, yerr=errors, fmt="o-", color=COLORS[0], label="measured")
    axes.set(xlabel="confidence", ylabel="share under 0.2 Å", xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    save_figure(path, figure, axes)


def plot_learning_curve(path: Path, curve: Path) -> None:
    """Training and validation against the step, as training wrote them: deviations, or what else there is.

    Args:
        path: As in `plot_triage`.
        curve: CSV with `step` and columns of training and validation; where some end in `_angstrom`, these are drawn.

    Raises:
        ConfigurationError: As in `plot_triage`.
        InputError: The CSV is missing or has no such columns.
    """
    if not curve.exists():
        raise InputError(f"no learning curve {curve}; give the curve.csv that training wrote")
    with curve.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = [name for name in (rows[0] if rows else {}) if name.startswith(("train_", "val_"))]
    lengths = [name for name in figures if name.endswith("_angstrom")]
    names = lengths or figures
    if not names or "step" not in rows[0]:
        raise InputError(f"{curve} has no columns step, train_... and val_...; give training's curve.csv")
    figure, axes = new_figure(path)
    for place, name in enumerate(names):
        points = [(float(row["step"]), float(row[name])) for row in rows if row[name]]
        label = name.removesuffix("_angstrom").replace("_", " ")
        style = "--" if name.startswith("train_") else "-"
        axes.plot(*zip(*points, strict=True), style, color=COLORS[place % len(COLORS)], label=label)
    axes.set(xlabel="step", ylabel="Å" if lengths else "")
    axes.set_yscale("log")
    save_figure(path, figure, axes)


def new_figure(path: Path) -> tuple[Figure, Axes]:
    """An empty figure for a file.

    Raises:
        ConfigurationError: The suffix of the file is unknown.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigurationError(f"figure {path} must end in {', '.join(SUFFIXES)}")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (half a second, and not needed to train)
    except ImportError as error:
        raise ConfigurationError("figures need matplotlib; run `pip install matplotlib`") from error
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    return figure, figure.add_subplot()


def save_figure(path: Path, figure: Figure, axes: Axes) -> None:
    """Add the legend and write the file."""
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")  # never on top of a line
    axes.spines[["top", "right"]].set_visible(False)
    # Without the date the same numbers give the same file.
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=160, metadata=metadata)
