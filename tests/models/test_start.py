"""The start geometry: a function of the reaction alone, and nearer to the transition state than the midpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from chem.alignment import align
from chem.alignment import rmsd as rmsd_of_one
from models.frames import rmsd
from models.reaction_batch import collate
from models.start import STRETCH, fit_distances, wanted_distances, with_start

MIRROR = np.array([1.0, -1.0, 1.0])
SAME = 1e-5  # Angstrom; placing a linear fragment settles ties by a millionth of its length
NAMES = ["tautomerisation", "dissociation", "elimination"]


def apart(first, second, batch):
    return float(rmsd(first, second, batch.mask.to(first)).max())


@pytest.mark.parametrize("name", NAMES)
def test_the_start_does_not_depend_on_where_fragments_lie(reactions, batch_of, scattered, name):
    batch = batch_of([reactions[name]])
    for seed in range(5):
        assert apart(batch_of([scattered(reactions[name], seed)]).start, batch.start, batch) < SAME


@pytest.mark.parametrize("name", NAMES)
def test_the_start_does_not_depend_on_which_end_comes_first(reactions, batch_of, name):
    reaction = reactions[name]
    batch = batch_of([reaction])
    swapped = batch_of([replace(reaction, ends=reaction.ends[::-1].copy())])
    assert apart(swapped.start, batch.start, batch) < SAME


@pytest.mark.parametrize("name", NAMES)
def test_the_start_keeps_the_order_of_the_atoms(reactions, batch_of, name):
    reaction = reactions[name]
    order = np.random.default_rng(3).permutation(len(reaction.numbers))
    batch = batch_of([reaction])
    permuted = batch_of(
        [replace(reaction, numbers=reaction.numbers[order], ends=reaction.ends[:, order], ts=reaction.ts[order])]
    )
    assert apart(permuted.start, batch.start[:, order], batch) < SAME


@pytest.mark.parametrize("name", NAMES)
def test_a_mirrored_reaction_starts_from_the_mirrored_start(reactions, batch_of, name):
    reaction = reactions[name]
    batch = batch_of([reaction])
    mirrored = batch_of([replace(reaction, ends=reaction.ends * MIRROR)])
    assert apart(mirrored.start, batch.start * torch.from_numpy(MIRROR), batch) < SAME


def test_the_start_has_the_hand_of_the_chiral_end(reactions, batch_of):
    reaction = reactions["elimination"]
    for mirror in (np.ones(3), MIRROR):
        each = replace(reaction, ends=reaction.ends * mirror, ts=reaction.ts * mirror)
        batch = batch_of([each])
        same = apart(batch.start, batch.ts, batch)
        other = apart(batch.start * torch.from_numpy(MIRROR), batch.ts, batch)
        assert same < other - 0.05


@pytest.mark.parametrize("name", NAMES)
def test_the_start_is_nearer_to_the_transition_state_than_the_midpoint_of_the_superposed_ends(
    reactions, batch_of, name
):
    reaction = reactions[name]
    reactant, product = reaction.ends
    midpoint = 0.5 * (reactant + align(product, reactant))
    batch = batch_of([reaction])
    assert apart(batch.start, batch.ts, batch) < 0.8 * rmsd_of_one(midpoint, reaction.ts)


@pytest.mark.parametrize("name", NAMES)
def test_changing_bonds_start_stretched_and_no_atoms_on_top_of_each_other(reactions, batch_of, name):
    batch = batch_of([reactions[name]])
    distances = torch.cdist(batch.start, batch.start)[0]
    own = torch.cdist(batch.ends, batch.ends)[0]
    changing = batch.bonded[0, 0] ^ batch.bonded[0, 1]
    bonded = torch.where(batch.bonded[0, 0], own[0], own[1])
    assert float((distances / bonded)[changing].min()) > 1.05
    assert float((distances / bonded)[changing].max()) < 1.9
    assert float((distances + 9.0 * torch.eye(len(distances))).min()) > 0.6


def test_bonds_that_stay_want_the_mean_and_bonds_that_change_a_stretched_length(reactions, batch_of):
    batch = batch_of([reactions["tautomerisation"]])
    wanted, weights = wanted_distances(batch, batch.ends)
    own = torch.cdist(batch.ends, batch.ends)[0]
    assert float(wanted[0, 0, 1]) == pytest.approx(float(own[:, 0, 1].mean()))  # C-C on both sides
    assert float(wanted[0, 2, 6]) == pytest.approx(STRETCH * float(own[0, 2, 6]))  # O-H of the reactant
    assert float(wanted[0, 0, 6]) == pytest.approx(STRETCH * float(own[1, 0, 6]))  # C-H of the product
    assert float(weights[0].diagonal().abs().max()) == 0.0


def test_the_fit_reaches_distances_that_can_be_reached_and_keeps_the_hand():
    generator = np.random.default_rng(0)
    target = torch.from_numpy(generator.normal(size=(4, 6, 3)))
    mask = torch.ones(4, 6, dtype=torch.bool)
    wanted = torch.cdist(target, target)
    weights = 1.0 - torch.eye(6, dtype=torch.float64).expand(4, 6, 6)
    begun = target + 0.1 * torch.from_numpy(generator.normal(size=(4, 6, 3)))
    assert float(rmsd(fit_distances(begun, wanted, weights, mask, steps=1000), target, mask.double()).max()) < 1e-3


def test_starts_of_single_precision_are_those_of_double_precision(reactions, batch_of):
    single, double = with_start(collate(list(reactions.values()))), batch_of(list(reactions.values()))
    assert single.start.dtype == torch.float32
    assert float(rmsd(single.start.double(), double.start, double.mask.double()).max()) < 1e-4
