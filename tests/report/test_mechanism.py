"""The mechanism of a stored network, from its proved transition states and the minima of its species."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from chem.errors import InputError
from chem.identity import make_reaction
from chem.levels import resolve_level
from chem.outcomes import Attempt, Check, CheckName, Outcome, SearchResult, Status, TransitionState, Verdict
from chem.smiles import parse_smiles
from chem.types import Geometry
from cli.main import app, run
from db.engine import open_database, reading, writing
from db.queries import ReactionFilter, reactions
from db.results import record_search
from db.species_minima import failed_minima, species_minima
from db.store import add_reactions
from db.tables import CalculationKind, CalculationRow
from db.work import claim, enqueue
from report.mechanism import network_mechanism, proved_network, species_without_minimum
from tasks.calculations import close_shared_pool, run_calculations
from tasks.minima_queue import minima_queue
from tasks.species_minima import queue_minima
from tasks.workers import WorkerLimits
from tests.readme import json_fields

GFN2 = resolve_level("gfn2")
SPLIT = make_reaction(*(parse_smiles(side) for side in ("[C:1](=[O:2])([H:3])[H:4]", "[C-:1]#[O+:2].[H:3][H:4]")))
PLANAR = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.25], [1.0, 0.0, -0.4], [0.9, 0.0, 1.0]])


def passed():
    """Formaldehyde falling apart, as a search would have stored it."""
    checks = tuple(
        Check(name=name, status=Status.PASSED, evidence={})
        for name in (CheckName.ONE_IMAGINARY_MODE, CheckName.IRC_ENDS_MATCH, CheckName.ENERGIES_ORDERED)
    )
    geometry = Geometry(numbers=np.array(SPLIT.reactant_graph.numbers), positions=PLANAR)
    return TransitionState(
        geometry=geometry,
        energy_ev=-191.5,
        level=GFN2,
        verdict=Verdict(checks=checks),
        frequencies_cm1=(-1900.0, 800.0, 1200.0, 1500.0, 2500.0, 2900.0),
        reactant_end=geometry,
        product_end=geometry,
        reactant_end_energy_ev=-195.4,
        product_end_energy_ev=-195.0,
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """URL of a database with one proved reaction and the minima of its three species."""
    url = f"sqlite:///{tmp_path_factory.mktemp('kinetics') / 'network.db'}"
    engine = open_database(url)
    with writing(engine) as session:
        add_reactions(session, [SPLIT], {SPLIT.key: "mapped"})
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=[SPLIT.key], level_key=GFN2.key)
    (claimed,) = claim(engine, kind=CalculationKind.SEARCH, worker="one", limit=1, lease_seconds=60)
    attempt = Attempt(start="neb", gradient_calls=1, seconds=1.0, outcome=Outcome.INTENDED, transition_state=passed())
    with writing(engine) as session:
        record_search(session, claimed, SearchResult(level=GFN2, attempts=(attempt,)), found={})
    with reading(engine) as session:
        network = proved_network(session, level_key=GFN2.key)
        missing = species_without_minimum(session, network)
    assert len(missing) == 3
    limits = WorkerLimits(n_workers=1)
    queue = queue_minima.fn(minima_queue(url, GFN2, missing, n_embeddings=1, seed=0, workers=limits))
    assert run_calculations.fn(queue) == 3
    close_shared_pool()
    engine.dispose()
    return url


@pytest.fixture
def session(database):
    engine = open_database(database, create=False)
    with reading(engine) as opened:
        yield opened
    engine.dispose()


def test_minima_are_found_by_workers_stored_with_their_cost_and_not_looked_for_twice(database, session):
    network = proved_network(session, level_key=GFN2.key)
    assert species_without_minimum(session, network) == frozenset()
    found = species_minima(session, network.species, level_key=GFN2.key)
    assert {network.species[key].smiles: each.symmetry_number for key, each in found.items()} == {
        "C=O": 2,
        "[H][H]": 2,
        "[C-]#[O+]": 1,
    }
    assert failed_minima(session, network.species, level_key=GFN2.key) == {}
    rows = session.execute(
        select(CalculationRow.outcome, CalculationRow.gradient_calls, CalculationRow.cpu_seconds).where(
            CalculationRow.kind == "minimum"
        )
    ).all()
    assert {outcome for outcome, *_ in rows} == {"proved"}
    assert all(calls > 0 and seconds > 0.0 for _, calls, seconds in rows)


def test_molecules_that_no_reaction_shows_alone_have_heights_above_them_by_their_minima(session):
    (known,) = reactions(session, filters=ReactionFilter(reaction_keys=frozenset({SPLIT.key})))
    assert known.height_above_product_minima_kcal_mol is not None


def test_the_mechanism_holds_what_passed_every_check_alone(session):
    network = proved_network(session, level_key=GFN2.key)
    made = network_mechanism(session, network)
    assert set(made.reactions) == {SPLIT.key}
    assert made.reactions[SPLIT.key].proved.verdict is Status.PASSED
    assert made.reactions[SPLIT.key].proved.error_bar_95_kcal_mol is not None
    with pytest.raises(InputError, match="no reaction at B3LYP has a rate"):
        network_mechanism(session, proved_network(session, level_key="B3LYP"))
    unproved = replace(network, reactions=(replace(network.reactions[0], frequencies_cm1=()),))
    with pytest.raises(InputError, match="no vibrations"):
        network_mechanism(session, unproved)


def kinetics(database, *words):
    return CliRunner().invoke(app, ["kinetics", *words, "--db", database], catch_exceptions=False)


def test_the_command_tells_amounts_rates_and_what_decides(database, tmp_path):
    figure = tmp_path / "profile.svg"
    done = kinetics(
        database, "C=O=0.5", "[C-]#[O+]=0.5", "--temperature", "1000", "--samples", "5", "--plot", str(figure), "--json"
    )
    record = json.loads(done.stdout)
    assert done.exit_code == 0
    assert figure.stat().st_size > 1000
    assert record["level"]["key"] == GFN2.key
    assert sum(each["mole_fraction"] for each in record["species"]) == pytest.approx(1.0)
    (reaction,) = record["reactions"]
    assert (reaction["verdict"], reaction["rate_unit"]) == ("passed", "s^-1")
    assert record["influences"][0]["reaction_key"] == SPLIT.key
    assert record["target"] in {"[H][H]", "[C-]#[O+]"}
    assert record["n_samples"] == 5
    starts = {each: values[0] for each, values in record["mole_fractions"].items()}
    assert (starts["C=O"], starts["[C-]#[O+]"]) == pytest.approx((0.5, 0.5))


def test_the_fields_are_those_in_the_readme(database):
    record = json.loads(kinetics(database, "C=O", "--samples", "2", "--json").stdout)
    lists = ("left_out", "species", "reactions", "influences")
    of_rows = {name for each in lists for row in record[each][:1] for name in row} | {"reaction_key", "reason"}
    assert set(json_fields("kinetics")) == set(record) | of_rows


def test_the_command_prints_tables_for_people(database):
    done = kinetics(database, "C=O", "--samples", "0")
    assert done.exit_code == 0
    assert "what decides on" in done.stdout
    assert "1 proved reactions at GFN2-xTB" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["CCO"], "takes part in no reaction"),
        (["C=O", "--target", "CCO"], "CCO takes part in no reaction"),
        (["C=O", "C=O=0.5"], "given twice"),
        (["C=O.O"], "holds 2 molecules"),
        (["C=O", "--temperature", "5"], "from 300 to 1500 K"),
        (["C=O", "--level", "nonsense"], "nonsense"),
        (["C=O", "--plot", "profile.txt"], "must end in"),
    ],
)
def test_bad_input_is_named(database, capsys, words, message):
    assert run(["kinetics", *words, "--db", database]) == 2
    assert message in capsys.readouterr().err


def export(database, form, path, *words):
    return run(["export", form, "-o", str(path), "--db", database, *words])


def test_cantera_loads_and_runs_the_exported_mechanism_at_our_rates(database, session, tmp_path):
    import cantera

    path = tmp_path / "mechanism.yaml"
    assert export(database, "cantera", path) == 0
    gas = cantera.Solution(path)
    made = network_mechanism(session, proved_network(session, level_key=GFN2.key))
    gas.TP = 1000.0, 1e5
    assert gas.forward_rate_constants[0] == pytest.approx(made.rate_constant(SPLIT.key, 1000.0).value, rel=0.02)
    expression = made.reactions[SPLIT.key].rate.rate(1000.0)
    assert gas.forward_rate_constants[0] == pytest.approx(float(expression), rel=1e-6)
    assert SPLIT.key in gas.reaction(0).input_data["note"]
    gas.TPX = 1500.0, 1e5, "CH2O_1:1"
    network = cantera.ReactorNet([cantera.IdealGasConstPressureReactor(gas, energy="off", clone=False)])
    network.advance(1e12)
    assert gas["H2_1"].X[0] == pytest.approx(gas["CO_1"].X[0])
    assert gas["H2_1"].X[0] > 0.1


def test_the_chemkin_file_is_read_back_with_the_same_rates(database, tmp_path):
    import cantera
    from cantera import ck2yaml

    path, again, straight = tmp_path / "mechanism.inp", tmp_path / "again.yaml", tmp_path / "straight.yaml"
    assert export(database, "chemkin", path) == 0
    assert export(database, "cantera", straight) == 0
    ck2yaml.convert(path, out_name=again, quiet=True)
    first, second = cantera.Solution(straight), cantera.Solution(again)
    for gas in (first, second):
        gas.TP = 900.0, 1e5
    assert second.forward_rate_constants == pytest.approx(first.forward_rate_constants, rel=1e-4)
    assert second.reverse_rate_constants == pytest.approx(first.reverse_rate_constants, rel=1e-3)


def test_minima_leave_in_an_archive_and_come_back_once(database, tmp_path):
    archive, other = tmp_path / "network.zip", f"sqlite:///{tmp_path / 'other.db'}"
    assert export(database, "archive", archive, "--author", "Doe, Jane") == 0
    for _ in range(2):
        assert run(["import", str(archive), "--db", other]) == 0
    engine = open_database(other, create=False)
    with reading(engine) as session:
        network = proved_network(session, level_key=GFN2.key)
        found = species_minima(session, network.species, level_key=GFN2.key)
        rows = session.execute(select(CalculationRow.id).where(CalculationRow.kind == "minimum")).all()
    engine.dispose()
    assert len(found) == len(rows) == 3
    assert run(["import", str(archive), "--db", database]) == 0
    assert json.loads(kinetics(other, "C=O", "--samples", "0", "--json").stdout)["n_reactions"] == 1


def test_a_mechanism_without_minima_is_refused_with_the_remedy(tmp_path, capsys, database):
    assert export(database, "cantera", tmp_path / "mechanism.yaml", "--level", "b3lyp") == 2
    assert "b3lyp" in capsys.readouterr().err
    assert not (tmp_path / "mechanism.yaml").exists()
