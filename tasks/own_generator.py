"""A generator of the user's own: found by its import path, and what it gives back held against the reactions.

A foreign class is not trusted to keep the protocol: a list too few would file the candidates of one reaction under
another, and atoms in another order would search a transition state that nobody asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from typing import Any

from chem.errors import ConfigurationError
from chem.generator import EndPoints, Generator
from chem.types import TSCandidate


class OwnGenerator:
    """Another's generator with its answers checked.

    Args:
        generator: What keeps `chem.generator.Generator`.
        path: Import path it came from, for messages.
    """

    def __init__(self, generator: Generator, path: str) -> None:
        self.name = str(getattr(generator, "name", path))
        self._generator = generator
        self._path = path

    def generate(self, reactions: Sequence[EndPoints]) -> list[list[TSCandidate]]:
        """Candidates of each reaction, best first, under the key of their reaction.

        Raises:
            ConfigurationError: Not one list for each reaction, something else than candidates, or another molecule or
                order of atoms than that of the reaction.
        """
        results = self._generator.generate(reactions)
        try:
            lists = [list(each) for each in results]
        except TypeError as error:
            raise ConfigurationError(f"generator {self._path} must give a list of lists of TSCandidate") from error
        if len(lists) != len(reactions):
            raise ConfigurationError(
                f"generator {self._path} gave {len(lists)} lists for {len(reactions)} reactions; it must give one for"
                " each, an empty one where it has no candidate"
            )
        for ends, candidates in zip(reactions, lists, strict=True):
            for candidate in candidates:
                self._check(candidate, ends)
        return [
            [replace(candidate, reaction_key=ends.reaction_key) for candidate in candidates]
            for ends, candidates in zip(reactions, lists, strict=True)
        ]

    def _check(self, candidate: Any, ends: EndPoints) -> None:
        if not isinstance(candidate, TSCandidate):
            raise ConfigurationError(f"generator {self._path} gave a {type(candidate).__name__}, not a TSCandidate")
        given, wanted = candidate.geometry, ends.reactant
        if given.symbols != wanted.symbols:
            raise ConfigurationError(
                f"generator {self._path} gave the atoms {' '.join(given.symbols)} for reaction"
                f" {ends.reaction_key or wanted.formula}; keep the order of its reactant, {' '.join(wanted.symbols)}"
            )
        if (given.charge, given.multiplicity) != (wanted.charge, wanted.multiplicity):
            raise ConfigurationError(
                f"generator {self._path} gave charge {given.charge} and multiplicity {given.multiplicity}; the reaction"
                f" {ends.reaction_key or wanted.formula} has {wanted.charge} and {wanted.multiplicity}"
            )


def load_own(path: str, arguments: Mapping[str, Any]) -> OwnGenerator:
    """The generator of an import path, made once in a process.

    Args:
        path: `module:Class`, or a function that returns a generator.
        arguments: What it is called with.

    Raises:
        ConfigurationError: There is no such module or class, it cannot be made from the arguments, or what it makes
            cannot generate.
    """
    return _load(path, json.dumps(dict(arguments), sort_keys=True))


def own_identity(path: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the guesses of a generator of one's own: import path, arguments and `version` of its class."""
    version = getattr(_maker(path), "version", None)
    identity = {"generator": path, "generator_arguments": dict(arguments)}
    return identity if version is None else {**identity, "generator_version": str(version)}


@lru_cache(maxsize=1)
def _load(path: str, arguments: str) -> OwnGenerator:
    maker = _maker(path)
    try:
        generator = maker(**json.loads(arguments))
    except Exception as error:  # what a foreign class raises is its own choice
        raise ConfigurationError(
            f"generator {path} cannot be made from generator_arguments {arguments}: {type(error).__name__}: {error}"
        ) from error
    if not callable(getattr(generator, "generate", None)):
        raise ConfigurationError(f"generator {path} has no method generate(reactions); see docs/own_generator.md")
    return OwnGenerator(generator, path)


def _maker(path: str) -> Any:
    module, _, member = path.partition(":")
    try:
        found = import_module(module)
    except Exception as error:  # importing a foreign module runs it
        missing = isinstance(error, ModuleNotFoundError)
        remedy = "install it, or name its folder in PYTHONPATH" if missing else "mend it"
        raise ConfigurationError(
            f"generator {path}: the module {module!r} cannot be imported ({type(error).__name__}: {error}); {remedy}"
        ) from error
    maker = getattr(found, member, None)
    if not callable(maker):
        raise ConfigurationError(f"generator {path}: the module {module} has no class or function {member!r}")
    return maker
