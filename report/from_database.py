"""The content of a report on one campaign or a whole database, read in a fixed number of queries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from urllib.parse import unquote

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.audit import AuditOutcome
from chem.errors import ConfigurationError
from chem.outcomes import Action, Status
from chem.types import LevelOfTheory, Species
from db import queries, species_queries, totals
from db.audits import load_audits
from db.campaign_tables import CampaignRow, ReactionMembershipRow, SpeciesMembershipRow
from db.campaigns import load_decisions
from db.convert import to_level
from db.load import load_species
from db.tables import CandidateRow, LevelRow, SpeciesRow
from report.content import Costs, ReactionEntry, ReportContent, SpeciesEntry, StageCost, WorkEntry
from report.direction import away_from_seeds
from report.entries import reaction_entries
from report.triage_entry import TriageEntry

SEEDS_NAMED = 3  # in the heading; of more than that the database is named
_STAGES = ("guess", "relax", "prepare", "estimate", "search")


def campaign_report(
    session: Session,
    campaign: str | None,
    *,
    title: str | None = None,
    created: datetime | None = None,
    level_key: str | None = None,
    with_details: bool = True,
) -> ReportContent:
    """Everything that is known of a campaign's species and reactions, ready to be written as a report.

    Reactions are written away from the campaign's seeds, whichever way round they are stored.

    Args:
        session: Open for reading.
        campaign: Name of the campaign; None for everything that the database holds, of however many campaigns.
        title: Heading; `Reactions of` and the SMILES of the seeds where none is given.
        created: When the report was made; now, where not given.
        level_key: Shows barriers, searches and failures of this level of theory alone.
        with_details: With structures, checks, attempts and thermal energies of every reaction.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    campaigns = _campaigns(session, campaign)
    numbers = list(campaigns)
    seeds = _seeds(session, numbers)
    records = queries.reactions(session, filters=queries.ReactionFilter(campaign=campaign, level_key=level_key))
    entries = reaction_entries(session, records, level_key=level_key, with_details=with_details)
    costs = [cost for cost in totals.costs(session, campaign=campaign) if level_key in (None, cost.level)]
    names = [row.name for row in campaigns.values()]
    return ReportContent(
        title=title or _title(session, [smiles for _, smiles in seeds]),
        created=created or datetime.now(UTC),
        level=", ".join(_level_texts(session, entries))
        or ", ".join(dict.fromkeys(cost.level for cost in costs))
        or "no level of theory yet",
        program=", ".join(dict.fromkeys(_program(cost) for cost in costs if cost.program)),
        seeds=tuple(key for key, _ in seeds),
        settings=_settings(list(campaigns.values())),
        species=_species_entries(session, campaign, entries),
        reactions=away_from_seeds(entries, [key for key, _ in seeds]),
        costs=_costs(costs),
        triage=triage_entry(session, names[0]) if len(names) == 1 else TriageEntry(),
        work=tuple(_work(cost) for cost in costs),
        generators=_generators(session, campaign, numbers),
        version=f"Cairn {version('cairn')}",
        campaigns=tuple(names),
        database=_database(session),
    )


def triage_entry(session: Session, campaign: str) -> TriageEntry:
    """What the campaign's triage did, and what its audit found."""
    decisions = load_decisions(session, campaign)
    audits = list(load_audits(session, campaign).values())
    outcomes = [audit.outcome for audit in audits]
    measured = {audit.reaction_key: error for audit in audits if (error := audit.error_kcal_mol) is not None}
    errors = list(measured.values())
    scores = {key: each.score_kcal_mol for key, each in decisions.items() if _is_known(each.score_kcal_mol)}
    expected = [scores.get(key) for key in measured]
    known = [score for score in expected if score is not None]

    def scored(action: Action) -> tuple[float, ...]:
        return tuple(score for key, score in scores.items() if score is not None and decisions[key].action is action)

    actions = [decision.action for decision in decisions.values()]
    rejected = frozenset(key for key, decision in decisions.items() if decision.action is Action.REJECT)
    proved = _proved_barriers(session, rejected)
    bound = _bound_kcal_mol(session, campaign)
    return TriageEntry(
        accepted=actions.count(Action.ACCEPT),
        dispatched=actions.count(Action.REFINE),
        rejected=len(rejected),
        rejected_verified=len(proved),
        rejected_wrongly=sum(each <= bound for each in proved),
        audited=len(audits),
        audits_verified=outcomes.count(AuditOutcome.VERIFIED),
        wrong_saddles=outcomes.count(AuditOutcome.WRONG_SADDLE),
        not_verified=outcomes.count(AuditOutcome.NOT_VERIFIED),
        mean_error_kcal_mol=fmean(errors) if errors else None,
        largest_error_kcal_mol=max(errors, default=None),
        standard_error_kcal_mol=stdev(errors) / math.sqrt(len(errors)) if len(errors) > 1 else None,
        expected_error_kcal_mol=fmean(known) if known and len(known) == len(expected) else None,
        expected_of_accepted_kcal_mol=scored(Action.ACCEPT),
        expected_of_dispatched_kcal_mol=scored(Action.REFINE),
    )


def _proved_barriers(session: Session, reaction_keys: frozenset[str]) -> list[float]:
    """Forward barriers of reactions whose transition states passed every check, kcal/mol."""
    if not reaction_keys:
        return []
    filters = queries.ReactionFilter(reaction_keys=reaction_keys, verdicts=frozenset([Status.PASSED]))
    found = [each.barrier_forward_kcal_mol for each in queries.reactions(session, filters=filters)]
    return [barrier for barrier in found if barrier is not None]


def _bound_kcal_mol(session: Session, campaign: str) -> float:
    """Above which barriers the campaign gives reactions up; infinite where it gives up none."""
    stored = session.scalars(select(CampaignRow.settings).where(CampaignRow.name == campaign)).one()
    head = stored.get("barrier_head") or {}
    return float(head.get("reject_above_kcal_mol", math.inf))


def _is_known(score: float | None) -> bool:
    return score is not None and math.isfinite(score)


def _campaigns(session: Session, campaign: str | None) -> dict[int, CampaignRow]:
    """The campaign of a name, or all of them, by row id."""
    rows = {row.id: row for row in session.scalars(select(CampaignRow).order_by(CampaignRow.id))}
    if campaign is None:
        return rows
    found = {number: row for number, row in rows.items() if row.name == campaign}
    if not found:
        names = ", ".join(repr(row.name) for row in rows.values()) or "none"
        raise ConfigurationError(f"there is no campaign {campaign!r}; the database holds {names}")
    return found


def _seeds(session: Session, campaigns: Sequence[int]) -> list[tuple[str, str]]:
    """Keys and SMILES of the species that the campaigns began with."""
    statement = (
        select(SpeciesRow.key, SpeciesRow.smiles)
        .join(SpeciesMembershipRow, SpeciesMembershipRow.species_id == SpeciesRow.id)
        .where(SpeciesMembershipRow.campaign_id.in_(campaigns), SpeciesMembershipRow.round == 0)
        .order_by(SpeciesRow.id)
        .distinct()
        .add_columns(SpeciesRow.id)
    )
    return [(key, smiles) for key, smiles, _ in session.execute(statement)]


def _title(session: Session, seeds: Sequence[str]) -> str:
    if 0 < len(seeds) <= SEEDS_NAMED:
        return f"Reactions of {', '.join(seeds)}"
    return f"The network of {Path(_database(session)).stem or 'this database'}"


def _database(session: Session) -> str:
    """Name of the file, or URL without a password."""
    url = session.get_bind().engine.url
    if url.get_backend_name() == "sqlite":
        return Path(unquote(url.database or "memory").removeprefix("file:")).name
    return url.render_as_string(hide_password=True)


def _settings(campaigns: Sequence[CampaignRow]) -> dict[str, Any]:
    """Settings of the campaign, or of each of several by name."""
    if len(campaigns) == 1:
        return dict(campaigns[0].settings)
    return {row.name: row.settings for row in campaigns}


def _generators(session: Session, campaign: str | None, numbers: Sequence[int]) -> tuple[str, ...]:
    """What made the candidates of the campaign's reactions, or of all."""
    statement = select(CandidateRow.generator, CandidateRow.checkpoint_hash).distinct()
    if campaign is not None:
        members = select(ReactionMembershipRow.reaction_id).where(ReactionMembershipRow.campaign_id.in_(numbers))
        statement = statement.where(CandidateRow.reaction_id.in_(members))
    return tuple(sorted(f"{name} {weights}".strip() for name, weights in session.execute(statement)))


def _species_entries(
    session: Session, campaign: str | None, reactions: Iterable[ReactionEntry]
) -> tuple[SpeciesEntry, ...]:
    """The campaign's species, then those that its reactions hold besides."""
    members = species_queries.species(session, campaign=campaign)
    known = {record.key for record in members}
    named = dict.fromkeys(key for reaction in reactions for key in (*reaction.reactants, *reaction.products))
    others = load_species(session, [key for key in named if key not in known])
    found: list[species_queries.SpeciesRecord | Species] = [*members, *(others[key] for key in named if key in others)]
    return tuple(
        SpeciesEntry(
            key=each.key,
            smiles=each.smiles,
            formula=each.formula,
            charge=each.charge,
            multiplicity=each.multiplicity,
        )
        for each in found
    )


def _level_texts(session: Session, reactions: Iterable[ReactionEntry]) -> list[str]:
    """The levels of the barriers as people write them, in the order of the reactions."""
    used = dict.fromkeys(reaction.level for reaction in reactions if reaction.level)
    rows = session.scalars(select(LevelRow).order_by(LevelRow.id))
    texts = {row.key: _level_text(to_level(row)) for row in rows}
    return list(dict.fromkeys(texts.get(key, key) for key in used))


def _level_text(level: LevelOfTheory) -> str:
    """A level of theory as people write it."""
    name = "/".join(part for part in (level.method, level.basis) if part)
    options = ", ".join(f"{option}={value}" for option, value in level.options)
    return f"{name} ({options})" if options else name


def _program(cost: totals.Cost) -> str:
    return f"{cost.program} {cost.version}".strip()


def _work(cost: totals.Cost) -> WorkEntry:
    return WorkEntry(
        kind=cost.kind,
        level=cost.level,
        program=_program(cost),
        calculations=cost.calculations,
        gradient_calls=cost.gradient_calls,
        wall_seconds=cost.seconds,
        cpu_seconds=cost.cpu_seconds,
        abandoned=cost.abandoned,
    )


def _costs(costs: Iterable[totals.Cost]) -> Costs:
    """Costs by kind of calculation, programs and levels taken together."""
    calls: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for cost in costs:
        calls[cost.kind] = calls.get(cost.kind, 0) + cost.gradient_calls
        seconds[cost.kind] = seconds.get(cost.kind, 0.0) + cost.seconds
    order: list[str] = [kind for kind in _STAGES if kind in calls]
    order += [kind for kind in calls if kind not in order]
    return Costs(
        gradient_calls=sum(calls.values()),
        wall_seconds=sum(seconds.values()),
        by_stage=tuple(StageCost(stage=kind, gradient_calls=calls[kind], wall_seconds=seconds[kind]) for kind in order),
    )
