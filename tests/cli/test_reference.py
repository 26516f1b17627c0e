"""The reference under docs/reference/ is what the program makes of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cli.reference import PAGES, commands_page, configuration_page, main
from cli.reference_views import COLUMNS, VIEWS, unit_of
from db import views

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    main(["-o", str(folder)])
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_reference_is_what_the_program_makes(made, name):
    assert (REFERENCE / name).read_text(encoding="utf-8") == (made / name).read_text(encoding="utf-8"), (
        "the reference is out of date; renew it with: python -m cli.reference -o docs/reference"
    )


def test_the_reference_holds_no_other_page():
    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(PAGES)


def test_every_option_of_a_command_stands_in_its_section():
    section = commands_page().split("## cairn query paths\n")[1].split("\n## ")[0]
    for words in ("| `FROM` | required |", "| `--cost COST` | `minimax` |", "| `--temperature K` |", "| `--gibbs` |"):
        assert words in section
    assert "    cairn query paths O=CCCOO C=CC=O -k 3" in section.splitlines()


def test_every_key_of_the_configuration_is_explained():
    rows = [line.split(" | ") for line in configuration_page().splitlines() if line.startswith("| `")]
    explained = {cells[0].strip("|` "): cells[-1].strip(" |") for cells in rows}
    written = yaml.safe_load((ROOT / "configs" / "explore.yaml").read_text(encoding="utf-8"))
    for key, value in written.items():
        for name in [f"{key}.{each}" for each in value] if isinstance(value, dict) and value else [key]:
            assert explained[name], name


def test_every_view_and_column_that_queries_use_is_in_the_reference():
    for table in views._views.tables.values():
        assert table.name in VIEWS
        assert set(table.columns.keys()) <= set(COLUMNS)


def test_the_unit_of_a_column_is_read_off_its_name():
    assert [unit_of(name) for name in ("barrier_forward_kcal_mol", "forward_ev", "wall_seconds", "smiles")] == [
        "kcal/mol",
        "eV",
        "s",
        "",
    ]
