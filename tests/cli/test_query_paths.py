"""`cairn query paths`: lowest ways between stored species, with verdict and error of every step."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from chem.identity import make_reaction
from chem.levels import resolve_level
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.smiles import parse_smiles
from chem.types import Geometry, LevelOfTheory
from cli.main import app, run
from db.engine import open_database, writing
from db.results import record_search
from db.store import add_reactions
from db.tables import CalculationKind
from db.work import claim, enqueue
from tests.readme import json_fields

GFN2 = resolve_level("gfn2")
DFT = LevelOfTheory(name="b3lyp", method="B3LYP", basis="6-31G*", program="pyscf", version="2.14")
MAPPED = {
    "shift": "[C:1](=[O:2])([H:3])[H:4]>>[C:1]([O:2][H:4])[H:3]",
    "decay": "[C:1]([O:2][H:4])[H:3]>>[C-:1]#[O+:2].[H:3][H:4]",
    "split": "[C:1](=[O:2])([H:3])[H:4]>>[C-:1]#[O+:2].[H:3][H:4]",
}
HEIGHTS_EV = {"shift": (3.4, 1.3), "decay": (2.0, 4.1), "split": (3.7, 3.6)}  # above both ends; all belong together
EV = 23.060548  # kcal/mol
POSITIONS = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.25], [1.0, 0.0, -0.4], [0.9, 0.0, 1.0]])


def state(reaction, heights, status, level):
    geometry = Geometry(numbers=np.array(reaction.reactant_graph.numbers), positions=POSITIONS)
    return TransitionState(
        geometry=geometry,
        energy_ev=-10.0,
        level=level,
        verdict=Verdict(checks=(Check(name=CheckName.IRC_ENDS_MATCH, status=status, evidence={}),)),
        frequencies_cm1=(-1500.0, 900.0, 1200.0, 1800.0, 2900.0, 3000.0),
        reactant_end=geometry,
        product_end=geometry,
        reactant_end_energy_ev=-10.0 - heights[0],
        product_end_energy_ev=-10.0 - heights[1],
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Formaldehyde falls apart at once, or over hydroxymethylene, whose decay could not be checked."""
    url = f"sqlite:///{tmp_path_factory.mktemp('paths') / 'network.db'}"
    engine = open_database(url)
    for name, mapped in MAPPED.items():
        reaction = make_reaction(*(parse_smiles(side) for side in mapped.split(">>")))
        levels = (GFN2, DFT) if name == "split" else (GFN2,)
        for level in levels:
            with writing(engine) as session:
                add_reactions(session, [reaction], {reaction.key: "mapped"})
                enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=[reaction.key], level_key=level.key)
            (claimed,) = claim(engine, kind=CalculationKind.SEARCH, worker="one", limit=1, lease_seconds=60)
            status = Status.COULD_NOT_CHECK if name == "decay" else Status.PASSED
            found = state(reaction, HEIGHTS_EV[name], status, level)
            attempt = Attempt(
                start="neb", gradient_calls=1, seconds=1.0, outcome=Outcome.INTENDED, transition_state=found
            )
            with writing(engine) as session:
                record_search(session, claimed, SearchResult(level=level, attempts=(attempt,)), found={})
    engine.dispose()
    return url


def paths(database, *words):
    done = CliRunner().invoke(app, ["query", "paths", *words, "--json", "--db", database], catch_exceptions=False)
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_two_paths_in_the_order_of_their_highest_transition_states(database):
    direct, over = paths(database, "C=O", "[H][H]")
    assert direct["cost"] == pytest.approx(3.7 * EV, rel=1e-4)
    assert over["cost"] == pytest.approx(4.1 * EV, rel=1e-4)  # 2.0 above a species 2.1 above the start
    assert [each["direction"] for each in over["steps"]] == ["forward", "forward"]
    assert over["steps"][1]["before_kcal_mol"] == pytest.approx(2.1 * EV, rel=1e-4)
    assert over["steps"][1]["barrier_kcal_mol"] == pytest.approx(2.0 * EV, rel=1e-4)
    assert (direct["rank"], over["rank"]) == (1, 2)


def test_a_path_is_worth_what_its_worst_step_is(database):
    direct, over = paths(database, "C=O", "[H][H]")
    assert (direct["verdict"], over["verdict"]) == ("passed", "could_not_check")
    assert [each["verdict"] for each in over["steps"]] == ["passed", "could_not_check"]
    assert all(each["error_bar_95_kcal_mol"] > 0.0 for each in direct["steps"])
    assert {each["level"] for each in (direct, over)} == {GFN2.key}
    (proved,) = paths(database, "C=O", "[H][H]", "--verdict", "passed")
    assert proved["steps"] == direct["steps"]


def test_levels_never_mix(database):
    (alone,) = paths(database, "C=O", "[H][H]", "--level", "b3lyp")
    assert alone["level"] == DFT.key
    assert len(alone["steps"]) == 1


def test_a_species_is_named_by_its_key_as_well(database):
    (path, *_) = paths(database, "C=O", "[H][H]", "-k", "1")
    key = make_reaction(*(parse_smiles(side) for side in MAPPED["split"].split(">>"))).reactants[0].key
    assert paths(database, key, "[H][H]", "-k", "1") == [path]


def test_the_span_and_the_rate_judge_otherwise(database):
    by_span = paths(database, "[C-]#[O+]", "C=O", "--with", "[H][H]", "--cost", "span")
    assert by_span[0]["cost"] == pytest.approx(3.6 * EV, rel=1e-4)
    (fastest, *_) = paths(database, "C=O", "[H][H]", "--cost", "rate", "--temperature", "1500")
    assert (fastest["cost_unit"], fastest["temperature_k"]) == ("s^-1", 1500.0)
    assert 0.0 < fastest["cost"] < 1e13


def test_without_its_co_reactant_there_is_no_path_and_the_command_says_so(database):
    assert paths(database, "[C-]#[O+]", "C=O") == []
    done = CliRunner().invoke(app, ["query", "paths", "[C-]#[O+]", "C=O", "--db", database])
    assert "no path from [C-]#[O+] to C=O at GFN2-xTB; --with names co-reactants" in " ".join(done.stdout.split())


def test_tables_show_the_profile(database):
    done = CliRunner().invoke(app, ["query", "paths", "C=O", "[H][H]", "--db", database])
    assert "1. C=O -> [H][H]: minimax 85.3 kcal/mol" in " ".join(done.stdout.split())


def test_the_fields_are_those_in_the_readme(database):
    (path, *_) = paths(database, "C=O", "[H][H]")
    assert set(json_fields("query paths")) == set(path) | set(path["steps"][0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["C=O", "CCO"], "not in this database"),
        (["C=O", "C=O"], "not from one to itself"),
        (["C=O", "[H][H]", "--cost", "length"], "unknown cost 'length'"),
        (["C=O", "[H][H]", "--verdict", "failed"], "no path goes over the verdict failed"),
        (["C=O", "[H][H]", "--level", "mp2"], "no level of theory 'mp2'"),
        (["C=O", "[H][H]", "--campaign", "none"], "none"),
        (["C=O", "[H][H]", "--gibbs"], "`cairn kinetics` finds the minima"),
    ],
)
def test_bad_input_is_named(database, capsys, words, message):
    assert run(["query", "paths", *words, "--db", database]) == 2
    assert message in capsys.readouterr().err
