"""What a kinetic campaign computes, and what it misses, against one that expands everything to the same depth.

    OMP_NUM_THREADS=1 python -m benchmarks.kinetic O=CCCOO --depth 2 --temperature 500 --folder runs/kinetic

Both are explored into one database, so what they share is calculated once and is the same. The larger network is then
simulated at the temperature: a reaction carries flux when its net turns are at least the share of the seeds that the
kinetic campaign goes by. Missed are those that carry flux in the larger network and are not in the kinetic one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chem.flux import simulate
from chem.growth import GrowthSettings
from chem.network import Step
from db.campaign_tables import ReactionMembershipRow
from db.campaigns import campaign_id, reaction_members
from db.engine import open_database, reading
from db.load import load_reactions
from db.tables import CalculationRow
from tasks.plan import network_of, seed_species, stored_settings

BREADTH, KINETIC = "breadth", "kinetic"


def explore(name: str, database: str, arguments: argparse.Namespace) -> None:
    """One campaign to its end."""
    growth = {"strategy": name, "temperature_k": arguments.temperature, "time_s": arguments.time}
    settings = {"seeds": [arguments.seed], "name": name, "depth": arguments.depth, "growth": growth}
    settings |= {"verify": arguments.verify, "end_points": {"n_conformers": arguments.conformers}}
    file = arguments.folder / f"{name}.yaml"
    file.write_text(json.dumps(settings))  # JSON is YAML
    command = [sys.executable, "-m", "cli.main", "explore", "--config", str(file), "--db", database, "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def steps_of_campaign(session: Session, name: str, database: str) -> tuple[list[str], list[Step]]:
    """Keys of the seeds, and the known steps."""
    settings = stored_settings(session, name, database=database)
    steps = network_of(session, settings, name, settings.depth)
    return [species.key for species in seed_species(settings)], steps


def cost(session: Session, name: str) -> dict[str, int]:
    """Reactions that calculations were made for, and gradient calls on all reactions of a campaign."""
    members = select(ReactionMembershipRow.reaction_id).where(
        ReactionMembershipRow.campaign_id == campaign_id(session, name)
    )
    counted = select(func.count(CalculationRow.reaction_id.distinct()), func.sum(CalculationRow.gradient_calls))
    reactions, calls = session.execute(counted.where(CalculationRow.reaction_id.in_(members))).one()
    return {"members": len(reaction_members(session, name)), "computed": reactions, "gradient_calls": calls}


def compared(database: str, growth: GrowthSettings) -> dict[str, Any]:
    """Both campaigns, and the flux-carrying reactions of the larger one."""
    engine = open_database(database, create=False)
    with reading(engine) as session:
        seeds, steps = steps_of_campaign(session, BREADTH, database)
        inside = set(reaction_members(session, KINETIC))
        record: dict[str, Any] = {name: cost(session, name) for name in (BREADTH, KINETIC)}
        flux = simulate(seeds, steps, growth.conditions)
        least = growth.smallest_share * growth.concentration_mol_per_l * len(seeds)
        carrying = {key: abs(each.net) for key, each in flux.steps.items() if abs(each.net) >= least}
        named = load_reactions(session, carrying)
    engine.dispose()
    record["known_steps"] = len(steps)
    record["carrying_flux"] = [
        {
            "reaction": " -> ".join(
                " + ".join(species.smiles for species in side) for side in (named[key].reactants, named[key].products)
            ),
            "key": key,
            "net_mol_per_l": net,
            "in_kinetic": key in inside,
        }
        for key, net in sorted(carrying.items(), key=lambda item: -item[1])
    ]
    record["missed"] = sum(not each["in_kinetic"] for each in record["carrying_flux"])
    return record


def main() -> None:
    """Both campaigns and the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", help="SMILES")
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--temperature", type=float, default=500.0, help="K")
    parser.add_argument("--time", type=float, default=3600.0, help="s")
    parser.add_argument("--verify", default="triage")
    parser.add_argument("--conformers", type=int, default=3, help="pairs of end points of each reaction")
    parser.add_argument("--folder", type=Path, default=Path("runs/kinetic"))
    parser.add_argument("--output", type=Path, help="JSON")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    database = f"sqlite:///{(arguments.folder / 'network.db').resolve()}"
    for name in (KINETIC, BREADTH):
        explore(name, database, arguments)
    record = compared(database, GrowthSettings(temperature_k=arguments.temperature, time_s=arguments.time))
    print(json.dumps(record, indent=2))
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
