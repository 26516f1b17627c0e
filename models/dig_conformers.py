"""Trained DiG at work on molecules: guesses of conformers, and paths between two structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from chem.errors import ElementError, InputError
from chem.generator import EndPoints
from chem.graph import MolecularGraph
from chem.perception import perceive_graph
from models.checkpoints import read_checkpoint, shipped
from models.dig import Dig, DigConfig
from models.dig_sampling import DigSampling, draw_structures, interpolate
from models.domain import is_in_domain
from models.generator_sampling import chunks, device_of
from models.structure_batch import StructureArrays, StructureBatch, collate_structures

KIND = "dig"
PATH_STEPS = 25  # from an end to its latent: more cost more than they bring, since the path is held to its ends


def load_dig(checkpoint: Path | None = None, *, device: str = "auto") -> Dig:
    """The network with trained weights, on a device.

    Raises:
        ConfigurationError: The checkpoint is missing, damaged or of another model.
    """
    stored = shipped(KIND) if checkpoint is None else read_checkpoint(checkpoint, KIND)
    model = Dig(stored.configuration(DigConfig))
    stored.load_into(model)
    ready: Dig = model.to(device_of(device)).eval().requires_grad_(requires_grad=False)
    return ready


def guessed_conformers(model: Dig, graph: MolecularGraph, n: int, seed: int) -> list[NDArray[np.float64]]:
    """Structures drawn from the bonds of a molecule.

    Args:
        model: As `load_dig` gives it.
        graph: One neutral closed-shell molecule.
        n: How many.
        seed: Of the noise.

    Returns:
        Each of shape (n_atoms, 3), Angstrom, in the atom order of the graph.

    Raises:
        ElementError: The network does not know an element.
        InputError: The molecule is charged or has unpaired electrons.
    """
    _check(model, graph)
    found: list[NDArray[np.float64]] = []
    device = next(model.parameters()).device
    for number, chunk in enumerate(chunks([len(graph.numbers)] * n, 1, device)):
        batch = batch_of([(graph, np.zeros((len(graph.numbers), 3)))] * len(chunk)).to(device)
        drawn = draw_structures(model, batch, DigSampling(seed=seed + number))
        found += list(drawn.cpu().double().numpy())
    return found


def latent_path(model: Dig, ends: EndPoints, n_images: int) -> list[NDArray[np.float64]]:
    """Structures between two, through the latents of both, from the bonds of the one to those of the other.

    Args:
        model: As `load_dig` gives it.
        ends: Reactant and product, superposed.
        n_images: Structures between.

    Returns:
        Each of shape (n_atoms, 3), Angstrom, around the centre of the reactant.

    Raises:
        ElementError: The network does not know an element.
        InputError: The molecules are charged or have unpaired electrons.
    """
    sides = []
    for end in (ends.reactant, ends.product):
        graph = perceive_graph(end).without_stereo()
        _check(model, graph)
        sides.append(batch_of([(graph, end.positions)]).to(next(model.parameters()).device))
    images = interpolate(model, *sides, n_images, n_steps=PATH_STEPS)[:, 0]
    center = ends.reactant.positions.mean(axis=0)
    return [image + center for image in images.cpu().double().numpy()]


def knows(model: Dig, graph: MolecularGraph) -> bool:
    """Whether a molecule is of the kind that the network was trained on: neutral, closed-shell, of its elements."""
    return is_in_domain(graph, model.config.backbone.elements)


def batch_of(structures: Sequence[tuple[MolecularGraph, NDArray[np.float64]]]) -> StructureBatch:
    """Structures with the bonds that they are to have.

    Args:
        structures: Bonds and positions of each, shape (n_atoms, 3), Angstrom.
    """
    batch = collate_structures(
        [StructureArrays(numbers=np.array(graph.numbers), positions=each) for graph, each in structures]
    )
    bonded = torch.zeros_like(batch.bonded)
    for row, (graph, _) in enumerate(structures):
        for i, j in graph.bonds:
            bonded[row, i, j] = bonded[row, j, i] = True
    return replace(batch, bonded=bonded)


def _check(model: Dig, graph: MolecularGraph) -> None:
    strange = sorted(set(graph.numbers) - set(model.config.backbone.elements))
    if strange:
        names = ", ".join(str(number) for number in strange)
        raise ElementError(f"the network was not trained on the atomic numbers {names}; choose another method")
    if not knows(model, graph):
        raise InputError(
            f"the network knows neutral closed-shell molecules alone, not charge {graph.charge:+d} and multiplicity"
            f" {graph.multiplicity}; choose another method"
        )
