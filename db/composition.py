"""Conditions on what species are made of."""

from __future__ import annotations

from collections.abc import Iterable

from ase.data import atomic_numbers
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from chem.errors import ElementError
from db.tables import ReactionRow, ReactionSpeciesRow, SpeciesRow


def element_symbols(given: Iterable[str]) -> frozenset[str]:
    """Symbols of elements as formulas write them.

    Raises:
        ElementError: One is none.
    """
    symbols = frozenset(each.strip().capitalize() for each in given)
    if wrong := sorted(symbols - (atomic_numbers.keys() - {"X"})):
        raise ElementError(f"unknown element {', '.join(wrong)}; give a symbol such as C or Cl")
    return symbols


def species_with(
    elements: Iterable[str], formula: InstrumentedAttribute[str] | ColumnElement[str]
) -> list[ColumnElement[bool]]:
    """Conditions that a molecular formula holds every one of some elements."""
    return [formula.regexp_match(f"{symbol}([^a-z]|$)") for symbol in sorted(elements)]


def reactions_with(elements: Iterable[str]) -> list[ColumnElement[bool]]:
    """Conditions that the molecules of a reaction hold every one of some elements together."""
    return [
        ReactionRow.id.in_(
            select(ReactionSpeciesRow.reaction_id)
            .join(SpeciesRow, SpeciesRow.id == ReactionSpeciesRow.species_id)
            .where(*species_with([symbol], SpeciesRow.formula))
        )
        for symbol in sorted(elements)
    ]
