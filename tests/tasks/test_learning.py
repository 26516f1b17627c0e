"""The learning loop on shifts of hydrogen along chains: what it learns from, judges by, refuses, and takes back."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sqlalchemy import update

from chem.audit import AuditOutcome
from chem.errors import ConfigurationError, InputError
from chem.graph import MolecularGraph
from chem.holdout import identity_of, split_of
from chem.levels import resolve_level
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.types import Geometry, LevelOfTheory, Reaction, Species
from chem.walk_features import NAMES
from cli.learn import FIGURES, outcome_record
from cli.main import run
from db.audits import Audit, add_audits, finish_audit
from db.campaigns import add_campaign, add_reaction_members
from db.engine import open_database, reading, writing
from db.model_versions import GENERATOR, ModelVersion, activate, model_versions, record_versions
from db.results import record_search
from db.store import add_reactions
from db.tables import CalculationKind, ModelVersionRow, ModelVersionStatus
from db.work import claim, enqueue
from models.barrier import BarrierConfig, BarrierNetwork
from models.checkpoints import read_checkpoint, save_weights
from models.confidence import Scorer, ScorerConfig, load_scorer
from models.learning_data import read_learning_data
from models.reactdiff import ReactDiff, ReactDiffConfig
from models.weights_file import find_weights, hash_of
from tasks.campaign_start import store_campaign
from tasks.learned_weights import roll_back, weights_in_use, with_learned_weights
from tasks.learning import learn
from tasks.learning_run import only_one
from tasks.learning_settings import load_learn_settings
from tasks.learning_stages import STAGES
from tasks.plan import campaign_name, candidate_settings, stored_settings
from tasks.settings import load_settings
from tasks.version_evaluation import evaluate_version

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


@pytest.fixture(scope="module")
def world(tmp_path_factory, in_this_process):
    """Shipped weights of a tiny network, and barrier errors that cost nothing."""

    @contextmanager
    def pool(_limits):
        yield in_this_process

    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        write_shipped(folder / "shipped")
        patch.setattr("models.weights_file.SHIPPED", folder / "shipped" / "shipped.yaml")
        patch.setattr("tasks.kept_rows.WorkerPool", pool)
        patch.setattr("tasks.candidate_errors.candidate_error", cheap_error)
        patch.setattr("tasks.barrier_labels.barrier_energies_ev", cheap_energies)
        yield World(folder)


@pytest.fixture(scope="module")
def learned(world, tmp_path_factory):
    """What one run made of a database, and that database."""
    database = world.database(tmp_path_factory.mktemp("learned"))
    return learn(world.settings(), database), database


@pytest.fixture
def own(learned, tmp_path):
    """A database after that run, to be changed."""
    path = tmp_path / "network.db"
    shutil.copyfile(learned[1].removeprefix("sqlite:///"), path)
    return f"sqlite:///{path}"


def versions(database, name=GENERATOR):
    engine = open_database(database)
    try:
        with reading(engine) as session:
            return {one.checkpoint_hash: one for one in model_versions(session, name=name)}
    finally:
        engine.dispose()


def in_use(database):
    engine = open_database(database)
    try:
        with reading(engine) as session:
            return weights_in_use(session)
    finally:
        engine.dispose()


def test_a_better_version_is_put_in_use_and_kept_under_the_name_of_its_hash(learned):
    outcome, database = learned
    assert outcome.status == "promoted"
    assert outcome.figures["campaign_rmsd_difference_high_angstrom"] < 0.0
    assert outcome.figures["campaign_rmsd_mean_after_angstrom"] < outcome.figures["campaign_rmsd_mean_before_angstrom"]
    pair = in_use(database)
    assert pair.learned
    assert (pair.generator.sha256, pair.confidence.sha256) == (outcome.generator_sha256, outcome.confidence_sha256)
    assert pair.generator.path == outcome.run.parent / f"{outcome.generator_sha256}.safetensors"
    assert pair.confidence.card["generator_sha256"] == outcome.generator_sha256
    generator = versions(database)[outcome.generator_sha256]
    assert generator.parent_hash == pair.generator.card["started_from_sha256"] == find_weights("reactdiff").sha256
    assert generator.data_hashes["joined"] == hash_of(outcome.run / "joined.npz") == pair.generator.card["data_sha256"]
    assert generator.metrics["n_transition_states"] == len(CHAINS)


def test_the_confidence_keeps_its_trunk_and_is_calibrated_on_what_is_held_out_of_both(learned):
    outcome, database = learned
    pair = in_use(database)
    before = load_scorer(None, generator_sha256=find_weights("reactdiff").sha256)
    after = load_scorer(pair.confidence.path, generator_sha256=pair.generator.sha256)
    joined = read_learning_data(outcome.run / "joined.npz")
    trunks = [dict(each.trunk.state_dict()) for each in (before, after)]
    assert all(torch.equal(trunks[0][name], trunks[1][name]) for name in trunks[0])
    n_val = len(joined.places("val", "campaign")) + len(joined.places("val", "base"))
    assert len(after.judge.calibration.error_kcal_mol) == n_val
    assert not torch.equal(after.platt, before.platt)


def test_a_barrier_head_gets_new_error_bars_for_the_new_generator(world, tmp_path):
    torch.manual_seed(2)
    config = BarrierConfig(backbone=replace(tiny_network().backbone, cutoff_angstrom=8.0), hidden=8)
    given = tmp_path / "head.safetensors"
    old = BarrierNetwork(config)
    card = {"level": "GFN2-xTB", "reference": "made up"}
    parent = save_weights(given, old, "barrier", config, card)
    database = world.database(tmp_path)
    outcome = learn(world.settings(barrier_head=given), database)
    assert outcome.status == "promoted"
    (head,) = versions(database, "barrier_head").values()
    assert (head.status, head.parent_hash) == (ModelVersionStatus.ACTIVE, parent)
    assert head.checkpoint_hash == outcome.barrier_head_sha256
    assert head.generator_hash == outcome.generator_sha256
    found = read_checkpoint(Path(head.file), "barrier")
    assert found.card["generator_sha256"] == outcome.generator_sha256
    assert found.card["calibrated_kind"] == "generated"
    assert int(found.weights["n_calibration"]) == sum(np.load(world.base)["split"] == "val")
    kept = {name for name, value in old.state_dict().items() if torch.equal(value, found.weights[name])}
    assert set(found.weights) - kept <= {"n_calibration", "bar_factor"}
    save_weights(given, old, "barrier", config, {**card, "level": "b3lyp"})
    with pytest.raises(ConfigurationError, match="corrects b3lyp"):
        learn(world.settings(barrier_head=given), world.database(tmp_path))


def test_a_roll_back_restores_the_figures_of_before_exactly(world, learned, own, tmp_path):
    outcome, _ = learned
    shipped = find_weights("reactdiff")
    assert roll_back(own) == (outcome.generator_sha256, shipped.sha256)
    pair = in_use(own)
    assert pair.generator.path.read_bytes() == shipped.path.read_bytes()
    assert pair.generator.path.parent == outcome.run.parent
    joined = read_learning_data(outcome.run / "joined.npz")
    places = joined.places("test", "campaign") + joined.places("base_test", "base")
    weights = (pair.generator.path, pair.confidence.path)
    again = evaluate_version(
        tmp_path / "again.json", weights, joined, places, resolve_level("gfn2"), world.settings(), lambda *_: None
    )
    earlier = json.loads((outcome.run / "before.json").read_text())
    assert [asdict(each) for each in again] == earlier
    assert {one.status for one in versions(own).values()} == {ModelVersionStatus.ACTIVE, ModelVersionStatus.RETIRED}
    with pytest.raises(ConfigurationError, match="where learning began"):
        roll_back(own)


def test_nothing_that_is_tested_is_learned(learned, tmp_path):
    outcome, _ = learned
    joined = read_learning_data(outcome.run / "joined.npz")
    trained = [one for one, split in zip(joined.identities, joined.data.splits, strict=True) if split == "train"]
    sides = {side for one in trained for side in one.sides}
    tested = [joined.identities[place] for place in joined.places("test", "campaign")]
    assert tested
    assert all(any(side not in sides for side in one.sides) for one in tested)
    others = [one for one, split in zip(joined.identities, joined.data.splits, strict=True) if split != "train"]
    assert not {one.key for one in trained} & {one.key for one in others}
    with np.load(outcome.run / "joined.npz") as file:
        whole = dict(file)
    place = np.flatnonzero(whole["split"] == "train")[0]
    for array, value, words in (
        ("identity", tested[0].key, "tested and trained on"),
        ("sides", tested[0].sides, "held out, and yet trained on"),
    ):
        changed = {**whole, array: whole[array].copy()}
        changed[array][place] = value
        np.savez(tmp_path / "leaking.npz", **changed)
        with pytest.raises(InputError, match=words):
            read_learning_data(tmp_path / "leaking.npz").check()


def test_a_wrongly_believed_reaction_is_drawn_more_often(learned):
    outcome, database = learned
    weights = read_learning_data(outcome.run / "joined.npz").data.weights
    assert (weights == 12.0).sum() == 1
    assert set(weights) == {1.0, 4.0, 12.0}
    assert versions(database)[outcome.generator_sha256].metrics["counts"]["campaign_train_wrong_estimate"] == 1


def test_a_worse_version_is_refused_with_its_figures(world, tmp_path, monkeypatch):
    def spoil(work):
        torch.manual_seed(1)
        network = ReactDiff(tiny_network())
        network.head.scale.data.fill_(20.0)  # moves atoms far
        sha256 = save_weights(work.weights(GENERATOR), network, "reactdiff", tiny_network(), {})
        return {"generator_sha256": sha256}

    monkeypatch.setitem(STAGES, "generator", spoil)
    database = world.database(tmp_path)
    outcome = learn(world.settings(), database)
    assert outcome.status == "refused"
    assert "does not lie below zero" in outcome.reasons[0]
    (refused,) = versions(database).values()
    assert refused.status is ModelVersionStatus.REFUSED
    after = refused.metrics["campaign_rmsd_mean_after_angstrom"]
    assert after > refused.metrics["campaign_rmsd_mean_before_angstrom"]
    assert not in_use(database).learned
    with pytest.raises(ConfigurationError, match="has no learned version in use"):
        with_learned_weights(load_settings(checkpoint="learned", database=database))
    again = learn(world.settings(), database)  # nothing is new since
    assert (again.status, again.run) == ("skipped", None)


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(world, learned, tmp_path):
    database = world.database(tmp_path)
    moments = iter([("training the generator", 20), ("drawing calibration", 1), ("measuring barriers of after", 2)])
    moment = next(moments)
    killed = 0

    def progress(what, done, _total):
        if moment is not None and what == moment[0] and done >= moment[1]:
            raise KeyboardInterrupt

    while True:
        try:
            outcome = learn(world.settings(), database, progress)
            break
        except KeyboardInterrupt:
            killed += 1
            moment = next(moments, None)
    assert killed == 3
    assert outcome.status == "promoted"
    assert outcome.figures == learned[0].figures
    assert [path.name for path in outcome.run.parent.glob("run-*")] == ["run-0001"]
    assert not list(outcome.run.parent.glob("*.new*"))


def test_a_run_goes_on_only_with_what_it_began_with_and_alone(world, tmp_path):
    database = world.database(tmp_path)
    assert learn(world.settings(max_hours=1e-9), database).status == "unfinished"
    with pytest.raises(ConfigurationError, match="begun with another settings"):
        learn(world.settings(candidates=3), database)
    models = tmp_path / "network.models"
    with only_one(models), pytest.raises(ConfigurationError, match="is learning in"):
        learn(world.settings(), database)
    (models / "at-work.json").write_text(json.dumps({"pid": 2**22 + 1, "created": 0.0}))  # of a process that died
    assert learn(world.settings(max_hours=1e-9), database).status == "unfinished"


def test_too_little_to_learn_from_or_to_judge_by_is_skipped_and_says_so(world, tmp_path):
    database = world.database(tmp_path)
    few = learn(world.settings(minimum_new=500), database)
    assert few.status == "skipped"
    assert f"of {len(CHAINS)}; minimum_new asks for 500" in few.reasons[0]
    unjudged = learn(world.settings(fewest_held_out=50), database)
    assert unjudged.status == "skipped"
    assert "fewest_held_out asks for 50" in unjudged.reasons[0]
    assert not list((tmp_path / "network.models").glob("run-*"))
    assert versions(database) == {}
    with pytest.raises(ConfigurationError, match="--base"):
        learn(world.settings(base=None), database)


def test_other_base_data_than_those_of_the_version_in_use_are_refused(world, own, learned, tmp_path):
    with np.load(world.base) as file:
        np.savez(tmp_path / "other.npz", **{**file, "split": file["split"][::-1]})
    (tmp_path / "network.models").mkdir()
    settings = world.settings(base=tmp_path / "other.npz")
    assert "new at gfn2" in learn(settings, own).reasons[0]
    engine = open_database(own)
    with writing(engine) as session:  # as if every transition state were new
        session.execute(update(ModelVersionRow).values(metrics={}))
    engine.dispose()
    with pytest.raises(ConfigurationError, match="other base data"):
        learn(settings, own)


def test_a_campaign_takes_the_version_in_use_when_it_begins_and_keeps_it(learned, own):
    asked = load_settings(checkpoint="learned", database=own, seeds=("C#N",))
    found = with_learned_weights(asked)
    assert candidate_settings(found)["checkpoint_sha256"] == learned[0].generator_sha256
    with pytest.raises(ConfigurationError, match="stands for the weights"):
        candidate_settings(asked)
    engine = open_database(own)
    with writing(engine) as session:
        name = store_campaign(session, found)
    roll_back(own)
    with reading(engine) as session:
        assert stored_settings(session, name, database=own).checkpoint == found.checkpoint
    engine.dispose()
    assert campaign_name(with_learned_weights(asked)) != name
    with pytest.raises(ConfigurationError, match="its own confidence"):
        with_learned_weights(load_settings(checkpoint="learned", confidence="c.safetensors", database=own))
    with pytest.raises(ConfigurationError, match="has no learned version in use"):
        with_learned_weights(load_settings(checkpoint="learned", database="sqlite:///nowhere/at_all.db"))


def test_versions_are_listed_and_taken_back_on_the_command_line(learned, own, capsys):
    outcome, _ = learned
    assert run(["learn", "--list", "--json", "--db", own]) == 0
    first, second = sorted(
        (json.loads(line) for line in capsys.readouterr().out.splitlines()), key=lambda record: record["status"]
    )
    assert (first["status"], second["status"]) == ("active", "retired")
    assert first["generator_sha256"] == outcome.generator_sha256
    assert first["parent_sha256"] == second["generator_sha256"]
    for name in FIGURES:
        assert first[name] == outcome.figures[name]
        assert second[name] is None or ("before" in name and second[name] == first[name])
    assert set(outcome.figures) == set(FIGURES)
    assert set(outcome_record(outcome)) >= set(FIGURES)
    assert run(["learn", "--list", "--db", own]) == 0
    assert outcome.generator_sha256[:12] in capsys.readouterr().out
    assert run(["learn", "--roll-back", "--db", own, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == {
        "status": "rolled_back",
        "retired_sha256": outcome.generator_sha256,
        "active_sha256": second["generator_sha256"],
    }
    assert run(["learn", "--roll-back", "--db", own]) == 2
    assert "where learning began" in capsys.readouterr().err
    assert run(["learn", "--db", own]) == 2
    assert "--base" in capsys.readouterr().err


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def any_database(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'any.db'}"
        return
    with request.getfixturevalue("postgresql_database")() as url:
        yield url


def test_weights_that_were_changed_or_lost_are_refused_in_any_database(any_database, tmp_path, write_weights):
    made = []
    for name in ("first", "second"):
        generator = write_weights(tmp_path / f"{name}.safetensors", "reactdiff", name=name)
        sha256 = hash_of(generator)
        confidence = write_weights(tmp_path / f"{name}_c.safetensors", "confidence", generator_sha256=sha256)
        parent = made[0].checkpoint_hash if made else None
        common = {"status": ModelVersionStatus.RETIRED, "data_hashes": {}, "metrics": {}}
        made += [
            ModelVersion(name="generator", checkpoint_hash=sha256, file=str(generator), parent_hash=parent, **common),
            ModelVersion(
                name="confidence",
                checkpoint_hash=hash_of(confidence),
                file=str(confidence),
                generator_hash=sha256,
                **common,
            ),
        ]
    engine = open_database(any_database)
    with writing(engine) as session:
        record_versions(session, made)
        activate(session, [one.checkpoint_hash for one in made[2:]])
    engine.dispose()
    asked = load_settings(checkpoint="learned", database=any_database)
    assert with_learned_weights(asked).checkpoint == tmp_path / "second.safetensors"
    (tmp_path / "first_c.safetensors").unlink()
    with pytest.raises(ConfigurationError, match="cannot read the weights"):
        roll_back(any_database)
    assert with_learned_weights(asked).checkpoint == tmp_path / "second.safetensors"  # nothing has changed
    write_weights(tmp_path / "first_c.safetensors", "confidence", generator_sha256=made[0].checkpoint_hash)
    assert roll_back(any_database) == (made[2].checkpoint_hash, made[0].checkpoint_hash)
    write_weights(tmp_path / "first.safetensors", "reactdiff", name="another")
    with pytest.raises(ConfigurationError, match="as the database says"):
        with_learned_weights(asked)
