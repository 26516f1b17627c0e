"""The SQL views of the migrations, for use in queries; the migrations say what they hold."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, MetaData, String, Table

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
