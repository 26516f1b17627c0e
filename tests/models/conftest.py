"""Three small reactions with their transition states, and a small network with random weights in double precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.reactdiff import ReactDiff, ReactDiffConfig
from models.reaction_batch import ReactionArrays, ReactionBatch, collate
from models.start import with_start

# Atomic numbers; reactant, product (MMFF94, fragments apart) and transition state (GFN2-xTB), Angstrom. Vinyl alcohol
# becomes acetaldehyde; formaldehyde, flat, falls into CO and H2; a chiral amine loses ammonia.
REACTIONS = {
    "tautomerisation": (
        (6, 6, 8, 1, 1, 1, 1),
        """
        -0.7787 0.3587 -0.0615
        0.185 -0.556 0.0516
        1.4251 -0.3112 0.5657
        -0.6433 1.3866 0.2542
        -1.7419 0.0869 -0.482
        0.0784 -1.5897 -0.2551
        1.4754 0.6247 0.8266
        """,
        """
        -0.6489 0.0309 -0.0384
        0.8445 -0.0345 0.053
        1.509 -0.9639 -0.3931
        -1.0325 -0.8552 -0.55
        -0.9341 0.9253 -0.5971
        1.329 0.8194 0.5558
        -1.067 0.0781 0.9698
        """,
        """
        -0.2889 0.4184 -0.4407
        0.1947 -0.6747 0.2673
        1.1809 -0.3346 1.0084
        -0.6637 1.2345 0.1687
        -0.8565 0.3114 -1.3556
        -0.1022 -1.7168 0.2081
        0.9441 0.811 0.27
        """,
    ),
    "dissociation": (
        (6, 8, 1, 1),
        """
        -0.0122 0.0017 0
        1.2008 -0.1665 0
        -0.4663 1.0055 0
        -0.7223 -0.8406 0
        """,
        """
        0.5591 0 0
        -0.5591 0 0
        5.349 0 0
        4.651 0 0
        """,
        """
        0.2983 -0.5291 0
        1.3912 -0.1402 0
        -0.7531 0.9344 0
        -0.7788 -0.418 0
        """,
    ),
    "elimination": (
        (6, 6, 8, 7, 1, 1, 1, 1, 1, 1, 1),
        """
        -1.0774 -0.527 0.1658
        0.3203 0.0102 0.4323
        0.3086 1.4163 0.4794
        1.2383 -0.38 -0.6064
        0.9382 0.0128 -1.4936
        -1.4767 -0.1529 -0.7841
        -1.0875 -1.6214 0.1412
        -1.7673 -0.1902 0.9473
        0.6772 -0.3605 1.3981
        -0.2035 1.7256 -0.284
        2.1298 0.0671 -0.396
        """,
        """
        -0.6489 0.0309 -0.0384
        0.8445 -0.0345 0.053
        1.509 -0.9639 -0.3931
        5.001 -0.0042 0.2956
        4.6475 0.8725 -0.0851
        -1.0325 -0.8552 -0.55
        -0.9341 0.9253 -0.5971
        -1.067 0.0781 0.9698
        1.329 0.8194 0.5558
        5.9302 -0.1292 -0.1035
        4.4212 -0.7391 -0.107
        """,
        """
        -0.9572 -0.5375 0.0052
        0.2571 0.246 0.5022
        0.0906 1.4997 0.8401
        1.2372 0.512 -0.7368
        0.868 0.2731 -1.6578
        -1.4935 0.0474 -0.738
        -1.6202 -0.7039 0.8492
        -0.6614 -1.4991 -0.4083
        0.8365 -0.3803 1.2173
        0.9991 1.5803 -0.3364
        2.197 0.1755 -0.6616
        """,
    ),
}


def _positions(text: str) -> np.ndarray:
    return np.array([[float(word) for word in line.split()] for line in text.strip().splitlines()])


@pytest.fixture
def reactions() -> dict[str, ReactionArrays]:
    """The three reactions by name."""
    return {
        name: ReactionArrays(
            numbers=np.array(numbers),
            ends=np.stack([_positions(reactant), _positions(product)]),
            ts=_positions(ts),
        )
        for name, (numbers, reactant, product, ts) in REACTIONS.items()
    }


@pytest.fixture
def batch_of() -> Callable[..., ReactionBatch]:
    """Function that makes a batch with starts, all in double precision."""

    def made(several: Sequence[ReactionArrays], n_atoms: int = 0) -> ReactionBatch:
        single = collate(several, n_atoms)
        ends = torch.zeros(single.ends.shape, dtype=torch.float64)
        ts = torch.zeros(single.ts.shape, dtype=torch.float64)
        for row, reaction in enumerate(several):
            n = len(reaction.numbers)
            ends[row, :, :n] = torch.from_numpy(reaction.ends - reaction.ends.mean(axis=1, keepdims=True))
            ts[row, :n] = torch.from_numpy(reaction.ts - reaction.ts.mean(axis=0))
        return with_start(replace(single, ends=ends, ts=ts))

    return made


@pytest.fixture
def scattered() -> Callable[..., ReactionArrays]:
    """Function that turns and moves every fragment of either end for itself."""

    def moved(reaction: ReactionArrays, seed: int = 0) -> ReactionArrays:
        generator = np.random.default_rng(seed)
        together = collate([reaction]).together[0].numpy()
        ends = reaction.ends.copy()
        for side in (0, 1):
            for number, row in enumerate(np.unique(together[side], axis=0)):
                own = ends[side, row] - ends[side, row].mean(axis=0)
                ends[side, row] = own @ rotation(generator) + 15.0 * number + generator.normal(size=3)
        return replace(reaction, ends=ends)

    return moved


def rotation(generator: np.random.Generator) -> np.ndarray:
    """A random proper rotation, shape (3, 3)."""
    q, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.fixture
def proper_rotation() -> torch.Tensor:
    """A rotation, shape (3, 3)."""
    return torch.from_numpy(rotation(np.random.default_rng(5)))


@pytest.fixture(scope="session")
def tiny(tiny_config: ReactDiffConfig) -> ReactDiff:
    """Random weights that move atoms by tenths of an Angstrom, in double precision."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = ReactDiff(tiny_config).double().eval().requires_grad_(requires_grad=False)
    model.head.scale.data.fill_(0.5)
    return model
