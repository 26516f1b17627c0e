"""What one job costs the process that runs it: CPU time and the peak of its memory."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Job = TypeVar("Job")
Value = TypeVar("Value")

_RESET_PEAK = "5"  # proc(5): sets the high-water mark of resident memory to what is resident now
_PROCESS = Path("/proc/self")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered(Generic[Value]):
    """What a job returned and what it cost.

    Attributes:
        value: What it returned.
        cpu_seconds: User and system time of the process, all its threads, and of programs that it ran, s.
        peak_memory_gib: Largest resident memory of the process during the job, GiB; where the system cannot reset the
            mark, since the process began.
    """

    value: Value
    cpu_seconds: float
    peak_memory_gib: float


def metered(function: Callable[[Job], Value], job: Job) -> Metered[Value]:
    """Run a function on a job and measure; an exception passes through unmeasured."""
    _reset_peak()
    before = _cpu_seconds()
    value = function(job)
    return Metered(value=value, cpu_seconds=_cpu_seconds() - before, peak_memory_gib=_peak_memory_gib())


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _reset_peak() -> None:
    try:
        (_PROCESS / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:  # no Linux, or forbidden: the peak is then that of the whole process
        return


def _peak_memory_gib() -> float:
    try:
        status = (_PROCESS / "status").read_text(encoding="utf-8")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kB on Linux
    return next(int(line.split()[1]) / 2**20 for line in status.splitlines() if line.startswith("VmHWM:"))
