"""End points that a network finds unlikely are sent to the search, with the figure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chem.errors import ConfigurationError
from chem.generator import EndPoints
from chem.types import Geometry
from models.checkpoints import save_weights
from models.dig import Dig, DigConfig
from tasks.model_settings import OutlierSettings
from tasks.outliers import outlier_settings, unlikely_ends
from tasks.plan import campaign_name, check_settings
from tasks.settings import load_settings

WATER = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.47], [0.0, -0.76, -0.47]])


@pytest.fixture
def weights(tmp_path, tiny_config):
    """A DiG that was not trained."""
    torch.manual_seed(0)
    config = DigConfig(backbone=tiny_config.backbone)
    path = tmp_path / "dig.safetensors"
    save_weights(path, Dig(config), "dig", config, {})
    return path


def pair(shift=0.0, charge=0):
    """Two waters far apart, one of whose hydrogens is moved on the side of the product."""
    numbers = np.array([8, 1, 1, 8, 1, 1])
    first = np.concatenate([WATER, WATER + 6.0])
    second = first.copy()
    second[4] += [0.0, shift, 0.0]
    multiplicity = 1 if charge % 2 == 0 else 2
    sides = [
        Geometry(numbers=numbers, positions=each, charge=charge, multiplicity=multiplicity) for each in (first, second)
    ]
    return EndPoints(reactant=sides[0], product=sides[1])


def test_each_side_is_doubted_for_itself_with_its_figure(weights, monkeypatch):
    said = iter([-1.0, -1.0, -1.0, -3.5])
    monkeypatch.setattr(
        "models.dig_outliers.likelihood_per_degree_of_freedom", lambda _model, group: [next(said) for _ in group]
    )
    settings = OutlierSettings(least_log_likelihood=-2.0, checkpoint=weights)
    ((reason,),) = unlikely_ends([pair()], settings)
    assert reason == "DiG finds the product unlikely: -3.50 nats a degree of freedom, below -2"


def test_the_molecules_of_a_side_count_one_by_one(weights):
    every = OutlierSettings(least_log_likelihood=1e9, checkpoint=weights)
    assert len(unlikely_ends([pair()], every)[0]) == 2
    assert unlikely_ends([pair(charge=2)], every) == [()]  # not known to the network
    assert unlikely_ends([pair()], OutlierSettings()) == [()]
    none = OutlierSettings(least_log_likelihood=-1e9, checkpoint=weights)
    assert unlikely_ends([pair(), pair(0.3)], none) == [(), ()]


def test_a_bound_is_part_of_what_a_campaign_is_and_wants_weights(weights, tmp_path):
    plain = load_settings(seeds=("C#N",), generator="classical")
    bound = load_settings(
        seeds=("C#N",), generator="classical", outliers={"least_log_likelihood": -2, "checkpoint": weights}
    )
    assert outlier_settings(plain.outliers) == {}
    assert campaign_name(plain) != campaign_name(bound)
    with pytest.raises(ConfigurationError, match=r"missing\.safetensors"):
        check_settings(
            load_settings(outliers={"least_log_likelihood": -2, "checkpoint": tmp_path / "missing.safetensors"})
        )
