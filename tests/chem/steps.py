"""Steps of small networks for tests, species as letters."""

from __future__ import annotations

from chem.network import Step


def step(key, before, after, forward, reverse, error=None):
    """Each letter of a side is one molecule; heights and error bar in kcal/mol."""
    return Step(
        key=key,
        reactants=tuple(before),
        products=tuple(after),
        barrier_forward_kcal_mol=forward,
        barrier_reverse_kcal_mol=reverse,
        error_bar_95_kcal_mol=error,
    )
