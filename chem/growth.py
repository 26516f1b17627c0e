"""What to explore next: which of the species that a network reaches are worth expanding."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from chem.errors import ConfigurationError
from chem.flux import Conditions, simulate
from chem.network import Step, lowest_passes, reachable_species
from chem.types import Species


class Strategy(StrEnum):
    """How the species of the next round are chosen."""

    BREADTH = "breadth"
    KINETIC = "kinetic"
    GOAL = "goal"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthSettings:
    """What is expanded among the species that known barriers reach.

    Attributes:
        strategy: `breadth`: all; `kinetic`: those that the seeds turn into at the conditions below; `goal`: those that
            look most like a target.
        max_pass_kcal_mol: Only species whose lowest pass from the seeds is at most this high; None for any.
        maximum_heavy_atoms: Only species of at most so many atoms heavier than hydrogen; None for any.
        temperature_k: Temperature of `kinetic`.
        time_s: How long the seeds react under `kinetic`, s.
        concentration_mol_per_l: Of each seed at the start, under `kinetic`.
        smallest_share: Share of the amount of all seeds that must become a species, or pass through it, under
            `kinetic`.
        target: SMILES of the product that `goal` looks for.
        most_species: How many species `goal` expands in a round.
    """

    strategy: Strategy = Strategy.BREADTH
    max_pass_kcal_mol: float | None = None
    maximum_heavy_atoms: int | None = None
    temperature_k: float = 500.0
    time_s: float = 3600.0
    concentration_mol_per_l: float = 1.0
    smallest_share: float = 1e-3
    target: str | None = None
    most_species: int = 5

    def __post_init__(self) -> None:
        """Limits are in range and `goal` has its target."""
        _ = self.conditions  # which checks its own
        for name in ("max_pass_kcal_mol", "maximum_heavy_atoms", "most_species"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} must be positive, got {value}")
        if not 0 < self.smallest_share <= 1:
            raise ConfigurationError(f"smallest_share must lie above 0 and up to 1, got {self.smallest_share}")
        if (self.strategy is Strategy.GOAL) != (self.target is not None):
            raise ConfigurationError("the strategy goal needs a target, a SMILES, and no other takes one")

    @property
    def conditions(self) -> Conditions:
        """Of `kinetic`."""
        return Conditions(
            temperature_k=self.temperature_k, time_s=self.time_s, concentration_mol_per_l=self.concentration_mol_per_l
        )


def worth_expanding(
    seeds: Collection[str],
    steps: Sequence[Step],
    settings: GrowthSettings,
    *,
    max_barrier_kcal_mol: float | None = None,
) -> frozenset[str]:
    """Keys of the species that limits and strategy allow; which of those a target attracts, `nearest` says.

    Args:
        seeds: Keys of the species at hand; always among them.
        steps: Known reactions.
        settings: Strategy and limits.
        max_barrier_kcal_mol: Highest single barrier that is crossed; None for any.

    Raises:
        CalculationError: The rate equations could not be integrated.
    """
    reached = reachable_species(seeds, steps, max_barrier_kcal_mol)
    if settings.max_pass_kcal_mol is not None:
        passes = lowest_passes(seeds, steps)
        reached = frozenset(key for key in reached if passes[key].height_kcal_mol <= settings.max_pass_kcal_mol)
    if settings.strategy is Strategy.KINETIC:
        shares = simulate(seeds, steps, settings.conditions).shares
        reached = frozenset(key for key in reached if shares[key] >= settings.smallest_share)
    return reached | frozenset(seeds)


def is_small_enough(species: Species, settings: GrowthSettings) -> bool:
    """Whether a species keeps to the largest number of heavy atoms."""
    heavy = sum(number > 1 for number in species.graph.numbers)
    return settings.maximum_heavy_atoms is None or heavy <= settings.maximum_heavy_atoms


def nearest(species: Iterable[Species], target: str, most: int) -> list[Species]:
    """The species that look most like a target, the nearest first, ties by key.

    Likeness is that of Tanimoto on counts of atom pairs (10.1021/ci00046a002), scaled to 1 for the target itself.

    Args:
        species: To choose from.
        target: SMILES of one molecule.
        most: How many at most.
    """
    known = list(species)
    likeness = likeness_to(target, [each.smiles for each in known])
    return sorted(known, key=lambda each: (-likeness[each.smiles], each.key))[:most]


def likeness_to(target: str, smiles: Iterable[str]) -> Mapping[str, float]:
    """Tanimoto likeness of molecules to a target, 0 to 1, by SMILES; hydrogens count as atoms."""
    generator = rdFingerprintGenerator.GetAtomPairGenerator()

    def fingerprint(each: str) -> Any:
        return generator.GetSparseCountFingerprint(Chem.AddHs(Chem.MolFromSmiles(each)))

    wanted = fingerprint(target)
    return {each: float(DataStructs.TanimotoSimilarity(wanted, fingerprint(each))) for each in set(smiles)}
