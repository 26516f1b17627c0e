"""The pages under docs/ do what they say: their examples are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

from chem.generator import EndPoints
from chem.levels import read_levels, resolve_level
from chem.potential import GradientCounter, attach
from chem.types import Geometry
from tasks.generators import make_generator
from tasks.plan import candidate_settings, check_settings
from tasks.settings import load_settings
from tests.guides import GUIDES, blocks, blocks_to_run, replacements

ROOT = Path(__file__).parents[1]


def block_of(page, language, first_line):
    """The block that begins with a line."""
    return next(each for each in blocks(GUIDES[page], language) if each.startswith(first_line + "\n"))


@pytest.mark.parametrize("name", ["H2CO", "CH3"])
def test_the_level_of_the_guide_is_the_gfn1_that_cairn_knows(name, tmp_path, monkeypatch):
    pytest.importorskip("tblite")
    page = "docs/own_level.md"
    (tmp_path / "my_calculators.py").write_text(block_of(page, "python", "# my_calculators.py"), encoding="utf-8")
    levels = tmp_path / "my_levels.yaml"
    levels.write_text("\n".join(blocks(GUIDES[page], "yaml")), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_calculators", raising=False)
    entries = read_levels(levels)
    atoms = molecule(name)
    geometry = Geometry(numbers=atoms.numbers, positions=atoms.positions, multiplicity=2 if name == "CH3" else 1)
    own, known = (
        attach(geometry, resolve_level(level, entries=entries), GradientCounter()) for level in ("my-gfn1", "gfn1")
    )
    assert own.get_potential_energy() == pytest.approx(known.get_potential_energy(), abs=1e-4)
    assert np.allclose(own.get_forces(), known.get_forces(), atol=1e-3)
    assert resolve_level("my-gfn1", entries=entries).key.startswith("my-GFN1/")


def test_the_generator_of_the_guide_guesses_as_its_configuration_says(tmp_path, monkeypatch):
    page = "docs/own_generator.md"
    (tmp_path / "my_generator.py").write_text(block_of(page, "python", "# my_generator.py"), encoding="utf-8")
    (tmp_path / "my_campaign.yaml").write_text(block_of(page, "yaml", "# my_campaign.yaml"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_generator", raising=False)
    settings = load_settings(tmp_path / "my_campaign.yaml")
    check_settings(settings)
    assert candidate_settings(settings)["generator_version"] == "1"
    ends = EndPoints(
        reactant=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]]),
        product=Geometry(numbers=[6, 7, 1], positions=[[0, 0, 0], [0, 0, 1.17], [0, 0, 2.17]]),
    )
    (candidates,) = make_generator(settings).generate([ends])
    assert [one.geometry.positions[2, 2] for one in candidates] == pytest.approx([0.55, -0.098, 1.198])


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path):
    page = GUIDES["docs/tutorial.md"]
    lines = ["set -eu", f'cairn() {{ "{sys.executable}" -m cli.main "$@"; }}']
    for language, content in blocks_to_run(page, "sh", "python"):
        for old, new in replacements(page).items():
            content = content.replace(old, new)  # noqa: PLW2901
        lines.append(content if language == "sh" else f"\"{sys.executable}\" - <<'PROGRAM'\n{content}PROGRAM\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path / "prefect")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "C=O -> [C-]#[O+] + [H][H]" in done.stdout
    for name in ("runs/cairn.db", "runs/cairn.html", "profile.png", "khp.html", "khp.yaml", "tables/reactions.csv"):
        assert (tmp_path / name).stat().st_size > 0
