"""Verdicts as they stand beside a map, from hand-made numbers."""

from __future__ import annotations

import math

import pytest

from tests.verdicts import verdict
from workbench.app.page.opinion import Weights
from workbench.app.page.panes.verdict import badge_html, failed_html, grounds_html, place_html
from workbench.core.attribution import BELIEVED, BESIDE, BLIND, PARTLY, UNTOLD

KNOWN = Weights("known")


@pytest.mark.parametrize(
    ("made", "word", "style", "mark"),
    [
        (verdict(randomised=0.05), BELIEVED, "good", "✓"),
        (verdict(0.79), PARTLY, "open", "≈"),
        (verdict(0.21), PARTLY, "open", "≈"),
        (verdict(0.05), BESIDE, "bad", "✕"),
        (verdict(untold="the map is empty", largest=0.0), UNTOLD, "none", "?"),
        (verdict(randomised=0.77, blind=True), BLIND, "bad", "✕"),
    ],
)
def test_word_sign_and_colour_go_together(parse, made, word, style, mark):
    page = parse(badge_html(made, KNOWN))
    assert word in page.text
    assert mark in page.text
    assert page.all("b", class_=style) != []
    told = parse(grounds_html(made, KNOWN, "logit", contrast=False))
    assert told.text.casefold().lstrip("✓≈✕? ").startswith(word)
    assert told.all("h3", class_=style) != []


@pytest.mark.parametrize(
    ("weights", "made", "said"),
    [
        (Weights("waiting"), verdict(randomised=None), "weights: not tested yet"),
        (Weights("running", "3 of 10"), verdict(randomised=None), "weights: being tested"),
        (Weights("failed", "no <memory>"), verdict(randomised=None), "weights: test failed"),
        (KNOWN, verdict(randomised=0.031), "weights matter (0.03)"),
        (KNOWN, verdict(randomised=-0.001), "weights matter (0.00)"),
        (KNOWN, verdict(randomised=0.77, blind=True), "weights ignored (0.77)"),
        (KNOWN, verdict(randomised=math.nan), "weights: flat maps"),
        (KNOWN, verdict(randomised=None), "weights: none"),
    ],
)
def test_the_state_of_the_test_is_said_briefly_and_wholly(parse, weights, made, said):
    page = parse(badge_html(made, weights))
    assert page.text.endswith(said)
    assert "96 %" in page.text
    wholly = parse(grounds_html(made, weights, "logit", contrast=False))
    assert weights.detail in wholly.text
    assert wholly.all("memory") == []
    if weights.state in ("waiting", "running"):
        assert "rests on where the map lies alone" in wholly.text


def test_what_it_rests_on_is_told_with_numbers_unit_and_papers(parse):
    page = parse(grounds_html(verdict(randomised=0.05), KNOWN, "logit per unit of brightness", contrast=True))
    for said in (
        "71 % of the map (21 % of an even map)",
        "96.0 % (95 % interval 94.0–98.0 %) show the evidence where it is known",
        "beats 98 % of 50",
        "agree with a correlation of 0.98",
        "2.5 logit per unit of brightness",
        "similarity 0.05",
        "the difference of the two scores drops",
    ):
        assert said in page.text
    assert [a["href"] for a in page.all("a")] == ["https://arxiv.org/abs/1311.2901", "https://arxiv.org/abs/1810.03292"]
    assert all(a["rel"] == "noopener noreferrer" and a["target"] == "_blank" for a in page.all("a"))


def test_the_place_waits_for_its_key_and_a_failure_is_a_sentence(parse):
    page = parse(place_html("abc", "grad-cam"))
    assert page.all("div", data_verdict="abc") != []
    assert page.all("button", popovertarget="verdict-grad-cam") != []
    assert page.all("div", id="verdict-grad-cam") != []
    badge, told = failed_html("<b>no</b>")
    assert "no verdict" in parse(badge).text
    assert parse(told).text == "<b>no</b>"
