"""Exceptions of Cairn.

Bad input raises an `InputError` whose message names the input and the remedy. Expected chemical failures inside a
calculation raise a `CalculationError`; the search that runs the calculation turns it into a stored
`chem.outcomes.Failure`.
"""

from __future__ import annotations

from typing import Any


class CairnError(Exception):
    """Base of every exception that Cairn raises on purpose."""


class InputError(CairnError, ValueError):
    """What the user gave cannot be used; the message says why and what to do."""


class SmilesError(InputError):
    """A SMILES string does not parse or does not describe a molecule."""


class ElementError(InputError):
    """An element is unknown or outside what the chosen method supports."""


class ElectronCountError(InputError):
    """Charge, multiplicity and number of electrons contradict each other."""


class UnbalancedReactionError(InputError):
    """The two sides of a reaction do not hold the same atoms and charge."""


class GeometryError(InputError):
    """A geometry file or array cannot be used."""


class ConfigurationError(InputError):
    """A configuration file has an unknown key or a value out of range."""


class ResourceError(InputError):
    """A calculation needs more than it may use; the message names both."""


class DatabaseError(InputError):
    """A database cannot be opened: missing, of another schema version, or not Cairn's."""


class CalculationError(CairnError):
    """A calculation failed for a chemical or numerical reason.

    Args:
        kind: Short stable identifier stored with the failure, such as `scf` or `budget`.
        message: One sentence for people.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        """Both arguments, so that it survives the way out of a process."""
        return type(self), (self.kind, str(self))


class BudgetExhaustedError(CalculationError):
    """The stated number of gradient calls is spent."""

    def __init__(self, budget: int) -> None:
        super().__init__("budget", f"the budget of {budget} gradient calls is spent")
        self.budget = budget

    def __reduce__(self) -> tuple[Any, ...]:
        """The budget, so that it survives the way out of a process."""
        return type(self), (self.budget,)
