"""`cairn propose`: what is printed and written of draws, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from ase.io import read

from chem.distance_windows import windows_of
from chem.embedding import embed, seed_from
from chem.enumeration import EnumerationRules, enumerate_reactions, with_bonds
from chem.proposals import PLAUSIBLE, Proposal, sieve
from chem.smiles import parse_smiles
from chem.types import Geometry
from cli.main import run
from cli.propose import _print, proposals_record, write_proposals
from models.checkpoints import save_weights
from models.joint import Joint, JointConfig
from models.weights_file import shipped_file


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_config):
    """Weights of a small random network."""
    path = tmp_path_factory.mktemp("weights") / "joint.safetensors"
    config = JointConfig(backbone=tiny_config.backbone)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_weights(path, Joint(config), "joint", config, {})
    return str(path)


@pytest.fixture(scope="module")
def drawn():
    """Graph of acetaldehyde, two draws of its enol, one of methane and carbon monoxide, one of nothing."""
    graph = parse_smiles("CC=O")

    def structure(other):
        numbers, positions = np.array(graph.numbers), embed(windows_of(other), seed_from(2))
        for number, atoms in enumerate(other.fragments):
            positions[list(atoms)] += 6.0 * number
        return Geometry(numbers=numbers, positions=positions)

    enol = structure(with_bonds(graph, (graph.bonds - {(0, 3)}) | {(2, 3)}))
    parts = structure(with_bonds(graph, (graph.bonds - {(0, 1), (1, 6)}) | {(0, 6)}))
    whole = structure(graph)
    proposals = [
        Proposal(reactant=whole, ts=whole, product=product, seed=5, sample=sample)
        for sample, product in enumerate((parts, enol, whole, enol))
    ]
    return graph, sieve(proposals, PLAUSIBLE, graph)


DRAWING = {"smiles": "CC=O", "composition": False, "checkpoint_sha256": "ab" * 32, "seed": 5, "steps": 9}


def test_the_record_tells_each_reaction_how_often_it_was_drawn_and_whether_it_is_enumerated(drawn, capsys):
    graph, sieved = drawn
    keys = {each.key for each in enumerate_reactions(graph, EnumerationRules())}
    record = proposals_record(sieved, DRAWING, level=None, gradient_calls=7, enumerated=keys)
    assert (record["draws"], record["sound"], record["thrown_away"]) == (4, 3, {"unchanged": 1})
    first, second = record["reactions"]
    assert (first["products"], first["drawn"], first["samples"]) == (["C=CO"], 2, [1, 3])
    assert (second["products"], second["drawn"]) == (["C", "[C-]#[O+]"], 1)
    assert first["enumerated"]
    assert (first["pairs_broken"], first["pairs_formed"]) == (2, 2)
    assert len(first["broken"]) == len(first["formed"]) == 1
    _print(record)
    told = capsys.readouterr().out
    assert "2 reactions in 3 sound draws of 4" in told
    assert "thrown away: 1, since no bond changes" in told


def test_the_first_draw_of_each_reaction_is_written(drawn, tmp_path):
    write_proposals(tmp_path / "draws.extxyz", drawn[1].reactions)
    frames = read(tmp_path / "draws.extxyz", ":")
    assert [each.info["object"] for each in frames] == ["reactant", "ts", "product"] * 2
    assert [each.info["drawn"] for each in frames] == [2, 2, 2, 1, 1, 1]
    assert {each.get_chemical_formula() for each in frames} == {"C2H4O"}


def test_the_same_seed_proposes_the_same_and_every_draw_is_accounted_for(weights, capsys):
    records = []
    for options in (["--seed", "1"], ["--seed", "1"], ["--seed", "1", "--composition"]):
        words = ["propose", "C=O", "-n", "6", "--steps", "4", "--checkpoint", weights, "--device", "cpu", *options]
        assert run([*words, "--json"]) == 0
        records.append(json.loads(capsys.readouterr().out))
    first, again, whole = records
    assert first == again
    for record in records:
        assert record["draws"] == 6 == record["sound"] + sum(record["thrown_away"].values())
    assert first["enumeration_size"] == 1
    assert first["rules"] == {"break_bonds": 4, "form_bonds": 4, "carbenes": False, "zwitterions": False}
    assert first["level"]["key"] == "GFN2-xTB"
    assert first["gradient_calls"] > 0
    assert whole["composition"]
    assert whole["level"] is None
    assert whole["enumeration_size"] is None


def test_without_a_checkpoint_the_shipped_weights_draw_and_are_named(capsys):
    assert run(["propose", "C=O", "-n", "4", "--steps", "5", "--device", "cpu", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["draws"] == 4
    assert record["checkpoint_sha256"] == shipped_file("joint")[1]


@pytest.mark.parametrize(
    ("smiles", "told"),
    [
        ("CS", "atomic numbers 16"),
        ("C.C", "holds 2 molecules"),
        ("[CH3]", "multiplicity 2"),
        ("CC[O-]", "charge -1"),
        ("[He]", "no valence rule for He"),
    ],
)
def test_what_the_network_does_not_know_is_refused(weights, capsys, smiles, told):
    assert run(["propose", smiles, "--checkpoint", weights, "--device", "cpu"]) == 2
    assert told in capsys.readouterr().err


def test_weights_of_another_model_are_refused(write_weights, tmp_path, capsys):
    path = write_weights(tmp_path / "dig.safetensors", "dig")
    assert run(["propose", "C=O", "--checkpoint", str(path)]) == 2
    assert "holds a dig model, not a joint model" in capsys.readouterr().err
