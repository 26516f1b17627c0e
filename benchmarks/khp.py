"""Known channels of 3-hydroperoxypropanal (KHP) in the network that `cairn explore O=CCCOO` made.

Run `cairn explore O=CCCOO --db URL`, then `python benchmarks/khp.py --db URL --channels khp_channels.csv`. The
channels are a table with the columns `product_smiles` and `dE0_kcal_mol` (lines that start with # are skipped), such
as those published with Zhao and Savoie, 10.1038/s43588-021-00101-3. A channel counts as found when a transition state
that passed every check connects KHP with its products, whichever search found it; stereo labels are left aside.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from chem.identity import split_species
from chem.outcomes import Status
from chem.smiles import parse_smiles
from db.engine import open_database, reading
from db.queries import ReactionRecord, reactions
from db.totals import costs

KHP = "O=CCCOO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What became of one known channel; heights in kcal/mol, electronic at the level of the network."""

    products: str
    reference_de0_kcal_mol: float
    found: bool
    barrier_kcal_mol: float | None
    keys: tuple[str, ...]
    lost_at: tuple[str, ...]
    gradient_calls: int


def constitution(smiles: Iterable[str]) -> tuple[str, ...]:
    """Keys of the molecules of one side, without stereo layers."""
    graph = parse_smiles(".".join(smiles)).without_stereo()
    return tuple(species.key for species in split_species(graph))


def barrier_from_khp(record: ReactionRecord) -> float | None:
    """Height above the side that is KHP."""
    if constitution(record.reactants) == constitution([KHP]):
        return record.barrier_forward_kcal_mol
    return record.barrier_reverse_kcal_mol


def match(products: str, reference: float, records: Iterable[ReactionRecord]) -> Channel:
    """The reactions of the network that are this channel."""
    wanted = {constitution([KHP]), constitution(products.split("."))}
    own = [each for each in records if {constitution(each.reactants), constitution(each.products)} == wanted]
    passed = [each for each in own if each.verdict is Status.PASSED]
    heights = [height for each in passed if (height := barrier_from_khp(each)) is not None]
    lost = [
        f"{each.outcome}" + (f": {each.failure.stage} ({each.failure.kind})" if each.failure is not None else "")
        for each in own
        if each not in passed
    ]
    return Channel(
        products=products,
        reference_de0_kcal_mol=reference,
        found=bool(passed),
        barrier_kcal_mol=min(heights, default=None),
        keys=tuple(each.key for each in own),
        lost_at=tuple(lost) if own else ("not enumerated, not found by another search",),
        gradient_calls=sum(each.gradient_calls for each in own),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True, help="database URL of the explored network")
    parser.add_argument("--channels", type=Path, required=True, help="table of known channels")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    arguments = parser.parse_args()
    engine = open_database(arguments.db, create=False)
    with reading(engine) as session:
        records = reactions(session)
        spent = costs(session)
    engine.dispose()
    lines = [line for line in arguments.channels.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    channels = [
        match(row["product_smiles"], float(row["dE0_kcal_mol"]), records) for row in csv.DictReader(iter(lines))
    ]
    print("| channel | found | barrier kcal/mol | reference dE0 kcal/mol | gradient calls | lost at |")
    print("|---|---|---|---|---|---|")
    for each in channels:
        height = "" if each.barrier_kcal_mol is None else f"{each.barrier_kcal_mol:.1f}"
        lost = "" if each.found else "; ".join(each.lost_at)
        print(
            f"| {each.products} | {'yes' if each.found else 'no'} | {height} | {each.reference_de0_kcal_mol:.1f}"
            f" | {each.gradient_calls} | {lost} |"
        )
    found = sorted((each for each in channels if each.found), key=lambda each: each.barrier_kcal_mol or 0.0)
    print(f"\nchannels found and verified: {len(found)} of {len(channels)}")
    if found:
        print("by barrier: " + " < ".join(f"{each.products} {each.barrier_kcal_mol:.1f}" for each in found))
    own = [each for each in records if each.outcome in {"intended", "unintended", "failed"} and each.gradient_calls]
    for outcome in ("intended", "unintended", "failed"):
        print(f"reactions searched that ended {outcome}: {sum(each.outcome == outcome for each in own)} of {len(own)}")
    print(f"gradient calls in all: {sum(cost.gradient_calls for cost in spent)}")
    print(f"calculation seconds, all workers: {sum(cost.seconds for cost in spent):.0f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(each) for each in channels], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
