"""What joint diffusion proposes of reactants that it never saw, beside random graph edits and enumeration.

For each reactant drawn from a split: how many draws are sound reactions, how many of the data set's own reactions of
that reactant are among them, and how many lie outside the enumeration with two bonds broken and two formed. Random
edits break and form as many bonds as the reactions of the split `train` do, and are held against the same rules. With
`--verify` the transition states of so many distinct reactions of each `--source` are searched at a level.

Data: Spiekermann, Pattanaik, Green, Sci. Data 9, 417 (2022), as one npz with the arrays rxn, offset, numbers, reactant,
ts, product and split. Reactants of `test_reactant` occur nowhere else; those of other splits are in `train` too.

    OMP_NUM_THREADS=1 python -m benchmarks.proposals --data rdb7.npz --checkpoint weights.safetensors -n 20 -k 100
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import read_rows, settings_of, written
from chem.canonical import canonical_form
from chem.endpoints import prepare_end_points
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.errors import CalculationError
from chem.generator import Generator
from chem.graph import MolecularGraph
from chem.guess import ClassicalGenerator
from chem.half_way import EndPointSettings
from chem.identity import make_reaction, mapped_smiles
from chem.levels import resolve_level
from chem.lewis import lewis_structure
from chem.outcomes import Status
from chem.perception import perceive_graph
from chem.proposals import PLAUSIBLE, Reason, judged, sieve
from chem.search import SearchSettings, search_transition_state
from chem.smiles import parse_smiles
from chem.types import Geometry, Pair, Reaction
from chem.units import kcal_mol
from models.joint_reactions import Proposer
from models.joint_sampling import JointSampling
from models.reaction_data import ReactionData, read_reactions
from tasks.workers import WorkerLimits, WorkerPool

SOURCES = ("diffusion", "random edits", "enumeration")
EDITS_FROM = 2000  # reactions of `train` whose numbers of changed bonds random edits follow


@dataclass(slots=True, kw_only=True)
class Reactant:
    """A molecule of the data set.

    Attributes:
        geometry: As published.
        graph: Its bonds, in the same atom order.
        known: The data set's reactions of it, by key, in whatever split and direction.
        enumerated: Reactions that enumeration gives, by key.
        found: Sound reactions of each source, by key, with how often each was drawn.
        thrown_away: Why draws were thrown away, by source.
    """

    geometry: Geometry
    graph: MolecularGraph
    known: dict[str, Reaction]
    enumerated: dict[str, Reaction]
    found: dict[str, dict[str, tuple[Reaction, int]]] = field(default_factory=dict)
    thrown_away: dict[str, Counter[str]] = field(default_factory=dict)


def graphs_of(data: ReactionData, row: int) -> tuple[MolecularGraph, MolecularGraph]:
    """Reactant and product as perceived."""
    numbers, ends = data.reactions[row].numbers, data.reactions[row].ends
    before, after = (perceive_graph(Geometry(numbers=numbers, positions=each)) for each in ends)
    return before, after


def digest(graph: MolecularGraph) -> str:
    """Identity of a molecule as perceived."""
    return canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1)).digest


def has_structure(graph: MolecularGraph) -> bool:
    """Whether what was perceived is a molecule: strained rings may show bonds that are none."""
    try:
        lewis_structure(graph)
    except CalculationError:
        return False
    return True


def chosen_reactants(data: ReactionData, split: str, number: int, seed: int, rules: EnumerationRules) -> list[Reactant]:
    """Distinct reactants of a split, drawn with a seed."""
    sides: dict[str, list[tuple[int, int]]] = {}
    made = [graphs_of(data, row) for row in range(len(data))]
    for row, graphs in enumerate(made):
        for side, graph in enumerate(graphs):
            if len(graph.fragments) == 1:
                sides.setdefault(digest(graph), []).append((row, side))
    first: dict[str, int] = {}
    for row in np.flatnonzero(data.splits == split):
        if len(made[row][0].fragments) == 1 and has_structure(made[row][0]):
            first.setdefault(digest(made[row][0]), int(row))
    keys = sorted(first)
    picked = np.random.default_rng(seed).choice(len(keys), size=min(number, len(keys)), replace=False)
    reactants, b2f2 = [], replace(rules, break_bonds=2, form_bonds=2)
    for key in (keys[place] for place in picked):
        row = first[key]
        graph = made[row][0]
        known = {}
        for other, side in sides[key]:
            before, after = made[other] if side == 0 else made[other][::-1]
            if before.bonds != after.bonds and has_structure(after):
                reaction = make_reaction(before, after)
                known[reaction.key] = reaction
        reactants.append(
            Reactant(
                geometry=Geometry(numbers=data.reactions[row].numbers, positions=data.reactions[row].ends[0]),
                graph=graph,
                known=known,
                enumerated={each.key: each for each in enumerate_reactions(graph, b2f2)},
            )
        )
    return reactants


def edits_as_in_training(data: ReactionData, seed: int) -> list[tuple[int, int]]:
    """Numbers of bonds broken and formed by reactions of `train`, in either direction."""
    rows = np.flatnonzero(data.splits == "train")
    chosen = np.random.default_rng(seed).choice(rows, size=min(EDITS_FROM, rows.size), replace=False)
    sides = [graphs_of(data, int(row)) for row in chosen]
    forward = [(len(before.bonds - after.bonds), len(after.bonds - before.bonds)) for before, after in sides]
    return [numbers for pair in forward for numbers in (pair, pair[::-1]) if any(numbers)]


def edited(graph: MolecularGraph, numbers: Sequence[tuple[int, int]], generator: random.Random) -> frozenset[Pair]:
    """Bonds after a random edit."""
    broken, formed = generator.choice(numbers)
    free = sorted(set(combinations(range(graph.n_atoms), 2)) - graph.bonds)
    taken = generator.sample(sorted(graph.bonds), min(broken, len(graph.bonds)))
    return (graph.bonds - set(taken)) | set(generator.sample(free, min(formed, len(free))))


def draw_all(
    reactants: Sequence[Reactant], data: ReactionData, rules: EnumerationRules, arguments: argparse.Namespace
) -> None:
    """Draw from the network, and edit at random, as often."""
    sampling = JointSampling(n_steps=arguments.steps, sampler=arguments.sampler, guidance=arguments.guidance)
    proposer = Proposer(arguments.checkpoint, sampling=sampling, device=arguments.device)
    numbers, generator = edits_as_in_training(data, arguments.seed), random.Random(arguments.seed)
    drawn = proposer.draw(
        [each.geometry for each in reactants],
        arguments.k,
        arguments.seed,
        lambda done, total: print(f"{done} of {total} draws", flush=True),
    )
    for reactant, proposals in zip(reactants, drawn, strict=True):
        sieved = sieve(proposals, rules, reactant.graph)
        reactant.found["diffusion"] = {each.reaction.key: (each.reaction, len(each.draws)) for each in sieved.reactions}
        reactant.thrown_away["diffusion"] = Counter({each.value: count for each, count in sieved.reasons.items()})
        found, thrown = reactant.found.setdefault("random edits", {}), Counter[str]()
        for _ in range(arguments.k):
            outcome = judged(reactant.graph, edited(reactant.graph, numbers, generator), rules)
            if isinstance(outcome, Reason):
                thrown[outcome.value] += 1
                continue
            reaction = outcome[0]
            found[reaction.key] = (reaction, 1 + found.get(reaction.key, (reaction, 0))[1])
        reactant.thrown_away["random edits"] = thrown
        reactant.found["enumeration"] = {key: (each, 1) for key, each in reactant.enumerated.items()}


def summary(reactants: Sequence[Reactant], source: str, k: int) -> dict[str, Any]:
    """Shares over all reactants together."""
    found = [each.found[source] for each in reactants]
    distinct = sum(len(each) for each in found)
    outside = sum(key not in each.enumerated for each, own in zip(reactants, found, strict=True) for key in own)
    known = sum(len(each.known) for each in reactants)
    beyond = [{key for key in each.known if key not in each.enumerated} for each in reactants]
    recovered = sum(len(each.known.keys() & own.keys()) for each, own in zip(reactants, found, strict=True))
    recovered_beyond = sum(len(rest & own.keys()) for rest, own in zip(beyond, found, strict=True))
    drawn = source != "enumeration"
    return {
        "valid": sum(count for own in found for _, count in own.values()) / (k * len(reactants)) if drawn else None,
        "distinct_per_reactant": distinct / len(reactants),
        "known_recovered": recovered / known if known else None,
        "known_beyond_b2f2_recovered": recovered_beyond / total if (total := sum(map(len, beyond))) else None,
        "not_in_b2f2": outside / distinct if distinct else None,
        "thrown_away": dict(sum((each.thrown_away.get(source, Counter()) for each in reactants), Counter())),
    }


def to_verify(
    reactants: Sequence[Reactant], source: str, number: int, seed: int, *, beyond: bool
) -> list[dict[str, Any]]:
    """Distinct reactions of a source, those drawn most often first; of those that were not drawn, some at random."""
    rows = [
        {"rxn": f"{source} {key}", "source": source, "smiles": mapped_smiles(reaction), "drawn": count,
         "in_b2f2": key in each.enumerated, "known": key in each.known}
        for each in reactants
        for key, (reaction, count) in each.found[source].items()
        if not (beyond and key in each.enumerated)
    ]  # fmt: skip
    random.Random(seed).shuffle(rows)
    return sorted(rows, key=lambda row: -row["drawn"])[:number]


@lru_cache(maxsize=1)
def _generator(name: str) -> Generator:
    if name == "classical":
        return ClassicalGenerator(n_candidates=1)
    from models.generator import DiffusionGenerator

    return DiffusionGenerator(device="cpu")


def verified(row: dict[str, Any], level_name: str, generator: str, budget: int) -> dict[str, Any]:
    """End points, candidates and search of one reaction, as a campaign does with `verify: all`."""
    level = resolve_level(level_name)
    reaction = make_reaction(*(parse_smiles(side) for side in row["smiles"].split(">>")))
    prepared = prepare_end_points(reaction, level, EndPointSettings(budget_gradient_calls=budget))
    if not prepared.end_points:
        kind = "barrierless" if prepared.failure is None else prepared.failure.kind
        return {**row, "outcome": f"ends: {kind}", "passed": False, "gradient_calls": prepared.gradient_calls}
    ends = prepared.end_points[0]
    (candidates,) = _generator(generator).generate([ends])
    result = search_transition_state(ends, candidates, level, SearchSettings(budget_gradient_calls=budget))
    state = result.best.transition_state
    barrier = None if state is None else state.barrier
    return {
        **row,
        "outcome": result.outcome.value,
        "passed": state is not None and state.verdict.status is Status.PASSED,
        "barrier_kcal_mol": None if barrier is None else kcal_mol(barrier.forward_ev),
        "gradient_calls": prepared.gradient_calls + result.gradient_calls,
        "numbers": None if state is None else state.geometry.numbers.tolist(),
        "ts_angstrom": None if state is None else state.geometry.positions.round(4).tolist(),
    }


def verify_all(reactants: Sequence[Reactant], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Search for what was found, at equal numbers from each source; goes on where an earlier run stopped."""
    done = read_rows(arguments.rows)
    finished = {row["rxn"] for row in done}
    work = [
        row
        for source in arguments.source or SOURCES
        for row in to_verify(reactants, source, arguments.verify, arguments.seed, beyond=arguments.beyond)
        if row["rxn"] not in finished
    ]
    job = partial(verified, level_name=arguments.level, generator=arguments.generator, budget=arguments.budget)
    with WorkerPool(WorkerLimits(n_workers=arguments.workers)) as pool:
        for row in written(pool, job, work, arguments.rows):
            print(row["outcome"], flush=True)
            done.append(row)
    return done


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="rdb7.npz")
    parser.add_argument("--checkpoint", type=Path, help="weights of `cairn train joint`; default the shipped ones")
    parser.add_argument("--split", default="test_reactant")
    parser.add_argument("-n", type=int, default=20, help="reactants")
    parser.add_argument("-k", type=int, default=100, help="draws, and edits, of each")
    parser.add_argument("--carbenes", action="store_true", help="allow divalent carbon, in all sources")
    parser.add_argument("--zwitterions", action="store_true", help="allow separated charges, in all sources")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--sampler", default="ancestral")
    parser.add_argument("--guidance", type=float, default=0.0, help="strength of the lean toward low barriers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--verify", type=int, default=0, help="reactions of each source to search for")
    parser.add_argument("--source", action="append", choices=SOURCES, help="search these alone")
    parser.add_argument("--beyond", action="store_true", help="search only what lies outside b2f2")
    parser.add_argument("--budget", type=int, default=1500, help="gradient calls of the ends, and of the search, each")
    parser.add_argument("--level", default="gfn2")
    parser.add_argument("--generator", choices=("reactdiff", "classical"), default="reactdiff")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=Path, default=Path("runs/proposals.jsonl"), help="what --verify found")
    parser.add_argument("--json", type=Path, help="write the tables here as well")
    arguments = parser.parse_args()
    data = read_reactions(arguments.data)
    rules = replace(PLAUSIBLE, carbenes=arguments.carbenes, zwitterions=arguments.zwitterions)
    reactants = chosen_reactants(data, arguments.split, arguments.n, arguments.seed, rules)
    draw_all(reactants, data, rules, arguments)
    known = sum(len(each.known) for each in reactants)
    beyond = sum(key not in each.enumerated for each in reactants for key in each.known)
    print(f"\n{len(reactants)} reactants of {arguments.split}, {arguments.k} draws each, seed {arguments.seed};")
    sound = sum(
        not isinstance(judged(reaction.reactant_graph, reaction.product_graph.bonds, rules), Reason)
        for each in reactants
        for reaction in each.known.values()
    )
    print(f"{known} reactions of them in the data, {sound} of those sound by the rules, {beyond} outside b2f2\n")
    print("| source | valid | distinct a reactant | known recovered | known beyond b2f2 recovered | not in b2f2 |")
    print("|---|---|---|---|---|---|")
    tables = {source: summary(reactants, source, arguments.k) for source in SOURCES}
    for source, table in tables.items():
        numbers = [_shown(value) for name, value in table.items() if name != "thrown_away"]
        print(f"| {source} | {' | '.join(numbers)} |")
    for source in SOURCES[:2]:
        print(f"{source}, thrown away: {tables[source]['thrown_away']}")
    searched: dict[str, Any] = {}
    if arguments.verify:
        arguments.rows.parent.mkdir(parents=True, exist_ok=True)
        rows = verify_all(reactants, arguments)
        print(
            "\n| source | searched | proved | proved outside b2f2 | median barrier of proved, kcal/mol"
            " | gradient calls | proved per 1000 calls |"
        )
        print("|---|---|---|---|---|---|---|")
        for source in SOURCES:
            own = [row for row in rows if row["source"] == source]
            passed, calls = [row for row in own if row["passed"]], sum(row["gradient_calls"] for row in own)
            outside = sum(not row["in_b2f2"] for row in passed)
            barriers = [row["barrier_kcal_mol"] for row in passed]
            median = float(np.median(barriers)) if barriers else None
            searched[source] = {"searched": len(own), "proved": len(passed), "proved_outside_b2f2": outside,
                                "median_barrier_kcal_mol": median, "gradient_calls": calls}  # fmt: skip
            rate = _shown(1000.0 * len(passed) / calls if calls else None)
            print(f"| {source} | {len(own)} | {len(passed)} | {outside} | {_shown(median)} | {calls} | {rate} |")
    if arguments.json is not None:
        arguments.json.write_text(
            json.dumps({"settings": settings_of(arguments), "table": tables, "searched": searched}, indent=1)
        )


if __name__ == "__main__":
    main()
