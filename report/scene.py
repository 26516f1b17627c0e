"""What the 3D view of a transition state shows: atoms, whole bonds, and dashed breaking and forming ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chem.graph import MolecularGraph
from chem.perception import perceive_graph
from chem.types import Geometry
from report.content import TSEntry


def ts_scene(entry: TSEntry) -> dict[str, Any]:
    """A transition state and its IRC ends as plain JSON values for the page's viewer.

    Bonds that both ends have are drawn whole, those of one end alone dashed. Without both ends the bonds of the saddle
    point itself are drawn, none of them dashed.

    Returns:
        `symbols`; `frames`, one for each known structure, with `name`, flat `positions` in Angstrom (the ends rotated
        onto the saddle point) and `bonds`; `broken` and `formed`, pairs of atom indices; `xyz`, the saddle
        point as text. `side` is -1 for the reactant end, 0 for the saddle point, 1 for the product end.
    """
    saddle = entry.geometry
    frames: list[tuple[str, int, Geometry, MolecularGraph | None]] = [("Transition state", 0, saddle, None)]
    for name, side, end in (("Reactant end", -1, entry.reactant_end), ("Product end", 1, entry.product_end)):
        if end is not None and np.array_equal(end.numbers, saddle.numbers):
            frames.append((name, side, end, perceive_graph(end)))
    graphs = [graph for *_, graph in frames if graph is not None]
    kept = graphs[0].bonds & graphs[1].bonds if len(graphs) == 2 else perceive_graph(saddle).bonds
    broken, formed = (graphs[0].bonds - kept, graphs[1].bonds - kept) if len(graphs) == 2 else ((), ())
    reference = saddle.positions - saddle.positions.mean(axis=0)
    scenes = [
        {
            "name": name,
            "side": side,
            "positions": np.round(aligned(geometry.positions, reference), 3).ravel().tolist(),
            "bonds": sorted(kept if graph is None else graph.bonds),
            "dashed": graph is None,
        }
        for name, side, geometry, graph in frames
    ]
    return {
        "symbols": list(saddle.symbols),
        "frames": scenes,
        "broken": sorted(broken),
        "formed": sorted(formed),
        "xyz": xyz_text(saddle, comment=f"charge={saddle.charge} multiplicity={saddle.multiplicity}"),
    }


def aligned(positions: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions centred and rotated onto centred reference positions, both of shape (n_atoms, 3), Angstrom.

    The rotation of least squares by singular value decomposition (Kabsch, 10.1107/S0567739476001873), mirror images
    excluded.
    """
    centred = positions - positions.mean(axis=0)
    u, _, vt = np.linalg.svd(centred.T @ reference)
    handedness = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotated: NDArray[np.float64] = centred @ u @ handedness @ vt
    return rotated


def xyz_text(geometry: Geometry, comment: str = "") -> str:
    """A geometry as XYZ text, Angstrom."""
    lines = [str(geometry.n_atoms), " ".join(comment.split())]
    for symbol, (x, y, z) in zip(geometry.symbols, geometry.positions.tolist(), strict=True):
        lines.append(f"{symbol:<2} {x:14.8f} {y:14.8f} {z:14.8f}")
    return "\n".join(lines) + "\n"
