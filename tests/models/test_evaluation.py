"""Evaluation of generated transition states: known generators have known figures."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chem.distance_windows import windows_of
from chem.embedding import embed
from chem.endpoint_checks import holds_stereo
from chem.errors import InputError
from chem.generator import EndPoints
from chem.levels import resolve_level
from chem.smiles import parse_smiles
from chem.ts_errors import strict_rmsd
from chem.types import Geometry
from models.evaluation.barrier_energies import BarrierEnergies, Energies, barrier_energies, barrier_job
from models.evaluation.barrier_summary import summarise_barriers
from models.evaluation.confidence_summary import summarise_confidence
from models.evaluation.geometry_summary import Distribution, by_product_fragments, by_size, summarise
from models.evaluation.records import records, write_records
from models.evaluation.result import Conditions, evaluation
from models.evaluation.structures import KINDS, GeneratedReaction, JudgedReaction, StructureErrors, judged

NUMBERS = np.array([6, 8, 1, 1])  # formaldehyde, hydroxycarbene and a structure between them
FORMALDEHYDE = np.array([[0, 0, 0], [0, 0, 1.2], [0.94, 0.05, -0.59], [-0.94, 0.05, -0.59]])
CARBENE = np.array([[0, 0, 0], [0, 0, 1.31], [0.93, -0.05, 1.6], [-1.08, 0.05, -0.24]])
BETWEEN = np.array([[0, 0, 0], [0, 0, 1.28], [1.05, 0.0, 0.60], [-1.05, 0.0, -0.40]])
APART = np.array([[0, 0, 0], [0, 0, 1.13], [4.0, 0.0, 0.0], [4.0, 0.0, 0.74]])  # CO and H2
ACHIRAL = EndPoints(
    reactant=Geometry(numbers=NUMBERS, positions=FORMALDEHYDE), product=Geometry(numbers=NUMBERS, positions=CARBENE)
)
GFN2 = resolve_level("gfn2")


def butanol():
    """(R)-butan-2-ol losing the hydrogen of its hydroxyl group: both ends have a hand."""
    graph = parse_smiles("CC[C@H](O)C")
    numbers = np.array(graph.numbers)
    positions = next(
        found
        for found in (embed(windows_of(graph), seed=seed) for seed in range(40))
        if holds_stereo(graph, Geometry(numbers=numbers, positions=found))
    )
    oxygen = int(np.flatnonzero(numbers == 8)[0])
    hydrogen = next(atom for atom in graph.neighbors[oxygen] if numbers[atom] == 1)
    bond = positions[hydrogen] - positions[oxygen]
    product, true = positions.copy(), positions.copy()
    product[hydrogen] += 1.5 * bond
    true[hydrogen] += 0.5 * bond
    ends = EndPoints(
        reactant=Geometry(numbers=numbers, positions=positions), product=Geometry(numbers=numbers, positions=product)
    )
    return ends, true


BUTANOL, BUTANOL_TS = butanol()


def turned(positions):
    return Rotation.from_rotvec([0.4, 1.0, -2.0]).apply(positions) + np.array([1.0, -2.0, 0.5])


def shaken(positions, scale, seed=0):
    return positions + np.random.default_rng(seed).normal(scale=scale, size=positions.shape)


def reaction(ends, true, *samples, recommended=None, **scores):
    if recommended is not None:
        scores = {"confidence": 0.5, "expected_error_kcal_mol": 3.0} | scores
    return GeneratedReaction(
        identifier="r",
        ends=ends,
        true=true,
        start=samples[0],
        samples=np.stack(samples),
        recommended=recommended,
        **scores,
    )


def of_deviation(rmsd, *, confidence=None, expected=None):
    errors = StructureErrors(
        rmsd_strict=rmsd, rmsd_lenient=rmsd, core_rmsd=rmsd, distance_mae=rmsd, wrong_hand=None, clashing=False
    )
    return JudgedReaction(
        identifier="r",
        n_atoms=9,
        n_reactant_fragments=1,
        n_product_fragments=1,
        errors=dict.fromkeys(KINDS, errors),
        confidence=confidence,
        expected_error_kcal_mol=expected,
    )


def off_by(place, error_kcal_mol, *, raw_kcal_mol=0.0, failure=""):
    ev = 0.0433641
    return BarrierEnergies(
        place=place,
        energies={
            "true": Energies(raw_ev=-1.0, polished_ev=-2.0, gradient_calls=17),
            "recommended": Energies(
                raw_ev=-1.0 + raw_kcal_mol * ev,
                polished_ev=-2.0 + error_kcal_mol * ev,
                gradient_calls=17,
                failure=failure,
            ),
        },
    )


def barrier_summary(outcomes, scores):
    return summarise_barriers(outcomes, scores, structure="recommended", level=GFN2, polish_gradient_calls=15)


# Geometries


def test_a_perfect_generator_has_no_error_in_any_frame():
    found = summarise([judged(reaction(BUTANOL, BUTANOL_TS, turned(BUTANOL_TS), BUTANOL_TS, recommended=1))])
    for kind in KINDS:
        assert found.rmsd_strict[kind].mean == pytest.approx(0.0, abs=1e-6)
        assert found.core_rmsd[kind].mean == pytest.approx(0.0, abs=1e-6)
        assert found.rmsd_strict[kind].below_0_1 == 1.0
        assert found.wrong_hand_rate[kind] == 0.0
        assert found.clash_rate[kind] == 0.0


def test_a_mirrored_generator_always_has_the_wrong_hand_and_the_right_distances():
    found = summarise([judged(reaction(BUTANOL, BUTANOL_TS, -turned(BUTANOL_TS), -BUTANOL_TS, recommended=1))])
    for kind in KINDS:
        assert found.wrong_hand_rate[kind] == 1.0
        assert found.rmsd_strict[kind].mean > 0.2
        assert found.rmsd_lenient[kind].mean == pytest.approx(0.0, abs=1e-6)
        assert found.distance_mae[kind].mean == pytest.approx(0.0, abs=1e-6)
    assert found.plain()["wrong_hand_rate"] == 1.0


def test_reactions_of_achiral_molecules_have_no_wrong_hand():
    true = shaken(BETWEEN, 0.4)
    found = summarise([judged(reaction(ACHIRAL, true, -true, -true, recommended=0))])
    assert found.n_with_hand == 0
    assert found.plain()["wrong_hand_rate"] is None


def test_the_core_is_blind_to_atoms_whose_bonds_stay():
    moved = BETWEEN.copy()
    moved[3] += [0.0, 0.5, 0.0]  # keeps its bond to carbon at both ends
    errors = judged(reaction(ACHIRAL, BETWEEN, moved)).errors["deterministic"]
    assert errors.core_rmsd == pytest.approx(0.0, abs=1e-6)
    assert errors.rmsd_strict > 0.1


def test_the_best_sample_is_the_nearest_one_and_the_recommended_the_one_that_ranks_first():
    samples = [shaken(BETWEEN, scale, seed=3) for scale in (0.2, 0.3, 0.05, 0.1)]
    errors = judged(reaction(ACHIRAL, BETWEEN, *samples, recommended=3)).errors
    deviation = [strict_rmsd(sample, BETWEEN) for sample in samples]
    assert errors["deterministic"].rmsd_strict == pytest.approx(deviation[0])
    assert errors["first"].rmsd_strict == pytest.approx(deviation[1])
    assert errors["best"].rmsd_strict == pytest.approx(min(deviation))
    assert errors["recommended"].rmsd_strict == pytest.approx(deviation[3])


def test_without_scores_nothing_is_recommended_and_without_noise_nothing_is_first():
    plain = summarise([judged(reaction(ACHIRAL, BETWEEN, BETWEEN))]).plain()
    assert plain["rmsd_strict_angstrom"]["recommended"] is None
    assert plain["rmsd_strict_angstrom"]["first"] is None
    assert plain["clash_rate"] is None
    assert plain["rmsd_strict_angstrom"]["deterministic"]["n"] == 1


def test_shares_and_percentiles_are_those_of_the_values():
    found = Distribution.of([0.05, 0.15, 0.4, 0.9, np.nan])
    assert (found.n, found.below_0_1, found.below_0_2, found.below_0_5) == (4, 0.25, 0.5, 0.75)
    assert found.mean == pytest.approx(0.375)
    assert found.median == pytest.approx(0.275)
    assert found.p90 == pytest.approx(0.75)
    assert Distribution.of([np.nan]) is None


def test_groups_by_size_and_fragments_hold_every_reaction_once():
    falling_apart = EndPoints(reactant=ACHIRAL.reactant, product=ACHIRAL.reactant.with_positions(APART))
    found = [
        judged(reaction(ACHIRAL, BETWEEN, BETWEEN)),
        judged(reaction(falling_apart, BETWEEN, BETWEEN)),
        judged(reaction(BUTANOL, BUTANOL_TS, BUTANOL_TS)),
    ]
    assert {name: group.n for name, group in by_size(found).items()} == {"1-9": 2, "13-15": 1}
    assert by_product_fragments(found[:2])["2"].n == 1
    assert sum(group.n for group in by_product_fragments(found).values()) == 3


def test_a_recommended_sample_that_is_plainly_broken_is_always_sent():
    broken = BETWEEN.copy()
    broken[3] = broken[0] + [0.0, 0.0, -0.4]
    assert judged(reaction(ACHIRAL, BETWEEN, broken, recommended=0)).expected_error_kcal_mol == np.inf
    assert judged(reaction(ACHIRAL, BETWEEN, BETWEEN, recommended=0)).expected_error_kcal_mol == 3.0


def test_structures_of_other_atoms_are_refused_by_name():
    with pytest.raises(InputError, match="reaction r: structures must have shape"):
        reaction(ACHIRAL, BETWEEN, BETWEEN[:3])


# Confidence


def test_a_confidence_that_knows_the_truth_ranks_perfectly_and_is_calibrated():
    deviations = np.concatenate([np.linspace(0.01, 0.19, 30), np.linspace(0.21, 0.9, 30)])
    found = summarise_confidence([of_deviation(d, confidence=float(d < 0.2), expected=1.0) for d in deviations])
    assert found.auroc == 1.0
    assert found.calibration_error == pytest.approx(0.0)
    assert found.share_right == 0.5
    falling = summarise_confidence([of_deviation(d, confidence=1.0 - d, expected=1.0) for d in deviations])
    assert falling.spearman == pytest.approx(1.0)
    assert sum(each.n for each in falling.bins) == 60


def test_a_confidence_drawn_at_random_ranks_by_chance():
    random = np.random.default_rng(0)
    found = summarise_confidence(
        [of_deviation(d, confidence=c, expected=1.0) for d, c in random.uniform(0, 0.4, (4000, 2))]
    )
    assert found.auroc == pytest.approx(0.5, abs=0.03)
    assert found.spearman == pytest.approx(0.0, abs=0.05)
    assert summarise_confidence([of_deviation(0.1)]) is None


# Barriers


def test_scores_equal_to_the_errors_capture_everything_and_equal_scores_nothing():
    errors = np.random.default_rng(1).exponential(5.0, 200)
    outcomes = [off_by(place, error) for place, error in enumerate(errors)]
    oracle, chance = barrier_summary(outcomes, list(errors)), barrier_summary(outcomes, [1.0] * 200)
    assert oracle.captured_share == pytest.approx(1.0)
    assert oracle.at_14_percent == pytest.approx(oracle.oracle_at_14_percent)
    assert chance.captured_share == pytest.approx(0.0, abs=1e-9)
    assert chance.at_14_percent == pytest.approx(chance.random_at_14_percent)
    assert chance.random_at_14_percent == pytest.approx(0.86 * chance.mean)
    assert oracle.mean == pytest.approx(np.minimum(errors, 50).mean(), rel=1e-4)


def test_failed_calculations_and_lost_workers_count_as_fifty_and_are_reported():
    outcomes = [
        off_by(0, 10.0, raw_kcal_mol=400.0),
        off_by(1, np.nan, raw_kcal_mol=np.nan, failure="scf"),
        BarrierEnergies(place=2),
    ]
    found = barrier_summary(outcomes, [1.0, 2.0, 3.0])
    assert found.mean == pytest.approx((10 + 50 + 50) / 3, rel=1e-4)
    assert found.raw == pytest.approx(50.0)
    assert found.failures == {"recommended: scf": 1, "lost": 1}
    assert found.raw_failures == 2
    assert found.gradient_calls == 4 * 17


def test_reactions_that_are_always_sent_go_before_all_others():
    outcomes = [off_by(place, error) for place, error in enumerate([40.0] + [1.0] * 6)]
    found = barrier_summary(outcomes, [np.inf] + [49.0] * 6)
    assert found.at_14_percent == pytest.approx(found.oracle_at_14_percent, rel=1e-4)
    assert barrier_summary(outcomes, [None] * 7).at_14_percent is None


def test_the_true_structure_itself_has_no_barrier_error():
    job = barrier_job(4, reaction(ACHIRAL, BETWEEN, BETWEEN, turned(BETWEEN), recommended=1), GFN2, 0)
    found = barrier_energies(job)
    assert found.place == 4
    assert found.error_kcal_mol("recommended", polished=False) == pytest.approx(0.0, abs=1e-4)
    assert found.error_kcal_mol("recommended", polished=True) == pytest.approx(0.0, abs=1e-4)


def test_the_polish_is_counted_and_changes_the_energy():
    found = barrier_energies(barrier_job(0, reaction(ACHIRAL, BETWEEN, BETWEEN, recommended=0), GFN2, 4))
    energies = found.energies["recommended"]
    assert energies.polish_gradient_calls == 4
    assert energies.gradient_calls == 4 + 1
    assert energies.polished.walk.gradient_calls == 4
    assert energies.polished.barrier.forward_ev == pytest.approx(
        energies.polished_ev - energies.polished.reactant_end_energy_ev
    )
    assert energies.polished_ev != pytest.approx(energies.raw_ev, abs=1e-3)


def test_a_calculation_that_cannot_run_is_recorded_and_not_raised():
    fused = BETWEEN.copy()
    fused[3] = fused[0] + [0.0, 0.0, 0.05]
    found = barrier_energies(barrier_job(0, reaction(ACHIRAL, BETWEEN, fused, recommended=0), GFN2, 0))
    assert found.failure("recommended") == "recommended: clash"
    assert np.isnan(found.error_kcal_mol("recommended", polished=False))
    assert found.energies["true"].failure == ""


# The whole


def test_the_json_has_the_fields_that_are_promised_and_no_number_that_json_lacks():
    found = [judged(reaction(ACHIRAL, BETWEEN, shaken(BETWEEN, 0.1), BETWEEN, recommended=0))] * 2
    conditions = Conditions(
        data="d.npz",
        split="val",
        limit=None,
        n_unsupported=0,
        samples=2,
        checkpoint="abc",
        network_evaluations=10,
        start_noise_angstrom=0.1,
        seed=0,
        device="cpu",
    )
    barriers = barrier_summary([off_by(0, np.nan, failure="scf"), off_by(1, 2.0)], [np.inf, 1.0])
    plain = json.loads(json.dumps(evaluation(conditions, found, [], barriers, 0.05).plain(), allow_nan=False))
    assert {
        "n", "split", "samples", "checkpoint", "network_evaluations", "seconds_per_ts", "rmsd_strict_angstrom",
        "core_rmsd_angstrom", "wrong_hand_rate", "clash_rate", "auroc", "spearman", "calibration_error",
        "barrier_error_kcal_mol",
    } <= set(plain)  # fmt: skip
    assert {
        "level", "polish_gradient_calls", "raw", "all", "median", "at_14_percent", "random_at_14_percent",
        "oracle_at_14_percent", "captured_share",
    } <= set(plain["barrier_error_kcal_mol"])  # fmt: skip
    assert set(plain["rmsd_strict_angstrom"]) == {"start", "first", "deterministic", "recommended", "best"}
    assert {"mean", "median", "p90", "below_0_1", "below_0_2"} <= set(plain["core_rmsd_angstrom"]["recommended"])
    assert plain["swapped_multi_fragment"]["n"] == 0


def test_the_table_of_reactions_says_what_the_summary_is_made_of(tmp_path):
    found = [judged(reaction(ACHIRAL, BETWEEN, shaken(BETWEEN, 0.1, seed), BETWEEN, recommended=0)) for seed in (0, 1)]
    write_records(tmp_path / "reactions.csv", records(found, [off_by(0, 1.5), off_by(1, 2.5)]))
    with (tmp_path / "reactions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    column = [float(row["recommended_rmsd_strict_angstrom"]) for row in rows]
    assert np.mean(column) == pytest.approx(summarise(found).rmsd_strict["recommended"].mean)
    errors = [float(row["recommended_barrier_error_polished_kcal_mol"]) for row in rows]
    assert errors == pytest.approx([1.5, 2.5], rel=1e-4)
