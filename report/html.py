"""The report as one HTML page that needs no network: data, drawings, style and libraries are all inside it.

The same page can be the face of a running server, which then answers for the details of a reaction. Scripts run only
where their hashes are in the page's content security policy: nothing that a database holds can become one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from chem.units import KCAL_MOL_PER_EV
from report import wording
from report.colours import BARRIER_COLOURS, barrier_range
from report.content import ReactionEntry, ReportContent, SpeciesEntry, State
from report.drawing import Drawing, draw_species
from report.page_data import MOST_DRAWN, json_text, packed_details, page_data, species_in_order
from report.triage_curve import HEIGHT as CURVE_HEIGHT
from report.triage_curve import WIDTH as CURVE_WIDTH
from report.triage_curve import triage_curve

LOWEST_SHOWN = 5  # barriers listed at the top of the page
_LIBRARIES = ("cytoscape.min.js", "3Dmol-min.js")
_SCRIPTS = (
    "base.js",
    "passes.js",
    "profile.js",
    "viewer.js",
    "detail.js",
    "table.js",
    "species.js",
    "graph.js",
    "network.js",
    "path.js",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesView:
    """A species with its drawing."""

    entry: SpeciesEntry
    drawing: Drawing | None
    is_seed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionView:
    """A reaction of the list of lowest barriers."""

    number: int  # place by rising barrier
    entry: ReactionEntry
    reactants: tuple[SpeciesView, ...]
    products: tuple[SpeciesView, ...]


def write_report(content: ReportContent, path: Path) -> Path:
    """Write a report as one self-contained HTML file.

    Args:
        content: What to show.
        path: File to write; an existing one is replaced.

    Returns:
        The path.
    """
    path.write_text(render_report(content), encoding="utf-8")
    return path


def render_report(content: ReportContent, *, details_url: str | None = None) -> str:
    """The report as HTML text; every text of the content is escaped.

    Args:
        content: What to show.
        details_url: Where the page asks for the details of a reaction, whose key follows; None puts them into the page.
    """
    environment = Environment(
        loader=PackageLoader("report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalized,
    )
    environment.filters.update(
        energy=wording.energy,
        barrier=wording.barrier,
        count=wording.count,
        duration=wording.duration,
        stage=wording.stage_label,
        triage=wording.triage_text,
        shortened=wording.shortened,
        svg=Markup,  # drawings of RDKit only, which `report.drawing` checks
    )
    numbers = {entry.key: number for number, entry in enumerate(content.by_barrier)}
    return environment.get_template("report.html.j2").render(
        content=content,
        policy=content_security_policy(is_live=details_url is not None),
        is_live=details_url is not None,
        lowest=_lowest_views(content, numbers),
        numbers=numbers,
        settings=tuple(wording.flattened(content.settings)),
        curve=triage_curve(content.triage),
        curve_size=(CURVE_WIDTH, CURVE_HEIGHT),
        State=State,
        state_labels=wording.STATE_LABELS,
        state_glyphs=wording.STATE_GLYPHS,
        state_meanings=wording.STATE_MEANINGS,
        kcal_mol_per_ev=KCAL_MOL_PER_EV,
        barrier_range=barrier_range(content),
        barrier_colours=BARRIER_COLOURS,
        most_drawn=MOST_DRAWN,
        data=Markup(json_text(page_data(content, details_url=details_url))),  # noqa: S704 - escaped there
        details=packed_details(content) if details_url is None else (),
        style=Markup(_resource("templates/style.css")),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in _scripts()],  # noqa: S704 - our own and pinned files
        licences=_licences(),
    )


@cache
def content_security_policy(*, is_live: bool) -> str:
    """What the page may do: run its own scripts, known by their hashes, and, where it is live, ask its own server.

    Styles may stand in the page, since both libraries write some; without any source of images or fonts but the page
    itself they reach nothing.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in _scripts())
    rules = ["default-src 'none'", f"script-src {hashes}", "style-src 'unsafe-inline'", "img-src data: blob:"]
    rules += ["connect-src 'self'"] if is_live else []
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


@cache
def _scripts() -> tuple[str, ...]:
    """All scripts of the page in their order, each safe inside a script element."""
    names = (*(f"vendor/{name}" for name in _LIBRARIES), *(f"templates/{name}" for name in _SCRIPTS))
    scripts = tuple(_resource(name) for name in names)
    for name, script in zip(names, scripts, strict=True):
        if "</script" in script.lower() or "\r" in script:
            raise ValueError(f"report/{name} would end its own script element, or change in it")
    return scripts


def _finalized(value: Any) -> Any:
    """Texts of anybody with their unseen characters told; what is markup already stays."""
    return wording.visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _lowest_views(content: ReportContent, numbers: dict[str, int]) -> list[ReactionView]:
    entries = {entry.key: entry for entry in species_in_order(content)}

    def side(keys: Iterable[str]) -> tuple[SpeciesView, ...]:
        return tuple(
            SpeciesView(entry=entries[key], drawing=draw_species(entries[key].smiles), is_seed=key in content.seeds)
            for key in keys
        )

    return [
        ReactionView(
            number=numbers[entry.key], entry=entry, reactants=side(entry.reactants), products=side(entry.products)
        )
        for entry in content.lowest[:LOWEST_SHOWN]
    ]


def _resource(name: str) -> str:
    """Text of a file that ships with this package."""
    return files("report").joinpath(name).read_text(encoding="utf-8")


def _licences() -> str:
    """Licence texts of the libraries, which every copy has to carry."""
    names = ("cytoscape.LICENSE", "3Dmol.LICENSE", "3Dmol.bundled.LICENSE")
    return "\n\n".join(_resource(f"vendor/{name}") for name in names)
