"""What prefect.yaml deploys exists, with the parameters and the pools that it names."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
import yaml
from prefect import Flow

from tasks.learning_settings import load_learn_settings
from tasks.scheduled_learning import learn_from_database

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each["name"])
def test_the_flow_of_a_deployment_takes_its_parameters(deployment):
    module, name = deployment["entrypoint"].rsplit(".", 1)
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, Flow)
    assert set(deployment.get("parameters", {})) <= set(inspect.signature(found.fn).parameters)
    assert deployment["work_pool"]["name"] in {"gpu", "qc"}


def test_on_a_schedule_learning_without_base_data_is_skipped_and_says_why(tmp_path):
    (deployed,) = (each for each in DEPLOYMENTS if each["name"] == "learn")
    config = ROOT / deployed["parameters"]["config"]
    assert load_learn_settings(config).base is None
    outcome = learn_from_database.fn(config, f"sqlite:///{tmp_path / 'no.db'}")
    assert outcome.status == "skipped"
    assert "names no reactions" in outcome.reasons[0]
