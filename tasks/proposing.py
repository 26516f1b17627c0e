"""Prefect tasks that let a network propose reactions of the species of a round, beside those that are enumerated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from chem.canonical import canonical_form
from chem.errors import GeometryError
from chem.graph import MolecularGraph
from chem.identity import mapped_smiles
from chem.outcomes import Failure, Stage
from chem.perception import perceive_graph
from chem.proposals import Sieved, sieve
from chem.types import Geometry, Reaction, Species
from db.campaign_tables import Origin
from db.campaigns import add_reaction_members, campaign_id, reaction_members
from db.engine import open_database, reading, writing
from db.lifecycle import charge, reactions_left
from db.model_versions import note_used_weights
from db.proposals import mark_proposed, species_to_propose_for
from db.species_minima import enqueue_minima, failed_minima, species_minima
from db.statements import batches
from db.store import add_reactions
from db.work import enqueue
from models.weights_file import WeightsFile
from tasks.log import event_log
from tasks.plan import calculation_settings, first_kind, minimum_settings, proposal_hash
from tasks.proposal_weights import is_known_to, plausible_rules, proposal_weights
from tasks.settings import ExploreSettings

if TYPE_CHECKING:
    from models.joint_reactions import Proposer

AT_ONCE = 16  # species whose draws are stored together


@task(name="queue reactants", cache_policy=NO_CACHE)
def queue_reactants(settings: ExploreSettings, campaign: str) -> int:
    """Queue the minima of the species that wait for proposals, from which those are drawn.

    Returns:
        How many species wait.
    """
    weights = _weights(settings)
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            waiting = species_to_propose_for(session, campaign, proposal_hash=proposal_hash(settings))
        keys = [species.key for species in waiting if is_known_to(weights, species)]
        if keys:
            with writing(engine) as session:
                known = species_minima(session, keys, level_key=settings.theory.key)
                enqueue_minima(
                    session,
                    [key for key in keys if key not in known],
                    level_key=settings.theory.key,
                    settings=minimum_settings(settings),
                )
        return len(waiting)
    finally:
        engine.dispose()


@task(name="propose reactions", tags=["gpu"], cache_policy=NO_CACHE)
def propose_reactions(settings: ExploreSettings, campaign: str, round_number: int) -> int:
    """Draw reactions of the species that wait for it, take up what enumeration lacks, and queue their preparation.

    Reactions, queue and the note that a species is done are written in one transaction. A species whose minimum was
    lost to infrastructure goes on waiting; one that the network does not know, or that has no minimum, is done.

    Returns:
        How many reactions are new.
    """
    weights = _weights(settings)
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            waiting = species_to_propose_for(session, campaign, proposal_hash=proposal_hash(settings))
            if not waiting:
                return 0
            keys = [species.key for species in waiting]
            minima = {
                key: each.geometry for key, each in species_minima(session, keys, level_key=settings.theory.key).items()
            }
            failures = failed_minima(session, keys, level_key=settings.theory.key)
            members = set(reaction_members(session, campaign))
            left = reactions_left(session, campaign)
        ready = [each for each in waiting if _is_ready(each, weights, minima, failures)]
        total = 0
        for group in batches(ready, AT_ONCE):
            if left is not None and total >= left:
                break
            known = [each for each in group if each.key in minima and is_known_to(weights, each)]
            clock, processor = time.perf_counter(), time.process_time()
            drawn = _drawn(settings, known, minima) if known else _Drawn(sieved={}, on_gpu=False)
            seconds = time.perf_counter() - clock if drawn.on_gpu else time.process_time() - processor
            done, found = _taken_up(group, drawn.sieved, members, None if left is None else left - total)
            with writing(engine) as session:
                add_reactions(session, found.values(), {key: mapped_smiles(each) for key, each in found.items()})
                new = add_reaction_members(session, campaign, found, round_number=round_number, origin=Origin.PROPOSED)
                first = first_kind(settings)
                enqueue(
                    session,
                    kind=first,
                    reaction_keys=sorted(found),
                    level_key=settings.theory.key,
                    settings=calculation_settings(settings, first),
                )
                mark_proposed(session, campaign, [each.key for each in done], proposal_hash=proposal_hash(settings))
                note_used_weights(session, {"joint": (weights.sha256, weights.card)})
                charge(
                    session,
                    campaign_id(session, campaign),
                    cpu_seconds=0.0 if drawn.on_gpu else seconds,
                    gpu_seconds=seconds if drawn.on_gpu else 0.0,
                )
            members |= found.keys()
            total += new
            _log(settings, campaign, round_number, drawn.sieved, new)
        return total
    finally:
        engine.dispose()


def _weights(settings: ExploreSettings) -> WeightsFile:
    weights = proposal_weights(settings.propose)
    if weights is None:
        raise ValueError("nothing is to be proposed: propose.n is 0")
    return weights


def _is_ready(
    species: Species, weights: WeightsFile, minima: Mapping[str, Geometry], failures: Mapping[str, Failure]
) -> bool:
    """Whether it is settled what is drawn of a species, or that nothing is."""
    if species.key in minima or not is_known_to(weights, species):
        return True
    failure = failures.get(species.key)
    return failure is not None and failure.stage is not Stage.INFRASTRUCTURE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """What came of the draws of each species, by key, and where they were made."""

    sieved: Mapping[str, Sieved]
    on_gpu: bool


def _drawn(settings: ExploreSettings, species: Sequence[Species], minima: Mapping[str, Geometry]) -> _Drawn:
    propose = settings.propose
    proposer = _proposer(propose.checkpoint, propose.steps, propose.guidance, propose.device)
    reactants = [in_order_of(each.graph, minima[each.key]) for each in species]
    rules = plausible_rules(settings.enumeration, propose)
    drawn = proposer.draw(reactants, propose.n, settings.seed)
    return _Drawn(
        sieved={each.key: sieve(own, rules, each.graph) for each, own in zip(species, drawn, strict=True)},
        on_gpu=proposer.device.type == "cuda",
    )


@lru_cache(maxsize=1)
def _proposer(checkpoint: Path | None, steps: int, guidance: float, device: str) -> Proposer:
    from models.joint_reactions import Proposer  # noqa: PLC0415 (torch)
    from models.joint_sampling import JointSampling  # noqa: PLC0415

    return Proposer(checkpoint, sampling=JointSampling(n_steps=steps, guidance=guidance), device=device)


def _taken_up(
    group: Sequence[Species], sieved: Mapping[str, Sieved], members: set[str], left: int | None
) -> tuple[list[Species], dict[str, Reaction]]:
    """Proposed reactions that are new to the campaign, until no more may be taken up.

    Of an expanded species all enumerated reactions are members.

    Returns:
        The species that are done, each wholly, and the reactions by key.
    """
    found: dict[str, Reaction] = {}
    for number, species in enumerate(group):
        if left is not None and len(found) >= left:
            return list(group[:number]), found
        for proposed in sieved[species.key].reactions if species.key in sieved else ():
            if proposed.reaction.key not in members:
                found.setdefault(proposed.reaction.key, proposed.reaction)
    return list(group), found


def in_order_of(graph: MolecularGraph, geometry: Geometry) -> Geometry:
    """A minimum with its atoms in the order of a species' graph: that of its mirror image may have another order.

    Raises:
        GeometryError: The geometry does not have the bonds of the graph.
    """
    own = perceive_graph(geometry)
    if own.bonds == graph.bonds and own.numbers == graph.numbers:
        return geometry
    here, there = (canonical_form(each.numbers, dict.fromkeys(each.bonds, 1)) for each in (own, graph))
    if here.digest != there.digest:
        raise GeometryError(f"a minimum of {geometry.formula} does not have the bonds of its species")
    order = np.empty(graph.n_atoms, dtype=np.int64)
    order[list(there.order)] = here.order
    return geometry.permuted(order)


def _log(settings: ExploreSettings, campaign: str, round_number: int, sieved: Mapping[str, Sieved], new: int) -> None:
    reasons: dict[str, int] = {}
    for each in sieved.values():
        for reason, count in each.reasons.items():
            reasons[reason.value] = reasons.get(reason.value, 0) + count
    event_log(settings.log).info(
        "reactions proposed",
        campaign=campaign,
        round=round_number,
        species=len(sieved),
        draws=sum(each.n_sound + len(each.thrown_away) for each in sieved.values()),
        sound=sum(each.n_sound for each in sieved.values()),
        new_reactions=new,
        thrown_away=reasons,
    )
