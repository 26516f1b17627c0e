"""The live display of an exploration: one line a stage, read from the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chem.errors import CairnError
from tasks.periodic import every

if TYPE_CHECKING:
    from tasks.settings import ExploreSettings

REFRESH_S = 0.5
_OPEN = {"pending", "running"}
_STAGES = (
    ("guess", "guesses"),
    ("relax", "guesses relaxed"),
    ("prepare", "end points"),
    ("estimate", "estimates"),
    ("search", "searches"),
    ("verify", "verification"),
    ("energy", "energies"),
)
_DECISIONS = {"polish": "being polished", "accept": "reactions believed", "refine": "sent to the search"}


@dataclass(slots=True)
class _Tally:
    """Counts of one stage by state, with cost, and when work on it was first seen."""

    counts: dict[str, int] = field(default_factory=dict)
    gradient_calls: int = 0
    first_seen: float | None = None
    done_at_first: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return sum(count for state, count in self.counts.items() if state not in _OPEN)


@contextmanager
def live_progress(settings: ExploreSettings, campaign: str) -> Iterator[None]:
    """Show what happens and what it costs on standard error until the block ends.

    On a terminal the lines are redrawn in place; elsewhere a line is printed whenever a stage ends.
    """
    console = Console(stderr=True)
    view = _View(settings, campaign, console)

    def poll() -> None:
        view.update()
        if not console.is_terminal:
            view.report_plainly()

    redrawn = Live(console=console, get_renderable=view.render, refresh_per_second=4)
    with redrawn if console.is_terminal else nullcontext():
        try:
            with every(REFRESH_S, poll, name="progress"):
                yield
        finally:
            poll()
            view.close()


class _View:
    """Reads counts from the database and draws them."""

    def __init__(self, settings: ExploreSettings, campaign: str, console: Console) -> None:
        self.settings = settings
        self.campaign = campaign
        self.console = console
        self.started = time.monotonic()
        self.tallies = {name: _Tally() for name in ("species", "reaction", "candidate", *(name for name, _ in _STAGES))}
        self._engine: object | None = None
        self._said: set[str] = set()

    def update(self) -> None:
        """Read the counts; a database that is not there yet counts nothing."""
        from sqlalchemy import Engine  # noqa: PLC0415
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        from db.engine import open_database, reading  # noqa: PLC0415
        from db.totals import progress  # noqa: PLC0415

        try:
            if self._engine is None:
                self._engine = open_database(self.settings.database, create=False)
            assert isinstance(self._engine, Engine)
            with reading(self._engine) as session:
                entries = progress(session, self.campaign)
        except (CairnError, SQLAlchemyError):
            return
        for name, tally in self.tallies.items():
            of_stage = [entry for entry in entries if entry.stage == name]
            tally.counts = {entry.state: entry.count for entry in of_stage}
            tally.gradient_calls = sum(entry.gradient_calls for entry in of_stage)
            if tally.first_seen is None and tally.counts.get("running"):
                tally.first_seen, tally.done_at_first = time.monotonic(), tally.done

    def close(self) -> None:
        """Let go of the database."""
        from sqlalchemy import Engine  # noqa: PLC0415

        if isinstance(self._engine, Engine):
            self._engine.dispose()

    def render(self) -> RenderableType:
        """All lines."""
        table = Table.grid(padding=(0, 2))
        for _ in range(4):
            table.add_column(no_wrap=True)
        species, reactions = self.tallies["species"], self.tallies["reaction"]
        if not species.total:
            table.add_row("starting", "", "Prefect's local server and the worker processes", "")
        else:
            table.add_row("network", "", f"{species.total} species reached, {reactions.total} reactions", "")
        if decided := {state: count for state, count in reactions.counts.items() if state != "undecided"}:
            states = ", ".join(f"{count} {_DECISIONS.get(state, state)}" for state, count in sorted(decided.items()))
            table.add_row("triage", "", f"{self.tallies['candidate'].total} guesses: {states}", "")
        for name, label in _STAGES:
            tally = self.tallies[name]
            if not tally.total:
                continue
            bar = ProgressBar(total=max(tally.total, 1), completed=tally.done, width=12)
            states = ", ".join(
                f"{count} {state}" for state, count in sorted(tally.counts.items()) if state not in _OPEN
            )
            counts = f"{tally.done}/{tally.total}" + (f": {states}" if states else "")
            table.add_row(label, bar, counts, self._pace(tally))
        calls = sum(self.tallies[name].gradient_calls for name, _ in _STAGES)
        elapsed = time.monotonic() - self.started
        footer = Text(f"{_clock(elapsed)} elapsed, {calls:,} gradient calls at {self.settings.level}", style="dim")
        return Group(table, footer)

    @staticmethod
    def _pace(tally: _Tally) -> str:
        if tally.first_seen is None or tally.done == tally.done_at_first:
            return ""
        rate = (tally.done - tally.done_at_first) / max(time.monotonic() - tally.first_seen, 1e-3)
        left = tally.total - tally.done
        ending = f", {_clock(left / rate)} left" if left else ""
        return f"{60 * rate:.0f}/min{ending}, {tally.gradient_calls:,} calls"

    def report_plainly(self) -> None:
        """Without a terminal: one line when a stage is complete."""
        for name, label in _STAGES:
            tally = self.tallies[name]
            mark = f"{name}:{tally.total}"
            if tally.total and tally.done == tally.total and mark not in self._said:
                self._said.add(mark)
                states = ", ".join(f"{count} {state}" for state, count in sorted(tally.counts.items()))
                self.console.print(f"{label}: {states}; {tally.gradient_calls:,} gradient calls")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
