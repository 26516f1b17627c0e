"""The page as a reader uses it, in a real browser."""

import dataclasses
import io
import shutil
import threading
from itertools import pairwise
from pathlib import Path

import pytest
import uvicorn
from PIL import Image

from chem.outcomes import Failure, Outcome, Stage, Status
from report.content import ReactionEntry, SpeciesEntry
from report.html import write_report
from report.live import LiveReport, live_app
from report.paths import easiest_path, usable
from report.serving import address_of, listening_socket

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
SOFTWARE_RENDERING = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
ATTACK = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=2>\"'\u202e"


def chromium_program(found):
    """A Chromium of the system, else Playwright's own; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    for program in ("/usr/bin/chromium", *filter(None, map(shutil.which, names)), found):
        if Path(program).exists():
            return program
    return None


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        program = chromium_program(running.chromium.executable_path)
        if program is None:
            pytest.skip("there is no Chromium: install one, or run `playwright install chromium`")
        opened = running.chromium.launch(executable_path=program, args=SOFTWARE_RENDERING)
        yield opened
        opened.close()


class Visit:
    """A page in a window of one size, with everything that it asked for and complained about."""

    def __init__(self, browser, address, size="wide", **options):
        width, height = SIZES[size]
        self.page = browser.new_page(viewport={"width": width, "height": height}, **options)
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)
        for _ in range(200):
            if self.page.evaluate("performance.getEntriesByName('network drawn').length"):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the network was not drawn: {self.complaints}")

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.page.close()

    @property
    def foreign(self):
        """Requests for anything but the page itself and what it holds."""
        return [url for url in self.requests[1:] if not url.startswith(("data:", "blob:"))]

    def drawn(self, selector):
        """Labels of the nodes of the drawing that can be seen."""
        return self.page.evaluate(f"cairn.graph.cy.nodes('{selector}').not('.hidden').map((node) => node.data('text'))")


@pytest.fixture(scope="module")
def report(content, tmp_path_factory):
    return write_report(content, tmp_path_factory.mktemp("browser") / "report.html")


@pytest.mark.parametrize("size", SIZES)
def test_a_reader_filters_opens_a_reaction_sees_it_move_and_follows_a_path(browser, report, content, size):
    proved = [each for each in content.by_barrier if each.verdict is Status.PASSED and each.transition_state]
    with Visit(browser, report.as_uri(), size) as visit:
        page = visit.page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than its window"

        before = len(visit.drawn("[pill >= 0]"))
        page.locator("[data-state-filter][value=passed]").uncheck()
        left = visit.drawn("[pill >= 0]")
        assert 0 < len(left) < before
        assert not any("✓" in label for label in left)
        page.locator("[data-state-filter][value=passed]").check()
        page.locator("#barrier-limit").fill("40")
        low = [float(label.split()[0].replace("\N{MINUS SIGN}", "-")) for label in visit.drawn("[pill >= 0]")]
        assert low
        assert max(low) <= 40.0
        page.locator("#barrier-limit").fill(page.locator("#barrier-limit").get_attribute("max"))

        page.locator("#search").fill(proved[0].key)
        assert page.locator("tbody.reaction").count() == 1
        page.locator("tbody.reaction .row").click()
        canvas = page.locator(".viewer canvas")
        canvas.wait_for()
        canvas.scroll_into_view_if_needed()
        assert page.locator(".viewer-tools [aria-pressed=true]").inner_text() == "Move"
        first = canvas.screenshot()
        page.wait_for_timeout(500)
        assert canvas.screenshot() != first, "the transition state does not move"
        assert len(Image.open(io.BytesIO(first)).convert("RGB").getcolors(1 << 20)) > 50, "nothing is rendered"
        page.get_by_role("button", name="Product end").click()
        still = canvas.screenshot()
        page.wait_for_timeout(300)
        assert canvas.screenshot() == still
        sheet = page.locator(".sheet").inner_text()
        assert "the vector of the imaginary mode is not stored" in sheet
        assert proved[0].level in sheet

        target = next(key for key in proved[-1].products if key not in content.seeds)
        expected = easiest_path(content.seeds, target, usable(content.reactions))
        page.locator("#path-to").fill(target)
        page.get_by_role("button", name="Show path").click()
        said = page.locator("#path-result").inner_text()
        assert f"{expected.height_kcal_mol:.1f} kcal/mol above the start" in " ".join(said.split())
        assert page.locator(".path-steps li").count() == len(expected.steps)
        lit = page.evaluate(
            "cairn.graph.cy.nodes('.lit[pill >= 0]').map((node) => cairn.reactions.key[node.data('pill')])"
        )
        assert sorted(lit) == sorted(step.reaction.key for step in expected.steps)
        assert visit.foreign == []
        assert visit.complaints == []


def test_a_profile_that_is_wider_than_its_place_is_shaded_where_it_goes_on(browser, content, tmp_path):
    names = [f"{'C' * length}O" for length in range(1, 8)]
    chain = dataclasses.replace(
        content,
        seeds=(names[0],),
        species=tuple(SpeciesEntry(key=name, smiles=name, formula="CHO") for name in names),
        reactions=tuple(
            ReactionEntry(
                key=f"rx-{before}",
                reactants=(before,),
                products=(after,),
                barrier_forward_kcal_mol=20.0,
                barrier_reverse_kcal_mol=15.0,
                verdict=Status.PASSED,
                level="GFN2-xTB",
            )
            for before, after in pairwise(names)
        ),
    )

    def at_the_right(frame):
        picture = Image.open(io.BytesIO(frame.screenshot())).convert("L")
        return sum(picture.getpixel((picture.width - 2, y)) for y in range(picture.height - 10))

    with Visit(browser, write_report(chain, tmp_path / "chain.html").as_uri(), "narrow") as visit:
        page = visit.page
        page.locator("#path-to").fill(names[-1])
        page.get_by_role("button", name="Show path").click()
        assert page.locator(".path-steps li").count() == 6
        frame = page.locator("#path-result .profile-frame")
        assert frame.evaluate("(each) => each.scrollWidth > each.clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        before = at_the_right(frame)
        frame.evaluate("(each) => { each.scrollLeft = each.scrollWidth; }")
        assert at_the_right(frame) > before, "the shade does not go where nothing follows"


def test_paths_of_the_page_are_those_of_the_library(browser, report, content):
    allowed = usable(content.reactions)
    with Visit(browser, report.as_uri()) as visit:
        found = visit.page.evaluate(
            """() => cairn.species.key.map((key, s) => {
                const path = cairn.passes.path(cairn.data.seeds, s, () => true);
                const steps = path && path.steps.map((step) => [cairn.reactions.key[step.r], step.reverse]);
                return [key, path && path.height, steps];
            })"""
        )
    reached = 0
    for key, height, steps in found:
        path = easiest_path(content.seeds, key, allowed)
        if path is None:
            assert height is None
            continue
        reached += bool(path.steps)
        assert height == pytest.approx(path.height_kcal_mol, abs=1e-3)
        assert steps == [[step.reaction.key, step.is_reverse] for step in path.steps]
    assert reached > 5


def test_rates_follow_eyrings_equation_and_widen_the_edges_with_temperature(browser, report):
    from chem.flux import rate_constant

    with Visit(browser, report.as_uri()) as visit:
        page = visit.page
        logarithm = page.evaluate("cairn.logRate(30, 500)")
        assert 10**logarithm == pytest.approx(rate_constant(30.0, 1, 500.0), rel=1e-6)
        width = "cairn.graph.cy.edges().map((edge) => edge.numericStyle('width')).reduce((a, b) => a + b)"
        cold = page.evaluate(width)
        page.locator("#temperature").fill("1500")
        assert page.evaluate(width) > cold
        assert "Eyring's equation from the electronic barrier alone" in page.locator("#rate-note").inner_text()


def test_the_keyboard_alone_reaches_a_reaction_and_the_table_sorts(browser, report, content):
    with Visit(browser, report.as_uri()) as visit:
        page = visit.page
        page.locator("#canvas").focus()
        page.keyboard.press("n")
        page.keyboard.press("n")
        page.keyboard.press("Enter")
        page.locator(".sheet .checks, .sheet .empty").first.wait_for()
        assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"
        page.get_by_role("button", name="Reverse").focus()
        page.keyboard.press("Enter")
        shown = page.locator("tbody.reaction .row td:nth-child(5)").all_inner_texts()
        known = [float(text.replace("\N{MINUS SIGN}", "-")) for text in shown if text != "\N{EN DASH}"]
        assert known == sorted(known)
        assert len(known) == sum(each.barrier_reverse_kcal_mol is not None for each in content.reactions)


def test_the_page_prints_without_its_controls(browser, report):
    with Visit(browser, report.as_uri(), color_scheme="dark") as visit:
        visit.page.emulate_media(media="print", color_scheme="dark")
        for control in (".toolbar", ".table-tools", ".path-form", ".top"):
            assert not visit.page.locator(control).first.is_visible()
        assert visit.page.locator("tbody.reaction").first.is_visible()
        ink = visit.page.evaluate("getComputedStyle(document.body).color")
        assert ink == "rgb(27, 35, 41)"  # dark on white, whatever the screen


def test_what_strangers_wrote_neither_runs_nor_breaks_the_page(browser, content, tmp_path):
    name = ATTACK + "x" * 10_000
    entry = ReactionEntry(
        key=ATTACK,
        reactants=("a",),
        products=("b",),
        mapped_smiles=ATTACK,
        barrier_forward_kcal_mol=10.0,
        barrier_reverse_kcal_mol=5.0,
        verdict=Status.ESTIMATED,
        level=ATTACK,
        outcome=Outcome.FAILED,
        failure=Failure(stage=Stage.SADDLE, kind=ATTACK, message=name),
    )
    hostile = dataclasses.replace(
        content,
        title=ATTACK,
        seeds=("a",),
        settings={ATTACK: name},
        species=(
            SpeciesEntry(key="a", smiles=name, formula=ATTACK),
            SpeciesEntry(key="b", smiles=ATTACK, formula=name),
        ),
        reactions=(entry,),
        campaigns=(ATTACK,),
        database=ATTACK,
    )
    path = write_report(hostile, tmp_path / "hostile.html")
    for size in SIZES:
        with Visit(browser, path.as_uri(), size) as visit:
            page = visit.page
            page.locator("tbody.reaction .row").click()
            page.locator(".sheet .failure").wait_for()
            page.locator("#find-text").fill("b")
            page.get_by_role("button", name="Find", exact=True).click()
            page.locator("#path-to").fill("b")
            page.get_by_role("button", name="Show path").click()
            assert "10.0 kcal/mol" in " ".join(page.locator("#path-result").inner_text().split())
            assert page.evaluate("window.hurt") is None
            assert page.evaluate("document.querySelectorAll('img').length") == 0
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert visit.foreign == []
            assert visit.complaints == []


def test_the_live_page_asks_its_own_server_alone(browser, tmp_path, store_network):
    report = LiveReport(f"sqlite:///{store_network(tmp_path / 'network.db')}")
    with listening_socket("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(live_app(report), log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            address = address_of(listener)
            with Visit(browser, address) as visit:
                visit.page.locator("tbody.reaction .row").first.click()
                visit.page.locator(".viewer canvas").wait_for()
                assert "Stored" in visit.page.locator(".sheet").inner_text()
                assert visit.foreign
                assert all(url.startswith(f"{address}api/reactions/") for url in visit.foreign)
                assert visit.complaints == []
        finally:
            server.should_exit = True
            thread.join()
