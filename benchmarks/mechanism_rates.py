"""What an exported mechanism keeps of the rates that it was made from, in numbers.

    cairn kinetics O=CCCOO --temperature 500 --db sqlite:///runs/cairn.db
    cairn export cantera --db sqlite:///runs/cairn.db -o mechanism.yaml --level gfn2
    python -m benchmarks.mechanism_rates mechanism.yaml --db sqlite:///runs/cairn.db --start O=CCCOO

Cantera reads the file. Its rate constants are held against the exported expression, against transition-state theory
from the stored points, and its equilibria against the free energies of the minima; then it runs as a reactor.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cantera
import numpy as np

from chem.kinetics import equilibrium_constant
from db.engine import open_database, reading
from db.level_names import level_key_of
from report.mechanism import network_mechanism, proved_network

TEMPERATURES_K = (300.0, 400.0, 500.0, 700.0, 1000.0, 1250.0, 1500.0)


def compared(file: Path, database: str, level: str) -> dict[str, Any]:
    gas = cantera.Solution(file)
    engine = open_database(database, create=False)
    with reading(engine) as session:
        made = network_mechanism(session, proved_network(session, level_key=level_key_of(session, level)))
    engine.dispose()
    found = {each.input_data["note"].split(",")[0]: place for place, each in enumerate(gas.reactions())}
    assert set(found) == set(made.reactions), "the file was exported from another network"
    composition = {each.name: each.composition for each in gas.species()}
    unbalanced = 0
    for each in gas.reactions():
        atoms: dict[str, float] = {}
        for side, sign in ((each.reactants, 1.0), (each.products, -1.0)):
            for name, count in side.items():
                for element, number in composition[name].items():
                    atoms[element] = atoms.get(element, 0.0) + sign * count * number
        unbalanced += any(atoms.values())
    expression, own, equilibrium = [], [], []
    for temperature_k in TEMPERATURES_K:
        gas.TP = temperature_k, 1e5
        concentration = 1e5 / (8314.46261815324 * temperature_k)  # kmol / m^3 of the standard state
        for key, place in found.items():
            reaction = made.reactions[key]
            sides = reaction.proved.reactants, reaction.proved.products
            units = 1e-3 ** (len(sides[0]) - 1)  # cm^3 / mol to m^3 / kmol
            rate = gas.forward_rate_constants[place]
            expression.append(rate / (float(reaction.rate.rate(temperature_k)) * units) - 1.0)
            own.append(rate / (made.rate_constant(key, temperature_k).value * units) - 1.0)
            states = [[made.species[each].minimum.thermochemistry(temperature_k) for each in side] for side in sides]
            constant = equilibrium_constant(*states) * concentration ** (len(sides[1]) - len(sides[0]))
            equilibrium.append(rate / gas.reverse_rate_constants[place] / constant - 1.0)
    return {
        "file": str(file),
        "species": gas.n_species,
        "reactions": gas.n_reactions,
        "unbalanced_reactions": unbalanced,
        "temperatures_k": TEMPERATURES_K,
        "largest_deviation_from_the_expression": float(np.abs(expression).max()),
        "largest_deviation_from_own_rates": float(np.abs(own).max()),
        "largest_deviation_from_own_equilibria": float(np.abs(equilibrium).max()),
    }


def ran(file: Path, smiles: str, temperature_k: float, time_s: float) -> dict[str, float]:
    """Mole fractions of the most abundant species after a time at constant temperature and 1 bar."""
    gas = cantera.Solution(file)
    names = {each.input_data["note"]: each.name for each in gas.species()}
    gas.TPX = temperature_k, 1e5, {names[smiles]: 1.0}
    network = cantera.ReactorNet([cantera.IdealGasConstPressureReactor(gas, energy="off", clone=False)])
    network.advance(time_s)
    amounts = sorted(((float(gas[name].X[0]), note) for note, name in names.items()), reverse=True)
    return {note: amount for amount, note in amounts[:5]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mechanism", type=Path)
    parser.add_argument("--db", required=True, help="database that it was exported from")
    parser.add_argument("--level", default="gfn2")
    parser.add_argument("--start", help="SMILES of what reacts")
    parser.add_argument("--temperature", type=float, default=500.0, help="K")
    parser.add_argument("--time", type=float, default=3600.0, help="s")
    arguments = parser.parse_args()
    record = compared(arguments.mechanism, arguments.db, arguments.level)
    if arguments.start is not None:
        record["mole_fractions"] = ran(arguments.mechanism, arguments.start, arguments.temperature, arguments.time)
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
