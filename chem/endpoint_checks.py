"""Whether a relaxed end of a reaction is the species that was wanted, in the wanted handedness."""

from __future__ import annotations

from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.identity import split_species
from chem.lewis import lewis_structure
from chem.outcomes import Failure, Stage
from chem.perception import perceive_graph
from chem.relax import Relaxation
from chem.stereo import perceive_stereo
from chem.types import Geometry, Species


def holds_stereo(graph: MolecularGraph, geometry: Geometry) -> bool:
    """Whether every stereo element that the graph specifies has its handedness in the geometry."""
    if not graph.tetrahedral and not graph.double_bonds:
        return True
    seen = perceive_stereo(graph.without_stereo(), geometry)
    return graph.tetrahedral <= seen.tetrahedral and graph.double_bonds <= seen.double_bonds


def same_handedness(
    reactant_graph: MolecularGraph, product_graph: MolecularGraph, reactant: Geometry, product: Geometry
) -> bool:
    """Whether no centre or double bond that the reaction leaves alone is inverted between the ends.

    Every atom with the same four neighbours on both sides counts, stereo element or not, and every bond that is double
    on both: a path between the ends would otherwise have to turn it inside out or twist it.
    """
    before = perceive_stereo(reactant_graph.without_stereo(), reactant)
    after = perceive_stereo(product_graph.without_stereo(), product)
    same = {n for n in range(reactant_graph.n_atoms) if reactant_graph.neighbors[n] == product_graph.neighbors[n]}
    orders = [dict(lewis_structure(graph).orders) for graph in (reactant_graph, product_graph)]
    double = {pair for pair in set(orders[0]) & set(orders[1]) if orders[0][pair] == orders[1][pair] == 2}
    centres, bonds = dict(after.tetrahedral), {(i, j): sign for i, j, sign in after.double_bonds}
    return all(centres.get(atom, sign) == sign for atom, sign in before.tetrahedral if atom in same) and all(
        bonds.get((i, j), sign) == sign
        for i, j, sign in before.double_bonds
        if (i, j) in double and i in same and j in same
    )


def check_relaxed(graph: MolecularGraph, relaxed: Relaxation, name: str) -> Failure | None:
    """Why a relaxed structure is not the wanted one; None where it is.

    Args:
        graph: What was wanted, in the same atom order.
        relaxed: What the relaxation ended in.
        name: What to call it in the message, such as `reactant`.
    """
    perceived = perceive_graph(relaxed.geometry)
    if perceived.bonds != graph.bonds:
        wanted = ".".join(species.smiles for species in split_species(graph))
        became = ".".join(species.smiles for species in species_found(relaxed.geometry)) or "no known Lewis structure"
        exchanged = ", with other atoms bonded" if became == wanted else ""
        return Failure(
            stage=Stage.PREPARE, kind="collapsed", message=f"the {name} {wanted} relaxed to {became}{exchanged}"
        )
    if not relaxed.converged:
        return Failure(stage=Stage.PREPARE, kind="not_converged", message=f"the {name} did not relax within the steps")
    if not holds_stereo(graph, relaxed.geometry):
        return Failure(stage=Stage.PREPARE, kind="stereo", message=f"the {name} lost its handedness while relaxing")
    return None


def species_found(geometry: Geometry) -> tuple[Species, ...]:
    """Species of a relaxed structure; empty where it has no Lewis structure."""
    try:
        return split_species(perceive_graph(geometry))
    except CalculationError:
        return ()
