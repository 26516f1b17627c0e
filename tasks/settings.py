"""Settings of an exploration: typed, from a YAML file and the environment, unknown keys refused.

Precedence: what is given on the command line, then environment variables (`CAIRN_LEVEL=...`, nested keys with two
underscores: `CAIRN_SEARCH__BUDGET_GRADIENT_CALLS=...`), then the YAML file, then the defaults below.
"""

from __future__ import annotations

import os
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator
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
from tasks.model_settings import (
    BarrierHeadSettings,
    OutlierSettings,
    ProposeSettings,
    RefinementSettings,
    RelaxationSettings,
)
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
    generator: str = "reactdiff"
    generator_arguments: dict[str, JsonValue] = Field(default_factory=dict)
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
    propose: ProposeSettings = ProposeSettings()
    end_points: EndPointSettings = EndPointSettings()
    relaxation: RelaxationSettings = RelaxationSettings()
    refinement: RefinementSettings = RefinementSettings()
    outliers: OutlierSettings = OutlierSettings()
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

    @model_validator(mode="after")
    def _names_a_generator(self) -> Self:
        own = ":" in self.generator
        if self.generator not in {"reactdiff", "classical"} and not own:
            raise ValueError(f"generator must be reactdiff, classical or module:Class, got {self.generator!r}")
        if self.generator_arguments and not own:
            raise ValueError(f"generator_arguments are for a generator module:Class, not for {self.generator}")
        if self.candidates is not None and own:
            raise ValueError(f"candidates is not for {self.generator}; its generator_arguments say how many it makes")
        return self

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
        merged: dict[str, Any] = defaults
        for above in (below, from_environment, given):
            merged = _merge(merged, _in_full(above))
        return ExploreSettings(**merged)
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


def _in_full(content: dict[str, Any]) -> dict[str, Any]:
    """`propose: 48` means `propose: {n: 48}`."""
    draws = content.get("propose")
    if isinstance(draws, bool) or not isinstance(draws, int):
        return content
    return {**content, "propose": {"n": draws}}


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
