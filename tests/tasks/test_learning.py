"""The learning loop on shifts of hydrogen along chains: what it learns from, judges by, refuses, and takes back."""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest
import torch
import yaml

from chem.errors import ConfigurationError
from chem.graph import MolecularGraph
from chem.holdout import identity_of
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.types import Geometry, LevelOfTheory, Reaction, Species
from db.engine import open_database, reading, writing
from db.model_versions import GENERATOR, model_versions
from db.results import record_search
from db.store import add_reactions
from db.tables import CalculationKind, ModelVersionStatus
from db.work import claim, enqueue
from models.checkpoints import save_weights
from models.confidence import Scorer, ScorerConfig
from models.learning_data import read_learning_data
from models.reactdiff import ReactDiff
from models.weights_file import find_weights, hash_of
from tasks.learned_weights import roll_back, weights_in_use, with_learned_weights
from tasks.learning import learn
from tasks.learning_settings import load_learn_settings
from tasks.settings import load_settings

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
    engine.dispose()


@pytest.fixture
def small_world(tmp_path, monkeypatch, tiny_config, in_this_process):
    """Shipped weights of a tiny network, base data, and barrier errors that cost nothing; gives settings."""
    torch.manual_seed(0)
    weights = tmp_path / "shipped"
    generator = save_weights(weights / "g.safetensors", ReactDiff(tiny_config), "reactdiff", tiny_config, {})
    config = ScorerConfig(trunk=tiny_config, hidden=8, n_calibration=20)
    card = {"generator_sha256": generator}
    confidence = save_weights(weights / "c.safetensors", Scorer(config), "confidence", config, card)
    entries = {
        "reactdiff": {"file": "g.safetensors", "sha256": generator},
        "confidence": {"file": "c.safetensors", "sha256": confidence},
    }
    (weights / "shipped.yaml").write_text(yaml.safe_dump(entries))
    monkeypatch.setattr("models.weights_file.SHIPPED", weights / "shipped.yaml")

    @contextmanager
    def pool(_limits):
        yield in_this_process

    def cheap(job):
        digits = int(job.identifier[:6], 16) / 16**6
        return {"error_kcal_mol": 20.0 * digits, "features": [digits + place for place in range(14)]}

    monkeypatch.setattr("tasks.kept_rows.WorkerPool", pool)
    monkeypatch.setattr("tasks.candidate_errors.candidate_error", cheap)
    base = tmp_path / "base.npz"
    n = len(BASE_CHAINS)
    places = [structures(chain, 1000 + number) for number, chain in enumerate(BASE_CHAINS)]
    np.savez(
        base,
        offset=np.arange(0, 5 * n + 1, 5),
        numbers=np.concatenate([[*chain, 1] for chain in BASE_CHAINS]),
        split=np.array(["train", "val", "test"] * (n // 3 + 1))[:n],
        **{
            name: np.concatenate([each[which] for each in places])
            for which, name in enumerate(("reactant", "ts", "product"))
        },
    )

    def made(**given):
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
        settings = {
            "base": base,
            "minimum_new": 5,
            "fewest_held_out": 3,
            "training": training,
            "candidates": 2,
            "sampling": {"steps": 1, "device": "cpu"},
            "promotion": {"base_tolerance_angstrom": 0.5, "n_resamples": 500},
            **given,
        }
        return load_learn_settings(**settings)

    return made


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path / 'network.db'}"
    fill(url)
    return url


def test_a_version_that_is_better_is_put_in_use_and_a_roll_back_restores_the_one_before(
    small_world, database, tmp_path
):
    import time

    t = time.time()
    outcome = learn(small_world(), database)
    print(outcome, time.time() - t)
    assert outcome.status == "promoted"
