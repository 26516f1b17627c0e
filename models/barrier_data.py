"""Reactions with reference barriers and with energies of their ends and transition states, for the barrier head."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chem.errors import InputError
from chem.units import kcal_mol
from models.reaction_batch import ReactionArrays, ReactionBatch, collate

TRUE, NOISED, GENERATED = "true", "noised", "generated"
MADE_WITH = "`cairn label-barriers`"
OF_REACTIONS = ("offset", "numbers", "reactant", "product", "rxn", "split", "reference_kcal_mol", "ends_ev")
OF_CANDIDATES = ("candidate_reaction", "candidate_kind", "candidate_positions", "candidate_ev")
OF_FILE = ("level", "reference", "generator_sha256")
COLLATED = 500  # entries that are padded at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledCandidate:
    """A geometry for the transition state of a reaction.

    Attributes:
        kind: `true`, `noised` or `generated`.
        positions: Shape (n_atoms, 3), Angstrom.
        energy_ev: At the level of the file, eV.
    """

    kind: str
    positions: NDArray[np.float64]
    energy_ev: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledReaction:
    """A reaction with its reference barrier and candidates.

    Attributes:
        identifier: The data's own name.
        split: Its split.
        numbers: Atomic numbers, shape (n_atoms,).
        ends: Reactant and product, shape (2, n_atoms, 3), Angstrom.
        reference_kcal_mol: Forward barrier that is learned, kcal/mol.
        ends_ev: Energies of reactant and product at the level of the file, eV.
        candidates: Geometries for its transition state.
    """

    identifier: str
    split: str
    numbers: NDArray[np.int64]
    ends: NDArray[np.float64]
    reference_kcal_mol: float
    ends_ev: tuple[float, float]
    candidates: tuple[LabelledCandidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierLabels:
    """What a file of barrier labels holds.

    Attributes:
        reactions: The reactions.
        level: Key of the level of the energies.
        reference: What the barriers that are learned come from, in words.
        generator_sha256: Hash of the weights of the generated candidates; empty where there are none.
    """

    reactions: tuple[LabelledReaction, ...]
    level: str
    reference: str
    generator_sha256: str = ""

    def entries(self, split: str, kinds: Sequence[str]) -> list[tuple[LabelledReaction, LabelledCandidate]]:
        """Candidates of some kinds with their reactions, of one split."""
        of_split = (each for each in self.reactions if each.split == split)
        return [(each, one) for each in of_split for one in each.candidates if one.kind in kinds]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierBatch:
    """Candidates side by side, each with its reaction.

    Attributes:
        reactions: Their reactions, the candidate in the place of the transition state.
        heights_kcal_mol: Of the candidate above reactant and product at the cheap level, shape (batch, 2).
        reference_kcal_mol: Forward barrier that is learned, shape (batch,); NaN where it is not known.
    """

    reactions: ReactionBatch
    heights_kcal_mol: Tensor
    reference_kcal_mol: Tensor

    @property
    def numbers(self) -> Tensor:
        """Atomic numbers, shape (batch, n_atoms)."""
        return self.reactions.numbers

    @property
    def mask(self) -> Tensor:
        """True where an atom is, shape (batch, n_atoms)."""
        return self.reactions.mask

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.reactions)

    def select(self, index: Tensor | Sequence[int]) -> BarrierBatch:
        """Some of the candidates, trimmed to the largest of them."""
        index = torch.as_tensor(index)
        return BarrierBatch(
            reactions=self.reactions.select(index),
            heights_kcal_mol=self.heights_kcal_mol[index],
            reference_kcal_mol=self.reference_kcal_mol[index],
        )

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> BarrierBatch:
        """The same batch elsewhere, in another precision where one is given."""
        return BarrierBatch(**{field.name: getattr(self, field.name).to(device, dtype) for field in fields(self)})

    def swapped(self) -> BarrierBatch:
        """The reverse reactions, whose reference is not known."""
        old = self.reactions
        return BarrierBatch(
            reactions=ReactionBatch(
                numbers=old.numbers,
                mask=old.mask,
                ends=old.ends.flip(1),
                bonded=old.bonded.flip(1),
                together=old.together.flip(1),
                ts=old.ts,
                start=old.start,
            ),
            heights_kcal_mol=self.heights_kcal_mol.flip(1),
            reference_kcal_mol=torch.full_like(self.reference_kcal_mol, torch.nan),
        )


def collate_candidates(entries: Sequence[tuple[LabelledReaction, LabelledCandidate]]) -> BarrierBatch:
    """Pad candidates into one batch.

    Args:
        entries: One or more, each with its reaction.
    """
    size = max(len(reaction.numbers) for reaction, _ in entries)
    parts = [
        collate(
            [
                ReactionArrays(numbers=reaction.numbers, ends=reaction.ends, ts=candidate.positions)
                for reaction, candidate in group
            ],
            size,
        )
        for group in (entries[first : first + COLLATED] for first in range(0, len(entries), COLLATED))
    ]
    heights = [[kcal_mol(candidate.energy_ev - end) for end in reaction.ends_ev] for reaction, candidate in entries]
    return BarrierBatch(
        reactions=ReactionBatch.stack(parts),
        heights_kcal_mol=torch.tensor(heights, dtype=torch.float32),
        reference_kcal_mol=torch.tensor([reaction.reference_kcal_mol for reaction, _ in entries]),
    )


def write_barrier_labels(path: Path, labels: BarrierLabels) -> None:
    """Pack n reactions of m atoms in all with k candidates.

    The arrays are `offset` (n + 1,), `numbers` (m,), `reactant` and `product` (m, 3) in Angstrom, `rxn` (n,), `split`
    (n,), `reference_kcal_mol` (n,), `ends_ev` (n, 2); `candidate_reaction` (k,) the place of the reaction,
    `candidate_kind` (k,), `candidate_ev` (k,), `candidate_positions` all of them one after the other, in Angstrom;
    `level`, `reference` and `generator_sha256`.

    Raises:
        InputError: There are none.
    """
    if not labels.reactions:
        raise InputError(f"nothing is left to write to {path}: every calculation failed")
    every = labels.reactions
    candidates = [(place, one) for place, reaction in enumerate(every) for one in reaction.candidates]
    ends = np.concatenate([each.ends for each in every], axis=1).astype(np.float32)
    arrays = {
        "offset": np.cumsum([0, *(len(each.numbers) for each in every)]),
        "numbers": np.concatenate([each.numbers for each in every]).astype(np.uint8),
        "reactant": ends[0],
        "product": ends[1],
        "rxn": np.array([each.identifier for each in every]),
        "split": np.array([each.split for each in every]),
        "reference_kcal_mol": np.array([each.reference_kcal_mol for each in every]),
        "ends_ev": np.array([each.ends_ev for each in every]),
        "candidate_reaction": np.array([place for place, _ in candidates], dtype=np.int32),
        "candidate_kind": np.array([one.kind for _, one in candidates]),
        "candidate_ev": np.array([one.energy_ev for _, one in candidates]),
        "candidate_positions": np.concatenate([one.positions for _, one in candidates]).astype(np.float32),
        **{name: np.array(getattr(labels, name)) for name in OF_FILE},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.stem}.new.npz")
    np.savez_compressed(fresh, **arrays)
    fresh.replace(path)


def read_barrier_labels(path: Path) -> BarrierLabels:
    """What `write_barrier_labels` wrote.

    Raises:
        InputError: The file is missing, no such file, or its arrays contradict each other.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}; make it with {MADE_WITH}")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in (*OF_REACTIONS, *OF_CANDIDATES, *OF_FILE) if name not in file.files]
            if missing:
                raise InputError(f"{path} lacks the arrays {', '.join(missing)}; make it with {MADE_WITH}")
            arrays = {name: file[name] for name in (*OF_REACTIONS, *OF_CANDIDATES, *OF_FILE)}
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"{path} is no .npz file of plain arrays: {error}") from error
    _check(path, arrays)
    return BarrierLabels(
        reactions=tuple(_reactions(arrays)),
        level=str(arrays["level"]),
        reference=str(arrays["reference"]),
        generator_sha256=str(arrays["generator_sha256"]),
    )


def _check(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    offset, of = np.asarray(arrays["offset"]), np.asarray(arrays["candidate_reaction"])
    n, m, k = len(offset) - 1, int(offset[-1]), len(of)
    wanted = {
        "numbers": (m,),
        "reactant": (m, 3),
        "product": (m, 3),
        "rxn": (n,),
        "split": (n,),
        "reference_kcal_mol": (n,),
        "ends_ev": (n, 2),
        "candidate_kind": (k,),
        "candidate_ev": (k,),
    }
    whole = n > 0 and bool((np.diff(offset) > 0).all()) and bool(((of >= 0) & (of < n)).all())
    whole = whole and all(arrays[name].shape == shape for name, shape in wanted.items())
    whole = whole and arrays["candidate_positions"].shape == (int(np.diff(offset)[of].sum()), 3)
    numeric = ("reactant", "product", "reference_kcal_mol", "ends_ev", "candidate_ev", "candidate_positions")
    if not whole or not all(np.isfinite(np.asarray(arrays[name], dtype=np.float64)).all() for name in numeric):
        raise InputError(f"{path}: its arrays contradict each other or hold no numbers; make it with {MADE_WITH}")


def _reactions(arrays: dict[str, NDArray[np.generic]]) -> Iterator[LabelledReaction]:
    offset = np.asarray(arrays["offset"])
    sizes = np.diff(offset)
    of = np.asarray(arrays["candidate_reaction"])
    begin = np.concatenate([[0], np.cumsum(sizes[of])])
    places: dict[int, list[int]] = {}
    for place, reaction in enumerate(of.tolist()):
        places.setdefault(reaction, []).append(place)
    positions = np.asarray(arrays["candidate_positions"], dtype=np.float64)
    for number, (first, last) in enumerate(itertools.pairwise(offset.tolist())):
        before, after = (float(energy) for energy in np.asarray(arrays["ends_ev"])[number])
        yield LabelledReaction(
            identifier=str(arrays["rxn"][number]),
            split=str(arrays["split"][number]),
            numbers=np.asarray(arrays["numbers"])[first:last].astype(np.int64),
            ends=np.stack([arrays["reactant"][first:last], arrays["product"][first:last]]).astype(np.float64),
            reference_kcal_mol=float(np.asarray(arrays["reference_kcal_mol"])[number]),
            ends_ev=(before, after),
            candidates=tuple(
                LabelledCandidate(
                    kind=str(arrays["candidate_kind"][place]),
                    positions=positions[begin[place] : begin[place + 1]],
                    energy_ev=float(np.asarray(arrays["candidate_ev"])[place]),
                )
                for place in places.get(number, [])
            ),
        )
