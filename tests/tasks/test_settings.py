"""Settings: every key documented, unknown keys refused by name, precedence of the sources."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from chem.errors import ConfigurationError
from chem.triage import QuantileRule, RiskRule
from tasks.plan import check_settings
from tasks.settings import ExploreSettings, load_settings

SHIPPED = Path(__file__).parents[2] / "configs" / "explore.yaml"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("CAIRN_DEPTH", "CAIRN_DATABASE", "CAIRN_SEARCH__USE_NEB"):
        monkeypatch.delenv(name, raising=False)


def keys(values, prefix=""):
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{key}.")


def test_the_shipped_file_holds_every_key_with_its_default():
    written = yaml.safe_load(SHIPPED.read_text())
    defaults = ExploreSettings().model_dump(mode="json")
    assert set(keys(written)) == set(keys(defaults))
    assert load_settings(SHIPPED) == ExploreSettings()


def test_every_key_of_the_shipped_file_is_explained():
    lines = [line for line in SHIPPED.read_text().splitlines() if ":" in line and not line.startswith("#")]
    sections = {"enumeration:", "end_points:", "search:", "triage:", "workers:"}
    assert all("#" in line for line in lines if line.strip() not in sections)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("deptj: 2", "deptj"),
        ("search: {budget: 3}", "search.budget"),
        ("enumeration: {charge_separated_groups: [ozonide]}", "ozonide"),
        ("workers: {n_wrokers: 3}", "workers.n_wrokers"),
        ("depth: 0", "depth"),
        ("search: {n_images: -1}", "n_images"),
        ("triage: {share: 14}", "share"),
        ("triage: {rule: worst}", "triage.rule"),
        ("triage: {target_kcal_mol: 30}", "cap_kcal_mol"),
        ("sampling: {steps: 0}", "steps"),
        ("audit_share: 5", "audit_share"),
    ],
)
def test_a_wrong_key_or_value_is_an_error_that_names_it(tmp_path, content, name):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=name):
        load_settings(path)


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"mine\.yaml"):
        load_settings(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml"):
        load_settings(tmp_path / "nowhere.yaml")


def test_given_values_win_over_the_environment_and_that_over_the_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.yaml"
    path.write_text("depth: 2\nseed: 7\nsearch: {use_neb: true, n_images: 5}")
    monkeypatch.setenv("CAIRN_DEPTH", "3")
    monkeypatch.setenv("CAIRN_SEARCH__USE_NEB", "false")
    settings = load_settings(path, database="sqlite:///given.db")
    assert (settings.depth, settings.seed, settings.database) == (3, 7, "sqlite:///given.db")
    assert (settings.search.use_neb, settings.search.n_images) == (False, 5)


def test_a_number_under_propose_is_how_many_are_drawn(tmp_path, monkeypatch):
    file = tmp_path / "explore.yaml"
    file.write_text("propose: 48\n")
    assert load_settings(file).propose.n == 48
    monkeypatch.setenv("CAIRN_PROPOSE__STEPS", "20")
    given = load_settings(file, propose=16).propose
    assert (given.n, given.steps) == (16, 20)
    monkeypatch.delenv("CAIRN_PROPOSE__STEPS")
    file.write_text("propose: true\n")
    with pytest.raises(ConfigurationError, match="propose"):
        load_settings(file)


def test_an_unknown_environment_variable_is_named(monkeypatch):
    monkeypatch.setenv("CAIRN_DEPHT", "3")
    with pytest.raises(ConfigurationError, match="CAIRN_DEPHT"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "rule"), [("quantile", QuantileRule(share=0.2)), ("risk", RiskRule(target_kcal_mol=1))]
)
def test_the_triage_section_makes_the_rule_that_it_names(tmp_path, name, rule):
    path = tmp_path / "mine.yaml"
    path.write_text(f"triage: {{rule: {name}, share: 0.2, target_kcal_mol: 1}}")
    assert load_settings(path).triage.make_rule() == rule


@pytest.mark.parametrize(
    "given", [{"level": "b3lyp-tzvp"}, {"ladder": {"refine": "wb97x-tzvp", "energies": "wb97x-tzvp"}}]
)
def test_a_level_for_energies_alone_neither_explores_nor_refines(given):
    with pytest.raises(ConfigurationError, match="grid for energies alone"):
        check_settings(load_settings(**given))
    check_settings(load_settings(ladder={"refine": "b3lyp-svp", "energies": "b3lyp-tzvp"}))
