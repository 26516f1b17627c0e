"""The summary of an exploration for a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from report import wording
from report.content import ReactionEntry, ReportContent, State

LOWEST_SHOWN = 10  # barriers listed
_STYLES = {
    State.PASSED: "green",
    State.COULD_NOT_CHECK: "yellow",
    State.ESTIMATED: "cyan",
    State.CHECK_FAILED: "red",
    State.UNINTENDED: "magenta",
}


def summary_table(content: ReportContent, lowest: int = LOWEST_SHOWN) -> Group:
    """Lowest barriers with their verdicts, counts, failures and cost, to be printed by a rich console.

    Args:
        content: What to summarise.
        lowest: Number of barriers to list.
    """
    title = Text.assemble(
        (content.title, "bold"), "  ", (" · ".join(filter(None, (content.level, content.program))), "dim")
    )
    parts: list[RenderableType] = [title, "", _counts(content)]
    if any(reaction.has_barrier for reaction in content.reactions):
        parts += ["", _barriers(content, lowest)]
    if content.failure_groups:
        parts += ["", _failures(content)]
    if content.triage.accepted or content.triage.rejected:
        parts += ["", Text.assemble(("Triage: ", "bold"), wording.triage_text(content.triage))]
    parts += ["", _cost(content)]
    return Group(*parts)


def verdict_text(state: State) -> Text:
    """A state as a sign and words, so that it can be read without colour."""
    return Text(f"{wording.STATE_GLYPHS[state]} {wording.STATE_LABELS[state]}", style=_STYLES.get(state, "dim"))


def _counts(content: ReportContent) -> Text:
    """How many species and reactions there are, and in which states."""
    text = Text(f"{wording.count(len(content.species))} species, {wording.count(len(content.reactions))} reactions")
    states = [(state, number) for state, number in content.state_counts.items() if number]
    for place, (state, number) in enumerate(states):
        text.append(": " if place == 0 else ", ")
        text.append(f"{number} ", style="bold")
        text.append_text(verdict_text(state))
    if content.found_unintended:
        text.append(f"; {content.found_unintended} found on the way")
    return text


def _barriers(content: ReportContent, lowest: int) -> Table:
    """The lowest forward barriers, each beside its verdict."""
    known = content.lowest
    bars = ", ± 95 % error bar" if any(each.error_bar_95_kcal_mol is not None for each in known[:lowest]) else ""
    title = f"Lowest barriers, kcal/mol{bars} ({min(lowest, len(known))} of {len(known)})"
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Reaction", overflow="fold")
    for name in ("Forward", "Reverse"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Gradient calls", justify="right")
    smiles = {species.key: species.smiles for species in content.species}
    for reaction in known[:lowest]:
        table.add_row(
            Text(_equation(reaction, smiles)),
            wording.barrier(reaction.barrier_forward_kcal_mol, reaction.error_bar_95_kcal_mol),
            wording.energy(reaction.barrier_reverse_kcal_mol),
            verdict_text(reaction.state),
            wording.count(reaction.gradient_calls),
        )
    return table


def _failures(content: ReportContent) -> Table:
    """Failures by stage and kind with the first message of each."""
    table = Table(title="Failures", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Stage", no_wrap=True)
    table.add_column("Kind", no_wrap=True)
    table.add_column("Reactions", justify="right")
    table.add_column("For example", overflow="fold")
    for group in content.failure_groups:
        row = (wording.stage_label(group.stage), group.kind, str(len(group.reactions)), group.messages[0])
        table.add_row(*(Text(cell) for cell in row))
    return table


def _cost(content: ReportContent) -> Text:
    """Gradient calls and wall time, in all and by stage."""
    costs = content.costs
    text = Text("Cost: ", style="bold")
    text.append(
        f"{wording.count(costs.gradient_calls)} gradient calls, {wording.duration(costs.wall_seconds)}",
        style="not bold",
    )
    for place, cost in enumerate(costs.by_stage):
        text.append(" (" if place == 0 else "; ", style="not bold")
        text.append(
            f"{wording.stage_label(cost.stage).lower()} {wording.count(cost.gradient_calls)} calls,"
            f" {wording.duration(cost.wall_seconds)}",
            style="not bold dim",
        )
    return text.append(")" if costs.by_stage else "", style="not bold")


def _equation(reaction: ReactionEntry, smiles: dict[str, str]) -> str:
    """A reaction as SMILES of both sides."""
    sides = (" + ".join(smiles.get(key, key) for key in side) for side in (reaction.reactants, reaction.products))
    return " → ".join(sides)
