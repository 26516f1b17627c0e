"""The ladder of levels: which known transition states are proved, or given energies, at which other level.

No Prefect here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from chem.errors import ConfigurationError
from chem.levels import check_forces, read_levels, resolve_level
from chem.outcomes import Outcome, Status
from chem.search import SearchSettings
from chem.types import LevelOfTheory
from chem.verification import VerificationSettings
from db.convert import settings_hash
from db.queries import ReactionFilter
from db.tables import CalculationKind
from tasks.plan import plain_search_settings, search_settings
from tasks.settings import ExploreSettings
from tasks.stakes import Stakes, stakes_of
from tasks.work_queue import WorkQueue
from tasks.workers import WorkerLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step up: from the transition states of one level to another level.

    Attributes:
        queue: Its calculations.
        from_level_key: Level whose transition states it starts from.
        verdicts: Verdicts that those may have.
        reaction_keys: Only these reactions; None for all.
        highest_barrier_kcal_mol: Only up to this forward barrier at the level below.
        undecided: Whether it searches what the level below did not decide, instead of what was proved there.
        stakes: What decides which reaction comes first; None for the oldest.
    """

    queue: WorkQueue
    from_level_key: str
    verdicts: frozenset[Status] = frozenset({Status.PASSED})
    reaction_keys: frozenset[str] | None = None
    highest_barrier_kcal_mol: float | None = None
    undecided: bool = False
    stakes: Stakes | None = None


def starting_points(rung: Rung) -> ReactionFilter:
    """Which reactions of the level below a rung is for."""
    if rung.undecided:
        return ReactionFilter(
            campaign=rung.queue.campaign,
            reaction_keys=rung.reaction_keys,
            level_key=rung.from_level_key,
            outcomes=frozenset({Outcome.FAILED.value, Outcome.UNINTENDED.value}),
        )
    return ReactionFilter(
        campaign=rung.queue.campaign,
        reaction_keys=rung.reaction_keys,
        level_key=rung.from_level_key,
        verdicts=rung.verdicts,
        highest_barrier_kcal_mol=rung.highest_barrier_kcal_mol,
    )


def make_rung(
    *,
    database: str,
    level: LevelOfTheory,
    from_level_key: str,
    verification: VerificationSettings | None,
    workers: WorkerLimits,
    campaign: str | None = None,
    verdicts: Iterable[Status] = (Status.PASSED,),
    reaction_keys: Iterable[str] | None = None,
    highest_barrier_kcal_mol: float | None = None,
) -> Rung:
    """A rung.

    Args:
        database: Database URL.
        level: Level of theory to climb to.
        from_level_key: Level to start from.
        verification: How transition states are proved; None takes energies alone.
        workers: Limits of the worker processes.
        campaign: Only reactions of this campaign.
        verdicts: Verdicts at the level below.
        reaction_keys: Only these reactions.
        highest_barrier_kcal_mol: Only up to this forward barrier at the level below.

    Raises:
        ConfigurationError: The level is the one to start from, or too rough to search at.
    """
    if level.key == from_level_key:
        raise ConfigurationError(
            f"level {level.name} is the one that the transition states are known at; give a higher one"
        )
    if verification is not None:
        check_forces(level)
    kind = CalculationKind.ENERGY if verification is None else CalculationKind.VERIFY
    settings = {} if verification is None else {"verification": asdict(verification)}
    queue = WorkQueue(
        database=database,
        kind=kind,
        level=level,
        settings={**settings, "from_level": from_level_key},
        campaign=campaign,
        reaction_keys=None if reaction_keys is None else frozenset(reaction_keys),
        workers=workers,
    )
    return Rung(
        queue=queue,
        from_level_key=from_level_key,
        verdicts=frozenset(verdicts),
        reaction_keys=queue.reaction_keys,
        highest_barrier_kcal_mol=highest_barrier_kcal_mol,
    )


def search_rungs(below: Rung, searched_with: Mapping[str, Mapping[str, Any]], budget_gradient_calls: int) -> list[Rung]:
    """Rungs that search at the level of another what the level below did not decide, with every check.

    Args:
        below: For the same reactions, as `make_rung` makes it; its level is the one to search at.
        searched_with: By reaction key the settings of the search below, whose ends and candidates are taken.
        budget_gradient_calls: Gradient calls of one search.

    Returns:
        One for each kind of ends and candidates.
    """
    settings: dict[str, dict[str, Any]] = {}
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for key, found in sorted(searched_with.items()):
        given = {**found["search"], "budget_gradient_calls": budget_gradient_calls, "further_checks": True}
        own = {**found, "search": plain_search_settings(SearchSettings(**given))}
        name = settings_hash(own)
        settings[name] = own
        keys[name].add(key)
    return [
        replace(
            below,
            queue=replace(
                below.queue,
                kind=CalculationKind.SEARCH,
                settings=settings[name],
                reaction_keys=None if below.reaction_keys is None else frozenset(keys[name]),
            ),
            reaction_keys=frozenset(keys[name]),
            undecided=True,
        )
        for name in settings
    ]


def ladder_rungs(settings: ExploreSettings, campaign: str) -> list[Rung]:
    """The rungs above the level that a campaign explores at, in the order in which they are climbed.

    Raises:
        ConfigurationError: A level is unknown or cannot run here.
    """
    ladder, entries = settings.ladder, read_levels(settings.levels)
    workers = replace(settings.workers, job_timeout_s=ladder.job_timeout_s)
    rungs: list[Rung] = []
    below = settings.theory.key
    for name, verification in ((ladder.refine, settings.verification), (ladder.energies, None)):
        if name is None:
            continue
        level = resolve_level(name, entries=entries)
        rungs.append(
            make_rung(
                database=settings.database,
                level=level,
                from_level_key=below,
                verification=verification,
                workers=workers,
                campaign=campaign,
                highest_barrier_kcal_mol=ladder.highest_barrier_kcal_mol,
            )
        )
        below = level.key
        if ladder.undecided and verification is not None:
            rungs.append(_search_rung(settings, campaign, level, workers))
    stakes = stakes_of(settings)
    return [replace(rung, queue=replace(rung.queue, log=settings.log), stakes=stakes) for rung in rungs]


def _search_rung(settings: ExploreSettings, campaign: str, level: LevelOfTheory, workers: WorkerLimits) -> Rung:
    """Searches at a higher level from the ends and candidates of the one that explores."""
    search = plain_search_settings(replace(settings.search, further_checks=True))
    queue = WorkQueue(
        database=settings.database,
        kind=CalculationKind.SEARCH,
        level=level,
        settings={**search_settings(settings), "search": search},
        campaign=campaign,
        workers=workers,
    )
    return Rung(queue=queue, from_level_key=settings.theory.key, undecided=True)
