"""Guidance of joint diffusion: toward what is preferred, toward low barriers, and never through torn structures."""

from __future__ import annotations

import pytest
import torch

from chem.errors import ConfigurationError
from chem.levels import resolve_level
from chem.potential import GradientCounter, single_point
from chem.types import Geometry
from chem.units import kcal_mol
from models.barrier_guide import LARGEST_FORCE_EV_PER_ANGSTROM, WIDTH_KCAL_MOL, BarrierGuide
from models.joint import PRODUCT, REACTANT, TS, Joint, JointConfig
from models.joint_sampling import JointSampling, draw_reactions, noise_of_seeds


@pytest.fixture
def model(tiny_config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Joint(JointConfig(backbone=tiny_config.backbone, precision=1e-2)).double().eval()
    return made.requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def guide():
    return BarrierGuide(device="cpu")


@pytest.fixture
def objects(reactions, batch_of):
    batch = batch_of([reactions["tautomerisation"]]).to("cpu", torch.float32)
    return batch, torch.stack([batch.ends[:, 0], batch.ts, batch.ends[:, 1]], dim=1)


def test_samples_lean_toward_what_is_preferred_the_more_the_stronger_they_are_guided(model, reactions, batch_of):
    batch = batch_of(list(reactions.values()))
    mask = batch.mask.unsqueeze(1).expand(-1, 2, -1)

    def compact(positions):
        return -positions[:, TS].square().sum((-1, -2))

    sizes, reactants = [], []
    for strength in (0.0, 0.02, 0.05):
        noise = noise_of_seeds(mask, [1, 2, 3], torch.float64)
        config = JointSampling(n_steps=20, sampler="flow", guidance=strength)
        drawn = draw_reactions(model, batch, {REACTANT}, config, noise, compact)
        sizes.append(float(-compact(drawn).sum()))
        reactants.append(drawn[:, REACTANT])
    assert sizes[0] > sizes[1] > sizes[2]
    assert torch.equal(reactants[0], reactants[2]), "what is known does not move"


def test_the_preference_is_the_height_of_the_transition_state_nearly_as_xtb_has_it(guide, reactions, objects):
    batch, known = objects
    wanted = float(guide.preference(batch)(known)[0])
    reaction, gfn2 = reactions["tautomerisation"], resolve_level("gfn2")
    reactant, ts = (
        single_point(Geometry(numbers=reaction.numbers, positions=each), gfn2, GradientCounter())
        for each in (reaction.ends[0], reaction.ts)
    )
    assert -WIDTH_KCAL_MOL * wanted == pytest.approx(kcal_mol(ts - reactant), abs=20.0)


def test_the_slope_points_downhill_and_is_bounded_where_atoms_lie_on_each_other(guide, objects):
    batch, known = objects
    crushed = known.clone()
    crushed[:, TS] *= 0.6
    for structures in (known, crushed):
        tracked = structures.clone().requires_grad_()
        barrier = guide.barriers_kcal_mol(batch, tracked)
        (slope,) = torch.autograd.grad(barrier.sum(), tracked)
        assert torch.isfinite(slope).all()
        assert float(slope[:, PRODUCT].abs().max()) == 0.0
        assert float(slope[:, TS].norm(dim=-1).max()) < 2 * kcal_mol(LARGEST_FORCE_EV_PER_ANGSTROM)
        step = 0.01 * slope / slope.norm()
        assert float(guide.barriers_kcal_mol(batch, structures - step)) < float(barrier.detach())


def test_a_negative_strength_is_refused():
    with pytest.raises(ConfigurationError, match=r"guidance is -1\.0; give 0 or more"):
        JointSampling(guidance=-1.0)
