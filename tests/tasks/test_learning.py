"""The learning loop on shifts of hydrogen along chains: what it learns from, judges by, refuses, and takes back."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sqlalchemy import update

from chem.errors import ConfigurationError, InputError
from chem.levels import resolve_level
from cli.learn import FIGURES, outcome_record
from cli.main import run
from db.engine import open_database, reading, writing
from db.model_versions import GENERATOR, ModelVersion, activate, model_versions, record_versions
from db.tables import ModelVersionRow, ModelVersionStatus
from models.barrier import BarrierConfig, BarrierNetwork
from models.checkpoints import read_checkpoint, save_weights
from models.confidence import load_scorer
from models.learning_data import read_learning_data
from models.reactdiff import ReactDiff
from models.weights_file import find_weights, hash_of
from tasks.campaign_start import store_campaign
from tasks.learned_weights import roll_back, weights_in_use, with_learned_weights
from tasks.learning import learn
from tasks.learning_run import only_one
from tasks.learning_stages import STAGES
from tasks.plan import campaign_name, candidate_settings, stored_settings
from tasks.settings import load_settings
from tasks.version_evaluation import evaluate_version
from tests.tasks.chains import (
    CHAINS,
    World,
    cheap_energies,
    cheap_error,
    tiny_network,
    write_shipped,
)


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
    assert (weights == 48.0).sum() == 1
    assert set(weights) == {1.0, 16.0, 48.0}
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
