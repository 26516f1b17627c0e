"""Heights of the lowest channels of KHP above its lowest conformer, at the level at which they were published.

    cairn verify KEY... --level khp-reference --levels benchmarks/khp_levels.yaml --db URL
    cairn thermo benchmarks/results/khp_minimum.xyz --level khp-reference --levels benchmarks/khp_levels.yaml --json
    python -m benchmarks.khp_reference --db URL --minimum WHAT_THERMO_SAID.json --channels khp_channels.csv

Published heights (10.1038/s43588-021-00101-3) are above the minimum of KHP, zero-point energy included, so ours are put
above the lowest conformer that is known, besides above the end of their own path.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from benchmarks.khp import KHP, constitution
from chem.heights import thermochemistry_of_path
from chem.levels import read_levels, resolve_level
from chem.thermochemistry import REFERENCE_TEMPERATURE_K, STANDARD_STATES
from chem.units import EV_PER_HARTREE, KCAL_MOL_PER_EV, kcal_mol
from db.engine import open_database, reading
from db.queries import ReactionFilter, reactions
from db.transition_states import transition_states_of

LEVELS = Path(__file__).with_name("khp_levels.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True, help="database with the verified channels")
    parser.add_argument("--minimum", type=Path, required=True, help="what `cairn thermo --json` said of the minimum")
    parser.add_argument("--channels", type=Path, required=True, help="table of known channels")
    arguments = parser.parse_args()
    level = resolve_level("khp-reference", entries=read_levels(LEVELS)).key
    lines = [line for line in arguments.channels.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    published = {
        constitution(row["product_smiles"].split(".")): float(row["dE0_kcal_mol"])
        for row in csv.DictReader(iter(lines))
    }
    minimum = json.loads(arguments.minimum.read_text(encoding="utf-8"))
    zero_point = minimum["thermochemistry"][0]["zero_point_energy_kcal_mol"]
    lowest = minimum["energy_hartree"] * EV_PER_HARTREE * KCAL_MOL_PER_EV + zero_point
    engine = open_database(arguments.db, create=False)
    with reading(engine) as session:
        known = reactions(session, filters=ReactionFilter(level_key=level))
        states = transition_states_of(session, [each.key for each in known], level_key=level)
    engine.dispose()
    print(
        "| products | published | above the lowest conformer | above the end | imaginary, cm-1 | gradients | verdict |"
    )
    print("|---|---|---|---|---|---|---|")
    for each in sorted(known, key=lambda record: published.get(constitution(record.products), 1e3)):
        state = states.get(each.key)
        points = (
            None if state is None else thermochemistry_of_path(state, REFERENCE_TEMPERATURE_K, STANDARD_STATES["1 atm"])
        )
        if state is None or points is None:
            continue
        saddle, reactant, product = (
            kcal_mol(point.electronic_energy_ev + point.zero_point_energy_ev) for point in points
        )
        end = reactant if constitution(each.reactants) == constitution([KHP]) else product
        failed = [check.name.value for check in state.verdict.checks if check.status.value != "passed"]
        print(
            f"| {' + '.join(each.products)} | {published.get(constitution(each.products))} | {saddle - lowest:.2f}"
            f" | {saddle - end:.2f} | {state.imaginary_frequencies_cm1[0]:.0f}"
            f" | {each.gradient_calls} | {state.verdict.status.value}{': ' + ', '.join(failed) if failed else ''} |"
        )


if __name__ == "__main__":
    main()
