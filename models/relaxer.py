"""Trained MoreRed networks as a way to relax geometries, batched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from chem.alignment import align
from chem.errors import ElementError, InputError
from chem.graph import MolecularGraph
from chem.types import Geometry
from models.checkpoints import read_checkpoint, shipped
from models.generator_sampling import chunks, device_of
from models.morered import KIND_OF, MoreRed, MoreRedConfig
from models.morered_relaxation import FORM_OF, RelaxationConfig, relax_batch
from models.structure_batch import StructureArrays, StructureBatch, collate_structures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkRelaxation:
    """What a network made of a geometry.

    Attributes:
        geometry: The relaxed one, superposed on the guess.
        noise_angstrom: Noise that the network saw on the guess: how broken it was, Angstrom.
        evaluations: Evaluations of the network.
        relaxed: Whether it came to rest.
    """

    geometry: Geometry
    noise_angstrom: float
    evaluations: int
    relaxed: bool


class Relaxer:
    """Relaxes geometries with trained weights.

    Args:
        config: How, and with which variant.
        checkpoint: Weights of the form that the variant needs; None takes those that Cairn ships.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigurationError: A checkpoint is missing, damaged or of another model.
    """

    def __init__(self, config: RelaxationConfig, *, checkpoint: Path | None = None, device: str = "auto") -> None:
        self.config = config
        self.device = device_of(device)
        kind = KIND_OF[FORM_OF[config.variant]]
        self.checkpoint = shipped(kind) if checkpoint is None else read_checkpoint(checkpoint, kind)
        self.model = MoreRed(self.checkpoint.configuration(MoreRedConfig))
        self.checkpoint.load_into(self.model)
        self.model.to(self.device).eval()

    def relax(self, guesses: Sequence[Geometry], graphs: Sequence[MolecularGraph | None]) -> list[NetworkRelaxation]:
        """Relax guesses, each to the bonds of its graph where there is one.

        Args:
            guesses: Any number, any sizes.
            graphs: Bonds of each in its atom order; None where they are not known.

        Raises:
            ElementError: The network does not know an element.
            InputError: A guess is charged or has unpaired electrons.
        """
        check_neutral(guesses)
        check_known(guesses, self.model.config.backbone.elements)
        found: dict[int, NetworkRelaxation] = {}
        for places in chunks([each.n_atoms for each in guesses], 1, self.device):
            batch = _batch([guesses[place] for place in places], [graphs[place] for place in places])
            result = relax_batch(self.model, batch.to(self.device), self.config)
            positions = result.positions.cpu().double().numpy()
            for row, place in enumerate(places):
                guess = guesses[place]
                found[place] = NetworkRelaxation(
                    geometry=guess.with_positions(align(positions[row, : guess.n_atoms], guess.positions)),
                    noise_angstrom=float(result.noise_angstrom[row]),
                    evaluations=int(result.evaluations[row]),
                    relaxed=bool(result.relaxed[row]),
                )
        return [found[place] for place in range(len(guesses))]


def _batch(guesses: Sequence[Geometry], graphs: Sequence[MolecularGraph | None]) -> StructureBatch:
    arrays = [StructureArrays(numbers=np.array(each.numbers), positions=each.positions) for each in guesses]
    batch = collate_structures(arrays)
    bonded = torch.zeros_like(batch.bonded)
    for row, graph in enumerate(graphs):
        for i, j in graph.bonds if graph is not None else ():
            bonded[row, i, j] = bonded[row, j, i] = True
    return replace(batch, bonded=bonded)


def check_neutral(structures: Sequence[Geometry]) -> None:
    """See that structures are what the networks were trained on.

    Raises:
        InputError: One is charged or has unpaired electrons.
    """
    for each in structures:
        if each.charge or each.multiplicity != 1:
            raise InputError(
                f"the networks know neutral closed-shell molecules alone, not charge {each.charge:+d} and multiplicity"
                f" {each.multiplicity}; relax with gfn2"
            )


def check_known(structures: Sequence[Geometry], elements: Collection[int]) -> None:
    """See that a network knows all elements, before any work is done.

    Raises:
        ElementError: It does not know one.
    """
    strange = {s for each in structures for s, n in zip(each.symbols, each.numbers, strict=True) if n not in elements}
    if strange:
        raise ElementError(f"the network was not trained on {', '.join(sorted(strange))}; relax with gfn2")
