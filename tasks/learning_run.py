"""The folder of one run of the learning loop: what is done of it, told by a manifest, and that nobody else works there.

Every stage leaves its result in the folder and then its entry in the manifest, so that a run that is killed at any
moment goes on with the stage that it was at.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from chem.errors import ConfigurationError
from tasks.scratch import process_lives

MANIFEST = "manifest.json"
LOCK = "at-work.json"
DECISION = "decision"  # the last stage
FACTS = ("parent_generator_sha256", "parent_confidence_sha256", "base_digest", "level_key", "settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRun:
    """A folder with its manifest.

    Attributes:
        folder: Where the stages leave their results.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Name of the run, such as `run-0001`."""
        return self.folder.name

    def facts(self) -> dict[str, Any]:
        """What the run began with."""
        return dict(self._read()["begun"])

    def stage(self, name: str) -> dict[str, Any] | None:
        """What a stage ended with; None where it has not."""
        found = self._read()["stages"].get(name)
        return None if found is None else dict(found)

    def finish(self, name: str, result: Mapping[str, Any]) -> None:
        """Note that a stage has ended, and with what."""
        content = self._read()
        content["stages"][name] = dict(result)
        _write(self.folder / MANIFEST, content)

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return content


def unfinished_run(folder: Path) -> LearningRun | None:
    """The run that was begun and has no decision yet."""
    for path in sorted(folder.glob(f"run-*/{MANIFEST}"), reverse=True):
        run = LearningRun(folder=path.parent)
        if run.stage(DECISION) is None:
            return run
    return None


def begin_run(folder: Path, facts: Mapping[str, Any]) -> LearningRun:
    """A new folder with its manifest."""
    taken = [int(path.name.removeprefix("run-")) for path in folder.glob("run-[0-9]*")]
    own = folder / f"run-{max(taken, default=0) + 1:04d}"
    own.mkdir(parents=True)
    _write(own / MANIFEST, {"begun": dict(facts), "stages": {}})
    return LearningRun(folder=own)


def check_goes_on(run: LearningRun, facts: Mapping[str, Any]) -> None:
    """See that a run that was begun goes on with what it began with.

    Raises:
        ConfigurationError: Something else is asked for now.
    """
    begun = run.facts()
    other = [name for name in FACTS if begun.get(name) != facts.get(name)]
    if other:
        raise ConfigurationError(
            f"{run.folder} was begun with another {', '.join(other)}; learn with what it began with, or remove that"
            " folder to begin anew"
        )


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Nobody else learns in this folder meanwhile; what a dead process held is free.

    Raises:
        ConfigurationError: Another process of this machine does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, process = folder / LOCK, psutil.Process()
    own = json.dumps({"pid": process.pid, "created": process.create_time()})
    while True:
        try:
            with file.open("x", encoding="utf-8") as lock:
                lock.write(own)
            break
        except FileExistsError:
            try:
                held = json.loads(file.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except json.JSONDecodeError:  # being written, or cut short by a kill
                held = None
            if held is not None and process_lives(held["pid"], held["created"]):
                raise ConfigurationError(
                    f"process {held['pid']} is learning in {folder}; let it end, or give another folder"
                ) from None
            if held is None and time.time() - file.stat().st_mtime < 5.0:
                time.sleep(0.1)
                continue
            file.unlink(missing_ok=True)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
