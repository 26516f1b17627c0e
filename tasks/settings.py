"""Settings of an exploration: typed, from a YAML file and the environment, unknown keys refused.

Precedence: what is given on the command line, then environment variables (`CAIRN_LEVEL=...`, nested keys with two
underscores: `CAIRN_SEARCH__BUDGET_GRADIENT_CALLS=...`), then the YAML file, then the defaults below.
"""

from __future__ import annotations

import os
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from chem.budget import Budget
from chem.enumeration import EnumerationRules
from chem.errors import ConfigurationError
from chem.growth import GrowthSettings
from chem.half_way import EndPointSettings
from chem.levels import read_levels, resolve_level
from chem.polish import GRADIENT_CALLS
from chem.search import SearchSettings
from chem.triage import Policy, QuantileRule, RiskRule, Rule
from chem.types import LevelOfTheory
from chem.verification import VerificationSettings
from chem.yaml_file import read_yaml
from tasks.workers import WorkerLimits

PREFIX = "CAIRN_"
EXAMPLE = "configs/explore.yaml"
LEARNED = "learned"  # as checkpoint: the version that the database has in use


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageSettings:
    """Which candidates are believed under `verify: triage`.

    Attributes:
        rule: `quantile` sends the worst share to the search; `risk` as few as keep the mean error within the target.
        share: Share that `quantile` sends.
        target_kcal_mol: Bound on the mean barrier error that `risk` keeps, kcal/mol.
        cap_kcal_mol: What larger errors count as under `risk`, kcal/mol.
    """

    rule: Literal["quantile", "risk"] = "quantile"
    share: float = 0.14
    target_kcal_mol: float = 2.6
    cap_kcal_mol: float = 20.0

    def __post_init__(self) -> None:
        """Both rules can be made."""
        QuantileRule(share=self.share)
        RiskRule(target_kcal_mol=self.target_kcal_mol, cap_kcal_mol=self.cap_kcal_mol)

    def make_rule(self) -> Rule:
        """The rule that is asked for."""
        if self.rule == "quantile":
            return QuantileRule(share=self.share)
        return RiskRule(target_kcal_mol=self.target_kcal_mol, cap_kcal_mol=self.cap_kcal_mol)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """How the network draws candidates.

    Attributes:
        steps: Network evaluations of each candidate.
        start_noise_angstrom: Standard deviation of the noise on the start of all but the first candidate, Angstrom.
        device: `auto`, `cpu` or `cuda`.
    """

    steps: int = 3
    start_noise_angstrom: float = 0.1
    device: str = "auto"

    def __post_init__(self) -> None:
        """Numbers in range."""
        if self.steps < 1:
            raise ConfigurationError(f"steps must be at least 1, got {self.steps}")
        if self.start_noise_angstrom < 0:
            raise ConfigurationError(f"start_noise_angstrom must not be negative, got {self.start_noise_angstrom}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxationSettings:
    """What relaxes the guessed ends of a round's reactions, all at once, before their level of theory does.

    Attributes:
        method: One of `tasks.relaxing.METHODS` but gfn2, or `none`.
        checkpoint: Weights of a network; None takes those that are shipped.
        largest_noise_angstrom: Guesses in which a network sees more noise than this, Angstrom, are passed over for
            other embeddings; None for no bound.
        device: `auto`, `cpu` or `cuda`.
    """

    method: Literal["none", "morered-jt", "morered-as", "morered-itp", "potential", "mmff94"] = "none"
    checkpoint: Path | None = None
    largest_noise_angstrom: float | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """A bound is positive and something looks for noise; weights are for a network."""
        if self.largest_noise_angstrom is not None:
            if not self.largest_noise_angstrom > 0:
                raise ConfigurationError(f"largest_noise_angstrom must be positive, got {self.largest_noise_angstrom}")
            if not self.method.startswith("morered-"):
                raise ConfigurationError(
                    f"largest_noise_angstrom needs a morered method, which sees noise, not {self.method}"
                )
        if self.checkpoint is not None and self.method in {"none", "mmff94"}:
            raise ConfigurationError(f"relaxation method {self.method} has no weights; leave out its checkpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementSettings:
    """What a force field does with the generated candidates of a round, all at once, before any quantum chemistry.

    Attributes:
        method: `potential`, or `none`.
        checkpoint: Weights of the force field; None takes those that are shipped.
        committee: Weights of further ones, which say how far their forces differ on a candidate.
        steps: Most steps by which each candidate is walked to a saddle point of the force field; 0 looks alone.
        starts: Walked candidates that a search begins with, the lowest first.
        largest_force_ev_per_angstrom: A best candidate with a larger force on an atom, eV/Angstrom, is sent to the
            search; None for no bound.
        largest_spread_ev_per_angstrom: So is one on which the committee differs by more, eV/Angstrom.
        most_negative_modes: So is one with none or more than so many modes of negative curvature; None for no bound.
        device: `auto`, `cpu` or `cuda`.
    """

    method: Literal["none", "potential"] = "none"
    checkpoint: Path | None = None
    committee: tuple[Path, ...] = ()
    steps: int = 10
    starts: int = 1
    largest_force_ev_per_angstrom: float | None = None
    largest_spread_ev_per_angstrom: float | None = None
    most_negative_modes: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Bounds are positive, a spread has a committee, and what needs a force field has one."""
        for name in ("largest_force_ev_per_angstrom", "largest_spread_ev_per_angstrom", "most_negative_modes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} must be positive, got {value}")
        for name in ("steps", "starts"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.largest_spread_ev_per_angstrom is not None and not self.committee:
            raise ConfigurationError("largest_spread_ev_per_angstrom needs a committee of further force fields")
        if self.method == "none" and (self.checkpoint is not None or self.committee):
            raise ConfigurationError("refinement has weights but method none; give method: potential")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierHeadSettings:
    """What expects the barriers of candidates before they are polished, and rejects the hopeless.

    Attributes:
        checkpoint: Weights of a barrier head, trained on the campaign's level; None takes those that are shipped.
        reject_above_kcal_mol: A reaction is given up where the whole 95 % error bar of its forward barrier lies above.
        device: `auto`, `cpu` or `cuda`.
    """

    checkpoint: Path | None = None
    reject_above_kcal_mol: float = 80.0
    device: str = "auto"

    def __post_init__(self) -> None:
        """The bound is positive."""
        if not self.reject_above_kcal_mol > 0:
            raise ConfigurationError(f"reject_above_kcal_mol must be positive, got {self.reject_above_kcal_mol}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """Where the calculations of a round run.

    Attributes:
        kind: `local`: worker processes of the program itself; `dask`: such processes on every worker of a Dask cluster.
        address: Scheduler of the cluster, such as tcp://head:8786; None starts one on this machine.
        processes: Dask workers of that one.
    """

    kind: Literal["local", "dask"] = "local"
    address: str | None = None
    processes: int = 2

    def __post_init__(self) -> None:
        """There is at least one worker, and an address only for Dask."""
        if self.processes < 1:
            raise ConfigurationError(f"processes must be at least 1, got {self.processes}")
        if self.address is not None and self.kind != "dask":
            raise ConfigurationError(f"the address {self.address} of a Dask scheduler needs kind: dask")


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderSettings:
    """Levels of theory above the one that explores.

    Attributes:
        refine: Level at which proved transition states are refined and proved again; None for none.
        energies: Level of energies at the points that were proved last; None for none.
        undecided: Whether reactions whose search failed or led elsewhere are searched at the level `refine` as well.
        highest_barrier_kcal_mol: Only reactions up to this forward barrier climb; None for all.
        job_timeout_s: Wall time after which a calculation of the ladder counts as hung, s.
    """

    refine: str | None = None
    energies: str | None = None
    undecided: bool = False
    highest_barrier_kcal_mol: float | None = None
    job_timeout_s: float = 14400.0

    def __post_init__(self) -> None:
        """Limits are positive, and what is undecided has a level to be searched at."""
        if self.undecided and self.refine is None:
            raise ConfigurationError("undecided searches at the level that refine names; give refine as well")
        if not self.job_timeout_s > 0:
            raise ConfigurationError(f"job_timeout_s must be positive, got {self.job_timeout_s}")
        if self.highest_barrier_kcal_mol is not None and not self.highest_barrier_kcal_mol > 0:
            raise ConfigurationError(f"highest_barrier_kcal_mol must be positive, got {self.highest_barrier_kcal_mol}")


class ExploreSettings(BaseSettings):
    """Everything that decides what an exploration does; see configs/explore.yaml for each key."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    seeds: tuple[str, ...] = Field(default=("O=CCCOO",), min_length=1)
    name: str | None = Field(default=None, min_length=1, max_length=100)
    depth: int = Field(default=1, ge=1)
    database: str = "sqlite:///runs/cairn.db"
    report: Path | None = None
    log: Path | None = None
    level: str = "gfn2"
    levels: Path | None = None
    seed: int = Field(default=2026, ge=0)
    generator: Literal["reactdiff", "classical"] = "reactdiff"
    candidates: int | None = Field(default=None, ge=1)
    checkpoint: Literal["learned"] | Path | None = None
    confidence: Path | None = None
    verify: Policy = "triage"
    audit_share: float = Field(default=0.05, ge=0, le=1)
    polish_gradient_calls: int = Field(default=GRADIENT_CALLS, ge=0)
    max_barrier_kcal_mol: float | None = Field(default=None, gt=0)
    maximum_pairs: int = Field(default=0, ge=0)
    maximum_pair_atoms: int = Field(default=16, ge=2)
    enumeration: EnumerationRules = EnumerationRules()
    end_points: EndPointSettings = EndPointSettings()
    relaxation: RelaxationSettings = RelaxationSettings()
    refinement: RefinementSettings = RefinementSettings()
    # Half of what a single pair may spend: most searches that go astray stay astray, and a network has many.
    search: SearchSettings = SearchSettings(budget_gradient_calls=1500)
    sampling: SamplingSettings = SamplingSettings()
    triage: TriageSettings = TriageSettings()
    barrier_head: BarrierHeadSettings | None = None
    growth: GrowthSettings = GrowthSettings()
    budget: Budget = Budget()
    ladder: LadderSettings = LadderSettings()
    verification: VerificationSettings = VerificationSettings()
    workers: WorkerLimits = WorkerLimits()
    runner: RunnerSettings = RunnerSettings()

    @property
    def theory(self) -> LevelOfTheory:
        """The level of theory, with the program that runs it here.

        Raises:
            ConfigurationError: The level is unknown, or no program for it is installed.
        """
        return resolve_level(self.level, entries=read_levels(self.levels))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Given values alone: `load_settings` merges file and environment, key by key inside sections."""
        return (init_settings,)


def load_settings(path: Path | None = None, *, stored: dict[str, Any] | None = None, **given: Any) -> ExploreSettings:
    """Settings from a file or a database, the environment and given values, the later over the earlier.

    Args:
        path: YAML file; None for none.
        stored: Settings that a database holds, in place of a file.
        given: Values of top-level keys that win over everything.

    Raises:
        ConfigurationError: The file is missing or no mapping, a key is unknown, or a value is out of range.
    """
    source = "the settings" if path is None else str(path)
    _check_environment()
    below = read_settings(path) if path is not None else stored or {}
    defaults = {key: value for key, value in ExploreSettings().model_dump().items() if isinstance(value, dict)}
    try:
        from_environment = EnvSettingsSource(ExploreSettings)()
        return ExploreSettings(**_merge(_merge(_merge(defaults, below), from_environment), given))
    except SettingsError as error:
        raise ConfigurationError(f"in the environment: {error}; give lists and sections as JSON") from None
    except ValidationError as error:
        raise ConfigurationError(f"in {source} or the environment: {problems_of(error, EXAMPLE)}") from None


def problems_of(error: ValidationError, example: str) -> str:
    """What is wrong with settings, for people; `example` is the file that lists every key."""
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {_explain(each['type'], each['msg'], each['input'], example)}"
        for each in error.errors()
    )


def _explain(kind: str, message: str, given: Any, example: str) -> str:
    if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        return f"unknown key; {example} lists every key"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"{message}, got {reprlib.repr(given)}"


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def read_settings(path: Path, example: str = EXAMPLE) -> dict[str, Any]:
    """Keys and values of a YAML file, not yet looked at.

    Raises:
        ConfigurationError: The file is missing, or no mapping of names to values.
    """
    content = read_yaml(path, "configuration")
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} must hold keys and values, not a {type(content).__name__}")
    wrong = [key for key in content if not isinstance(key, str)]
    if wrong:
        raise ConfigurationError(f"in {path}: {wrong[0]!r} is no name of a setting; {example} lists every key")
    return content


def _check_environment() -> None:
    known = set(ExploreSettings.model_fields)
    for name in os.environ:
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).split("__")[0].lower()
            if key not in known:
                raise ConfigurationError(
                    f"environment variable {name} names no setting; known are {', '.join(sorted(known))}"
                )
