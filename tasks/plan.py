"""What a campaign is, said by its settings: seeds, name, and what decides each kind of calculation. No Prefect here."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from chem.enumeration import check_elements
from chem.errors import SmilesError
from chem.growth import GrowthSettings
from chem.identity import split_species
from chem.levels import check_forces, read_levels, resolve_level
from chem.network import Step
from chem.search import SearchSettings
from chem.smiles import parse_smiles
from chem.types import Species
from db.convert import settings_hash
from db.lifecycle import budget, specification
from db.steps import known_steps
from db.tables import CalculationKind
from tasks.barrier_head_weights import barrier_head_settings, check_barrier_head
from tasks.generators import check_generator, generator_settings
from tasks.log import event_log
from tasks.outliers import outlier_settings, outlier_weights
from tasks.proposal_weights import proposal_settings, proposal_weights
from tasks.refinement import refinement_settings, refinement_weights
from tasks.relaxation_weights import relaxation_settings, relaxation_weights
from tasks.settings import ExploreSettings, load_settings

MINIMUM_EMBEDDINGS = 5  # structures relaxed for the minimum of a species


def seed_species(settings: ExploreSettings) -> list[Species]:
    """The seeds as species, in the order given.

    Raises:
        SmilesError: A seed does not parse, or holds several molecules.
    """
    species = []
    for smiles in settings.seeds:
        parts = split_species(parse_smiles(smiles))
        if len(parts) != 1:
            raise SmilesError(f"seed {smiles!r} holds {len(parts)} molecules; give each as a seed of its own")
        species.append(parts[0])
    return species


def check_settings(settings: ExploreSettings) -> None:
    """Meet everything that the user may have given wrongly before any work starts.

    Raises:
        InputError: A seed, an element, the level or the generator cannot be used; the message says which.
    """
    for species in seed_species(settings):
        check_elements(species.graph)
    if settings.growth.target is not None:
        parts = split_species(parse_smiles(settings.growth.target))
        if len(parts) != 1:
            raise SmilesError(f"the target {settings.growth.target!r} holds {len(parts)} molecules; give one")
    entries, ladder = read_levels(settings.levels), settings.ladder
    for name, searches in ((settings.level, True), (ladder.refine, True), (ladder.energies, False)):
        if name is not None:  # a level that cannot run here is refused before anything is stored
            level = resolve_level(name, entries=entries)
            if searches:
                check_forces(level)
    check_generator(settings)
    relaxation_weights(settings.relaxation)  # what is wrong with weights shows before any work; nothing is loaded
    refinement_weights(settings.refinement)
    outlier_weights(settings.outliers)
    proposal_weights(settings.propose)
    if settings.search.neb_level is not None:
        check_forces(resolve_level(settings.search.neb_level))
    check_barrier_head(settings)
    event_log(settings.log)


def campaign_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides which network a campaign finds, as JSON values; how far and how fast it goes is left out."""
    left_out = {
        "seeds",
        "name",
        "depth",
        "budget",
        "database",
        "report",
        "log",
        "workers",
        "runner",
        "level",
        "generator_arguments",
        "checkpoint",
        "confidence",
    }
    left_out |= {"ladder", "verification"}  # what is done with the network once it is there
    values = settings.model_dump(mode="json", exclude=left_out)
    del values["sampling"]["device"]
    for section in ("relaxation", "refinement", "outliers", "barrier_head", "propose"):  # told below, by their weights
        del values[section]
    if settings.growth == GrowthSettings():  # campaigns from before there was a choice keep their names
        del values["growth"]
    return {
        **values,
        **relaxation_settings(settings.relaxation),
        **refinement_settings(settings.refinement),
        **outlier_settings(settings.outliers),
        **proposal_settings(settings.propose),
        **generator_settings(settings),
        **barrier_head_settings(settings),
        "seeds": sorted({species.key for species in seed_species(settings)}),
        "level": settings.theory.key,
    }


def campaign_name(settings: ExploreSettings) -> str:
    """Name of the campaign that these settings stand for: the same settings go on with the same campaign."""
    return settings.name or f"explore-{settings_hash(campaign_settings(settings))[:12]}"


def specified(settings: ExploreSettings) -> dict[str, Any]:
    """Everything that was asked for of a campaign, as JSON values, without what belongs to the machine that runs it."""
    values = settings.model_dump(mode="json", exclude={"name", "database", "report", "log", "budget", "runner"})
    del values["workers"]["n_workers"], values["workers"]["cores"], values["sampling"]["device"]
    del values["relaxation"]["device"], values["refinement"]["device"], values["outliers"]["device"]
    del values["propose"]["device"]
    values["refinement"]["committee"] = [str(path.resolve()) for path in settings.refinement.committee]
    if values["barrier_head"] is not None:
        del values["barrier_head"]["device"]
    for section, name in (
        (values, "levels"),
        (values, "checkpoint"),
        (values, "confidence"),
        (values["relaxation"], "checkpoint"),
        (values["refinement"], "checkpoint"),
        (values["outliers"], "checkpoint"),
        *([] if values["barrier_head"] is None else [(values["barrier_head"], "checkpoint")]),
        (values["propose"], "checkpoint"),
    ):
        if section[name] is not None:
            section[name] = str(Path(section[name]).resolve())
    return values


def stored_settings(session: Session, name: str, **given: Any) -> ExploreSettings:
    """Settings of a campaign of the database, with the budget that it has now.

    Args:
        session: To read with.
        name: Of the campaign.
        given: Values of top-level keys that win over everything.

    Raises:
        ConfigurationError: There is no such campaign, it has no specification, or this program does not know one of
            its settings.
    """
    stored = {**specification(session, name), "name": name, "budget": asdict(budget(session, name))}
    return load_settings(stored=stored, **given)


def rules_hash(settings: ExploreSettings) -> str:
    """Identity of the enumeration rules."""
    pairs = {"pairs": settings.maximum_pairs, "pair_atoms": settings.maximum_pair_atoms}
    return settings_hash({**asdict(settings.enumeration), **pairs})


def proposal_hash(settings: ExploreSettings) -> str:
    """Identity of everything that decides which reactions are proposed of a species."""
    return settings_hash(
        {
            **proposal_settings(settings.propose),
            "enumeration": asdict(settings.enumeration),
            "seed": settings.seed,
            "level": settings.theory.key,
        }
    )


def minimum_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides the minimum of a species; as of `cairn kinetics`, so that each uses those of the other."""
    return {"n_embeddings": MINIMUM_EMBEDDINGS, "seed": settings.seed}


def first_kind(settings: ExploreSettings) -> CalculationKind:
    """What is calculated first for a reaction that was taken up."""
    return CalculationKind.PREPARE if settings.relaxation.method == "none" else CalculationKind.GUESS


def guess_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides the guesses of end points."""
    ends = settings.end_points
    return {"end_points": asdict(replace(ends, seed=settings.seed + ends.seed))}


def preparation_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides the end points of a reaction, and their guesses once those are relaxed."""
    return {**guess_settings(settings), **relaxation_settings(settings.relaxation)}


def candidate_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides the guesses of a reaction."""
    return {
        **preparation_settings(settings),
        "level": settings.theory.key,
        **generator_settings(settings),
        **refinement_settings(settings.refinement),
    }


def search_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides the result of a search."""
    return {**candidate_settings(settings), "search": plain_search_settings(settings.search)}


def plain_search_settings(search: SearchSettings) -> dict[str, Any]:
    """Settings of a search as they are stored and compared."""
    values = asdict(search)
    for name in ("conformers", "further_checks", "neb_level"):  # results from before there was a choice stay valid
        if not values[name]:
            del values[name]
    return values


def estimate_settings(settings: ExploreSettings) -> dict[str, Any]:
    """What decides the result of an estimate."""
    return {**candidate_settings(settings), "polish_gradient_calls": settings.polish_gradient_calls}


def network_of(session: Session, settings: ExploreSettings, campaign: str, round_number: int) -> list[Step]:
    """The steps that a campaign knows at its level, of the reactions that it reached up to a round."""
    return known_steps(
        session,
        campaign,
        level_key=settings.theory.key,
        estimate_settings=estimate_settings(settings),
        up_to_round=round_number,
    )


def calculation_settings(settings: ExploreSettings, kind: CalculationKind) -> dict[str, Any]:
    """What decides the result of a calculation of one kind."""
    makers = {
        CalculationKind.MINIMUM: minimum_settings,
        CalculationKind.GUESS: guess_settings,
        CalculationKind.RELAX: preparation_settings,
        CalculationKind.PREPARE: preparation_settings,
        CalculationKind.ESTIMATE: estimate_settings,
        CalculationKind.SEARCH: search_settings,
    }
    return makers[kind](settings)
