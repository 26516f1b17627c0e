"""What the stages of a run of the learning loop have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from chem.types import LevelOfTheory
from db.model_versions import GENERATOR
from models.best_weights import WEIGHTS_FILE
from models.learning_data import LearningData, read_learning_data
from models.reaction_data import ReactionData
from tasks.learned_weights import CONFIDENCE, WeightsPair
from tasks.learning_run import LearningRun
from tasks.learning_settings import LearnSettings
from tasks.version_evaluation import Progress

JOINED_FILE = "joined.npz"
BARRIER_HEAD = "barrier_head"
KINDS_OF_WEIGHTS = (GENERATOR, CONFIDENCE, BARRIER_HEAD)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningWork:
    """What the stages of a run have in common.

    Attributes:
        run: Its folder.
        models: Folder of all versions.
        engine: The database.
        settings: What is learned and how.
        level: Level of theory.
        parent: Weights that learning begins with.
        base: Reactions that are not to be forgotten.
        base_digest: Hash of them.
        deadline: When training stops with a checkpoint, s of `time.monotonic`.
        progress: Told what is done, how many of how many.
    """

    run: LearningRun
    models: Path
    engine: Engine
    settings: LearnSettings
    level: LevelOfTheory
    parent: WeightsPair
    base: ReactionData
    base_digest: str
    deadline: float
    progress: Progress

    def weights(self, name: str) -> Path:
        """New weights of one of `KINDS_OF_WEIGHTS`."""
        return self.run.folder / name / WEIGHTS_FILE

    @property
    def joined(self) -> LearningData:
        """What it learns from, checked anew."""
        found = read_learning_data(self.run.folder / JOINED_FILE)
        found.check()
        return found
