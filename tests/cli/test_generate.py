"""`cairn generate` with a small random network: order of atoms, seeds, what is written, and what is refused."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest
import torch
from ase.io import read

from cli.main import run
from models.checkpoints import save_weights
from models.confidence import Scorer, ScorerConfig
from models.reactdiff import ReactDiff

FORMALDEHYDE = "4\n\nC 0.0 0.0 0.0\nO 1.21 0.0 0.0\nH -0.59 0.94 0.0\nH -0.59 -0.94 0.0\n"
FRAGMENTS = "4\n\nC 0.0 0.0 0.0\nO 1.13 0.0 0.0\nH -4.0 0.37 0.0\nH -4.0 -0.37 0.0\n"


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ends")
    (folder / "r.xyz").write_text(FORMALDEHYDE)
    (folder / "p.xyz").write_text(FRAGMENTS)
    return [str(folder / "r.xyz"), str(folder / "p.xyz")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_config):
    """Options that name the weights of a small generator and its confidence."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, scorer = ReactDiff(tiny_config), Scorer(ScorerConfig(trunk=tiny_config, hidden=8))
    sha256 = save_weights(folder / "generator.safetensors", model, "reactdiff", tiny_config, {})
    card = {"generator_sha256": sha256}
    save_weights(folder / "confidence.safetensors", scorer, "confidence", scorer.config, card)
    return [
        *("--checkpoint", str(folder / "generator.safetensors")),
        *("--confidence", str(folder / "confidence.safetensors")),
    ]


@pytest.fixture(scope="module")
def first(ends, weights, tmp_path_factory):
    """The record of three candidates and the file that was written with it."""
    output = tmp_path_factory.mktemp("first") / "candidates.extxyz"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(["generate", *ends, *weights, "-n", "3", "-o", str(output), "--json"]) == 0
    (line,) = printed.getvalue().splitlines()
    return json.loads(line), output


def record(capsys, arguments):
    assert run(["generate", *arguments, "--json"]) == 0
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    return json.loads(line)


def positions_by_sample(found):
    return {each["sample"]: np.array(each["positions_angstrom"]) for each in found["candidates"]}


def test_candidates_come_best_first_in_the_order_of_the_input_atoms(first):
    found, _ = first
    assert found["symbols"] == ["C", "O", "H", "H"]
    assert [each["rank"] for each in found["candidates"]] == [1, 2, 3]
    assert sorted(each["sample"] for each in found["candidates"]) == [0, 1, 2]
    assert found["candidates"][0]["rmsd_to_recommended_angstrom"] < 1e-6
    assert all(each["rmsd_to_recommended_angstrom"] > 1e-3 for each in found["candidates"][1:])
    assert all(0.0 <= each["confidence"] <= 1.0 for each in found["candidates"])
    assert all(each["expected_error_kcal_mol"] >= 0.0 for each in found["candidates"])
    assert all(np.isfinite(each["positions_angstrom"]).all() for each in found["candidates"])


def test_the_file_of_candidates_says_what_the_record_says(first):
    found, output = first
    frames = read(output, index=":", format="extxyz")
    assert len(frames) == 3
    for frame, each in zip(frames, found["candidates"], strict=True):
        assert frame.get_chemical_symbols() == found["symbols"]
        assert np.allclose(frame.positions, each["positions_angstrom"], atol=1e-6)
        for name in ("rank", "sample", "confidence", "expected_error_kcal_mol", "rmsd_to_recommended_angstrom"):
            assert frame.info[name] == pytest.approx(each[name], abs=1e-6)
        assert frame.info.get("faults", "") == "; ".join(each["faults"])
        assert frame.info["checkpoint_sha256"] == found["checkpoint_sha256"]


def test_weights_without_their_confidence_give_the_same_candidates_in_the_order_drawn(capsys, ends, weights, first):
    found = record(capsys, [*ends, *weights[:2], "-n", "3"])
    assert [each["sample"] for each in found["candidates"]] == [0, 1, 2]
    assert [each["confidence"] for each in found["candidates"]] == [None] * 3
    ranked = positions_by_sample(first[0])
    for sample, positions in positions_by_sample(found).items():
        assert np.array_equal(positions, ranked[sample])


def test_the_seed_decides_the_samples_but_not_the_deterministic_one(capsys, ends, weights, first):
    found = positions_by_sample(record(capsys, [*ends, *weights[:2], "-n", "3", "--seed", "1"]))
    before = positions_by_sample(first[0])
    assert np.allclose(found[0], before[0], atol=1e-6)
    assert not np.allclose(found[1], before[1], atol=1e-3)


def test_other_atom_order_gives_the_deterministic_candidate_in_that_order(capsys, tmp_path, weights, first):
    order = [3, 1, 0, 2]

    def reordered(text):
        rows = text.splitlines()
        return "\n".join([*rows[:2], *(rows[2 + place] for place in order)]) + "\n"

    (tmp_path / "r.xyz").write_text(reordered(FORMALDEHYDE))
    (tmp_path / "p.xyz").write_text(reordered(FRAGMENTS))
    files = [str(tmp_path / "r.xyz"), str(tmp_path / "p.xyz")]
    found = record(capsys, [*files, *weights[:2], "--deterministic"])
    assert found["symbols"] == ["H", "O", "C", "H"]
    (positions,) = positions_by_sample(found).values()

    def distances(positions):
        return np.linalg.norm(positions[:, None] - positions[None], axis=-1)

    expected = distances(positions_by_sample(first[0])[0])[np.ix_(order, order)]
    assert np.allclose(distances(positions), expected, atol=1e-3)


def test_the_table_names_ranks_and_the_file(capsys, tmp_path, ends, weights):
    assert run(["generate", *ends, *weights, "-n", "2", "-o", str(tmp_path / "out.extxyz")]) == 0
    printed = capsys.readouterr().out
    assert "2 candidates" in printed
    assert "confidence" in printed
    assert "out.extxyz" in printed


def test_a_charge_that_was_never_seen_has_no_confidence_and_says_why(capsys, ends, weights):
    found = record(capsys, [*ends, *weights, "--charge", "2", "-n", "2"])
    assert [each["confidence"] for each in found["candidates"]] == [0.0, 0.0]
    assert [each["expected_error_kcal_mol"] for each in found["candidates"]] == [None, None]
    assert "charge +2" in found["unscored_reasons"][0]


def test_input_that_cannot_be_used_exits_with_2_and_names_it(capsys, tmp_path, ends, weights):
    (tmp_path / "swapped.xyz").write_text(FRAGMENTS.replace("C", "X").replace("O", "C").replace("X", "O"))
    (tmp_path / "sulfur_r.xyz").write_text(FORMALDEHYDE.replace("O 1.21", "S 1.61"))
    (tmp_path / "sulfur_p.xyz").write_text(FRAGMENTS.replace("O 1.13", "S 1.53"))
    sulfur = [str(tmp_path / "sulfur_r.xyz"), str(tmp_path / "sulfur_p.xyz")]
    for arguments, named in (
        ([ends[0], str(tmp_path / "swapped.xyz"), *weights], "same order"),
        ([*sulfur, *weights], "not trained on S"),
        ([ends[0], str(tmp_path / "missing.xyz"), *weights], "missing.xyz"),
        ([*ends, *weights, "--multiplicity", "2"], "multiplicity 2"),
        ([*ends, *weights, "--device", "abacus"], "abacus"),
        ([*ends, *weights, "-n", "0"], "-n"),
        ([*ends, *weights, "-o", str(tmp_path / "nowhere" / "out.extxyz")], "existing folder"),
        ([*ends, "--checkpoint", str(tmp_path / "none.safetensors")], "none.safetensors"),
        ([*ends, "--checkpoint", weights[3], "--confidence", weights[3]], "not a reactdiff model"),
    ):
        assert run(["generate", *arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert named in printed.err
        assert "Traceback" not in printed.err


def test_help_teaches_by_example(capsys):
    assert run(["generate", "--help"]) == 0
    assert "cairn generate reactant.xyz" in capsys.readouterr().out
