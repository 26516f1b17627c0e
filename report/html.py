"""The report as one HTML file that needs no network: data, drawings, style and libraries are all inside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from chem.units import KCAL_MOL_PER_EV
from report import wording
from report.content import ReactionEntry, ReportContent, SpeciesEntry, State
from report.drawing import Drawing, ReactionDrawing, draw_reaction, draw_species
from report.network import BARRIER_COLOURS, barrier_range, network_elements
from report.profile import HEIGHT as PROFILE_HEIGHT
from report.profile import WIDTH as PROFILE_WIDTH
from report.profile import Profile, energy_profile
from report.scene import ts_scene

LOWEST_SHOWN = 5  # barriers listed at the top of the page
_SCRIPTS = ("table.js", "network.js", "viewer.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesView:
    """A species with what the page needs to show it."""

    id: str
    entry: SpeciesEntry
    drawing: Drawing | None
    is_seed: bool
    reactions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionView:
    """A reaction with what the page needs to show it."""

    id: str
    entry: ReactionEntry
    reactants: tuple[SpeciesView, ...]
    products: tuple[SpeciesView, ...]
    drawing: ReactionDrawing | None
    profile: Profile | None
    led_to: tuple[str, ...]  # identifiers of the reactions that its search ended in
    found_by: str | None  # identifier on this page, where the reaction is on it
    search_text: str


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


def render_report(content: ReportContent) -> str:
    """The report as HTML text; every text of the content is escaped."""
    environment = Environment(
        loader=PackageLoader("report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        energy=wording.energy,
        count=wording.count,
        duration=wording.duration,
        stage=wording.stage_label,
        value=wording.value_text,
        triage=wording.triage_text,
        svg=Markup,  # drawings of RDKit only
    )
    species = _species_views(content)
    reactions = _reaction_views(content, species)
    low, high = barrier_range(content)
    return environment.get_template("report.html.j2").render(
        content=content,
        species=tuple(species.values()),
        reactions=reactions,
        lowest=_lowest_views(content, reactions),
        reaction_ids={view.entry.key: view.id for view in reactions},
        settings=tuple(wording.flattened(content.settings)),
        State=State,
        state_labels=wording.STATE_LABELS,
        state_glyphs=wording.STATE_GLYPHS,
        state_meanings=wording.STATE_MEANINGS,
        state_of_status=wording.STATE_OF_STATUS,
        check_labels=wording.CHECK_LABELS,
        outcome_labels=wording.OUTCOME_LABELS,
        kcal_mol_per_ev=KCAL_MOL_PER_EV,
        profile_size=(PROFILE_WIDTH, PROFILE_HEIGHT),
        barrier_range=(low, high),
        barrier_colours=BARRIER_COLOURS,
        data=_page_data(content, species, reactions),
        style=Markup(_resource("templates/style.css")),  # noqa: S704 - our own files
        scripts=[Markup(_resource(f"templates/{name}")) for name in _SCRIPTS],  # noqa: S704
        cytoscape=_library("cytoscape.min.js"),
        viewer=_library("3Dmol-min.js"),
        licences=_licences(),
    )


def _lowest_views(content: ReportContent, reactions: Sequence[ReactionView]) -> list[ReactionView]:
    by_key = {view.entry.key: view for view in reactions}
    return [by_key[reaction.key] for reaction in content.lowest[:LOWEST_SHOWN]]


def _species_views(content: ReportContent) -> dict[str, SpeciesView]:
    """Views by key, of the listed species and of those that only a reaction names, seeds first."""
    entries = {entry.key: entry for entry in content.species}
    named = [key for reaction in content.by_barrier for key in reaction.reactants + reaction.products]
    order = dict.fromkeys([*(key for key in content.seeds if key in entries), *entries, *named])
    occurrences: dict[str, int] = {}
    for reaction in content.reactions:
        for key in {*reaction.reactants, *reaction.products}:
            occurrences[key] = occurrences.get(key, 0) + 1
    views = {}
    for number, key in enumerate(order):
        entry = entries.get(key, SpeciesEntry(key=key, smiles=key, formula=""))
        views[key] = SpeciesView(
            id=f"s{number}",
            entry=entry,
            drawing=draw_species(entry.smiles) if key in entries else None,
            is_seed=key in content.seeds,
            reactions=occurrences.get(key, 0),
        )
    return views


def _reaction_views(content: ReportContent, species: dict[str, SpeciesView]) -> tuple[ReactionView, ...]:
    """Views by rising barrier."""
    ids = {reaction.key: f"r{number}" for number, reaction in enumerate(content.by_barrier)}
    led_to: dict[str, list[str]] = {}
    for reaction in content.reactions:
        if reaction.found_by is not None:
            led_to.setdefault(reaction.found_by, []).append(ids[reaction.key])
    views = []
    for reaction in content.by_barrier:
        reactants = tuple(species[key] for key in reaction.reactants)
        products = tuple(species[key] for key in reaction.products)
        words = [
            wording.STATE_LABELS[reaction.state],
            reaction.key,
            "seed" if reactants and reactants[0].is_seed else "",
        ]
        for side in (*reactants, *products):
            words += [side.entry.smiles, side.entry.formula]
        views.append(
            ReactionView(
                id=ids[reaction.key],
                entry=reaction,
                reactants=reactants,
                products=products,
                drawing=draw_reaction(reaction.mapped_smiles),
                profile=energy_profile(reaction),
                led_to=tuple(led_to.get(reaction.key, ())),
                found_by=ids.get(reaction.found_by or ""),
                search_text=" ".join(words).lower(),
            )
        )
    return tuple(views)


def _page_data(
    content: ReportContent, species: dict[str, SpeciesView], reactions: tuple[ReactionView, ...]
) -> dict[str, Any]:
    """What the scripts of the page read, as plain JSON values."""
    return {
        "elements": network_elements(
            content,
            {key: view.id for key, view in species.items()},
            {view.entry.key: view.id for view in reactions},
            {key: view.drawing for key, view in species.items()},
        ),
        "scenes": {
            view.id: ts_scene(view.entry.transition_state)
            for view in reactions
            if view.entry.transition_state is not None
        },
    }


def _resource(name: str) -> str:
    """Text of a file that ships with this package."""
    return files("report").joinpath(name).read_text(encoding="utf-8")


def _library(name: str) -> Markup:
    """A vendored script, safe inside a script element."""
    text = _resource(f"vendor/{name}")
    if "</script" in text.lower():
        raise ValueError(f"report/vendor/{name} would end its own script element")
    return Markup(text)  # noqa: S704 - a pinned file of ours


def _licences() -> str:
    """Licence texts of the libraries, which every copy has to carry."""
    names = ("cytoscape.LICENSE", "3Dmol.LICENSE", "3Dmol.bundled.LICENSE")
    return "\n\n".join(_resource(f"vendor/{name}") for name in names)
