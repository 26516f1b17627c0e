"""How numbers and states are worded for people, in the page and in the terminal alike."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from chem.outcomes import CheckName, Outcome, Stage, Status
from report.content import State
from report.triage_entry import TriageEntry

STATE_LABELS: dict[State, str] = {
    State.PASSED: "passed",
    State.COULD_NOT_CHECK: "could not check",
    State.ESTIMATED: "estimated",
    State.CHECK_FAILED: "check failed",
    State.UNINTENDED: "led elsewhere",
    State.BARRIERLESS: "no barrier",
    State.NO_TRANSITION_STATE: "no transition state",
    State.NOT_SEARCHED: "not searched",
}
STATE_GLYPHS: dict[State, str] = {
    State.PASSED: "✓",
    State.COULD_NOT_CHECK: "?",
    State.ESTIMATED: "≈",
    State.CHECK_FAILED: "✕",
    State.UNINTENDED: "↷",
    State.BARRIERLESS: "↘",
    State.NO_TRANSITION_STATE: "∅",
    State.NOT_SEARCHED: "○",
}
STATE_MEANINGS: dict[State, str] = {
    State.PASSED: "every check of the transition state passed",
    State.COULD_NOT_CHECK: "a check could not be carried out; none failed",
    State.ESTIMATED: "no check was run: a guess, not a result",
    State.CHECK_FAILED: "a check failed; do not use this barrier",
    State.UNINTENDED: "the search ended in the transition state of another reaction",
    State.BARRIERLESS: "the molecules of one side fall into each other: there is no transition state to find",
    State.NO_TRANSITION_STATE: "no transition state was found",
    State.NOT_SEARCHED: "enumerated only",
}
CHECK_LABELS: dict[str, str] = {
    CheckName.ONE_IMAGINARY_MODE: "Exactly one imaginary mode",
    CheckName.MODE_MOVES_CHANGING_BONDS: "The mode moves the changing bonds",
    CheckName.IRC_ENDS_MATCH: "The IRC ends match the reaction",
    CheckName.ENERGIES_ORDERED: "The transition state lies above both ends",
    CheckName.ENDS_ARE_MINIMA: "Both ends are minima",
    CheckName.ONE_LEVEL: "One level and one electronic state on all three points",
    CheckName.REACTION_ENERGY_CONSISTENT: "Both barriers differ by the reaction energy",
    CheckName.NO_SPIN_CONTAMINATION: "A pure spin state, with none below it",
}
STATE_OF_STATUS: dict[str, State] = {
    Status.PASSED: State.PASSED,
    Status.FAILED: State.CHECK_FAILED,
    Status.COULD_NOT_CHECK: State.COULD_NOT_CHECK,
    Status.ESTIMATED: State.ESTIMATED,
}
OUTCOME_LABELS: dict[Outcome, str] = {
    Outcome.INTENDED: "intended",
    Outcome.UNINTENDED: "led elsewhere",
    Outcome.BARRIERLESS: "no barrier",
    Outcome.FAILED: "failed",
}
STAGE_LABELS: dict[str, str] = {
    Stage.ENUMERATE: "Enumeration",
    Stage.PREPARE: "End points",
    Stage.GENERATE: "Candidates",
    "search": "Search and checks",
    "estimate": "Estimates",
    Stage.SADDLE: "Saddle search",
    Stage.FREQUENCIES: "Frequencies",
    Stage.IRC: "IRC",
    Stage.ENERGIES: "Energies",
    "verify": "Verification at another level",
    "energy": "Energies of another level",
    Stage.INFRASTRUCTURE: "Infrastructure",
}


_TOLD = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # kinds of characters that nobody sees, or that turn text round


def visible(text: str) -> str:
    """A text of anybody as it may be shown: characters that are not seen, such as marks that turn text round, are told.

    Spaces, tabs and ends of lines stay; `U+202E` in angle brackets stands for the character of that number.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"⟨U+{ord(each):04X}⟩" if each not in "\t\n" and unicodedata.category(each) in _TOLD else each for each in text
    )


def shortened(text: str, length: int = 18) -> str:
    """A label of at most so many characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def energy(value: float | None) -> str:
    """An energy in kcal/mol to one decimal, without its unit; a dash when unknown."""
    if value is None:
        return "–"  # noqa: RUF001
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", "−")  # noqa: RUF001


def barrier(value: float | None, error_bar: float | None) -> str:
    """A barrier with its 95 % error bar, kcal/mol, where there is one."""
    return energy(value) + ("" if value is None or error_bar is None else f" ± {error_bar:.0f}")


def count(value: int) -> str:
    """A count with narrow spaces between the thousands."""
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: float) -> str:
    """A wall time in the two largest fitting units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return f"{minutes} min {rest} s"
    if minutes < 60:
        return f"{round(seconds / 60)} min" if round(seconds / 60) < 60 else "1 h 0 min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def triage_text(triage: TriageEntry) -> str:
    """What triage did and what its audit found, in one line."""

    def part(number: int, what: str) -> str:
        return f"{count(number)} {what} ({100 * (triage.share(number) or 0.0):.1f} %)"

    words = [
        part(triage.accepted, "accepted as estimates"),
        part(triage.dispatched, "sent to the search"),
        *([part(triage.rejected, "given up as hopeless") + _given_up(triage)] if triage.rejected else []),
        part(triage.audited, "accepted ones audited"),
    ]
    text = ", ".join(words)
    if not triage.audits_finished:
        return text
    found = []
    if triage.mean_error_kcal_mol is not None:
        error, largest = energy(triage.mean_error_kcal_mol), energy(triage.largest_error_kcal_mol)
        verified = count(triage.audits_verified)
        found.append(f"mean error {error} kcal/mol over {verified} verified, largest {largest}")
    if triage.wrong_saddles:
        found.append(f"{count(triage.wrong_saddles)} led elsewhere")
    if triage.not_verified:
        found.append(f"{count(triage.not_verified)} could not be verified")
    return f"{text}; audit: {', '.join(found)}"


def _given_up(triage: TriageEntry) -> str:
    if not triage.rejected_verified:
        return ""
    return f", {count(triage.rejected_wrongly)} wrongly of {count(triage.rejected_verified)} proved all the same"


def stage_label(stage: str) -> str:
    """The name of a stage; stages that are not in `chem.outcomes.Stage` speak for themselves."""
    return STAGE_LABELS.get(stage, stage.replace("_", " ").capitalize())


def value_text(value: Any) -> str:
    """A plain JSON value as short text: floats to six significant digits, the rest as JSON."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(entry, float | int | str) for entry in value):
        return ", ".join(value_text(entry) for entry in value) or "none"
    return json.dumps(value, default=str, ensure_ascii=False)


def flattened(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as (dotted name, text) pairs."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value_text(value)
