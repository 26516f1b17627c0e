"""Prefect task that relaxes the guessed ends of many reactions at once, before quantum chemistry does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Engine

from chem.clashes import check_distances
from chem.errors import InputError
from chem.generator import EndPoints
from chem.graph import MolecularGraph
from chem.types import Geometry, LevelOfTheory, Reaction
from db.closing import Spent
from db.engine import open_database, reading, writing
from db.lifecycle import charge
from db.load import load_end_points, load_reactions
from db.results import GUESSED, record_guesses
from db.sequels import ended_without_sequel
from db.tables import CalculationKind
from db.work import ClaimedCalculation, LeaseLostError, claim, enqueue, release
from models.domain import is_in_domain
from tasks.calculations import LEASE_SECONDS, beating, release_dead_workers, worker_name
from tasks.log import event_log
from tasks.model_settings import RelaxationSettings
from tasks.plan import guess_settings, preparation_settings
from tasks.relaxation_weights import relaxation_weights
from tasks.relaxing import RelaxedStructure, relax_structures
from tasks.settings import ExploreSettings

AT_ONCE = 256  # reactions whose guesses are one batch: some thousand structures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelaxedPair:
    """Both sides of a guess, relaxed.

    Attributes:
        ends: Where they came to; a side whose bonds were lost, or which could not be relaxed, is as it was guessed.
        noise_angstrom: How broken a network found each side of the guess, Angstrom; None where none looked.
        was_tried: Whether the way of relaxing knows such molecules at all.
    """

    ends: EndPoints
    noise_angstrom: tuple[float | None, float | None]
    was_tried: bool

    def is_sound(self, largest_noise_angstrom: float | None) -> bool:
        """Whether no side was seen to be more broken than allowed."""
        if largest_noise_angstrom is None:
            return True
        return all(each is None or each <= largest_noise_angstrom for each in self.noise_angstrom)


@task(name="relax guesses", tags=["gpu"], cache_policy=NO_CACHE)
def relax_guesses(settings: ExploreSettings, campaign: str) -> int:
    """Relax all guesses of a campaign that wait for it, and queue the preparation of their reactions.

    Reactions for which no guess could be made are queued as well: their preparation says why.

    Returns:
        How many preparations were queued.
    """
    engine = open_database(settings.database)
    worker = worker_name()
    queued = 0
    try:
        release_dead_workers(engine)
        queued += _queue(engine, settings, campaign)
        with beating(engine, worker):
            while claims := claim(
                engine,
                kind=CalculationKind.RELAX,
                worker=worker,
                limit=AT_ONCE,
                lease_seconds=LEASE_SECONDS,
                campaign=campaign,
                level_key=settings.theory.key,
                settings=preparation_settings(settings),
            ):
                queued += _relax(engine, settings, claims)
                event_log(settings.log).info(
                    "guesses relaxed", campaign=campaign, method=settings.relaxation.method, reactions=len(claims)
                )
        return queued
    finally:
        release(engine, worker=worker, reason="the task ended early", fault=False)
        engine.dispose()


def _queue(engine: Engine, settings: ExploreSettings, campaign: str) -> int:
    """Queue the relaxation of all guesses; returns how many reactions without any go straight to their preparation."""
    level_key, made_with = settings.theory.key, preparation_settings(settings)
    with writing(engine) as session:
        waiting = ended_without_sequel(
            session,
            kind=CalculationKind.GUESS,
            settings=guess_settings(settings),
            sequels={CalculationKind.RELAX: made_with, CalculationKind.PREPARE: made_with},
            campaign=campaign,
            level_key=level_key,
        )
        guessed = [key for key, outcome in waiting.items() if outcome == GUESSED]
        enqueue(
            session, kind=CalculationKind.RELAX, reaction_keys=sorted(guessed), level_key=level_key, settings=made_with
        )
        without = sorted(waiting.keys() - set(guessed))
        return enqueue(
            session, kind=CalculationKind.PREPARE, reaction_keys=without, level_key=level_key, settings=made_with
        )


def _relax(engine: Engine, settings: ExploreSettings, claims: Sequence[ClaimedCalculation]) -> int:
    """Relax the guesses of some reactions as one batch and store them; returns how many preparations were queued."""
    relaxation, level_key = settings.relaxation, settings.theory.key
    keys = [claimed.subject_key for claimed in claims]
    with reading(engine) as session:
        reactions = load_reactions(session, keys)
        guesses = load_end_points(session, keys, level_key, guess_settings(settings), CalculationKind.GUESS)
    clock, processor = time.perf_counter(), time.process_time()
    relaxed = relaxed_pairs([(reactions[key], pair) for key in keys for pair in guesses[key]], relaxation)
    seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - processor
    share = 1 / len(claims)
    on_gpu = _runs_on_gpu(relaxation)
    used = LevelOfTheory(
        name=relaxation.method, method=relaxation.method, program="cairn", version=version_of(relaxation)
    )
    queued, place = 0, 0
    for claimed in claims:
        pairs = relaxed[place : place + len(guesses[claimed.subject_key])]
        place += len(pairs)
        in_order = sorted(pairs, key=lambda pair: not pair.is_sound(relaxation.largest_noise_angstrom))
        try:
            with writing(engine) as session:
                record_guesses(
                    session,
                    claimed,
                    [pair.ends for pair in in_order],
                    level=used if any(pair.was_tried for pair in pairs) else settings.theory,
                    gradient_calls=0,
                    seconds=seconds * share,
                    noise_angstrom=[pair.noise_angstrom for pair in in_order],
                    spent=Spent(cpu_seconds=cpu_seconds * share),
                )
                if on_gpu and claimed.payer is not None:
                    charge(session, claimed.payer, gpu_seconds=seconds * share)
                queued += enqueue(
                    session,
                    kind=CalculationKind.PREPARE,
                    reaction_keys=[claimed.subject_key],
                    level_key=level_key,
                    settings=preparation_settings(settings),
                )
        except LeaseLostError:  # another process has taken over and stores its own
            continue
    return queued


def relaxed_pairs(guesses: Sequence[tuple[Reaction, EndPoints]], relaxation: RelaxationSettings) -> list[RelaxedPair]:
    """Relax both sides of guesses, all as one batch.

    Args:
        guesses: Each with its reaction, in the atom order of that.
        relaxation: How.

    Raises:
        ConfigurationError: Weights are missing or of another model.
    """
    weights = relaxation_weights(relaxation)
    known = [
        number
        for number, (_, pair) in enumerate(guesses)
        if weights is None or is_in_domain(pair.reactant, weights.config["backbone"]["elements"])
    ]
    structures = [side for each in known for side in (guesses[each][1].reactant, guesses[each][1].product)]
    graphs = [graph for each in known for graph in (guesses[each][0].reactant_graph, guesses[each][0].product_graph)]
    relaxed = relax_structures(
        structures, graphs, relaxation.method, checkpoint=relaxation.checkpoint, device=relaxation.device
    )
    made = [RelaxedPair(ends=pair, noise_angstrom=(None, None), was_tried=False) for _, pair in guesses]
    for place, number in enumerate(known):
        reaction, pair = guesses[number]
        before, after = relaxed[2 * place], relaxed[2 * place + 1]
        ends = EndPoints(
            reactant=_moved(pair.reactant, before, reaction.reactant_graph),
            product=_moved(pair.product, after, reaction.product_graph),
            reaction_key=reaction.key,
        )
        noise = (before.noise_angstrom, after.noise_angstrom)
        made[number] = RelaxedPair(ends=ends, noise_angstrom=noise, was_tried=True)
    return made


def _moved(guess: Geometry, relaxed: RelaxedStructure, graph: MolecularGraph) -> Geometry:
    """The relaxed side, unless it failed, lost its bonds or put atoms on top of each other."""
    if relaxed.failure or not relaxed.keeps_bonds_of(graph):
        return guess
    try:
        check_distances(relaxed.geometry, "a relaxed guess")
    except InputError:
        return guess
    return relaxed.geometry


def version_of(relaxation: RelaxationSettings) -> str:
    """What names the version of a way of relaxing: the start of the hash of its weights, or RDKit's version."""
    weights = relaxation_weights(relaxation)
    return f"rdkit-{version('rdkit')}" if weights is None else weights.sha256[:12]


def _runs_on_gpu(relaxation: RelaxationSettings) -> bool:
    if relaxation.method == "mmff94":
        return False
    from models.generator_sampling import device_of  # noqa: PLC0415

    return bool(device_of(relaxation.device).type == "cuda")
