"""The reference is what the program makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect

from cli import reference
from db.engine import open_database
from db.view_columns import COLUMNS, VIEWS
from tasks.settings import ExploreSettings

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", reference.pages())
def test_the_reference_is_what_the_program_makes_now(name):
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name], "run: python -m cli.reference docs/reference"


def test_the_reference_has_every_setting():
    page = reference.pages()["configuration.md"]
    for key, value in ExploreSettings().model_dump(mode="json").items():
        names = [key, *value] if isinstance(value, dict) and value else [key]
        for name in names:
            assert f"`{name}`" in page, f"{key}: {name}"


def test_every_view_and_column_has_a_meaning_and_no_other_has():
    engine = open_database("sqlite://")
    try:
        inspector = inspect(engine)
        assert set(inspector.get_view_names()) == set(VIEWS)
        assert {column["name"] for view in VIEWS for column in inspector.get_columns(view)} == set(COLUMNS)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("barrier_forward_kcal_mol", "kcal/mol"),
        ("fmax_ev_per_angstrom", "eV/Å"),
        ("energy_ev", "eV"),
        ("rate_forward_per_s", "s⁻¹"),
        ("temperature_k", "K"),
        ("wall_seconds", "s"),
        ("verdict", ""),
        ("smiles", ""),
    ],
)
def test_a_unit_is_read_from_the_ending_of_a_name(name, unit):
    assert reference.unit_of(name) == unit
