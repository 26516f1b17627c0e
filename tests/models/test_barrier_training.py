"""A barrier head trained from a file of labels to estimates: what it learns, keeps, refuses, and says of its error."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from chem.barrier_estimate import PointEnergies
from chem.errors import ConfigurationError, InputError
from chem.generator import EndPoints
from chem.outcomes import Status
from chem.types import Geometry
from cli.evaluate_barrier import barrier_command, head_record
from models.barrier import BarrierConfig
from models.barrier_data import (
    GENERATED,
    NOISED,
    TRUE,
    BarrierLabels,
    LabelledCandidate,
    LabelledReaction,
    read_barrier_labels,
    write_barrier_labels,
)
from models.barrier_estimates import BarrierHead
from models.barrier_training import main
from models.checkpoints import save_weights
from models.configuration import to_plain
from models.evaluation.barrier_head import summarise_head
from models.reactdiff import ReactDiff, ReactDiffConfig

EV_PER_KCAL_MOL = 0.0433641
N_TRAIN, N_VAL = 6, 20


def labelled(reaction, split, kinds, height_kcal_mol, missing_kcal_mol):
    """A reaction whose reference lies a given way above what its energies say."""
    candidates = tuple(
        LabelledCandidate(kind=kind, positions=reaction.ts, energy_ev=-100.0 + height_kcal_mol * EV_PER_KCAL_MOL)
        for kind in kinds
    )
    return LabelledReaction(
        identifier="7",
        split=split,
        numbers=reaction.numbers,
        ends=reaction.ends,
        reference_kcal_mol=height_kcal_mol + missing_kcal_mol,
        ends_ev=(-100.0, -99.5),
        candidates=candidates,
    )


@pytest.fixture
def labels(reactions):
    """Tautomerisations that lack 12 kcal/mol."""
    one = reactions["tautomerisation"]
    rng = np.random.default_rng(0)
    made = []
    for number in range(N_TRAIN + N_VAL):
        split, kinds = ("train", (TRUE, NOISED)) if number < N_TRAIN else ("val", (TRUE, GENERATED))
        moved = replace(one, ts=one.ts + 0.05 * rng.normal(size=one.ts.shape))
        made.append(labelled(moved, split, kinds, 40.0 + 10.0 * rng.random(), 12.0 + rng.normal()))
    return BarrierLabels(
        reactions=tuple(made), level="GFN2-xTB", reference="CCSD(T)-F12 with zero-point energy", generator_sha256="ab"
    )


@pytest.fixture
def config(tiny_config):
    """A small head, trained for few steps."""
    backbone = replace(tiny_config.backbone, cutoff_angstrom=6.0)
    return {
        "model": to_plain(BarrierConfig(backbone=backbone, hidden=8)),
        "training": {
            "steps": 30,
            "batch_size": 6,
            "learning_rate": 0.01,
            "warmup_steps": 2,
            "validate_every": 15,
            "checkpoint_every": 15,
            "average_decay": 0.5,
        },
    }


KEPT = {}  # weights of plain trainings by what they were trained on: each takes seconds


@pytest.fixture
def train(tmp_path, labels, config):
    """Function that trains into a folder."""
    write_barrier_labels(tmp_path / "labels.npz", labels)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))

    def trained(*own, out="out"):
        rows, weights = [], tmp_path / out / "weights.safetensors"
        plain = None if own or out != "out" else (repr(config), (tmp_path / "labels.npz").read_bytes())
        if plain in KEPT:
            rows, content = KEPT[plain]
            weights.parent.mkdir()
            weights.write_bytes(content)
            return rows, weights
        given = ["--data", str(tmp_path / "labels.npz"), "--config", str(tmp_path / "config.yaml"), "--device", "cpu"]
        main([*given, "--out", str(tmp_path / out), *own], rows.append)
        if plain is not None:
            KEPT[plain] = rows, weights.read_bytes()
        return rows, weights

    return trained


def ends_of(reaction, **kind):
    reactant, product = (Geometry(numbers=reaction.numbers, positions=side, **kind) for side in reaction.ends)
    return EndPoints(reactant=reactant, product=product)


def energies(height_kcal_mol):
    return PointEnergies(reactant_ev=-100.0, product_ev=-99.5, candidate_ev=-100.0 + height_kcal_mol * EV_PER_KCAL_MOL)


def test_labels_are_read_as_they_were_written(tmp_path, labels):
    path = tmp_path / "labels.npz"
    write_barrier_labels(path, labels)
    found = read_barrier_labels(path)
    assert (found.level, found.reference, found.generator_sha256) == ("GFN2-xTB", labels.reference, "ab")
    for before, after in zip(labels.reactions, found.reactions, strict=True):
        assert before.reference_kcal_mol == pytest.approx(after.reference_kcal_mol)
        assert before.ends_ev == pytest.approx(after.ends_ev)
        assert np.allclose(before.ends, after.ends, atol=1e-5)
        assert [one.kind for one in before.candidates] == [one.kind for one in after.candidates]
        for first, second in zip(before.candidates, after.candidates, strict=True):
            assert np.allclose(first.positions, second.positions, atol=1e-5)
            assert first.energy_ev == pytest.approx(second.energy_ev)


def test_labels_that_contradict_each_other_are_refused(tmp_path, labels):
    path = tmp_path / "labels.npz"
    write_barrier_labels(path, labels)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "ends_ev": arrays["ends_ev"][:-1]})
    with pytest.raises(InputError, match="contradict"):
        read_barrier_labels(path)
    del arrays["reference"]
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"lacks the arrays reference.*cairn label-barriers"):
        read_barrier_labels(path)


def test_what_all_reactions_lack_is_learned_and_the_bars_are_calibrated(train, reactions):
    rows, weights = train()
    uncorrected, learned = rows[-1]["val_generated_uncorrected_mae_kcal_mol"], rows[-1]["val_mae_kcal_mol"]
    assert uncorrected == pytest.approx(12.0, abs=1.0)
    assert learned < 0.5 * uncorrected
    head = BarrierHead(weights)
    assert int(head.network.n_calibration) == N_VAL
    assert head.checkpoint.card["calibrated_on"] == f"{N_VAL} generated candidates of val of labels.npz"
    one = reactions["tautomerisation"]
    candidate = Geometry(numbers=one.numbers, positions=one.ts)
    (found,) = head.estimate([ends_of(one)], [candidate], [energies(45.0)])
    assert found.barrier_forward_kcal_mol == pytest.approx(57.0, abs=6.0)
    assert found.height_forward_kcal_mol == pytest.approx(45.0, abs=1e-3)
    assert found.error_bar_95_forward_kcal_mol > 0.0
    assert found.least_barrier_kcal_mol == found.barrier_forward_kcal_mol - found.error_bar_95_forward_kcal_mol
    assert found.verdict is Status.ESTIMATED
    assert (found.level, found.checkpoint_sha256) == ("GFN2-xTB", head.checkpoint.sha256)


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(train):
    _, whole = train(out="whole")
    train("--max-seconds", "0", out="parts")
    _, parts = train("--resume", out="parts")
    assert torch.equal(BarrierHead(whole).network.correction[1].weight, BarrierHead(parts).network.correction[1].weight)


@pytest.mark.slow
def test_a_training_begins_with_the_trunk_of_a_generator_of_its_size_alone(train, tiny_config, tmp_path):
    model = ReactDiff(tiny_config)
    save_weights(tmp_path / "generator.safetensors", model, "reactdiff", tiny_config, {})
    _, weights = train("--start-from", str(tmp_path / "generator.safetensors"))
    assert BarrierHead(weights).checkpoint.card["started_from_sha256"]
    other = ReactDiffConfig(backbone=replace(tiny_config.backbone, n_blocks=1))
    save_weights(tmp_path / "other.safetensors", ReactDiff(other), "reactdiff", other, {})
    with pytest.raises(ConfigurationError, match="same size"):
        train("--start-from", str(tmp_path / "other.safetensors"), out="refused")


def test_estimates_do_not_depend_on_their_company_and_unreadable_reactions_have_none(train, reactions):
    _, weights = train()
    head = BarrierHead(weights)
    every = [reactions[name] for name in ("tautomerisation", "dissociation", "elimination")]
    ends = [*map(ends_of, every), ends_of(every[0], charge=-1, multiplicity=2)]
    candidates = [end.reactant.with_positions(each.ts) for end, each in zip(ends, [*every, every[0]], strict=True)]
    together = head.estimate(ends, candidates, [energies(40.0)] * 4)
    assert together[3] is None
    assert "charge -1" in head.unsupported(ends[3])[0]
    for place in range(3):
        (alone,) = head.estimate([ends[place]], [candidates[place]], [energies(40.0)])
        assert together[place].barrier_forward_kcal_mol == pytest.approx(alone.barrier_forward_kcal_mol, abs=1e-3)
        assert together[place].barrier_reverse_kcal_mol == pytest.approx(alone.barrier_reverse_kcal_mol, abs=1e-3)


def test_a_barrier_that_starts_from_more_molecules_than_any_trained_one_has_no_bar(train, reactions):
    _, weights = train()
    one = reactions["dissociation"]
    candidate = Geometry(numbers=one.numbers, positions=one.ts)
    (found,) = BarrierHead(weights).estimate([ends_of(one)], [candidate], [energies(80.0)])
    assert found.error_bar_95_forward_kcal_mol is not None
    assert found.error_bar_95_reverse_kcal_mol is None


def test_energies_of_another_level_and_missing_weights_are_refused_with_a_remedy(train, tmp_path, monkeypatch):
    _, weights = train()
    with pytest.raises(ConfigurationError, match="corrects GFN2-xTB, not GFN1-xTB"):
        BarrierHead(weights).check_level("GFN1-xTB")
    (tmp_path / "shipped.yaml").write_text("{}\n")
    monkeypatch.setattr("models.weights_file.SHIPPED", tmp_path / "shipped.yaml")
    with pytest.raises(ConfigurationError, match="cairn train barrier"):
        BarrierHead()


def test_elements_that_the_network_is_not_to_know_are_refused(labels, train, tmp_path):
    first, *rest = labels.reactions
    strange = replace(first, numbers=np.where(first.numbers == 8, 16, first.numbers))
    write_barrier_labels(tmp_path / "labels.npz", replace(labels, reactions=(strange, *rest)))
    with pytest.raises(InputError, match="16"):
        train()


def test_a_rejection_loses_fewer_good_reactions_where_the_bar_must_lie_above():
    reference = np.array([70.0, 79.0, 90.0, 120.0])
    estimate = np.array([75.0, 84.0, 85.0, 118.0])
    found = summarise_head(reference, estimate - 3.0, np.full(4, 3.0), np.full(4, 6.0), shift=3.0, reject_above=80.0)
    assert (found.good, found.good_lost_share, found.good_lost_by_mean_share) == (2, 0.0, 0.5)
    assert (found.rejected_share, found.rejected_by_mean_share) == (0.25, 0.75)
    assert found.mae_kcal_mol == pytest.approx(4.25)
    assert found.shifted_mae_kcal_mol == found.mae_kcal_mol
    assert found.coverage == 1.0


def test_without_calibration_there_is_neither_bar_nor_coverage_nor_rejection():
    reference = np.array([70.0, 120.0])
    found = summarise_head(reference, reference, np.zeros(2), np.full(2, np.inf), shift=0.0, reject_above=80.0)
    assert found.coverage is found.half_width_mean_kcal_mol is found.rank_correlation is None
    assert found.rejected_share == 0.0


def test_the_help_of_the_evaluation_names_every_field_of_its_json(train, labels):
    _, weights = train()
    record = head_record(BarrierHead(weights), labels, "val", 80.0, 5, 0)
    json.dumps(record, allow_nan=False)
    assert record["true"]["n"] == record["generated"]["n"] == 5
    fields = {"data", "split", "seed", *record, *record["true"]}
    assert fields == set(re.findall(r"`(\w+)`", barrier_command.__doc__))
    with pytest.raises(InputError, match="only of train, val"):
        head_record(BarrierHead(weights), labels, "test", 80.0, None, 0)
