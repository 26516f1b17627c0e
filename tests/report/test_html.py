import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
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
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "iframe", "object", "embed", "base"})
    style = html[html.index("<style>") : html.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style


def test_the_page_forbids_every_connection_by_itself(page):
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_every_reaction_is_in_the_page_with_its_barrier_and_verdict(content, html):
    rows = re.findall(r'<tbody id="r\d+".*?</tbody>', html, flags=re.DOTALL)
    assert len(rows) == len(content.reactions)
    for row, reaction in zip(rows, content.by_barrier, strict=True):
        assert reaction.key in row
        head = row[: row.index('class="detail"')]
        assert f"badge-{reaction.state.value}" in head
        assert STATE_LABELS[reaction.state] in head
        if reaction.barrier_forward_kcal_mol is not None:
            assert f">{reaction.barrier_forward_kcal_mol:.1f}<" in head


def test_the_synthetic_network_shows_every_state(content):
    assert all(content.state_counts.values())


def test_reactions_are_listed_by_rising_barrier_with_unknown_ones_last(content):
    barriers = [reaction.barrier_forward_kcal_mol for reaction in content.by_barrier]
    known = [barrier for barrier in barriers if barrier is not None]
    assert known == sorted(known)
    assert barriers[: len(known)] == known


def test_every_failure_reason_and_attempt_is_told(content, page):
    text = " ".join(page.text)
    for reaction in content.reactions:
        if reaction.failure is not None:
            assert reaction.failure.message in text
        for attempt in reaction.attempts:
            assert attempt.start in text


def test_hostile_text_stays_text():
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


def test_a_reaction_without_a_transition_state_renders():
    page = Page(render_report(small()))
    assert STATE_LABELS[State.NOT_SEARCHED] in " ".join(page.text)
    assert not any("data-scene" in attributes for _, attributes in page.elements)


def test_an_empty_network_renders():
    page = Page(render_report(small(seeds=(), species=(), reactions=())))
    assert "The network is empty." in " ".join(page.text)


def test_a_seed_alone_renders():
    assert "No reaction has been enumerated." in render_report(small(reactions=(), seeds=("a", "missing")))


def test_species_that_cannot_be_drawn_are_shown_as_text():
    odd = ("C1CC", "not a smiles", "", "[Xx]", "C(C)(C)(C)(C)(C)C", "[H][H-][H]")
    entries = tuple(SpeciesEntry(key=str(i), smiles=smiles, formula="?") for i, smiles in enumerate(odd))
    reaction = ReactionEntry(key="r", reactants=("0", "1"), products=("2", "3"), mapped_smiles="C1CC>>nonsense>>C")
    text = " ".join(Page(render_report(small(species=entries, reactions=(reaction,), seeds=("0",)))).text)
    assert "not a smiles" in text
    assert "cannot draw" in text


def test_a_seed_that_no_reaction_reaches_does_not_break_the_drawing():
    elements = page_data(small(seeds=("b",), reactions=()))["elements"]
    assert {element["data"]["id"] for element in elements} == {"s0", "s1"}


def test_a_barrier_without_a_verdict_cannot_be_reported():
    with pytest.raises(ValueError, match="without a verdict"):
        ReactionEntry(key="r", reactants=(), products=(), barrier_forward_kcal_mol=10.0)


def test_an_unintended_find_links_both_reactions():
    found = ReactionEntry(
        key="found",
        reactants=("a",),
        products=("b",),
        barrier_forward_kcal_mol=30.0,
        verdict=Status.PASSED,
        found_by="meant",
    )
    meant = ReactionEntry(key="meant", reactants=("a",), products=("b",), outcome=Outcome.UNINTENDED)
    html = render_report(small(reactions=(meant, found)))
    assert meant.state is State.UNINTENDED
    assert html.count('data-open="r1"') == 1  # from the find to the search that made it
    assert html.count('data-open="r0"') == 2  # from that search, and from the list of lowest barriers


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


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_the_page_runs_in_a_browser_without_an_error(content, tmp_path):
    path = write_report(content, tmp_path / "report.html")
    water = next(species for species in content.species if species.smiles == "O")
    expected = sum(water.key in reaction.products for reaction in content.reactions)
    assert 0 < expected < len(content.reactions)
    probe = (
        "<script>addEventListener('load', () => {"
        "document.querySelector('[data-species=O]').click();"
        "const shown = document.querySelectorAll('tbody.reaction:not([hidden])').length;"
        "cairnOpenReaction('r0');"
        "document.querySelector('[data-sort=reverse]').click();"
        "document.getElementById('barrier-limit').value = 40;"
        "document.getElementById('barrier-limit').dispatchEvent(new Event('input'));"
        "const drawn = document.querySelectorAll('#canvas canvas').length > 0;"
        "const open = !document.getElementById('r0-detail').hidden;"
        "document.title = `of water ${shown} drawn ${drawn} open ${open}`; });</script></body>"
    )
    text = path.read_text(encoding="utf-8")
    place = text.rindex("</body>")
    path.write_text(text[:place] + probe + text[place + len("</body>") :], encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000"]
    command += ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    assert f"<title>of water {expected} drawn true open true</title>" in result.stdout
    complaints = [line for line in result.stderr.splitlines() if "CONSOLE" in line and "WebGL" not in line]
    assert complaints == []


def page_data(content):
    text = render_report(content)
    return json.loads(re.search(r'id="report-data">(.*?)</script>', text, flags=re.DOTALL)[1])


def test_a_step_without_a_barrier_says_how_high_its_molecules_lie_apart(content, page):
    text = " ".join(page.text)
    steps = [entry for entry in content.reactions if entry.state is State.BARRIERLESS]
    assert steps
    for entry in steps:
        assert f"Apart they lie {entry.dissociation_kcal_mol:.1f} kcal/mol higher" in text


def test_zero_point_and_free_energies_are_told_where_they_are_known(content, page):
    text = " ".join(page.text)
    known = [entry for entry in content.reactions if entry.e0_forward_kcal_mol is not None]
    assert known
    for entry in known:
        assert f"{entry.e0_forward_kcal_mol:.1f} forward, {entry.e0_reverse_kcal_mol:.1f} reverse" in text
    assert "b3lyp-d3bj/def2-svp, electronic energy" in text
