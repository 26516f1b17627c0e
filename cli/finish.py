"""The end of an exploration: the report, the summary for people, and the summary as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from db.engine import database_file, open_database, reading, shown_url
from report.content import State
from report.from_database import campaign_report
from report.html import write_report
from report.summary import summary_table

if TYPE_CHECKING:
    from report.content import ReportContent
    from report.triage_entry import TriageEntry
    from tasks.settings import ExploreSettings


def finish(settings: ExploreSettings, campaign: str, *, quiet: bool) -> dict[str, Any]:
    """Write the report, print the summary, and return it as plain JSON values.

    Args:
        settings: Of the exploration.
        campaign: Its name.
        quiet: Print nothing for people.
    """
    engine = open_database(settings.database, create=False)
    try:
        with reading(engine) as session:
            content = campaign_report(session, campaign)
    finally:
        engine.dispose()
    path = report_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_report(content, path)
    if not quiet:
        console = Console()
        console.print(summary_table(content))
        console.print(
            f"\nreport    {path}\ndatabase  {shown_url(settings.database)}  (cairn query reactions --db ...)",
            highlight=False,
        )
    return summary_record(content, settings, campaign, path)


def report_path(settings: ExploreSettings) -> Path:
    """Where the report goes: as asked, else beside the SQLite file, else into runs/."""
    if settings.report is not None:
        return settings.report
    file = database_file(settings.database)
    return file.with_suffix(".html") if file is not None else Path("runs/report.html")


def summary_record(content: ReportContent, settings: ExploreSettings, campaign: str, path: Path) -> dict[str, Any]:
    """The summary as plain JSON values, units in the names."""
    labels = {species.key: species.smiles for species in content.species}
    counts = content.state_counts
    return {
        "campaign": campaign,
        "database": shown_url(settings.database),
        "report": str(path),
        "level": content.level,
        "program": content.program,
        "n_species": len(content.species),
        "n_reactions": len(content.reactions),
        "reactions_by_state": {state.value: counts[state] for state in State},
        "found_unintended": content.found_unintended,
        "gradient_calls": content.costs.gradient_calls,
        "gradient_calls_by_stage": {cost.stage: cost.gradient_calls for cost in content.costs.by_stage},
        "calculation_seconds": content.costs.wall_seconds,
        "triage": triage_record(content.triage),
        "failures": [
            {"stage": group.stage, "kind": group.kind, "count": len(group.reactions)}
            for group in content.failure_groups
        ],
        "lowest_barriers": [
            {
                "key": reaction.key,
                "reactants": [labels.get(key, key) for key in reaction.reactants],
                "products": [labels.get(key, key) for key in reaction.products],
                "barrier_forward_kcal_mol": reaction.barrier_forward_kcal_mol,
                "error_bar_95_kcal_mol": reaction.error_bar_95_kcal_mol,
                "verdict": reaction.verdict.value if reaction.verdict is not None else None,
            }
            for reaction in content.lowest[:10]
        ],
    }


def triage_record(triage: TriageEntry) -> dict[str, Any]:
    """What triage did and what its audit found, as plain JSON values; shares are of the reactions that it saw."""
    return {
        "accepted": triage.accepted,
        "dispatched": triage.dispatched,
        "rejected": triage.rejected,
        "rejected_verified": triage.rejected_verified,
        "rejected_wrongly": triage.rejected_wrongly,
        "share_accepted": triage.share(triage.accepted),
        "share_dispatched": triage.share(triage.dispatched),
        "audited": triage.audited,
        "share_audited": triage.share(triage.audited),
        "audits_finished": triage.audits_finished,
        "audits_verified": triage.audits_verified,
        "wrong_saddles": triage.wrong_saddles,
        "not_verified": triage.not_verified,
        "audit_mean_error_kcal_mol": triage.mean_error_kcal_mol,
        "audit_largest_error_kcal_mol": triage.largest_error_kcal_mol,
    }
