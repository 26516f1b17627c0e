"""A synthetic network of any size, written in bulk, each step prepared, estimated and believed.

By default the species are a ring; with a number of species, reactions join two of them at random, with energies of
species and transition states at random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from ase.units import kcal, mol
from sqlalchemy import Engine, func, insert, literal_column, select, text

from benchmarks.isomers import Isomers
from chem.endpoints import PreparedPair, PreparedReaction
from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.generator import EndPoints
from chem.identity import mapped_smiles
from chem.levels import resolve_level
from chem.smiles import parse_smiles
from chem.types import Geometry, Reaction, Species
from db.base import Base, utc_now
from db.campaign_tables import ReactionMembershipRow, SpeciesMembershipRow
from db.campaigns import add_campaign
from db.convert import geometry_values, reaction_values, settings_hash, species_values
from db.engine import writing
from db.store import add_levels
from db.tables import (
    BarrierRow,
    CalculationKind,
    CalculationRow,
    GeometryRow,
    ReactionRow,
    ReactionSpeciesRow,
    SpeciesRow,
    TransitionStateRow,
)

CAMPAIGN, RULES = "scale", "rules"
ROWS_AT_ONCE = 20_000
PREPARED: dict[str, Any] = {"end_points": "synthetic"}
ESTIMATED: dict[str, Any] = {"estimate": "synthetic"}
SETTINGS = {CalculationKind.PREPARE: PREPARED, CalculationKind.ESTIMATE: ESTIMATED}


def pattern() -> Reaction:
    """The reaction that all are copies of: an isomerisation of glycolaldehyde."""
    found = enumerate_reactions(parse_smiles("O=CCO"), EnumerationRules())
    return next(each for each in found if len(each.reactants) == len(each.products) == 1)


def geometry_of(reaction: Reaction, shift_angstrom: float = 0.0) -> Geometry:
    """Its atoms in a line."""
    numbers = reaction.reactant_graph.numbers
    return Geometry(numbers=numbers, positions=[[float(i), 0.0, shift_angstrom] for i in range(len(numbers))])


def prepared_with(pair: EndPoints) -> PreparedReaction:
    """What a preparation brings."""
    return PreparedReaction(
        reaction_key=pair.reaction_key,
        level=resolve_level("gfn2"),
        pairs=(
            PreparedPair(
                ends=pair, reactant_energy_ev=0.0, product_energy_ev=0.0, motion_angstrom=0.0, guess_energy_ev=0.0
            ),
        ),
        gradient_calls=1,
        seconds=0.0,
    )


def species_of(model: Species, number: int) -> Species:
    """A copy under a key of its own."""
    return replace(model, key=f"sp-{number:020d}", energy_key=f"sp-{number:020d}")


def reaction_of(model: Reaction, number: int) -> Reaction:
    """The copy that joins species `number` to `number + 1`."""
    sides = (species_of(model.reactants[0], number),), (species_of(model.products[0], number + 1),)
    return replace(model, key=f"rx-{number:020d}", reactants=sides[0], products=sides[1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """Which species each reaction joins, and over which heights.

    Attributes:
        n_species: Species, numbered from 0.
        pairs: Reactant and product of each reaction, shape (n_reactions, 2).
        heights_ev: Barriers of both directions, same shape, eV.
    """

    n_species: int
    pairs: np.ndarray
    heights_ev: np.ndarray


def ring(n_reactions: int) -> Shape:
    """Species in a ring, all barriers alike."""
    numbers = np.arange(n_reactions)
    pairs = np.stack([numbers, (numbers + 1) % n_reactions], axis=1)
    return Shape(n_species=n_reactions, pairs=pairs, heights_ev=np.ones((n_reactions, 2)))


def joined_at_random(network: Isomers) -> Shape:
    """A network of isomers."""
    heights = network.heights_kcal_mol * kcal / mol
    return Shape(n_species=len(network.energies_kcal_mol), pairs=network.pairs, heights_ev=heights)


def fill(engine: Engine, n_reactions: int, shape: Shape | None = None) -> None:
    """Write the network of a campaign of round 1; a ring where no shape is given."""
    shape = ring(n_reactions) if shape is None else shape
    with writing(engine) as session:
        campaign = add_campaign(session, name=CAMPAIGN, settings={}, seed=0, rules_hash=RULES)
        level_id = add_levels(session, [resolve_level("gfn2")])[resolve_level("gfn2")]
    makers = _makers(campaign, level_id, n_reactions, shape)
    for table, made in makers:
        n_rows = shape.n_species if table in {SpeciesRow, SpeciesMembershipRow} else n_reactions
        with writing(engine) as session:
            for start in range(0, n_rows, ROWS_AT_ONCE):
                batch = [made(each) for each in range(start, min(n_rows, start + ROWS_AT_ONCE))]
                session.connection().execute(insert(table), batch)
    if engine.dialect.name == "postgresql":  # ids were given, so the counters lag behind
        with writing(engine) as session:
            for table in Base.metadata.sorted_tables:
                serial = func.pg_get_serial_sequence(table.name, "id")
                last = select(func.coalesce(func.max(literal_column("id")), 1)).select_from(table).scalar_subquery()
                session.execute(select(func.setval(serial, last)))
    with writing(engine) as session:
        session.execute(text("ANALYZE"))


def _makers(
    campaign: int, level_id: int, n_reactions: int, shape: Shape
) -> list[tuple[type[Base], Callable[[int], dict[str, Any]]]]:
    """Tables in the order of writing, and the row of each number."""
    model, now, level_key = pattern(), utc_now(), resolve_level("gfn2").key
    hashes = {kind: settings_hash(settings) for kind, settings in SETTINGS.items()}
    species = [species_values(each) for each in (*model.products, *model.reactants)]
    pairs, heights = shape.pairs.tolist(), shape.heights_ev.tolist()
    reaction, geometry = reaction_values(model, mapped_smiles(model)), geometry_values(geometry_of(model))

    def one_species(each: int) -> dict[str, Any]:
        key = f"sp-{each:020d}"
        return {"id": each + 1, **species[each % 2], "key": key, "energy_key": key, "created_at": now}

    def side(each: int, *, name: str, place: int) -> dict[str, Any]:
        return {"reaction_id": each + 1, "species_id": pairs[each][place] + 1, "side": name, "stoichiometric_count": 1}

    def calculation(each: int, *, kind: CalculationKind, shift: int) -> dict[str, Any]:
        return {
            "id": each + 1 + shift,
            "kind": kind.value,
            "subject_key": f"rx-{each:020d}",
            "reaction_id": each + 1,
            "level_key": level_key,
            "settings_hash": hashes[kind],
            "settings": SETTINGS[kind],
            "state": "done",
            "attempt": 1,
            "max_attempts": 3,
            "enqueued_at": now,
            "gradient_calls": 15,
            "seconds": 1.0,
            "outcome": "done",
            "campaign_id": campaign,
        }

    def member(each: int, *, name: str, **values: Any) -> dict[str, Any]:
        return {"campaign_id": campaign, name: each + 1, "round": 1, **values}

    def state(each: int) -> dict[str, Any]:
        return {
            "id": each + 1,
            "key": f"ts-{each:020d}",
            "reaction_id": each + 1,
            "calculation_id": n_reactions + each + 1,
            "level_id": level_id,
            "geometry_id": each + 1,
            "energy_ev": 1.0,
            "frequencies_cm1": [],
            "verdict": "estimated",
            "created_at": now,
        }

    def barrier(each: int) -> dict[str, Any]:
        own = {"id": each + 1, "reaction_id": each + 1, "transition_state_id": each + 1, "level_id": level_id}
        forward, reverse = heights[each]
        return {**own, "forward_ev": forward, "reverse_ev": reverse, "verdict": "estimated"}

    prepared = partial(calculation, kind=CalculationKind.PREPARE, shift=0)
    estimated = partial(calculation, kind=CalculationKind.ESTIMATE, shift=n_reactions)
    return [
        (SpeciesRow, one_species),
        (ReactionRow, lambda each: {"id": each + 1, **reaction, "key": f"rx-{each:020d}", "created_at": now}),
        (ReactionSpeciesRow, partial(side, name="reactant", place=0)),
        (ReactionSpeciesRow, partial(side, name="product", place=1)),
        (SpeciesMembershipRow, partial(member, name="species_id", expanded_rules_hash=RULES)),
        (ReactionMembershipRow, partial(member, name="reaction_id", action="accept", reasons=[])),
        (CalculationRow, prepared),
        (CalculationRow, estimated),
        (GeometryRow, lambda each: {"id": each + 1, **geometry, "content_hash": f"{each:064d}"}),
        (TransitionStateRow, state),
        (BarrierRow, barrier),
    ]
