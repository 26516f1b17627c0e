"""A generator of transition states from outside Cairn, named in the settings as `module:Class`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from chem.errors import ConfigurationError
from chem.generator import EndPoints, Generator
from chem.types import TSCandidate


def is_own_generator(name: str) -> bool:
    """Whether the name of a generator is the place of a class."""
    return ":" in name


class CheckedGenerator:
    """A generator that is held to the protocol, so that a mistake is told where it was made.

    Args:
        generator: Any `chem.generator.Generator`.
        place: Where it comes from, for messages.
    """

    def __init__(self, generator: Generator, place: str) -> None:
        self.name = generator.name
        self._generator, self._place = generator, place

    def generate(self, reactions: Sequence[EndPoints]) -> list[list[TSCandidate]]:
        """Candidates of each reaction, best first.

        Raises:
            ConfigurationError: There is not one list for each reaction, or a candidate has other atoms than it.
        """
        results = self._generator.generate(reactions)
        if len(results) != len(reactions):
            raise ConfigurationError(
                f"generator {self._place} gave {len(results)} lists of candidates for {len(reactions)} reactions"
            )
        for ends, candidates in zip(reactions, results, strict=True):
            wanted = ends.reactant
            for each in candidates:
                found = each.geometry
                if found.symbols != wanted.symbols or (found.charge, found.multiplicity) != (
                    wanted.charge,
                    wanted.multiplicity,
                ):
                    raise ConfigurationError(
                        f"generator {self._place} gave {' '.join(found.symbols)} (charge {found.charge}, multiplicity"
                        f" {found.multiplicity}) for reaction {ends.reaction_key}, which has {' '.join(wanted.symbols)}"
                        f" (charge {wanted.charge}, multiplicity {wanted.multiplicity}); keep the order of the atoms"
                    )
        return [list(candidates) for candidates in results]


def own_generator(name: str, arguments: dict[str, Any], *, candidates: int | None, seed: int) -> Generator:
    """The generator of a class outside Cairn, made once in a process.

    Args:
        name: Its place, `module:Class`; the module must be importable.
        arguments: What it is made with. `n_candidates` and `seed` are added where the class takes them.
        candidates: Guesses for each pair of end points; None leaves the number to the class.
        seed: Seed of the campaign.

    Raises:
        ConfigurationError: There is no such class, it cannot be made, or it is no generator.
    """
    return _made(name, json.dumps(arguments, sort_keys=True), candidates, seed)


@lru_cache(maxsize=1)
def _made(name: str, arguments: str, candidates: int | None, seed: int) -> Generator:
    module, _, member = name.partition(":")
    try:
        make = getattr(import_module(module), member)
    except Exception as error:  # importing a foreign module runs it
        raise ConfigurationError(
            f"there is no generator {name} ({type(error).__name__}: {error}); its module must be installed, or its"
            " folder in PYTHONPATH"
        ) from error
    if not callable(make):
        raise ConfigurationError(f"generator {name} is no class; give module:Class")
    takes = inspect.signature(make).parameters
    given: dict[str, Any] = json.loads(arguments)
    if candidates is not None:
        if "n_candidates" not in takes:
            raise ConfigurationError(f"generator {name} takes no n_candidates; leave out candidates")
        given["n_candidates"] = candidates
    if "seed" in takes:
        given["seed"] = seed
    try:
        made = make(**given)
    except Exception as error:  # what a foreign class raises is its own choice
        raise ConfigurationError(
            f"generator {name} cannot be made from its arguments: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(getattr(made, "name", None), str) and callable(getattr(made, "generate", None))):
        raise ConfigurationError(
            f"generator {name} needs a `name` and `generate(reactions)`; see docs/own_generator.md"
        )
    return CheckedGenerator(made, name)
