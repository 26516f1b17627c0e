"""Which generator guesses the transition states."""

from __future__ import annotations

from chem.generator import Generator
from chem.guess import ClassicalGenerator
from tasks.settings import ExploreSettings


def make_generator(settings: ExploreSettings) -> Generator:
    """The generator that the settings name."""
    return ClassicalGenerator(n_candidates=settings.candidates)
