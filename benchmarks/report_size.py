"""How large the report of a large network is, and how long a browser takes to its first picture.

    python -m benchmarks.report_size --reactions 10000 --folder runs/report_size

The network is synthetic: a tree of species that branches in three, each reaction with a barrier drawn at random, a
verdict, a transition state and both ends of its path. Chromium opens the file from disk with an empty cache; the clock
runs from the start of the navigation until the network has been drawn, until the table can be searched, and until a
reaction in the middle of the file has been opened.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, insert, text, update

from benchmarks.synthetic import CAMPAIGN, fill, geometry_of, pattern
from db.campaign_tables import SpeciesMembershipRow
from db.convert import geometry_values
from db.engine import open_database, writing
from db.tables import BarrierRow, GeometryRow, TransitionStateRow
from report.html import write_report
from report.source import load_content

ROWS_AT_ONCE = 5_000


def tree(engine: Engine, n_reactions: int, seed: int = 0) -> None:
    """Make a tree of the chain that `benchmarks.synthetic` writes, with heights, structures and verdicts."""
    rng, model = np.random.default_rng(seed), geometry_of(pattern())
    forward, reverse = rng.uniform(0.8, 4.5, n_reactions), rng.uniform(0.8, 4.5, n_reactions)
    with writing(engine) as session:
        connection = session.connection()
        for start in range(0, n_reactions, ROWS_AT_ONCE):
            numbers = range(start, min(n_reactions, start + ROWS_AT_ONCE))
            geometries = [
                {"id": place * n_reactions + each + 1, **geometry_values(model.with_positions(positions))}
                for place in (1, 2, 3)
                for each in numbers
                for positions in (rng.normal(scale=1.5, size=model.positions.shape),)
            ]
            connection.execute(insert(GeometryRow), geometries)
            states = [
                {
                    "id": each + 1,
                    "geometry_id": n_reactions + each + 1,
                    "reactant_end_geometry_id": 2 * n_reactions + each + 1,
                    "product_end_geometry_id": 3 * n_reactions + each + 1,
                    "energy_ev": float(forward[each]),
                    "reactant_end_energy_ev": 0.0,
                    "product_end_energy_ev": float(forward[each] - reverse[each]),
                    "frequencies_cm1": [-1200.0, 400.0, 900.0],
                    "verdict": "estimated" if each % 5 else "could_not_check",
                }
                for each in numbers
            ]
            session.execute(update(TransitionStateRow), states)
            barriers = [
                {
                    "id": each + 1,
                    "forward_ev": float(forward[each]),
                    "reverse_ev": float(reverse[each]),
                    "verdict": "estimated" if each % 5 else "could_not_check",
                }
                for each in numbers
            ]
            session.execute(update(BarrierRow), barriers)
        branch = "UPDATE reaction_species SET species_id = 1 + (reaction_id - 1) / 3 WHERE side = 'reactant'"
        connection.execute(text(branch))
        connection.execute(update(SpeciesMembershipRow).where(SpeciesMembershipRow.species_id == 1).values(round=0))


def opened(path: Path) -> dict[str, float]:
    """Seconds of a browser with the file, from the start of the navigation."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(path.as_uri())
        while not page.evaluate("performance.getEntriesByName('network drawn').length"):
            time.sleep(0.02)
        drawn = page.evaluate("performance.getEntriesByName('network drawn')[0].startTime")
        ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        began = time.perf_counter()
        page.evaluate("cairn.table.open(Math.floor(cairn.count / 2))")
        page.locator(".sheet .facts").first.wait_for()
        detail = time.perf_counter() - began
        began = time.perf_counter()
        far = "cairn.passes.path(cairn.data.seeds, cairn.species.key.length - 1, () => true).steps.length"
        steps = page.evaluate(far)
        path_s = time.perf_counter() - began
        began = time.perf_counter()
        page.locator("#search").fill("rx-00000000000000004242")
        searched = time.perf_counter() - began
        found = page.locator("tbody.reaction").count()
        browser.close()
    assert found == 1
    return {
        "first_picture_s": drawn / 1e3,
        "page_ready_s": ready / 1e3,
        "open_a_reaction_s": detail,
        "search_the_table_s": searched,
        "find_a_path_s": path_s,
        "path_steps": steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reactions", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=Path("runs/report_size"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    database = given.folder / f"tree_{given.reactions}.db"
    if not database.exists():
        unfinished = database.with_suffix(".part")
        engine = open_database(unfinished)
        fill(engine, given.reactions)
        tree(engine, given.reactions)
        engine.dispose()
        unfinished.rename(database)
    began = time.perf_counter()
    content = load_content(database, campaign=CAMPAIGN, level=None)
    read = time.perf_counter() - began
    began = time.perf_counter()
    path = write_report(content, given.folder / f"tree_{given.reactions}.html")
    written = time.perf_counter() - began
    result = {
        "reactions": given.reactions,
        "species": len(content.species),
        "file_mib": path.stat().st_size / 2**20,
        "read_s": read,
        "write_s": written,
        **opened(path.resolve()),
    }
    json.dump({name: round(value, 3) for name, value in result.items()}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
