"""The export of verified transition states: what goes in, in which split, and what a reader gets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from chem.errors import ConfigurationError, DatabaseError, InputError
from chem.holdout import identity_of, split_of
from chem.outcomes import Attempt, Failure, Outcome, SearchResult, Stage, Status
from chem.types import Geometry
from db.campaigns import add_campaign, add_reaction_members
from db.engine import reading, writing
from db.results import Estimate, add_estimates, record_search
from db.store import add_reactions
from db.tables import CalculationKind
from db.training_set import count_verified, export_training_set
from db.work import claim, enqueue
from models.reaction_data import read_npz


@pytest.fixture
def searched(engine, network, gfn2):
    """Function that stores what the search for a reaction found."""

    def stored(key="shift", result=None, *, level=gfn2, found=None):
        with writing(engine) as session:
            add_reactions(session, network.reactions, {"shift": "mapped", "decay": "of another"})
            enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=[key], level_key=level.key)
        (one,) = claim(engine, kind=CalculationKind.SEARCH, worker="one", limit=1, lease_seconds=60)
        with writing(engine) as session:
            record_search(session, one, result or network.search_result(level=level), found=found)

    return stored


def found_state(state, outcome=Outcome.INTENDED):
    failure = Failure(stage=Stage.SADDLE, kind="second_order", message="two") if outcome is Outcome.FAILED else None
    attempt = Attempt(
        start="a", gradient_calls=1, seconds=1.0, outcome=outcome, failure=failure, transition_state=state
    )
    return SearchResult(level=state.level, attempts=(attempt,))


def exported(engine, path, **options):
    with reading(engine) as session:
        summary = export_training_set(session, path, **options)
    return summary, read_npz(path)


def test_verified_transition_states_are_written_with_the_ends_of_their_paths(engine, network, searched, gfn2, tmp_path):
    searched()
    summary, data = exported(engine, tmp_path / "set.npz")
    (reaction,) = data.reactions
    state = network.transition_state(seed=20)
    assert reaction.numbers.tolist() == [6, 8, 1, 1]
    assert np.array_equal(reaction.ts, state.geometry.positions)
    assert np.array_equal(reaction.ends[0], state.reactant_end.positions)
    assert np.array_equal(reaction.ends[1], state.product_end.positions)
    assert data.identifiers.tolist() == ["shift"]
    assert data.smiles == ("mapped",)
    assert data.splits.tolist() == [
        split_of(identity_of(network.shift.reactant_graph, network.shift.product_graph).sides)
    ]
    assert (summary.level_key, summary.n_reactions, summary.n_left_out) == (gfn2.key, 1, 0)
    assert summary.splits == Counter(data.splits.tolist())


def test_one_found_for_another_reaction_is_filed_under_its_own_without_smiles_of_another_order(
    engine, network, searched, backwards, tmp_path
):
    searched(found={1: backwards(network.decay)})
    _, data = exported(engine, tmp_path / "set.npz")
    assert sorted(data.identifiers) == ["decay", "shift"]
    place = data.identifiers.tolist().index("decay")
    state = network.transition_state(seed=10)
    assert data.smiles[place] == ""
    assert np.array_equal(data.reactions[place].ts, state.geometry.positions)
    # In the direction of the stored reaction, which is the opposite of how it was found.
    assert np.array_equal(data.reactions[place].ends[0], state.product_end.positions)


def test_what_was_not_verified_or_has_no_ends_is_left_out(engine, network, searched, tmp_path):
    searched("shift", found_state(network.transition_state(seed=1, status=Status.FAILED), Outcome.FAILED))
    searched("decay", found_state(network.transition_state(seed=2, ends_ev=None)))
    estimate = network.transition_state(seed=3, status=None)
    with writing(engine) as session:
        add_estimates(session, [Estimate(reaction_key="dissociation", transition_state=estimate)])
    with reading(engine) as session, pytest.raises(DatabaseError, match="no verified transition state"):
        export_training_set(session, tmp_path / "set.npz")
    assert list(tmp_path.glob("*set*")) == []


def test_conformers_of_one_reaction_are_all_taken_and_each_once(engine, network, searched, gfn2, tmp_path):
    first, second = (network.transition_state(seed=seed) for seed in (4, 5))
    attempts = [found_state(state).attempts[0] for state in (first, second, first)]
    searched("shift", SearchResult(level=gfn2, attempts=tuple(attempts)))
    summary, data = exported(engine, tmp_path / "set.npz")
    assert len(data) == 2
    assert summary.n_reactions == 1
    assert len(set(data.splits)) == 1


def test_ions_are_left_out_and_counted(engine, network, searched, tmp_path):
    searched()
    ion = network.transition_state(seed=6)

    def charged(geometry):
        return Geometry(numbers=geometry.numbers, positions=geometry.positions, charge=2, multiplicity=1)

    ion = replace(
        ion,
        geometry=charged(ion.geometry),
        reactant_end=charged(ion.reactant_end),
        product_end=charged(ion.product_end),
    )
    searched("decay", found_state(ion))
    summary, data = exported(engine, tmp_path / "set.npz")
    assert data.identifiers.tolist() == ["shift"]
    assert summary.n_left_out == 1


def test_levels_of_theory_are_never_mixed(engine, network, searched, gfn2, dft, tmp_path):
    searched()
    searched("decay", found_state(network.transition_state(seed=7, level=dft)), level=dft)
    with reading(engine) as session, pytest.raises(DatabaseError, match=r"several levels") as caught:
        export_training_set(session, tmp_path / "set.npz")
    assert gfn2.key in str(caught.value)
    assert dft.key in str(caught.value)
    assert exported(engine, tmp_path / "set.npz", level_key=dft.key)[1].identifiers.tolist() == ["decay"]
    with reading(engine) as session, pytest.raises(DatabaseError, match="HF/STO-3G"):
        export_training_set(session, tmp_path / "set.npz", level_key="HF/STO-3G")


def test_a_campaign_exports_what_it_reached(engine, searched, tmp_path):
    searched("shift")
    searched("decay")
    with writing(engine) as session:
        add_campaign(session, name="one", settings={}, seed=0, rules_hash="r")
        add_reaction_members(session, "one", ["decay"], round_number=0)
    assert exported(engine, tmp_path / "set.npz", campaign="one")[1].identifiers.tolist() == ["decay"]
    with reading(engine) as session, pytest.raises(ConfigurationError, match="two"):
        export_training_set(session, tmp_path / "set.npz", campaign="two")


def test_a_refused_export_leaves_the_old_file_and_no_other(engine, searched, tmp_path):
    searched()
    path = tmp_path / "set.npz"
    exported(engine, path)
    before = path.read_bytes()
    with reading(engine) as session, pytest.raises(DatabaseError):
        export_training_set(session, path, level_key="other")
    assert path.read_bytes() == before
    exported(engine, path)
    assert [each.name for each in tmp_path.glob("*.npz")] + [each.name for each in tmp_path.glob(".*")] == ["set.npz"]


@pytest.mark.parametrize("name", ["set.csv", "nowhere/set.npz"])
def test_a_file_that_cannot_be_written_is_named(engine, searched, tmp_path, name):
    searched()
    with reading(engine) as session, pytest.raises(InputError, match=name):
        export_training_set(session, tmp_path / name)


def test_the_identities_by_which_the_split_goes_stand_beside_the_structures(engine, network, searched, tmp_path):
    searched()
    exported(engine, tmp_path / "set.npz")
    known = identity_of(network.shift.reactant_graph, network.shift.product_graph)
    with np.load(tmp_path / "set.npz") as file:
        assert file["identity"].tolist() == [known.key]
        assert file["sides"].tolist() == [list(known.sides)]


def test_verified_transition_states_are_counted_without_being_loaded(engine, network, searched, gfn2, dft):
    with reading(engine) as session:
        assert count_verified(session) == ("", 0)
    searched()
    searched("decay", found_state(network.transition_state(seed=8)))
    with reading(engine) as session:
        assert count_verified(session) == (gfn2.key, 2)
        assert count_verified(session, level_key=dft.key) == (dft.key, 0)
