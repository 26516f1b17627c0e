import base64
import dataclasses
import hashlib
import itertools
import math
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from chem.outcomes import Failure, Outcome, Stage, Status
from report.content import ReactionEntry, ReportContent, SpeciesEntry, State
from report.html import render_report, write_report
from report.wording import STATE_LABELS

LOADING = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "formaction"}


class Page(HTMLParser):
    """What a page loads, its visible text, and the elements with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.elements, self.scripts, self.text = [], [], [], []
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        self.elements.append((tag, dict(attributes)))
        self.loads += [value for name, value in attributes if name in LOADING]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        (self.scripts if self.inside == "script" else self.text).append(data)


@pytest.fixture(scope="module")
def html(content):
    return render_report(content)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def small(**changes):
    values = {
        "title": "One reaction",
        "created": datetime(2026, 1, 1, tzinfo=UTC),
        "level": "GFN2-xTB",
        "seeds": ("a",),
        "species": (
            SpeciesEntry(key="a", smiles="C=C", formula="C2H4"),
            SpeciesEntry(key="b", smiles="[CH]C", formula="C2H4"),
        ),
        "reactions": (
            ReactionEntry(key="r", reactants=("a",), products=("b",), mapped_smiles="[CH2:1]=[CH2:2]>>[CH:1][CH3:2]"),
        ),
    }
    return ReportContent(**(values | changes))


def test_the_page_loads_nothing_from_a_network(page, html):
    assert page.loads
    assert all(load.startswith(("#", "data:")) for load in page.loads)
    assert {tag for tag, _ in page.elements}.isdisjoint({"iframe", "object", "embed", "base"})
    style = html[html.index("<style>") : html.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style


def test_the_page_forbids_every_connection_by_itself(page):
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_scripts_run_only_where_their_hashes_are_in_the_policy(page, html):
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert len(scripts) > 3
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", "")
    assert "connect-src" not in policy


def test_every_reaction_is_in_the_page_with_its_barrier_verdict_and_level(content, html, read_page):
    data, details = read_page(html)
    columns = data["reactions"]
    assert columns["key"] == [reaction.key for reaction in content.by_barrier] == [each["key"] for each in details]
    for number, reaction in enumerate(content.by_barrier):
        assert data["states"][columns["state"][number]]["state"] == reaction.state.value == details[number]["state"]
        barrier = reaction.barrier_forward_kcal_mol
        for told in (columns["barrier_forward_kcal_mol"][number], details[number]["barrier_forward_kcal_mol"]):
            assert told == (None if barrier is None else pytest.approx(barrier, abs=1e-4))
        if barrier is not None:
            assert columns["verdict"][number] == details[number]["verdict"] == reaction.verdict.value
            assert (columns["level"][number] or "") == reaction.level
        sides = [
            [data["species"]["key"][place] for place in columns[side][number]] for side in ("reactants", "products")
        ]
        assert sides == [list(reaction.reactants), list(reaction.products)]


def test_the_synthetic_network_shows_every_state(content):
    assert all(content.state_counts.values())


def test_reactions_are_listed_by_rising_barrier_with_unknown_ones_last(content):
    barriers = [reaction.barrier_forward_kcal_mol for reaction in content.by_barrier]
    known = [barrier for barrier in barriers if barrier is not None]
    assert known == sorted(known)
    assert barriers[: len(known)] == known


def test_every_failure_reason_and_attempt_is_told(content, html, page, read_page):
    text = " ".join(page.text)
    _, details = read_page(html)
    for reaction, detail in zip(content.by_barrier, details, strict=True):
        if reaction.failure is not None:
            assert reaction.failure.message in text
            assert detail["failure"]["message"] == reaction.failure.message
        assert [each["start"] for each in detail["attempts"]] == [each.start for each in reaction.attempts]


def test_hostile_text_stays_text(read_page):
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='alert(3)"
    hostile = small(
        title=attack,
        level=attack,
        program=attack,
        seeds=(attack,),
        settings={attack: {"inner": attack}},
        species=(SpeciesEntry(key=attack, smiles=attack, formula=attack),),
        reactions=(
            ReactionEntry(
                key=attack,
                reactants=(attack,),
                products=(attack, "unlisted" + attack),
                mapped_smiles=attack,
                outcome=Outcome.FAILED,
                failure=Failure(stage=Stage.SADDLE, kind=attack, message=attack),
                found_by=attack,
            ),
        ),
    )
    harmless = Page(render_report(small()))
    page = Page(render_report(hostile))
    assert sum(tag == "script" for tag, _ in page.elements) == sum(tag == "script" for tag, _ in harmless.elements)
    assert not any(tag == "img" for tag, _ in page.elements)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert attack in "".join(page.text)
    data, details = read_page(render_report(hostile))
    assert data["species"]["smiles"][0] == details[0]["key"] == attack


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\ud800", "\u2028"])
def test_characters_that_nobody_sees_or_that_turn_text_round_are_told(mark, read_page):
    name = f"C{mark}O"
    told = f"C⟨U+{ord(mark):04X}⟩O"
    odd = small(
        title=name,
        species=(SpeciesEntry(key="a", smiles=name, formula=name), SpeciesEntry(key="b", smiles="C", formula="")),
        reactions=(
            ReactionEntry(
                key="r",
                reactants=("a",),
                products=("b",),
                failure=Failure(stage=Stage.SADDLE, kind="k", message=name),
            ),
        ),
    )
    html = render_report(odd)
    html.encode("utf-8")
    data, details = read_page(html)
    assert mark not in html[: html.index("<script>")]
    assert data["species"]["smiles"][0] == told
    assert details[0]["failure"]["message"] == told
    assert f"<h1>{told}</h1>" in html


def test_long_names_are_neither_drawn_nor_cut_in_the_details(read_page):
    name = "C" * 10_000
    long = small(
        species=(SpeciesEntry(key="a", smiles=name, formula=name), SpeciesEntry(key="b", smiles="C", formula="")),
        reactions=(ReactionEntry(key="r", reactants=("a",), products=("b",), mapped_smiles=f"{name}>>{name}"),),
    )
    data, details = read_page(render_report(long))
    assert "0" not in data["pictures"]
    assert details[0]["mapped_smiles"] == f"{name}>>{name}"


def test_numbers_that_are_none_do_not_break_the_page(read_page):
    infinite = ReactionEntry(
        key="r", reactants=("a",), products=("b",), barrier_forward_kcal_mol=math.inf, verdict=Status.ESTIMATED
    )
    data, details = read_page(render_report(small(reactions=(infinite,))))
    assert data["reactions"]["barrier_forward_kcal_mol"] == [None]
    assert details[0]["barrier_forward_kcal_mol"] is None


def test_a_reaction_without_a_transition_state_has_no_scene(read_page):
    data, details = read_page(render_report(small()))
    assert data["states"][data["reactions"]["state"][0]]["label"] == STATE_LABELS[State.NOT_SEARCHED]
    assert details[0]["transition_state"] is None


def test_an_empty_network_renders():
    page = Page(render_report(small(seeds=(), species=(), reactions=())))
    assert "The network is empty." in " ".join(page.text)


def test_a_seed_alone_renders():
    assert "No reaction has been enumerated." in render_report(small(reactions=(), seeds=("a", "missing")))


def test_species_that_cannot_be_drawn_have_no_picture(read_page):
    odd = ("C1CC", "not a smiles", "", "[Xx]", "C(C)(C)(C)(C)(C)C", "[H][H-][H]")
    entries = tuple(SpeciesEntry(key=str(i), smiles=smiles, formula="?") for i, smiles in enumerate(odd))
    reaction = ReactionEntry(key="r", reactants=("0", "1"), products=("2", "3"), mapped_smiles="C1CC>>nonsense>>C")
    data, details = read_page(render_report(small(species=entries, reactions=(reaction,), seeds=("0",))))
    assert set(data["pictures"]).isdisjoint({"0", "1", "2", "3"})
    assert details[0]["scheme"] is None


def test_a_seed_that_no_reaction_reaches_does_not_break_the_drawing(read_page):
    data, _ = read_page(render_report(small(seeds=("b",), reactions=())))
    assert {species for species, *_ in data["drawings"][0]["species"]} == {0, 1}


def test_a_large_network_is_drawn_in_part_and_held_in_whole(read_page, monkeypatch):
    monkeypatch.setattr("report.selection.SIZES", (4, 8, 16))
    species = tuple(SpeciesEntry(key=f"s{i}", smiles="C" * (1 + i % 20), formula="C") for i in range(100))
    reactions = tuple(
        ReactionEntry(
            key=f"r{i}",
            reactants=(f"s{i // 2}",),
            products=(f"s{i + 1}",),
            barrier_forward_kcal_mol=10.0 + i % 7,
            barrier_reverse_kcal_mol=12.0,
            verdict=Status.PASSED,
        )
        for i in range(99)
    )
    data, details = read_page(render_report(small(species=species, reactions=reactions, seeds=("s0",))))
    assert len(data["reactions"]["key"]) == len(details) == 99
    sizes = [len(drawing["reactions"]) for drawing in data["drawings"]]
    assert sizes == [4, 8, 16]
    for smaller, larger in itertools.pairwise(data["drawings"]):
        assert {r for r, *_ in smaller["reactions"]} < {r for r, *_ in larger["reactions"]}


def test_a_barrier_without_a_verdict_cannot_be_reported():
    with pytest.raises(ValueError, match="without a verdict"):
        ReactionEntry(key="r", reactants=(), products=(), barrier_forward_kcal_mol=10.0)


def test_an_unintended_find_links_both_reactions(read_page):
    found = ReactionEntry(
        key="found",
        reactants=("a",),
        products=("b",),
        barrier_forward_kcal_mol=30.0,
        verdict=Status.PASSED,
        found_by="meant",
    )
    meant = ReactionEntry(key="meant", reactants=("a",), products=("b",), outcome=Outcome.UNINTENDED)
    data, _ = read_page(render_report(small(reactions=(meant, found))))
    assert meant.state is State.UNINTENDED
    assert data["reactions"]["key"] == ["found", "meant"]
    assert data["reactions"]["found_by"] == [1, None]


def test_sixty_reactions_stay_below_three_megabytes(build, tmp_path):
    content = build()
    copies = [
        dataclasses.replace(reaction, key=f"{reaction.key}-{copy}")
        for copy in range(2)
        for reaction in content.reactions
    ]
    many = dataclasses.replace(content, reactions=tuple(copies[:60]))
    assert len(many.reactions) == 60
    assert write_report(many, tmp_path / "report.html").stat().st_size < 3_000_000


def test_the_libraries_are_the_pinned_ones_with_their_licences():
    vendor = files("report") / "vendor"
    for line in (vendor / "VERSIONS").read_text().splitlines():
        if match := re.match(r"(\S+\.js)\s+\S+\s+\S+\s+\S+\s+([0-9a-f]{64})$", line):
            assert hashlib.sha256((vendor / match[1]).read_bytes()).hexdigest() == match[2]
    text = render_report(small())
    for notice in ("Cytoscape Consortium", "University of Pittsburgh", "three.js Authors", "Vitaly Puzrin"):
        assert notice in text


def test_a_step_without_a_barrier_says_how_high_its_molecules_lie_apart(content, html, read_page):
    _, details = read_page(html)
    steps = [entry for entry in content.reactions if entry.state is State.BARRIERLESS]
    assert steps
    told = {each["key"]: each for each in details}
    for entry in steps:
        assert told[entry.key]["dissociation_kcal_mol"] == entry.dissociation_kcal_mol


def test_zero_point_and_free_energies_are_told_where_they_are_known(content, html, read_page):
    _, details = read_page(html)
    known = [entry for entry in content.reactions if entry.e0_forward_kcal_mol is not None]
    assert known
    told = {each["key"]: each for each in details}
    for entry in known:
        assert told[entry.key]["e0_forward_kcal_mol"] == entry.e0_forward_kcal_mol
        assert told[entry.key]["gibbs_298_reverse_kcal_mol"] == entry.gibbs_298_reverse_kcal_mol
        assert told[entry.key]["level"] == entry.level
