"""How much of each species there is with time, with the bands that the error bars of the barriers leave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chem.microkinetics import Band, TimeProfile
from report.evaluation_plot import COLORS, new_figure, save_figure

MOST_SPECIES = 5  # more hide each other
MOST_BANDS = 2
STYLES = ("-", "--", "-.", ":", (0, (1, 1)))  # so that colour is not all that tells them apart
LEAST_SHARE = 1e-12


def plot_profile(
    path: Path, profile: TimeProfile, bands: Mapping[str, Band], labels: Mapping[str, str], title: str
) -> None:
    """Mole fractions against time, both on logarithmic axes, of the species that there was most of at any time.

    The first two come with their bands: 95 % of the runs in which heights were drawn from their error bars.

    Args:
        path: File to write; its suffix, .svg, .png or .pdf, says the format.
        profile: What to draw.
        bands: By key of the species, where there are any.
        labels: What to call each species.
        title: Above the figure.

    Raises:
        ConfigurationError: The suffix is unknown.
    """
    figure, axes = new_figure(path)
    most = sorted(profile.mole_fractions, key=lambda key: -profile.mole_fractions[key].max())[:MOST_SPECIES]
    for number, key in enumerate(most):
        color = COLORS[number % len(COLORS)]
        axes.plot(
            profile.times_s[1:],
            profile.mole_fractions[key][1:],
            linestyle=STYLES[number % len(STYLES)],
            color=color,
            label=labels[key],
        )
        if key in bands and number < MOST_BANDS:
            low, _, high = bands[key].quantiles
            axes.fill_between(bands[key].times_s[1:], low[1:], high[1:], color=color, alpha=0.15, linewidth=0.0)
    axes.set(xlabel="time, s", ylabel="mole fraction", title=title, xscale="log", yscale="log")
    axes.set_ylim(bottom=LEAST_SHARE, top=2.0)
    save_figure(path, figure, axes)
