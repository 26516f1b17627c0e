"""The SQL views of the migrations, for use in queries; the migrations say what they hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Float, Integer, MetaData, String, Table

_views = MetaData()  # apart from the tables, which migrations compare against

transition_state_ranking = Table(
    "transition_state_ranking",
    _views,
    Column("transition_state_id", Integer),
    Column("reaction_id", Integer),
    Column("calculation_id", Integer),
    Column("verdict", String),
    Column("level_key", String),
    Column("forward_ev", Float),
    Column("reverse_ev", Float),
    Column("error_ev", Float),
    Column("place", Integer),
    Column("place_at_level", Integer),
)

species_energy = Table(
    "species_energy",
    _views,
    Column("energy_key", String),
    Column("level_key", String),
    Column("energy_ev", Float),
)

side_minimum = Table(
    "side_minimum",
    _views,
    Column("reaction_id", Integer),
    Column("side", String),
    Column("level_key", String),
    Column("energy_ev", Float),
)

calculation_ranking = Table(
    "calculation_ranking",
    _views,
    Column("calculation_id", Integer),
    Column("reaction_id", Integer),
    Column("level_key", String),
    Column("own_outcome", String),
    Column("failure_stage", String),
    Column("failure_kind", String),
    Column("failure_message", String),
    Column("place", Integer),
    Column("place_at_level", Integer),
)

species_summary = Table(
    "species_summary",
    _views,
    Column("species_id", Integer),
    Column("species_key", String),
    Column("smiles", String),
    Column("formula", String),
    Column("charge", Integer),
    Column("multiplicity", Integer),
    Column("energy_ev", Float),
    Column("level_key", String),
    Column("n_reactions", Integer),
)


def shown_by(view: Any, level_key: str | None) -> tuple[ColumnElement[bool], ...]:
    """Conditions that pick the first place of each reaction from a ranking view."""
    if level_key is None:
        return (view.c.place == 1,)
    return (view.c.place_at_level == 1, view.c.level_key == level_key)
