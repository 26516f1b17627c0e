"""The network as one image: species by name, reactions coloured by barrier, dashed where not checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from report.colours import BARRIER_COLOURS, barrier_colour, barrier_range
from report.content import ReportContent, State
from report.layout import network_layout
from report.wording import shortened

PIXELS_PER_INCH = 110.0  # of the layout; text keeps its size, so that a large network is a large picture
SMALLEST_INCHES, LARGEST_INCHES = 6.0, 16.0
MOST_REACTIONS = 60  # more hide each other
_STYLES = {State.PASSED: "-", State.ESTIMATED: (0, (4, 2))}
_OTHERWISE = (0, (1, 2))  # with a barrier that a check failed or could not be made


def draw_network(content: ReportContent, path: Path) -> Path:
    """Write the image of the lowest barriers; other reactions are left out, and species that only they lead to.

    Args:
        content: The network.
        path: File to write, .png or .svg.

    Returns:
        The path.
    """
    known = [each for each in content.by_barrier if each.barrier_forward_kcal_mol is not None]
    shown = known[:MOST_REACTIONS]
    members = {key for each in shown for key in (*each.reactants, *each.products)} | set(content.seeds)
    species = tuple(each for each in content.species if each.key in members)
    layout = network_layout(replace(content, reactions=tuple(shown), species=species))
    places = {key: (x, -y) for key, (x, y) in layout.species.items()}
    width = max((x for x, _ in places.values()), default=0.0) - min((x for x, _ in places.values()), default=0.0)
    height = max((y for _, y in places.values()), default=0.0) - min((y for _, y in places.values()), default=0.0)
    size = [min(max(each / PIXELS_PER_INCH + 2.0, SMALLEST_INCHES), LARGEST_INCHES) for each in (width, height)]
    figure = Figure(figsize=(size[0], size[1]), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    low, high = barrier_range(content)
    scale = LinearSegmentedColormap.from_list("barrier", BARRIER_COLOURS)
    for reaction in reversed(shown):  # the lowest on top
        x, y = layout.reactions[reaction.key]
        for key in (*reaction.reactants, *reaction.products):
            axes.plot(
                [places[key][0], x],
                [places[key][1], -y],
                color=barrier_colour(reaction.barrier_forward_kcal_mol or 0.0, low, high),
                linestyle=_STYLES.get(reaction.state, _OTHERWISE),
                linewidth=1.6,
                zorder=1,
            )
    labels = {species.key: species.smiles for species in content.species}
    for key, (x, y) in places.items():
        axes.annotate(
            shortened(labels.get(key, key)),
            (x, y),
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if key in content.seeds else "normal",
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": "#555555"},
            zorder=2,
        )
    axes.set_title(f"{content.title}: the {len(shown)} lowest of {len(known)} barriers")
    lines: dict[str, Any] = {"passed every check": "-", "estimated": _STYLES[State.ESTIMATED]}
    lines["a check failed or is open"] = _OTHERWISE
    handles = [Line2D([], [], color="#555555", linestyle=style, label=name) for name, style in lines.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    coloured = ScalarMappable(Normalize(low, high), scale)
    figure.colorbar(coloured, ax=axes, shrink=0.5, label=f"barrier, kcal/mol, {content.level}")
    figure.savefig(path, dpi=100, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path
