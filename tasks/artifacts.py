"""What a run shows on Prefect's pages: where a campaign stands, what its audit found, the link to its report."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from db.engine import open_database, reading
from db.lifecycle import campaigns
from db.overview import frontier
from db.totals import costs, progress
from report.from_database import campaign_report, triage_entry
from report.html import write_report
from report.picture import draw_network
from report.wording import triage_text

LOWEST_SHOWN = 20


def publish_progress(database: str, campaign: str) -> None:
    """A table of the stages of a campaign, and its spending."""
    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            (known,) = campaigns(session, name=campaign)
            stages = progress(session, campaign)
            spent = costs(session, campaign=campaign)
            waiting = len(frontier(session, campaign))
    finally:
        engine.dispose()
    create_table_artifact(
        key=f"progress-{_slug(campaign)}",
        table=[
            {"stage": each.stage, "state": each.state, "count": each.count, "gradient calls": each.gradient_calls}
            for each in stages
        ],
        description=(
            f"{campaign}: {known.n_species} species, {known.n_reactions} reactions, {waiting} species not expanded;"
            f" {known.spent.gradient_calls:,} gradient calls and {known.spent.cpu_hours:.2f} CPU hours paid,"
            f" {sum(each.gradient_calls for each in spent):,} gradient calls in all with what others had done"
        ),
    )


def publish_audit(database: str, campaign: str) -> None:
    """What triage believed, and how that stood up."""
    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            triage = triage_entry(session, campaign)
    finally:
        engine.dispose()
    create_markdown_artifact(
        key=f"audit-{_slug(campaign)}", markdown=f"### Audit of {campaign}\n\n{triage_text(triage)}"
    )


def publish_report(database: str, campaign: str, folder: Path) -> Path:
    """The page of a campaign and its network as files, with lowest barriers, picture and link; returns the page."""
    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            content = campaign_report(session, campaign)
    finally:
        engine.dispose()
    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / f"{_slug(campaign)}.html").resolve()
    write_report(content, path)
    labels = {species.key: species.smiles for species in content.species}
    create_table_artifact(
        key=f"barriers-{_slug(campaign)}",
        table=[
            {
                "reactants": " + ".join(labels.get(key, key) for key in each.reactants),
                "products": " + ".join(labels.get(key, key) for key in each.products),
                "barrier forward, kcal/mol": each.barrier_forward_kcal_mol,
                "verdict": None if each.verdict is None else each.verdict.value,
                "level": each.level,
                "key": each.key,
            }
            for each in content.lowest[:LOWEST_SHOWN]
        ],
        description=f"Lowest barriers of {campaign}",
    )
    picture = draw_network(content, path.with_suffix(".png"))
    create_image_artifact(  # the image itself: the browser that shows the page may not reach the file
        key=f"network-{_slug(campaign)}",
        image_url=f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}",
        description=f"Network of {campaign}, {picture}",
    )
    create_link_artifact(key=f"report-{_slug(campaign)}", link=path.as_uri(), link_text=f"report of {campaign}")
    return path


def _slug(name: str) -> str:
    """Prefect's keys hold lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "campaign"
