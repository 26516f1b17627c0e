"""The functions under the commands, called with hostile inputs; plain values come back.

Errors of bad input and failures of a calculation pass on: `benchmarks/hostile_inputs.py` tells them from bugs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import molecule
from ase.symbols import symbols2numbers

from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.levels import read_levels, resolve_level
from chem.minimum import find_minimum
from chem.potential import GradientCounter
from chem.refine import RefineSettings, refine
from chem.search import SearchSettings, search_transition_state
from chem.types import Geometry
from tasks.workers import WorkerLimits, WorkerPool


def geometry(atoms: str, charge: Any = 0, multiplicity: Any = 1) -> Geometry:
    """A geometry from atoms divided by slashes, or from the name of a molecule that ASE knows."""
    if " " not in atoms:
        known = molecule(atoms)
        return Geometry(numbers=known.numbers, positions=known.positions, charge=charge, multiplicity=multiplicity)
    rows = [line.split() for line in atoms.split("/")]
    return Geometry(
        numbers=np.array(symbols2numbers([row[0] for row in rows])),
        positions=np.array([[float(each) for each in row[1:]] for row in rows]),
        charge=charge,
        multiplicity=multiplicity,
    )


def minimum(atoms: str, level: str = "gfn2", budget: int = 1000, **electrons: Any) -> dict[str, Any]:
    """`chem.minimum.find_minimum`."""
    counter = GradientCounter(budget=budget)
    found = find_minimum(geometry(atoms, **electrons), resolve_level(level), counter)
    return {"energy_ev": found.energy_ev, "frequencies_cm1": found.vibrations.frequencies_cm1.tolist()}


def refined(atoms: str, level: str = "gfn2", budget: int = 300, fmax: float = 0.01, **electrons: Any) -> dict[str, Any]:
    """`chem.refine.refine`."""
    settings = RefineSettings(budget_gradient_calls=budget, fmax_ev_per_angstrom=fmax)
    found = refine(geometry(atoms, **electrons), resolve_level(level), settings)
    modes = None if found.vibrations is None else found.vibrations.frequencies_cm1.tolist()
    return {"failure": _failure(found.failure), "frequencies_cm1": modes}


def searched(
    reactant: str, product: str, level: str = "gfn2", budget: int = 300, *, candidates: bool = True, **electrons: Any
) -> dict[str, Any]:
    """`chem.search.search_transition_state` from classical guesses."""
    ends = EndPoints(reactant=geometry(reactant, **electrons), product=geometry(product, **electrons))
    guesses = ClassicalGenerator().generate([ends])[0] if candidates else []
    settings = SearchSettings(budget_gradient_calls=budget, use_neb=candidates)
    found = search_transition_state(ends, guesses, resolve_level(level), settings)
    return {"failure": _failure(found.best.failure), "outcome": found.outcome.value}


def resolved(name: Any, text: str = "") -> dict[str, Any]:
    """`chem.levels.resolve_level` over the entries of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.yaml"
        path.write_text(text)
        return {"level": resolve_level(name, entries=read_levels(path)).key}


def stopped_by_time(atoms: str, level: str, limit_s: float) -> dict[str, Any]:
    """A job that is too large for its time limit: a worker that is killed, and told of."""
    with WorkerPool(WorkerLimits(n_workers=1, job_timeout_s=limit_s)) as pool:
        (done,) = pool.run(_minimum_of, [(atoms, level)])
    if done.fault is None:
        return {"value": done.value}
    return {"failure": {"stage": "worker", "kind": "timeout", "message": done.fault}}


def killed_among_others() -> dict[str, Any]:
    """A worker that is killed from outside while it works costs its job and no other."""
    with WorkerPool(WorkerLimits(n_workers=2, job_timeout_s=30.0)) as pool:
        done = {each.job: each for each in pool.run(_die_on_two, range(4))}
    lost = [job for job, each in done.items() if each.fault is not None]
    if sorted(done) != [0, 1, 2, 3] or lost != [2]:
        raise RuntimeError(f"jobs {sorted(done)} came back, {lost} of them lost")
    return {"failure": {"stage": "worker", "kind": "lost", "message": done[2].fault}}


def failed_among_others() -> dict[str, Any]:
    """An error that needs two arguments to be made again costs its job and no other."""
    with WorkerPool(WorkerLimits(n_workers=1, job_timeout_s=30.0)) as pool:
        done = {each.job: each for each in pool.run(_fail_on_one, range(3))}
    lost = [job for job, each in done.items() if each.fault is not None]
    if sorted(done) != [0, 1, 2] or lost != [1]:
        raise RuntimeError(f"jobs {sorted(done)} came back, {lost} of them lost")
    return {"failure": {"stage": "worker", "kind": "raised", "message": done[1].fault}}


def _failure(failure: Any) -> dict[str, str] | None:
    if failure is None:
        return None
    return {"stage": failure.stage.value, "kind": failure.kind, "message": failure.message}


def _minimum_of(job: tuple[str, str]) -> dict[str, Any]:
    return minimum(*job)


def _fail_on_one(number: int) -> int:
    if number == 1:
        raise subprocess.CalledProcessError(1, ["program"], output=b"\xff")
    return number


def _die_on_two(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(30)
    return number
