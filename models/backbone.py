"""The one equivariant network of this package: atoms that move, read beside other objects of the same atoms.

Node features are e3nn irreps with true scalars (0e), pseudoscalars (0o), vectors (1o), axial vectors (1e) and, if asked
for, higher ones, so the network tells hands apart. Other objects of a reaction enter through what does not depend on
their frame: pair distances and bonds inside their fragments, and directions after superposing every fragment on the
moving object. Objects with the same role share all weights and are summed, so their order does not matter.

Shapes: B batch, N atoms (padded), O other objects, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from e3nn import o3
from torch import Tensor, nn

from models.frames import aligned_by_fragment, in_full_precision
from models.radial import LevelEmbedding, RadialBasis, smooth_cutoff

MEAN_NEIGHBOURS = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneConfig:
    """Size of the network.

    Attributes:
        elements: Atomic numbers that it knows.
        irreps: Node features; must hold 0e, 0o, 1o and 1e.
        edge_channels: Width of the pair features.
        direction_channels: Width of the directions read off each other object.
        product_channels: Width of the tensor products at each atom.
        n_blocks: Rounds of messages.
        n_radial: Radial functions of each distance.
        n_roles: Kinds of other objects (an end point, a transition state).
        cutoff_angstrom: Distance at which an atom stops hearing another, smoothly, Angstrom; 0 for never.
    """

    elements: tuple[int, ...] = (1, 6, 7, 8)
    irreps: str = "96x0e+8x0o+32x1o+16x1e"
    edge_channels: int = 64
    direction_channels: int = 16
    product_channels: int = 32
    n_blocks: int = 4
    n_radial: int = 32
    n_roles: int = 2
    cutoff_angstrom: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Objects that are read, not moved.

    Attributes:
        positions: Shape (B, O, N, 3), Angstrom, each fragment in any frame.
        bonded: Bonds, shape (B, O, N, N), bool; all False where they are not known.
        together: Atoms in one fragment, shape (B, O, N, N), bool; geometry counts only within.
        level: Noise level of each object, 0 for exact ones, shape (B, O).
        role: Kind of each object, shape (O,) or (B, O), below `n_roles`.
    """

    positions: Tensor
    bonded: Tensor
    together: Tensor
    level: Tensor
    role: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the network made of its input.

    Attributes:
        nodes: Irreps of each atom, shape (B, N, irreps.dim).
        pairs: Invariants of each pair, shape (B, N, N, C_edge).
        pairs_of_others: The same for each object, shape (B, O, N, N, C_edge).
        vectors: From atom i to atom j of the moving object, shape (B, N, N, 3), Angstrom.
        vectors_of_others: The same in the superposed other objects, zero across fragments, shape (B, O, N, N, 3).
        pair_mask: 1 for pairs of two different atoms that are there, less toward the cutoff, shape (B, N, N, 1).
        mask: 1 where an atom is, shape (B, N, 1).
    """

    nodes: Tensor
    pairs: Tensor
    pairs_of_others: Tensor
    vectors: Tensor
    vectors_of_others: Tensor
    pair_mask: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Part:
    """Where one irrep lies in the node features: `mul` copies of `dim` numbers in columns `start` to `stop`."""

    mul: int
    dim: int
    degree: int
    is_scalar: bool
    start: int
    stop: int


def directed_irreps(irreps: o3.Irreps) -> o3.Irreps:
    """Those that spherical harmonics have: true vectors, even rank-two tensors and so on."""
    return o3.Irreps([(mul, ir) for mul, ir in irreps if ir.l > 0 and ir.p == (-1) ** ir.l])


def parts_of(irreps: o3.Irreps) -> tuple[Part, ...]:
    """Layout of irreps as plain numbers, which compile well."""
    return tuple(
        Part(mul, ir.dim, ir.l, str(ir) == "0e", place.start, place.stop)
        for (mul, ir), place in zip(irreps, irreps.slices(), strict=True)
    )


def split_parts(nodes: Tensor, parts: tuple[Part, ...]) -> tuple[Tensor, ...]:
    """Columns of each irrep; one split, whose gradient is one concatenation."""
    return nodes.split([part.stop - part.start for part in parts], dim=-1)


def mixed_exactly(linear: o3.Linear, nodes: Tensor) -> Tensor:
    """An e3nn linear map outside automatic mixed precision, which its compiled code does not know."""
    with torch.autocast(nodes.device.type, enabled=False):
        return linear(nodes.to(linear.weight.dtype))


class EquivariantNorm(nn.Module):
    """Layer normalisation of scalars; other irreps are divided by their root-mean-square over channels."""

    def __init__(self, irreps: o3.Irreps) -> None:
        super().__init__()
        self.parts = parts_of(irreps)
        self.scalar = nn.LayerNorm(irreps.count("0e"))
        self.scale = nn.Parameter(torch.ones(sum(mul for mul, ir in irreps if str(ir) != "0e")))

    def forward(self, nodes: Tensor) -> Tensor:
        """Shape kept."""
        out = []
        scales = iter(self.scale.split([part.mul for part in self.parts if not part.is_scalar]))
        for part, own in zip(self.parts, split_parts(nodes, self.parts), strict=True):
            if part.is_scalar:
                out.append(self.scalar(own))
                continue
            copies = own.unflatten(-1, (part.mul, part.dim))
            size = copies.square().sum(-1).mean(-1, keepdim=True).add(1e-4).rsqrt().unsqueeze(-1)
            out.append((copies * (size * next(scales).unsqueeze(-1))).flatten(-2))
        return torch.cat(out, dim=-1)


class AtomUpdate(nn.Module):
    """Tensor products at each atom: the place where directions meet and handedness arises."""

    def __init__(self, irreps: o3.Irreps, channels: int) -> None:
        super().__init__()
        self.parts = parts_of(irreps)
        kinds = [ir for _, ir in irreps]
        narrow = o3.Irreps([(channels, ir) for ir in kinds])
        self.left, self.right = o3.Linear(irreps, narrow), o3.Linear(irreps, narrow)
        out, instructions = [], []
        for i, a in enumerate(kinds):
            for j, b in enumerate(kinds):
                for c in a * b:
                    # A true scalar times anything is left to the gates.
                    if c not in kinds or "0e" in (str(a), str(b)):
                        continue
                    instructions.append((i, j, len(out), "uuu", False))
                    out.append((channels, c))
        self.product = o3.TensorProduct(narrow, narrow, o3.Irreps(out), instructions)
        self.mix = o3.Linear(self.product.irreps_out.simplify(), irreps)
        self.n_scalars = irreps.count("0e")
        n_gates = sum(mul for mul, ir in irreps if str(ir) != "0e")
        hidden = self.n_scalars
        self.gates = nn.Sequential(
            nn.Linear(2 * self.n_scalars, hidden), nn.SiLU(), nn.Linear(hidden, self.n_scalars + n_gates)
        )

    @in_full_precision
    def multiplied(self, nodes: Tensor) -> Tensor:
        """Products of two views of the features, mixed back into their irreps; same shape."""
        nodes = nodes.to(self.left.weight.dtype)
        return self.mix(self.product(self.left(nodes), self.right(nodes)))

    def forward(self, nodes: Tensor) -> Tensor:
        """Change of the node features, same shape."""
        mixed = split_parts(self.multiplied(nodes), self.parts)
        own = split_parts(nodes, self.parts)
        place = next(place for place, part in enumerate(self.parts) if part.is_scalar)
        widths = [self.n_scalars] + [part.mul for part in self.parts if not part.is_scalar]
        scalars, *gates = self.gates(torch.cat([own[place], mixed[place]], dim=-1)).split(widths, dim=-1)
        gate, out = iter(gates), []
        for part, change in zip(self.parts, mixed, strict=True):
            if part.is_scalar:
                out.append(scalars)
                continue
            out.append((change.unflatten(-1, (part.mul, part.dim)) * next(gate).unsqueeze(-1)).flatten(-2))
        return torch.cat(out, dim=-1)


class Block(nn.Module):
    """One round: pairs read their atoms, atoms gather messages, tensor products at each atom."""

    def __init__(self, config: BackboneConfig, irreps: o3.Irreps) -> None:
        super().__init__()
        self.parts = parts_of(irreps)
        width, scalars = config.edge_channels, irreps.count("0e")
        self.norm, self.update_norm = EquivariantNorm(irreps), EquivariantNorm(irreps)
        self.receiver, self.sender = nn.Linear(scalars, width), nn.Linear(scalars, width, bias=False)
        self.n_probes = 8
        self.probe = o3.Linear(irreps, f"{2 * self.n_probes}x1o")
        self.from_pair = nn.Linear(width + 2 * self.n_probes, width)
        self.pair_change = nn.Linear(width, width)
        directed = directed_irreps(irreps)
        self.filter_sizes = [mul for mul, _ in irreps] + [mul for mul, _ in directed]
        self.filters = nn.Linear(width, sum(self.filter_sizes))
        self.n_directions = config.direction_channels
        self.hidden_gate = nn.Linear(width, width // 2)
        self.other_gate = nn.Linear(width, width // 2, bias=False)
        self.other_filters = nn.Linear(width // 2, self.n_directions * len(directed))
        directions = o3.Irreps([(self.n_directions, ir) for _, ir in directed])
        self.gather = o3.Linear(irreps + directed + directions, irreps)
        self.update = AtomUpdate(irreps, config.product_channels)

    def forward(
        self, features: Features, harmonics: tuple[Tensor, ...], harmonics_of_others: tuple[Tensor, ...]
    ) -> Features:
        """New node and pair features; the rest as it was.

        Args:
            features: Features so far.
            harmonics: Spherical harmonics of the pair vectors, one (B, N, N, 2l+1) for each directed irrep.
            harmonics_of_others: The same for each object, (B, O, N, N, 2l+1).
        """
        nodes = self.norm(features.nodes)
        own = split_parts(nodes, self.parts)
        scalars = own[next(place for place, part in enumerate(self.parts) if part.is_scalar)]
        # Projections of the atoms' vectors on the pair's direction carry angles into the pair.
        receivers, senders = (
            mixed_exactly(self.probe, nodes).unflatten(-1, (2, self.n_probes, 3)).unbind(-3)
        )  # (B, N, P, 3)
        unit = harmonics[0]
        seen = [(unit @ receivers.transpose(-1, -2)), torch.einsum("bjpx,bijx->bijp", senders, unit)]
        hidden = self.from_pair(torch.cat([features.pairs, *seen], dim=-1))
        hidden = hidden + self.receiver(scalars).unsqueeze(2) + self.sender(scalars).unsqueeze(1)
        hidden = nn.functional.silu(hidden)
        pairs = features.pairs + self.pair_change(hidden)
        filters = (self.filters(hidden) * features.pair_mask).split(self.filter_sizes, dim=-1)
        gathered = []
        for part, sent, weight in zip(self.parts, own, filters, strict=False):
            if part.dim == 1:
                gathered.append((weight * sent.unsqueeze(1)).sum(2))
                continue
            copies = sent.unflatten(-1, (part.mul, part.dim))
            gathered.append(torch.einsum("bijc,bjcm->bicm", weight, copies).flatten(-2))
        for weight, harmonic in zip(filters[len(self.parts) :], harmonics, strict=True):
            gathered.append((weight.transpose(-1, -2) @ harmonic).flatten(-2))
        gate = self.hidden_gate(hidden).unsqueeze(1) + self.other_gate(features.pairs_of_others)
        weights = self.other_filters(nn.functional.silu(gate)) * features.pair_mask.unsqueeze(1)
        sizes = [self.n_directions] * len(harmonics)
        for weight, harmonic in zip(weights.split(sizes, dim=-1), harmonics_of_others, strict=True):
            gathered.append((weight.transpose(-1, -2) @ harmonic).sum(1).flatten(-2))
        messages = torch.cat(gathered, dim=-1) / math.sqrt(MEAN_NEIGHBOURS)
        nodes = features.nodes + mixed_exactly(self.gather, messages)
        nodes = nodes + self.update(self.update_norm(nodes))
        return Features(
            nodes=nodes * features.mask,
            pairs=pairs,
            pairs_of_others=features.pairs_of_others,
            vectors=features.vectors,
            vectors_of_others=features.vectors_of_others,
            pair_mask=features.pair_mask,
            mask=features.mask,
        )


class Backbone(nn.Module):
    """The network; heads are put on its `Features`."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        irreps = o3.Irreps(config.irreps)
        scalars, width = irreps.count("0e"), config.edge_channels
        self.n_columns = irreps.dim
        place = next(part for part in parts_of(irreps) if part.is_scalar)
        self.scalars = slice(place.start, place.stop)
        self.harmonics = o3.SphericalHarmonics(
            o3.Irreps([(1, ir) for _, ir in directed_irreps(irreps)]), normalize=False, normalization="norm"
        )
        self.harmonic_sizes = [ir.dim for _, ir in directed_irreps(irreps)]
        index = torch.full((max(config.elements) + 1,), -1, dtype=torch.long)
        index[list(config.elements)] = torch.arange(len(config.elements))
        self.register_buffer("element_index", index, persistent=False)
        self.element = nn.Embedding(len(config.elements), scalars)
        self.level = LevelEmbedding(scalars)
        self.radial = RadialBasis(config.n_radial)
        self.pair_level, self.other_level = LevelEmbedding(width), LevelEmbedding(width)
        self.role = nn.Embedding(config.n_roles, width)
        self.receiver, self.sender = nn.Linear(scalars, width), nn.Linear(scalars, width, bias=False)
        self.own_distance = nn.Linear(config.n_radial, width)
        self.other_distance = nn.Linear(config.n_radial + 2, width)
        self.pair_mix = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(config, irreps) for _ in range(config.n_blocks))

    def forward(
        self,
        numbers: Tensor,
        mask: Tensor,
        positions: Tensor,
        level: Tensor,
        others: Others,
        known: Tensor | None = None,
    ) -> Features:
        """Features of every atom and pair.

        Args:
            numbers: Atomic numbers, 0 on padding, shape (B, N).
            mask: True where an atom is, shape (B, N).
            positions: The moving object, shape (B, N, 3), Angstrom.
            level: Its noise level or path time in [0, 1], shape (B,).
            others: Objects that are read.
            known: What else is known of each atom, as features to begin with, shape (B, N, irreps.dim).
        """
        there = mask.to(positions).unsqueeze(-1)  # (B, N, 1)
        pair_mask = there.unsqueeze(2) * there.unsqueeze(1)
        pair_mask = pair_mask * (1.0 - torch.eye(mask.shape[1], device=mask.device, dtype=there.dtype)[..., None])
        with torch.no_grad():
            onto = positions.unsqueeze(1).expand_as(others.positions)
            superposed = aligned_by_fragment(others.positions, onto, others.together)
        vectors = positions.unsqueeze(1) - positions.unsqueeze(2)  # (B, N, N, 3): from i to j
        inside = others.together.to(positions).unsqueeze(-1) * pair_mask.unsqueeze(1)  # (B, O, N, N, 1)
        vectors_of_others = (superposed.unsqueeze(2) - superposed.unsqueeze(3)) * inside
        distances = (vectors.square().sum(-1) + 1e-12).sqrt()
        if self.config.cutoff_angstrom > 0.0:
            pair_mask = pair_mask * smooth_cutoff(distances, self.config.cutoff_angstrom).unsqueeze(-1)
        distances_of_others = (vectors_of_others.square().sum(-1) + 1e-12).sqrt()

        scalars = self.element(self.element_index[numbers.clamp_min(0)].clamp_min(0)) + self.level(level).unsqueeze(1)
        ends = self.receiver(scalars).unsqueeze(2) + self.sender(scalars).unsqueeze(1)  # (B, N, N, C)
        ends = ends + self.own_distance(self.radial(distances)) + self.pair_level(level)[:, None, None]
        flags = torch.stack([others.bonded, others.together], dim=-1).to(positions)
        seen = torch.cat([self.radial(distances_of_others) * inside, flags], dim=-1)
        of_others = self.other_distance(seen) + self.role(others.role)[..., None, None, :]
        of_others = nn.functional.silu(ends.unsqueeze(1) + of_others + self.other_level(others.level)[:, :, None, None])
        pairs = self.pair_mix(torch.cat([of_others.sum(1), nn.functional.silu(ends)], dim=-1))

        nodes = positions.new_zeros(*mask.shape, self.n_columns)
        nodes[..., self.scalars] = scalars
        if known is not None:
            nodes = nodes + known
        features = Features(
            nodes=nodes * there,
            pairs=pairs,
            pairs_of_others=of_others,
            vectors=vectors,
            vectors_of_others=vectors_of_others,
            pair_mask=pair_mask,
            mask=there,
        )
        harmonics = self._harmonics(vectors, distances)
        harmonics_of_others = self._harmonics(vectors_of_others, distances_of_others)
        for block in self.blocks:
            features = block(features, harmonics, harmonics_of_others)
        return features

    def _harmonics(self, vectors: Tensor, distances: Tensor) -> tuple[Tensor, ...]:
        """Spherical harmonics of pair vectors, smooth where two atoms meet, one (..., 2l+1) for each directed irrep."""
        unit = vectors / (distances.unsqueeze(-1) + 0.1)
        return self.harmonics(unit).split(self.harmonic_sizes, dim=-1)
