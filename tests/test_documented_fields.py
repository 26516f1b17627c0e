"""The fields of JSON and the columns of tables are those that the README explains."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

import db.campaign_tables  # noqa: F401  (fills the metadata)
from chem.ensemble import Ensemble
from chem.frequencies import Vibrations
from chem.minimum import Minimum
from chem.outcomes import Attempt, Failure, Outcome, SearchResult, Stage
from chem.refine import RefineAttempt, Refinement, Way
from chem.types import Geometry, LevelOfTheory
from cli.calibrate import calibrate_barrier_command
from cli.campaign_status import status_record
from cli.conformers import ensemble_record
from cli.evaluate_barrier import barrier_command
from cli.exchange import export_record, import_record
from cli.expect_barriers import expect_barriers_command
from cli.finish import summary_record
from cli.learn import FIGURES, outcome_record, version_records
from cli.main import run
from cli.path import path_rows
from cli.query import ReactionColumns, SpeciesColumns
from cli.query_changes import ChangeColumns, LevelDifferenceColumns
from cli.query_ledger import CostColumns, FailureColumns
from cli.query_reach import BottleneckColumns, ReachedColumns
from cli.query_steps import BranchColumns, NeighbourColumns
from cli.relax import relaxed_row
from cli.report import report_record
from cli.saddle import refinement_record
from cli.serve import serve_record
from cli.thermo import thermo_record
from cli.ts import search_record
from cli.verify import verified_record
from db.engine import open_database, reading
from db.merging import Merged
from db.model_versions import ModelVersion
from db.queries import ReactionRecord
from db.species_queries import SpeciesRecord
from db.tables import ModelVersionStatus
from report.content import ReportContent
from report.exports.formats import FORMATS, ExportSummary
from report.records import reaction_record, species_record
from tasks.jobs import ThermoReport
from tasks.learning import LearningOutcome
from tasks.relaxing import RelaxedStructure
from tasks.rungs import make_rung
from tasks.settings import ExploreSettings
from tasks.workers import WorkerLimits
from tests.guides import blocks
from tests.readme import README, json_fields


def test_the_enumeration_in_the_readme_is_what_the_command_prints(capsys):
    sample = next(block for block in blocks(README, "text") if block.startswith("4 reactions of CC=O"))
    assert run(["enumerate", "CC=O"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed == [line.split() for line in sample.splitlines()]


def test_the_json_fields_of_enumerate_are_those_in_the_readme(capsys):
    assert run(["enumerate", "C=O", "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert json_fields("enumerate") == list(record)


def test_the_json_fields_of_ts_are_those_in_the_readme():
    failure = Failure(stage=Stage.SADDLE, kind="budget", message="spent")
    attempt = Attempt(start="neb", gradient_calls=1, seconds=0.1, outcome=Outcome.FAILED, failure=failure)
    record = search_record(SearchResult(level=LevelOfTheory(name="gfn2", method="GFN2-xTB"), attempts=(attempt,)))
    assert sorted(json_fields("ts")) == sorted(record)
    row = next(line for line in README.splitlines() if line.startswith("| `attempts`"))
    assert set(record["attempts"][0]) <= set(re.findall(r"`(\w+)`", row))
    row = next(line for line in README.splitlines() if line.startswith("| `level` | | `name`"))
    assert set(record["level"]) <= set(re.findall(r"`(\w+)`", row))


def test_the_json_fields_of_relax_are_those_in_the_readme():
    guess = Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 0.74]])
    row = relaxed_row(1, guess, RelaxedStructure(geometry=guess, converged=True, evaluations=1, seconds=0.1))
    assert sorted(json_fields("relax")) == sorted(["method", "structures", *row])


def test_the_json_fields_of_conformers_and_path_are_those_in_the_readme():
    one = Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 0.74]])
    vibrations = Vibrations(frequencies_cm1=np.array([4400.0]), modes=np.zeros((1, 2, 3)), hessian=np.zeros((6, 6)))
    found = Ensemble(
        minima=(Minimum(geometry=one, energy_ev=-1.0, vibrations=vibrations),),
        degeneracies=(1,),
        embedding="etkdg",
        not_proved=0,
        gradient_calls=1,
        hessian_calls=0,
    )
    record = ensemble_record("[HH]", found, LevelOfTheory(name="gfn2", method="GFN2-xTB"), 1, 298.15)
    assert sorted(json_fields("conformers")) == sorted([*record, *record["conformers"][0]])
    assert sorted(json_fields("path")) == sorted(["method", "level", "images", *path_rows([one], [None])[0]])


def test_the_json_fields_of_saddle_are_those_in_the_readme():
    guess = Geometry(numbers=[1, 1], positions=[[0, 0, 0], [0, 0, 0.74]])
    failure = Failure(stage=Stage.SADDLE, kind="budget", message="spent")
    way = Way(hessian="none", coordinates="internal")
    nothing = Refinement(
        level=LevelOfTheory(name="gfn2", method="GFN2-xTB"),
        attempts=(RefineAttempt(way=way, saddle=None, vibrations=None, failure=failure, gradient_calls=1),),
        gradient_calls=1,
        hessian_calls=0,
        cheap_gradient_calls=0,
        seconds=0.1,
    )
    record = refinement_record(nothing, guess)
    assert sorted(json_fields("saddle")) == sorted(record)
    row = next(line for line in README.split("`saddle --json`")[1].splitlines() if line.startswith("| `attempts`"))
    assert set(record["attempts"][0]) <= set(re.findall(r"`(\w+)`", row))


def test_the_json_fields_of_thermo_are_those_in_the_readme():
    nothing = ThermoReport(
        level=LevelOfTheory(name="gfn2", method="GFN2-xTB"),
        geometry=None,
        energy_ev=None,
        frequencies_cm1=None,
        symmetry_number=None,
        thermochemistry=(),
        failure=Failure(stage=Stage.FREQUENCIES, kind="budget", message="spent"),
        gradient_calls=1,
        hessian_calls=0,
        seconds=0.1,
    )
    assert sorted(json_fields("thermo")) == sorted(thermo_record(nothing, 0, 1))


def unknown_reaction():
    return ReactionRecord(
        key="rx-1",
        reactants=("C",),
        products=("C",),
        mapped_smiles="",
        degeneracy=1,
        barrier_forward_kcal_mol=None,
        barrier_reverse_kcal_mol=None,
        barrier_error_kcal_mol=None,
        error_bar_95_kcal_mol=None,
        level=None,
        verdict=None,
        transition_state_id=None,
        outcome=None,
        failure=None,
        gradient_calls=0,
        seconds=0.0,
    )


def test_the_json_fields_of_verify_are_those_in_the_readme():
    rung = make_rung(
        database="sqlite:///x.db",
        level=LevelOfTheory(name="hf/3-21g", method="hf", basis="3-21g"),
        from_level_key="GFN2-xTB",
        verification=None,
        workers=WorkerLimits(),
    )
    reaction = unknown_reaction()
    added = set(verified_record(reaction, reaction, None, rung, 298.15)) - set(reaction_record(reaction))
    assert set(json_fields("verify")) == {"key", *added}


def test_the_json_fields_of_query_are_those_in_the_readme():
    assert sorted(json_fields("query reactions")) == sorted(reaction_record(unknown_reaction()))
    species = SpeciesRecord(
        key="CH4-1", smiles="C", formula="CH4", charge=0, multiplicity=1, energy_ev=None, level=None, n_reactions=0
    )
    assert sorted(json_fields("query species")) == sorted(species_record(species))


def test_the_json_fields_of_evaluate_barrier_are_those_in_the_readme():
    assert set(json_fields("evaluate barrier")) == set(re.findall(r"`(\w+)`", barrier_command.__doc__))


def test_the_json_fields_of_export_and_import_are_those_in_the_readme():
    nothing = ExportSummary(level=None, species=0, reactions=0, transition_states={}, left_out={})
    assert sorted(json_fields("export")) == sorted(export_record(nothing, "csv", Path("tables")))
    assert set(import_record(Merged(), Path("network.zip"))) <= set(json_fields("import"))


def test_every_export_format_is_in_the_readme():
    section = README.split("### `cairn export`")[1].split("\n### ")[0]
    assert all(f"`{name}`" in section for name in FORMATS)


QUERY_COLUMNS = {
    "reactions": ReactionColumns,
    "species": SpeciesColumns,
    "neighbours": NeighbourColumns,
    "reachable": ReachedColumns,
    "bottlenecks": BottleneckColumns,
    "branching": BranchColumns,
    "levels": LevelDifferenceColumns,
    "costs": CostColumns,
    "failures": FailureColumns,
    "changes": ChangeColumns,
}


@pytest.mark.parametrize("question", QUERY_COLUMNS)
def test_the_columns_of_a_query_are_those_in_the_readme(question):
    assert sorted(json_fields(f"query {question}")) == sorted(get_type_hints(QUERY_COLUMNS[question]))


def test_the_json_fields_of_report_and_serve_are_those_in_the_readme(tmp_path):
    content = ReportContent(title="empty", created=datetime(2026, 1, 1, tzinfo=UTC), level="GFN2-xTB")
    (tmp_path / "page.html").touch()
    written = report_record(content, tmp_path / "page.html", "sqlite:///x.db")
    assert sorted(json_fields("report")) == sorted(written)
    assert sorted(json_fields("serve")) == sorted(serve_record("http://127.0.0.1:1/", "sqlite:///x.db", None, None))


def test_the_json_fields_of_explore_are_those_in_the_readme():
    content = ReportContent(title="empty", created=datetime(2026, 1, 1, tzinfo=UTC), level="GFN2-xTB")
    record = summary_record(content, ExploreSettings(), "explore-1", Path("report.html"))
    assert sorted(json_fields("explore")) == sorted(record)


def test_the_json_fields_of_campaign_status_are_those_in_the_readme(explored):
    settings, name = explored
    engine = open_database(settings.database)
    with reading(engine) as session:
        record = status_record(session, name)
    engine.dispose()
    assert sorted(json_fields("campaign status")) == sorted(record)


def test_the_json_fields_of_learn_are_those_in_the_readme():
    skipped = LearningOutcome(status="skipped", reasons=("too little",))
    assert sorted(json_fields("learn")) == sorted(outcome_record(skipped))
    version = ModelVersion(
        name="generator", checkpoint_hash="a", file="a", status=ModelVersionStatus.RETIRED, data_hashes={}, metrics={}
    )
    (record,) = version_records([version])
    assert sorted([*json_fields("learn --list"), *FIGURES]) == sorted(record)


def test_the_json_fields_of_expect_barriers_and_calibrate_are_those_in_the_readme():
    for name, command in {
        "expect-barriers": expect_barriers_command,
        "calibrate barrier": calibrate_barrier_command,
    }.items():
        said = command.__doc__.split("The JSON:")[1].split("Example:")[0]
        assert set(json_fields(name)) == set(re.findall(r"`(\w+)`", said))
