"""Displacements of the atoms from what the backbone saw.

Shapes: B batch, N atoms (padded).
"""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from models.backbone import MEAN_NEIGHBOURS, BackboneConfig, EquivariantNorm, Features, mixed_exactly


class DisplacementHead(nn.Module):
    """One vector for each atom, from its own vectors, along its pairs, and toward the other objects' pair vectors."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        width, irreps = config.edge_channels, o3.Irreps(config.irreps)
        self.norm = EquivariantNorm(irreps)
        self.own = o3.Linear(irreps, "1x1o")
        self.pair = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))
        self.pair_hidden, self.other_hidden = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.other = nn.Linear(width, 1)
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, features: Features) -> Tensor:
        """Displacements, shape (B, N, 3), Angstrom, in the units of the input."""
        own = self.scale * mixed_exactly(self.own, self.norm(features.nodes))
        along = (self.pair(features.pairs) * features.pair_mask * features.vectors).sum(2)
        gate = nn.functional.silu(
            self.pair_hidden(features.pairs).unsqueeze(1) + self.other_hidden(features.pairs_of_others)
        )
        inside = (features.vectors_of_others.square().sum(-1, keepdim=True) > 0).to(own)
        pull = (features.vectors.unsqueeze(1) - features.vectors_of_others) * inside
        toward = (self.other(gate) * features.pair_mask.unsqueeze(1) * pull).sum((1, 3))
        return (own + (along + toward) / MEAN_NEIGHBOURS) * features.mask
