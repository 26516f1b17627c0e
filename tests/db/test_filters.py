"""Which reactions and species a question can be narrowed to, and that the views say the same."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chem.errors import ElementError
from chem.graph import MolecularGraph
from chem.substructure import Substructure
from chem.types import Species
from chem.units import kcal_mol
from db.campaign_tables import Origin
from db.campaigns import add_campaign, add_reaction_members
from db.composition import element_symbols
from db.engine import reading, writing
from db.neighbours import neighbours
from db.queries import ReactionFilter, reactions
from db.results import Estimate, add_estimates, record_search
from db.species_names import named_species
from db.species_queries import SpeciesFilter, species
from db.store import add_species
from db.tables import CalculationKind
from db.work import enqueue


@pytest.fixture
def found(engine, network, search):
    """The shift proved, the decay found on the way, two reactions of which nothing is known."""
    with writing(engine) as session:
        record_search(session, search(), network.search_result(), found={1: network.decay})


def picked(engine, **conditions):
    with reading(engine) as session:
        return [each.key for each in reactions(session, filters=ReactionFilter(**conditions))]


def chosen(engine, **conditions):
    with reading(engine) as session:
        return [each.smiles for each in species(session, filters=SpeciesFilter(**conditions))]


def test_barriers_lie_between_the_bounds(engine, found):
    assert picked(engine, lowest_barrier_kcal_mol=kcal_mol(1.9)) == ["shift"]
    assert picked(engine, lowest_barrier_kcal_mol=kcal_mol(1.4), highest_barrier_kcal_mol=kcal_mol(1.6)) == ["decay"]


def test_the_lowest_barrier_comes_first_and_a_limit_keeps_the_first(engine, found):
    ordered = picked(engine, lowest_first=True)
    assert ordered[:2] == ["decay", "shift"]
    assert ordered[2:] == ["dissociation", "exchange"]  # unknown ones by key
    for limit in (1, 3):
        assert picked(engine, lowest_first=True, limit=limit) == ordered[:limit]
    keys = frozenset(ordered)
    assert picked(engine, lowest_first=True, reaction_keys=keys, limit=3) == ordered[:3]


def test_reactions_are_told_by_how_campaigns_came_upon_them(engine, found):
    with writing(engine) as session:
        for name in ("one", "two"):
            add_campaign(session, name=name, settings={}, seed=0, rules_hash="r")
        add_reaction_members(session, "one", ["shift", "decay"], round_number=0)
        add_reaction_members(session, "one", ["shift", "exchange"], round_number=0, origin=Origin.PROPOSED)
        add_reaction_members(session, "two", ["decay"], round_number=0, origin=Origin.PROPOSED)
    proposed = frozenset([Origin.PROPOSED])
    assert set(picked(engine, origins=proposed)) == {"exchange", "decay"}, "the first origin counts"
    assert picked(engine, origins=proposed, campaign="one") == ["exchange"]
    with reading(engine) as session:
        origins = {each.key: each.origins for each in reactions(session)}
    assert origins["decay"] == {Origin.ENUMERATED, Origin.PROPOSED}
    assert origins["shift"] == {Origin.ENUMERATED}
    assert origins["dissociation"] == frozenset()


def test_elements_are_held_by_the_molecules_of_a_reaction_together(engine, found):
    assert set(picked(engine, elements=frozenset("CO"))) == {"shift", "decay", "dissociation"}
    assert picked(engine, elements=frozenset("CN")) == []
    assert len(picked(engine, elements=frozenset("H"))) == 4


def test_the_symbol_of_an_element_is_not_part_of_anothers(engine):
    chlorine = MolecularGraph(numbers=(17, 17), bonds=frozenset({(0, 1)}))
    methane = MolecularGraph(numbers=(6, 1, 1, 1, 1), bonds=frozenset((0, each) for each in range(1, 5)))
    with writing(engine) as session:
        add_species(
            session,
            [
                Species(key=smiles, smiles=smiles, graph=graph, energy_key=smiles)
                for smiles, graph in (("ClCl", chlorine), ("C", methane))
            ],
        )
    assert chosen(engine, elements=frozenset(["Cl"])) == ["ClCl"]
    assert chosen(engine, elements=frozenset("C")) == ["C"]


def test_element_symbols_are_read_in_any_case_and_checked():
    assert element_symbols(["cl", " C", "BR"]) == {"Cl", "C", "Br"}
    with pytest.raises(ElementError, match="unknown element Xx, Xy; give a symbol"):
        element_symbols(["xx", "C", "xy"])


def test_a_substructure_is_looked_for_on_both_sides(engine, found):
    hydroxyl = Substructure("[OX2H]")
    assert set(picked(engine, substructure=hydroxyl)) == {"shift", "decay"}
    assert picked(engine, substructure=hydroxyl, lowest_first=True, limit=1) == ["decay"]
    assert picked(engine, substructure=hydroxyl, lowest_first=True, offset=1) == ["shift"]
    assert chosen(engine, substructure=hydroxyl) == ["[CH]O"]
    assert chosen(engine, substructure=Substructure("O"), limit=1) == chosen(engine, substructure=Substructure("O"))[:1]


def test_at_a_level_only_what_is_known_there_is_told_where_that_is_wanted(engine, network, found, dft):
    assert len(picked(engine, level_key=dft.key)) == 4
    assert picked(engine, level_key=dft.key, known_only=True) == []
    with writing(engine) as session:
        state = network.transition_state(level=dft)
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["exchange"], level_key=dft.key)
    assert set(picked(engine, level_key=dft.key, known_only=True)) == {"shift", "exchange"}


def test_species_have_the_energy_of_the_level_that_is_asked_for(engine, network, found, dft):
    with writing(engine) as session:
        state = network.transition_state(level=dft, ends_ev=(-112.0, -111.0))
        add_estimates(session, [Estimate(reaction_key="shift", transition_state=state)])
    with reading(engine) as session:
        by_level = {
            key: {each.smiles: each.energy_ev for each in species(session, filters=SpeciesFilter(level_key=key))}
            for key in ("GFN2-xTB", dft.key)
        }
    assert by_level == {"GFN2-xTB": {"C=O": -12.0, "[CH]O": -11.5}, dft.key: {"C=O": -112.0, "[CH]O": -111.0}}


def test_a_species_that_lasts_is_left_by_no_low_barrier(engine, found):
    # formaldehyde by 2.0, hydroxymethylene by 1.0 and 1.5, hydrogen and carbon monoxide by 3.0 eV
    assert set(chosen(engine, lowest_barrier_kcal_mol=kcal_mol(0.5))) == {"C=O", "[CH]O", "[C-]#[O+]", "[H][H]"}
    assert set(chosen(engine, lowest_barrier_kcal_mol=kcal_mol(1.9))) == {"C=O", "[C-]#[O+]", "[H][H]"}
    assert set(chosen(engine, lowest_barrier_kcal_mol=kcal_mol(2.5))) == {"[C-]#[O+]", "[H][H]"}
    with writing(engine) as session:
        session.execute(text("UPDATE transition_state SET verdict = 'failed'"))
    assert chosen(engine, lowest_barrier_kcal_mol=0.0) == []  # nothing is known


def test_the_view_of_steps_says_what_neighbours_say(engine, found):
    for smiles in ("C=O", "[CH]O", "[H][H]"):
        with reading(engine) as session:
            (named,) = named_species(session, [smiles])
            told = {(each.key, each.is_forward): each for each in neighbours(session, named)}
            view = text("SELECT * FROM species_step WHERE species_id = :id")
            rows = session.execute(view, {"id": named.id}).mappings().all()
        assert len(rows) == len(told)
        for row in rows:
            each = told[row["reaction_key"], row["side"] == "reactant"]
            assert row["from_smiles"].split(" + ") == list(each.reactants)
            assert row["to_smiles"].split(" + ") == list(each.products)
            assert (row["verdict"], row["level_key"]) == (each.verdict, each.level)
            assert row["transition_state_id"] == each.transition_state_id
            for name in ("barrier_forward_kcal_mol", "barrier_reverse_kcal_mol"):
                expected = getattr(each, name)
                assert row[name] == (None if expected is None else pytest.approx(expected))
