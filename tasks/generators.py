"""Which generator guesses the transition states.

The network is imported where it is used: the command line, the worker processes and classical campaigns do without
torch. So is a generator of the user's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chem.errors import ConfigurationError
from chem.generator import EndPoints, Generator
from chem.guess import ClassicalGenerator
from chem.triage import Calibration
from chem.types import TSCandidate
from models.weights_file import WeightsFile, find_weights
from tasks.own_generator import load_own, own_identity
from tasks.settings import LEARNED, ExploreSettings, SamplingSettings

NETWORK = "reactdiff"
DEFAULT_CANDIDATES = {NETWORK: 8, "classical": 1}


class Network(Protocol):
    """What is asked of a trained generator; `models.generator.DiffusionGenerator` is one."""

    name: str

    def unsupported(self, ends: EndPoints) -> tuple[str, ...]:
        """Why the network cannot read a reaction; empty when it can."""
        ...

    def generate(self, reactions: Sequence[EndPoints]) -> list[list[TSCandidate]]:
        """Candidates of each reaction, best first; none of one that it cannot read."""
        ...


class ErrorJudge(Protocol):
    """What expects the errors of polished candidates; `models.walk_judge.WalkJudge` is one."""

    @property
    def calibration(self) -> Calibration:
        """Reactions on which expected errors were held against true ones."""
        ...

    def expected_errors_kcal_mol(self, features: Sequence[NDArray[np.float64]]) -> list[float]:
        """Expected absolute errors of the barriers that polishes left, kcal/mol, from their `chem.walk_features`."""
        ...


class LearnedGenerator:
    """A network, with classical guesses for the reactions that it cannot read."""

    def __init__(self, network: Network) -> None:
        self.name = network.name
        self._network = network
        self._classical = ClassicalGenerator(n_candidates=1)

    def generate(self, reactions: Sequence[EndPoints]) -> list[list[TSCandidate]]:
        """Candidates of each reaction, best first; classical ones carry confidence zero and why."""
        results = self._network.generate(reactions)
        for place, (ends, candidates) in enumerate(zip(reactions, results, strict=True)):
            if candidates:
                continue
            reasons = self._network.unsupported(ends) or (f"{self.name} gave no candidate",)
            results[place] = [
                replace(guess, confidence=0.0, unscored_reasons=reasons)
                for guess in self._classical.generate([ends])[0]
            ]
        return results


def make_generator(settings: ExploreSettings) -> Generator:
    """The generator that the settings name; the network is loaded once in a process.

    Raises:
        ConfigurationError: The number of candidates is out of range, weights are missing or do not fit, or a generator
            of one's own cannot be made.
    """
    if settings.generator == "classical":
        return ClassicalGenerator(n_candidates=number_of_candidates(settings))
    if settings.generator != NETWORK:
        return load_own(settings.generator, settings.generator_arguments)
    checkpoint, confidence = weights_of(settings)
    return _load(checkpoint.path, confidence.path, settings.sampling, number_of_candidates(settings), settings.seed)


def runs_on_gpu(settings: ExploreSettings) -> bool:
    """Whether the generator that the settings name would run on a GPU of this machine; one's own counts as not."""
    if settings.generator != NETWORK:
        return False
    from models.generator_sampling import device_of  # noqa: PLC0415

    return bool(device_of(settings.sampling.device).type == "cuda")


def error_judge(settings: ExploreSettings) -> ErrorJudge | None:
    """What expects the errors of the generator that the settings name; None where nothing does.

    Raises:
        ConfigurationError: Weights are missing or do not fit.
    """
    return None if settings.generator != NETWORK else _load_judge(weights_of(settings)[1].path)


@lru_cache(maxsize=1)
def _load_judge(confidence: Path) -> ErrorJudge:
    from models.walk_judge import load_judge  # noqa: PLC0415

    return load_judge(confidence)


def number_of_candidates(settings: ExploreSettings) -> int:
    """Guesses for each pair of end points."""
    return DEFAULT_CANDIDATES[settings.generator] if settings.candidates is None else settings.candidates


def weights_of(settings: ExploreSettings) -> tuple[WeightsFile, WeightsFile]:
    """The weights of the network and of its confidence, looked at but not loaded.

    Raises:
        ConfigurationError: They are missing, not looked up yet, or the confidence belongs to other weights.
    """
    if isinstance(settings.checkpoint, str):
        raise ConfigurationError(
            f"checkpoint: {LEARNED} stands for the weights that the database has in use when a campaign begins; let"
            " `tasks.learned_weights.with_learned_weights` look them up first"
        )
    checkpoint = find_weights(NETWORK, settings.checkpoint)
    confidence = find_weights("confidence", settings.confidence)
    wanted = str(confidence.card.get("generator_sha256", ""))
    if wanted != checkpoint.sha256:
        raise ConfigurationError(
            f"the confidence {confidence.path} belongs to the generator with SHA-256 {wanted[:12]}, not to"
            f" {checkpoint.path} with {checkpoint.sha256[:12]}; give the two that belong together"
        )
    return checkpoint, confidence


def check_generator(settings: ExploreSettings) -> None:
    """Meet what may be wrong with the generator before any work starts; loads no network of Cairn's.

    Raises:
        ConfigurationError: As `make_generator`.
    """
    if settings.generator != NETWORK:
        make_generator(settings)
    else:
        weights_of(settings)


def generator_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides the guesses of a generator between given end points, as JSON values."""
    if ":" in settings.generator:
        return own_identity(settings.generator, settings.generator_arguments)
    values = {
        "generator": settings.generator,
        "candidates": number_of_candidates(settings),
        "seed": settings.seed,
    }
    if settings.generator == "classical":
        return values
    checkpoint, confidence = weights_of(settings)
    return {
        **values,
        "checkpoint_sha256": checkpoint.sha256,
        "confidence_sha256": confidence.sha256,
        "steps": settings.sampling.steps,
        "start_noise_angstrom": settings.sampling.start_noise_angstrom,
    }


@lru_cache(maxsize=1)
def _load(
    checkpoint: Path, confidence: Path, sampling: SamplingSettings, n_candidates: int, seed: int
) -> LearnedGenerator:
    from models.generator import DiffusionGenerator  # noqa: PLC0415
    from models.generator_sampling import SamplingConfig  # noqa: PLC0415

    network = DiffusionGenerator(
        checkpoint=checkpoint,
        confidence=confidence,
        sampling=SamplingConfig(
            n_samples=n_candidates,
            n_steps=sampling.steps,
            start_noise_angstrom=sampling.start_noise_angstrom,
            seed=seed,
        ),
        device=sampling.device,
    )
    return LearnedGenerator(network)
