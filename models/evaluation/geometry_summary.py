"""Distributions of the errors of many reactions, together and by fragments and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from models.evaluation.structures import KINDS, JudgedReaction, Kind, StructureErrors

SIZE_EDGES = (10, 13, 16, 19, 24)  # atoms at which a new group of sizes begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Errors of one kind of structure.

    Attributes:
        n: Reactions that have such an error.
        mean: Mean, Angstrom.
        median: Median, Angstrom.
        p90: 90th percentile, Angstrom.
        below_0_1: Share under 0.1 Angstrom.
        below_0_2: Share under 0.2 Angstrom.
        below_0_5: Share under 0.5 Angstrom.
    """

    n: int
    mean: float
    median: float
    p90: float
    below_0_1: float
    below_0_2: float
    below_0_5: float

    @staticmethod
    def of(values: ArrayLike) -> Distribution | None:
        """Distribution of values in Angstrom, NaN left out; None where there is none."""
        given = np.asarray(values, dtype=np.float64)
        known = given[~np.isnan(given)]
        if not known.size:
            return None
        return Distribution(
            n=int(known.size),
            mean=float(known.mean()),
            median=float(np.median(known)),
            p90=float(np.quantile(known, 0.9)),
            below_0_1=float((known < 0.1).mean()),
            below_0_2=float((known < 0.2).mean()),
            below_0_5=float((known < 0.5).mean()),
        )

    def plain(self) -> dict[str, float]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometrySummary:
    """Errors of the geometries of some reactions; None where a kind of structure was not made.

    Attributes:
        n: Reactions.
        rmsd_strict: By kind of structure.
        rmsd_lenient: Likewise.
        core_rmsd: Likewise.
        distance_mae: Likewise.
        n_with_hand: Reactions that enter the share of wrong hands.
        wrong_hand_rate: Share of mirror images among them, by kind; None where no reaction has a hand.
        clash_rate: Share with atoms too close, by kind.
    """

    n: int
    rmsd_strict: Mapping[Kind, Distribution | None]
    rmsd_lenient: Mapping[Kind, Distribution | None]
    core_rmsd: Mapping[Kind, Distribution | None]
    distance_mae: Mapping[Kind, Distribution | None]
    n_with_hand: int
    wrong_hand_rate: Mapping[Kind, float | None]
    clash_rate: Mapping[Kind, float | None]

    def plain(self) -> dict[str, Any]:
        """As JSON values; the rates without a kind are those of the recommended sample."""
        distributions = {
            f"{name}_angstrom": {kind: None if each is None else each.plain() for kind, each in by_kind.items()}
            for name, by_kind in (
                ("rmsd_strict", self.rmsd_strict),
                ("rmsd_lenient", self.rmsd_lenient),
                ("core_rmsd", self.core_rmsd),
                ("distance_mae", self.distance_mae),
            )
        }
        return {
            "n": self.n,
            **distributions,
            "n_with_hand": self.n_with_hand,
            "wrong_hand_rate": self.wrong_hand_rate["recommended"],
            "wrong_hand_rate_by_structure": dict(self.wrong_hand_rate),
            "clash_rate": self.clash_rate["recommended"],
            "clash_rate_by_structure": dict(self.clash_rate),
        }


def summarise(reactions: Sequence[JudgedReaction]) -> GeometrySummary:
    """Distributions over reactions, one or none included."""

    def distributions(value: Callable[[StructureErrors], float]) -> dict[Kind, Distribution | None]:
        return {kind: Distribution.of([value(errors) for errors in _of_kind(reactions, kind)]) for kind in KINDS}

    hands = {
        kind: [errors.wrong_hand for errors in _of_kind(reactions, kind) if errors.wrong_hand is not None]
        for kind in KINDS
    }
    clashing = {kind: [errors.clashing for errors in _of_kind(reactions, kind)] for kind in KINDS}
    return GeometrySummary(
        n=len(reactions),
        rmsd_strict=distributions(lambda errors: errors.rmsd_strict),
        rmsd_lenient=distributions(lambda errors: errors.rmsd_lenient),
        core_rmsd=distributions(lambda errors: errors.core_rmsd),
        distance_mae=distributions(lambda errors: errors.distance_mae),
        n_with_hand=len(hands["start"]),
        wrong_hand_rate={kind: _share(hands[kind]) for kind in KINDS},
        clash_rate={kind: _share(clashing[kind]) for kind in KINDS},
    )


def by_product_fragments(reactions: Sequence[JudgedReaction]) -> dict[str, GeometrySummary]:
    """Summaries by the number of molecules of the product side."""
    counts = sorted({each.n_product_fragments for each in reactions})
    return {str(n): summarise([each for each in reactions if each.n_product_fragments == n]) for n in counts}


def by_size(reactions: Sequence[JudgedReaction]) -> dict[str, GeometrySummary]:
    """Summaries by the number of atoms, such as `10-12`; groups without a reaction are left out."""
    groups: dict[int, list[JudgedReaction]] = {}
    for each in reactions:
        groups.setdefault(int(np.searchsorted(SIZE_EDGES, each.n_atoms, side="right")), []).append(each)
    return {_size_name(group): summarise(groups[group]) for group in sorted(groups)}


def _size_name(group: int) -> str:
    if group == 0:
        return f"1-{SIZE_EDGES[0] - 1}"
    if group == len(SIZE_EDGES):
        return f"{SIZE_EDGES[-1]}+"
    return f"{SIZE_EDGES[group - 1]}-{SIZE_EDGES[group] - 1}"


def _of_kind(reactions: Sequence[JudgedReaction], kind: Kind) -> list[StructureErrors]:
    return [each.errors[kind] for each in reactions if kind in each.errors]


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
