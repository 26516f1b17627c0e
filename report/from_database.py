"""The content of a report on one campaign, read from the database in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from statistics import fmean

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.audit import AuditOutcome
from chem.heights import gibbs_heights, zero_point_heights
from chem.outcomes import Action, Outcome
from chem.thermochemistry import REFERENCE_TEMPERATURE_K
from chem.types import LevelOfTheory, Reaction, Species
from chem.units import kcal_mol
from db import queries, totals
from db.audits import load_audits
from db.campaign_tables import CampaignRow, SpeciesMembershipRow
from db.campaigns import campaign_id, load_decisions
from db.convert import to_failure
from db.load import load_reactions
from db.statements import select_in
from db.tables import AttemptRow, CalculationRow, ReactionRow, SpeciesRow
from db.transition_states import TransitionStateRecord, transition_states
from report.content import (
    AttemptEntry,
    Costs,
    ReactionEntry,
    ReportContent,
    SpeciesEntry,
    StageCost,
    TriageEntry,
    TSEntry,
)
from report.direction import away_from_seeds


def campaign_report(
    session: Session,
    campaign: str,
    *,
    title: str | None = None,
    created: datetime | None = None,
    level_key: str | None = None,
) -> ReportContent:
    """Everything that is known of a campaign's species and reactions, ready to be written as a report.

    Reactions are written away from the campaign's seeds, whichever way round they are stored.

    Args:
        session: Open for reading.
        campaign: Name of the campaign.
        title: Heading; `Reactions of` and the SMILES of the seeds where none is given.
        created: When the report was made; now, where not given.
        level_key: Shows barriers, searches and failures of this level of theory alone.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    number = campaign_id(session, campaign)
    settings = session.scalars(select(CampaignRow.settings).where(CampaignRow.id == number)).one()
    seeds = _seeds(session, number)
    records = queries.reactions(session, filters=queries.ReactionFilter(campaign=campaign, level_key=level_key))
    stored = load_reactions(session, [record.key for record in records])
    shown = [record.transition_state_id for record in records if record.transition_state_id is not None]
    states = {state.id: state for state in transition_states(session, shown)}
    attempts = _attempts(session, stored, level_key)
    reactions = [
        _reaction_entry(
            record,
            stored[record.key],
            None if record.transition_state_id is None else states[record.transition_state_id],
            attempts[record.key],
        )
        for record in records
    ]
    costs = [cost for cost in totals.costs(session, campaign=campaign) if level_key in (None, cost.level)]
    levels = dict.fromkeys(state.transition_state.level for state in states.values())
    programs = dict.fromkeys(f"{cost.program} {cost.version}".strip() for cost in costs if cost.program)
    smiles = [label for _, label in seeds]
    return ReportContent(
        title=title or f"Reactions of {', '.join(smiles)}",
        created=created or datetime.now(UTC),
        level=", ".join(dict.fromkeys(_level_text(level) for level in levels))
        or ", ".join(dict.fromkeys(cost.level for cost in costs))
        or "no level of theory yet",
        program=", ".join(programs),
        seeds=tuple(key for key, _ in seeds),
        settings=settings,
        species=_species_entries(queries.species(session, campaign=campaign), stored.values()),
        reactions=away_from_seeds(reactions, [key for key, _ in seeds]),
        costs=_costs(costs),
        triage=triage_entry(session, campaign),
    )


def triage_entry(session: Session, campaign: str) -> TriageEntry:
    """What the campaign's triage did, and what its audit found."""
    actions = [decision.action for decision in load_decisions(session, campaign).values()]
    audits = list(load_audits(session, campaign).values())
    outcomes = [audit.outcome for audit in audits]
    errors = [error for audit in audits if (error := audit.error_kcal_mol) is not None]
    return TriageEntry(
        accepted=actions.count(Action.ACCEPT),
        dispatched=actions.count(Action.REFINE),
        audited=len(audits),
        audits_verified=outcomes.count(AuditOutcome.VERIFIED),
        wrong_saddles=outcomes.count(AuditOutcome.WRONG_SADDLE),
        not_verified=outcomes.count(AuditOutcome.NOT_VERIFIED),
        mean_error_kcal_mol=fmean(errors) if errors else None,
        largest_error_kcal_mol=max(errors, default=None),
    )


def _seeds(session: Session, campaign: int) -> list[tuple[str, str]]:
    """Keys and SMILES of the species that the campaign began with."""
    statement = (
        select(SpeciesRow.key, SpeciesRow.smiles)
        .join(SpeciesMembershipRow, SpeciesMembershipRow.species_id == SpeciesRow.id)
        .where(SpeciesMembershipRow.campaign_id == campaign, SpeciesMembershipRow.round == 0)
        .order_by(SpeciesRow.id)
    )
    return [(key, smiles) for key, smiles in session.execute(statement)]


def _attempts(
    session: Session, reaction_keys: Iterable[str], level_key: str | None
) -> defaultdict[str, list[AttemptEntry]]:
    """Attempts of the searches for each reaction, in order."""
    statement = (
        select(AttemptRow, ReactionRow.key)
        .join(CalculationRow, CalculationRow.id == AttemptRow.calculation_id)
        .join(ReactionRow, ReactionRow.id == CalculationRow.reaction_id)
    )
    if level_key is not None:
        statement = statement.where(CalculationRow.level_key == level_key)
    rows = select_in(session, statement, ReactionRow.key, reaction_keys)
    result: defaultdict[str, list[AttemptEntry]] = defaultdict(list)
    for row, key in sorted(rows, key=lambda found: (found[0].calculation_id, found[0].position)):
        result[key].append(
            AttemptEntry(
                start=row.start,
                outcome=Outcome(row.outcome),
                gradient_calls=row.gradient_calls,
                seconds=row.seconds,
                failure=to_failure(row),
            )
        )
    return result


def _reaction_entry(
    record: queries.ReactionRecord,
    reaction: Reaction,
    state: TransitionStateRecord | None,
    attempts: list[AttemptEntry],
) -> ReactionEntry:
    """One reaction; `unintended` is its outcome only where its own search ended elsewhere."""
    outcome = None
    if record.outcome in set(Outcome) and (attempts or record.outcome != Outcome.UNINTENDED):
        outcome = Outcome(record.outcome)
    searched = None if state is None else state.searched_reaction_key
    zero = None if state is None else zero_point_heights(state.transition_state)
    gibbs = None if state is None else gibbs_heights(state.transition_state, REFERENCE_TEMPERATURE_K)
    return ReactionEntry(
        key=record.key,
        reactants=tuple(species.key for species in reaction.reactants),
        products=tuple(species.key for species in reaction.products),
        mapped_smiles=record.mapped_smiles,
        degeneracy=record.degeneracy,
        barrier_forward_kcal_mol=record.barrier_forward_kcal_mol,
        barrier_reverse_kcal_mol=record.barrier_reverse_kcal_mol,
        error_bar_95_kcal_mol=record.error_bar_95_kcal_mol,
        level=record.level or "",
        e0_forward_kcal_mol=None if zero is None else kcal_mol(zero.forward_ev),
        e0_reverse_kcal_mol=None if zero is None else kcal_mol(zero.reverse_ev),
        gibbs_298_forward_kcal_mol=None if gibbs is None else kcal_mol(gibbs.forward_ev),
        gibbs_298_reverse_kcal_mol=None if gibbs is None else kcal_mol(gibbs.reverse_ev),
        dissociation_kcal_mol=record.dissociation_kcal_mol,
        verdict=record.verdict,
        outcome=outcome,
        checks=() if state is None else state.transition_state.verdict.checks,
        failure=record.failure,
        attempts=tuple(attempts),
        gradient_calls=record.gradient_calls,
        seconds=record.seconds,
        transition_state=None if state is None else _ts_entry(state),
        found_by=searched if searched != record.key else None,
    )


def _ts_entry(record: TransitionStateRecord) -> TSEntry:
    state = record.transition_state
    return TSEntry(
        geometry=state.geometry,
        reactant_end=state.reactant_end,
        product_end=state.product_end,
        energy_ev=state.energy_ev,
        reactant_end_energy_ev=state.reactant_end_energy_ev,
        product_end_energy_ev=state.product_end_energy_ev,
        imaginary_frequencies_cm1=state.imaginary_frequencies_cm1 if state.frequencies_cm1 else None,
    )


def _species_entries(
    records: Iterable[queries.SpeciesRecord], reactions: Iterable[Reaction]
) -> tuple[SpeciesEntry, ...]:
    """The campaign's species, then those that its reactions hold besides."""
    found: dict[str, queries.SpeciesRecord | Species] = {record.key: record for record in records}
    for reaction in reactions:
        for species in (*reaction.reactants, *reaction.products):
            found.setdefault(species.key, species)
    return tuple(
        SpeciesEntry(
            key=each.key,
            smiles=each.smiles,
            formula=each.formula,
            charge=each.charge,
            multiplicity=each.multiplicity,
        )
        for each in found.values()
    )


def _level_text(level: LevelOfTheory) -> str:
    """A level of theory as people write it."""
    name = "/".join(part for part in (level.method, level.basis) if part)
    options = ", ".join(f"{option}={value}" for option, value in level.options)
    return f"{name} ({options})" if options else name


def _costs(costs: Iterable[totals.Cost]) -> Costs:
    """Costs by kind of calculation, programs and levels taken together."""
    calls: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for cost in costs:
        calls[cost.kind] = calls.get(cost.kind, 0) + cost.gradient_calls
        seconds[cost.kind] = seconds.get(cost.kind, 0.0) + cost.seconds
    order: list[str] = [kind for kind in ("guess", "relax", "prepare", "estimate", "search") if kind in calls]
    order += [kind for kind in calls if kind not in order]
    return Costs(
        gradient_calls=sum(calls.values()),
        wall_seconds=sum(seconds.values()),
        by_stage=tuple(StageCost(stage=kind, gradient_calls=calls[kind], wall_seconds=seconds[kind]) for kind in order),
    )
