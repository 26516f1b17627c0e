"""A small world to learn from: shifts of hydrogen along chains, verified in a database, and a network of one block."""

from __future__ import annotations

import shutil
from itertools import product

import numpy as np
import torch
import yaml

from chem.audit import AuditOutcome
from chem.graph import MolecularGraph
from chem.holdout import identity_of, split_of
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.types import Geometry, LevelOfTheory, Reaction, Species
from chem.walk_features import NAMES
from db.audits import Audit, add_audits, finish_audit
from db.campaigns import add_campaign, add_reaction_members
from db.engine import open_database, writing
from db.results import record_search
from db.store import add_reactions
from db.tables import CalculationKind
from db.work import claim, enqueue
from models.checkpoints import save_weights
from models.confidence import Scorer, ScorerConfig
from models.reactdiff import ReactDiff, ReactDiffConfig
from tasks.learning_settings import load_learn_settings

GFN2 = LevelOfTheory(name="gfn2", method="GFN2-xTB", program="xtb-python", version="22.1")
# With a hydrogen they have an even number of electrons.
CHAINS, BASE_CHAINS = (
    [chain for chain in product((6, 7, 8), repeat=n) if chain <= chain[::-1] and sum(chain) % 2] for n in (5, 4)
)
STEPS = 40


def structures(chain, seed):
    """Reactant, transition state and product of the shift of a hydrogen along a bent chain, Angstrom."""
    n = len(chain)
    noise = np.random.default_rng(seed)
    bent = np.linspace(-0.5, 0.5, n) * 1.35 * n / 2
    heavy = np.stack([2.2 * np.sin(bent / 1.6), 2.2 * np.cos(bent / 1.6), np.zeros(n)], axis=1)
    ends = [heavy[0] + [-0.3, -0.9, 0.0], heavy[-1] + [0.3, -0.9, 0.0]]
    middle = (heavy[0] + heavy[-1]) / 2 + [0.0, -0.4, 0.6]
    return [np.vstack([heavy, place]) + 0.01 * noise.normal(size=(n + 1, 3)) for place in (ends[0], middle, ends[1])]


def graphs(chain):
    n = len(chain)
    bonds = {(i, i + 1) for i in range(n - 1)}
    return [MolecularGraph(numbers=(*chain, 1), bonds=frozenset(bonds | {(end, n)})) for end in (0, n - 1)]


def sides_of(chain):
    return identity_of(*graphs(chain)).sides


def stored_reaction(chain):
    before, after = graphs(chain)
    sides = [
        Species(key=f"{chain} {name}", smiles=f"{chain} {name}", graph=graph, energy_key=f"{chain} {name}")
        for name, graph in (("a", before), ("b", after))
    ]
    return Reaction(
        key=f"shift {chain}",
        reactant_graph=before,
        product_graph=after,
        reactants=(sides[0],),
        products=(sides[1],),
    )


def verified(chain, seed):
    numbers = np.array([*chain, 1])
    before, saddle, after = (Geometry(numbers=numbers, positions=each) for each in structures(chain, seed))
    state = TransitionState(
        geometry=saddle,
        energy_ev=-10.0,
        level=GFN2,
        verdict=Verdict(checks=(Check(name=CheckName.IRC_ENDS_MATCH, status=Status.PASSED, evidence={}),)),
        frequencies_cm1=(-1500.0, *range(100, 100 * (3 * len(numbers) - 6), 100)),
        reactant_end=before,
        product_end=after,
        reactant_end_energy_ev=-12.0,
        product_end_energy_ev=-11.0,
    )
    attempt = Attempt(
        start="a", gradient_calls=1, seconds=1.0, outcome=Outcome.INTENDED, failure=None, transition_state=state
    )
    return SearchResult(level=GFN2, attempts=(attempt,))


def fill(url):
    """Every chain verified in a database."""
    engine = open_database(url)
    reactions = {f"shift {chain}": (stored_reaction(chain), chain) for chain in CHAINS}
    with writing(engine) as session:
        add_reactions(session, [each for each, _ in reactions.values()])
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=list(reactions), level_key=GFN2.key)
    claimed = claim(engine, kind=CalculationKind.SEARCH, worker="one", limit=len(reactions), lease_seconds=600)
    with writing(engine) as session:
        for seed, one in enumerate(claimed):
            record_search(session, one, verified(reactions[one.subject_key][1], seed))
        wrong, right = [key for key, (_, chain) in reactions.items() if split_of(sides_of(chain)) == "train"][:2]
        add_campaign(session, name="audited", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "audited", [wrong, right], round_number=1)
        audits = [Audit(reaction_key=key, estimated_forward_ev=2.0) for key in (wrong, right)]
        add_audits(session, "audited", audits, rounds={wrong: 1, right: 1})
        for key, barrier_ev in ((wrong, 3.0), (right, 2.1)):
            outcome = AuditOutcome.VERIFIED
            finish_audit(session, "audited", key, outcome=outcome, verified_forward_ev=barrier_ev)
    engine.dispose()


def tiny_network():
    """Configuration of a network of one block, which is made in a second."""
    from models.backbone import BackboneConfig

    return ReactDiffConfig(
        backbone=BackboneConfig(
            irreps="8x0e+4x1o", edge_channels=8, direction_channels=4, product_channels=4, n_blocks=1, n_radial=8
        )
    )


def write_shipped(folder):
    """Untrained weights in the place of those that are shipped."""
    torch.manual_seed(0)
    network = tiny_network()
    generator = save_weights(folder / "g.safetensors", ReactDiff(network), "reactdiff", network, {})
    config = ScorerConfig(trunk=network, hidden=8, n_calibration=20)
    card = {"generator_sha256": generator}
    confidence = save_weights(folder / "c.safetensors", Scorer(config), "confidence", config, card)
    files = {"reactdiff": ("g.safetensors", generator), "confidence": ("c.safetensors", confidence)}
    entries = {kind: {"file": name, "sha256": sha256} for kind, (name, sha256) in files.items()}
    (folder / "shipped.yaml").write_text(yaml.safe_dump(entries))


def write_base(path):
    """Shifts along shorter chains, a third of them in each split."""
    n = len(BASE_CHAINS)
    places = [structures(chain, 1000 + number) for number, chain in enumerate(BASE_CHAINS)]
    np.savez(
        path,
        offset=np.arange(0, 5 * n + 1, 5),
        numbers=np.concatenate([[*chain, 1] for chain in BASE_CHAINS]),
        split=np.array(["train", "val", "test"] * (n // 3 + 1))[:n],
        dE0_kcal=np.linspace(20.0, 60.0, n),
        **{
            name: np.concatenate([each[which] for each in places])
            for which, name in enumerate(("reactant", "ts", "product"))
        },
    )


def cheap_error(job):
    """Of a barrier, from its name alone."""
    digits = int(job.identifier[:6], 16) / 16**6
    return {"error_kcal_mol": 20.0 * digits, "features": [digits + place for place in range(len(NAMES))]}


def cheap_energies(job):
    """Of the ends and the candidates of a reaction."""
    return {"energies_ev": [0.0, 0.5, *(1.5 for _ in job.kinds)], "gradient_calls": 0}


class World:
    """A folder with base data, and databases in which every chain is verified and nothing is learned yet."""

    def __init__(self, folder):
        self.folder = folder
        self.base = folder / "base.npz"
        write_base(self.base)
        fill(f"sqlite:///{folder / 'network.db'}")

    def database(self, folder):
        """A fresh copy."""
        shutil.copyfile(self.folder / "network.db", folder / "network.db")
        return f"sqlite:///{folder / 'network.db'}"

    def settings(self, **given):
        training = {
            "steps": STEPS,
            "batch_size": 8,
            "learning_rate": 3e-3,
            "warmup_steps": 2,
            "average_decay": 0.8,
            "validate_every": 20,
            "checkpoint_every": 10,
            **given.pop("training", {}),
        }
        values = {
            "base": self.base,
            "minimum_new": 5,
            "fewest_held_out": 3,
            "training": training,
            "candidates": 2,
            "sampling": {"steps": 1, "device": "cpu"},
            "promotion": {"base_tolerance_angstrom": 0.0, "n_resamples": 500},
        }
        return load_learn_settings(**{**values, **given})
