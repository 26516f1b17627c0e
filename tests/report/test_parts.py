import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from chem.types import Geometry
from report.colours import BARRIER_COLOURS, barrier_colour
from report.content import ReactionEntry, SpeciesEntry, TSEntry
from report.drawing import draw_reaction, draw_species
from report.html import render_report
from report.layout import CARD_HEIGHT, CARD_WIDTH, REACTION_HEIGHT, REACTION_WIDTH, network_layout, species_levels
from report.picture import draw_network
from report.scene import aligned, ts_scene, xyz_text
from report.summary import summary_table
from report.triage_entry import TriageEntry
from report.wording import STATE_LABELS, duration, energy, triage_text


def overlapping(points, width, height):
    return [
        (a, b)
        for (a, (xa, ya)), (b, (xb, yb)) in itertools.combinations(points.items(), 2)
        if abs(xa - xb) < width and abs(ya - yb) < height
    ]


@pytest.mark.parametrize("most", [1, 8, 20, 45])
def test_no_two_cards_and_no_two_reactions_overlap(build, most):
    layout = network_layout(build(most))
    assert overlapping(layout.species, CARD_WIDTH, CARD_HEIGHT) == []
    assert overlapping(layout.reactions, REACTION_WIDTH, REACTION_HEIGHT) == []


def test_no_reaction_is_hidden_by_a_card(content):
    layout = network_layout(content)
    for x, y in layout.reactions.values():
        for card_x, card_y in layout.species.values():
            apart = abs(x - card_x) >= (CARD_WIDTH + REACTION_WIDTH) / 2
            assert apart or abs(y - card_y) >= (CARD_HEIGHT + REACTION_HEIGHT) / 2


def test_a_layout_does_not_depend_on_the_run(build):
    first, second = network_layout(build(20)), network_layout(build(20))
    assert first.species == second.species
    assert first.reactions == second.reactions


def test_parts_that_no_reaction_joins_stand_apart(build):
    lonely = tuple(SpeciesEntry(key=f"alone {i}", smiles="C", formula="CH4") for i in range(9))
    content = build(8)
    layout = network_layout(replace(content, species=(*content.species, *lonely)))
    assert len(layout.species) == len(content.species) + 9
    assert overlapping(layout.species, CARD_WIDTH, CARD_HEIGHT) == []


def test_levels_count_reactions_from_the_seed_in_either_direction():
    reactions = (
        ReactionEntry(key="1", reactants=("a",), products=("b", "c")),
        ReactionEntry(key="2", reactants=("d",), products=("b",)),
        ReactionEntry(key="3", reactants=("x",), products=("y",)),
    )
    assert species_levels(("a",), reactions) == {"a": 0, "b": 1, "c": 1, "d": 2}


def test_a_drawing_holds_paths_only_and_follows_the_page_colour():
    drawing = draw_species("O=CCCOO")
    assert "currentColor" in drawing.body
    assert {part.split()[0] for part in drawing.body.split("<")[1:]} == {"path"}


@pytest.mark.parametrize("smiles", ["[H][H]", "[C-]#[O+]", "[H]", "O", "[CH2]", "[Na+]", "[O][O]"])
def test_small_and_odd_molecules_are_drawn(smiles):
    drawing = draw_species(smiles)
    assert drawing.width > 0
    assert drawing.body


def test_a_reaction_drawing_counts_its_broken_and_formed_bonds():
    drawing = draw_reaction("[C:1]([H:3])([H:4])=[O:2]>>[C-:1]#[O+:2].[H:3][H:4]")
    assert (drawing.broken, drawing.formed) == (2, 1)
    assert "#D45E00" in drawing.reactants.body
    assert "#0071B1" in drawing.products.body


@pytest.mark.parametrize("text", ["", ">>", "C", "C>>", "junk>>junk"])
def test_an_unreadable_atom_map_gives_no_drawing(text):
    assert draw_reaction(text) is None


def test_barrier_colours_run_from_blue_to_orange():
    assert barrier_colour(0.0, 0.0, 100.0) == BARRIER_COLOURS[0]
    assert barrier_colour(100.0, 0.0, 100.0) == BARRIER_COLOURS[-1]
    assert barrier_colour(250.0, 0.0, 100.0) == BARRIER_COLOURS[-1]


def water(spread=0.0):
    return Geometry(numbers=[8, 1, 1], positions=[[0, 0, 0], [0.96 + spread, 0, 0], [-0.24, 0.93, 0]])


def test_the_scene_dashes_the_bonds_of_one_end_only():
    entry = TSEntry(geometry=water(0.4), reactant_end=water(), product_end=water(2.0))
    scene = ts_scene(entry)
    assert scene["broken"] == [(0, 1)]
    assert scene["formed"] == []
    assert [frame["name"] for frame in scene["frames"]] == ["Transition state", "Reactant end", "Product end"]
    assert [frame["side"] for frame in scene["frames"]] == [0, -1, 1]
    assert scene["frames"][0]["bonds"] == [(0, 2)]


def test_a_scene_without_ends_shows_the_saddle_alone():
    scene = ts_scene(TSEntry(geometry=water()))
    assert len(scene["frames"]) == 1
    assert scene["broken"] == scene["formed"] == []


def test_alignment_undoes_a_rotation_but_never_mirrors():
    reference = np.random.default_rng(0).normal(size=(6, 3))
    reference -= reference.mean(axis=0)
    turned = reference @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]) + [3.0, 2.0, 1.0]
    assert np.allclose(aligned(turned, reference), reference)
    assert not np.allclose(aligned(reference * [1, 1, -1], reference), reference, atol=0.1)


def test_xyz_text_has_one_line_of_comment_whatever_it_says():
    assert xyz_text(water(), "two\nlines").splitlines()[:2] == ["3", "two lines"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "\N{EN DASH}"), (-0.01, "0.0"), (-12.34, "\N{MINUS SIGN}12.3"), (5.0, "5.0")]
)
def test_energies_have_one_decimal_and_a_true_minus(value, text):
    assert energy(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 1 s"), (3590, "1 h 0 min"), (812, "14 min"), (1e6, "11 d 13 h")],
)
def test_durations_use_fitting_units(seconds, text):
    assert duration(seconds) == text


def test_the_terminal_summary_puts_a_verdict_beside_every_barrier(content):
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(summary_table(content))
    text = console.export_text()
    for reaction in [r for r in content.by_barrier if r.barrier_forward_kcal_mol is not None][:10]:
        line = next(line for line in text.splitlines() if f" {reaction.barrier_forward_kcal_mol:.1f} " in line)
        assert STATE_LABELS[reaction.state] in line
    assert "not_converged" in text
    assert "gradient calls" in text


def test_triage_is_worded_with_shares_and_what_the_audit_found():
    triage = TriageEntry(
        accepted=80,
        dispatched=20,
        audited=5,
        audits_verified=3,
        wrong_saddles=1,
        mean_error_kcal_mol=1.25,
        largest_error_kcal_mol=3.0,
    )
    text = triage_text(triage)
    for words in (
        "80 accepted as estimates (80.0 %)",
        "20 sent to the search (20.0 %)",
        "5 accepted ones audited (5.0 %)",
    ):
        assert words in text
    assert "mean error 1.2 kcal/mol over 3 verified, largest 3.0, 1 led elsewhere" in text


def test_triage_is_shown_where_a_candidate_was_believed_and_only_there(content):
    assert "sent to the search" not in render_report(content)
    believed = replace(content, triage=TriageEntry(accepted=1, dispatched=3))
    assert "3 sent to the search (75.0 %)" in render_report(believed)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(summary_table(believed))
    assert "3 sent to the search (75.0 %)" in console.export_text()


def test_a_picture_of_the_network_is_the_same_each_time_and_names_its_species(content, tmp_path):
    first, second = (draw_network(content, tmp_path / name).read_text() for name in ("one.svg", "two.svg"))
    shown = {key for each in content.lowest for key in (*each.reactants, *each.products)}
    assert len(first) == len(second)
    assert all(f"<!-- {each.smiles} -->" in first for each in content.species if each.key in shown)


def test_a_network_without_barriers_has_a_picture(content, tmp_path):
    bare = replace(content, reactions=())
    assert draw_network(bare, tmp_path / "bare.png").stat().st_size > 1000
