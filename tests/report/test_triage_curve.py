from dataclasses import replace

import pytest

from report.html import render_report
from report.triage_curve import remaining_errors, triage_curve
from report.triage_entry import TriageEntry

TRIAGE = TriageEntry(
    accepted=6,
    dispatched=4,
    audited=2,
    audits_verified=2,
    mean_error_kcal_mol=1.5,
    largest_error_kcal_mol=2.0,
    standard_error_kcal_mol=0.5,
    expected_error_kcal_mol=1.0,
    expected_of_accepted_kcal_mol=(0.5, 1.0, 1.0, 0.5, 2.0, 1.0),
    expected_of_dispatched_kcal_mol=(8.0, 6.0, 4.0),
)


def test_the_curve_begins_after_what_was_sent_at_once_and_ends_with_nothing_left():
    points = remaining_errors(TRIAGE, 10)
    assert points[0] == (pytest.approx(0.1), pytest.approx(2.4))
    assert points[-1] == (1.0, 0.0)
    assert [left for _, left in points] == sorted((left for _, left in points), reverse=True)


def test_what_triage_did_lies_on_the_curve_where_a_threshold_decided():
    curve = triage_curve(TRIAGE)
    assert (curve.share_sent, curve.expected_kcal_mol) == (pytest.approx(0.4), pytest.approx(0.6))
    assert (pytest.approx(0.4), pytest.approx(0.6)) in remaining_errors(TRIAGE, 10)


def test_the_audit_stands_beside_the_curve_with_searched_reactions_counted_as_zero():
    curve = triage_curve(TRIAGE)
    assert curve.measured_kcal_mol == pytest.approx(0.6 * 1.5)
    assert curve.margin_95_kcal_mol == pytest.approx(0.6 * 1.96 * 0.5)
    assert curve.measured.high < curve.measured.y < curve.measured.low  # pixels downwards


def test_a_campaign_without_expected_errors_has_no_curve():
    assert triage_curve(TriageEntry(accepted=3, dispatched=1)) is None
    assert triage_curve(TriageEntry(dispatched=4)) is None


def test_reactions_believed_without_an_expected_error_are_left_out_and_counted():
    curve = triage_curve(replace(TRIAGE, accepted=8))
    assert curve.unscored == 2
    assert curve.share_sent == pytest.approx(0.4)


def test_the_page_says_what_was_expected_and_what_was_measured(content):
    html = render_report(replace(content, triage=TRIAGE))
    for said in (
        "40.0 % sent, 0.60 kcal/mol expected",
        "0.90 ± 0.59 kcal/mol",
        "1.00 had been expected of the same ones",
    ):
        assert said in html
    nothing = render_report(replace(content, triage=TriageEntry(dispatched=45)))
    assert "Nothing was believed" in nothing
    open_audit = replace(TRIAGE, audits_verified=0, mean_error_kcal_mol=None, standard_error_kcal_mol=None)
    assert "No audit has ended yet" in render_report(replace(content, triage=open_audit))
