"""Whether a map may be believed, as HTML: a word with its colour, and behind it what it rests on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page.html import paper_link
from workbench.app.page.opinion import Weights
from workbench.core.attribution import BELIEVED, BESIDE, BLIND, PARTLY, UNTOLD, Attribution, Verdict
from workbench.core.wording import percent, significant

if TYPE_CHECKING:
    from workbench.app.page.opinion import Opinion

MARKS = {
    BELIEVED: ("good", "✓"),
    PARTLY: ("open", "≈"),
    BESIDE: ("bad", "✕"),
    UNTOLD: ("none", "?"),
    BLIND: ("bad", "✕"),
}
"""A class of the style and a sign for each word, so that nothing hangs on the colour alone."""
HIDING, WEIGHTS = "arXiv:1311.2901", "arXiv:1810.03292"


def place_html(key: str, method: str) -> Html:
    """Build the place beside a map where maps.js puts the verdict, once it is known."""
    there = f"verdict-{method}"
    wait = element("b", "judging …", class_="judging") + element("span")
    badge = element("button", wait, type="button", class_="badge", popovertarget=there, aria_haspopup="true")
    return element("div", badge, element("div", popover=True, id=there, class_="menu told"), data_verdict=key)


def answer(opinion: Opinion, made: Attribution) -> dict[str, object]:
    """Return what maps.js puts beside a map, and whether it is to ask again: {"badge", "told", "open"}.

    "badge" and "told", HTML, are not there yet while the map is being judged.
    """
    if opinion.error:
        badge, reason = failed_html(opinion.error)
        return {"badge": badge, "told": reason, "open": False}
    if opinion.verdict is None:
        return {"open": True}
    grounds = grounds_html(opinion.verdict, opinion.weights, made.unit, contrast=made.against is not None)
    return {"badge": badge_html(opinion.verdict, opinion.weights), "told": grounds, "open": opinion.open}


def badge_html(verdict: Verdict, weights: Weights) -> Html:
    """Say the verdict in two lines: the word; how often such a map is right, and what is known of the weights."""
    style, mark = MARKS[verdict.words]
    word = element("b", element("i", mark, aria_hidden="true"), f" {verdict.words}", class_=style)
    weights_said = element("small", _briefly(verdict, weights))
    if verdict.untold:
        return word + element("span", weights_said)
    right = percent(verdict.reliability.value, 0)
    gauge = element("i", element("i", style=f"width:{100 * verdict.reliability.value:.0f}%"), class_="gauge")
    return word + element("span", gauge, right, weights_said)


def failed_html(error: str) -> tuple[Html, Html]:
    """Say in badge and popover that there is no verdict."""
    badge = element("b", "no verdict", class_="none") + element("span")
    return badge, element("p", error, class_="problem")


def grounds_html(verdict: Verdict, weights: Weights, unit: str, *, contrast: bool) -> Html:
    """Say what the verdict rests on, and how that was computed."""
    style, mark = MARKS[verdict.words]
    score = "the difference of the two scores" if contrast else "the score of the class"
    rows = {
        **_where(verdict),
        "largest raw value": f"{significant(verdict.largest)} {unit}",
        "random weights": _wholly(verdict, weights),
    }
    facts = join(element("dt", name) + element("dd", text) for name, text in rows.items())
    method = Html(
        "Windows of a quarter of the image are hidden one by one ({}), by its mean colour, a blur and what surrounds "
        "them; the evidence is where {} drops by at least a quarter of the largest drop. How often such a map is right "
        "was measured on networks whose evidence is known (workbench truth). The random maps have the same values and "
        "smoothness. Random weights: the layers are randomised from the output back, and the maps’ ranks compared with "
        "those of the trained network, on up to 20 images ({})."
    ).format(paper_link(HIDING), score, paper_link(WEIGHTS))
    title = element("h3", element("i", mark, aria_hidden="true"), f" {_sentence(verdict)}", class_=style)
    return title + element("dl", facts) + element("p", element("small", method))


def _where(verdict: Verdict) -> dict[str, str]:
    """Say how much of the map lies on the evidence, and what that is worth."""
    if math.isnan(verdict.share):
        return {}
    chance = "better" if verdict.beats_chance else "no better"
    even, agree = verdict.share - verdict.excess, significant(verdict.agreement)
    found = {"on the evidence": f"{percent(verdict.share, 0)} of the map ({percent(even, 0)} of an even map)"}
    if not verdict.untold:
        found["such maps"] = f"{verdict.reliability} show the evidence where it is known"
    found["random maps"] = f"beats {verdict.percentile:.0f} % of {verdict.controls}: {chance} than chance"
    return {**found, "ways of hiding": f"agree with a correlation of {agree}"}


def _sentence(verdict: Verdict) -> str:
    if verdict.blind:
        return "Does not depend on the weights: the method draws nearly the same map for an untrained network."
    if verdict.untold:
        return f"Cannot be told: {verdict.untold}."
    return {
        BELIEVED: "On the evidence: most of it lies where hiding the image changes the score.",
        PARTLY: "Partly on the evidence: some of it lies where hiding the image changes the score.",
        BESIDE: "Beside the evidence: hardly more of it than of an even map lies where hiding changes the score.",
    }[verdict.words]


def _briefly(verdict: Verdict, weights: Weights) -> str:
    if weights.state != "known":
        said = {"waiting": "not tested yet", "running": "being tested", "failed": "test failed"}[weights.state]
        return f"weights: {said}"
    if verdict.randomised is None or math.isnan(verdict.randomised):
        return "weights: none" if verdict.randomised is None else "weights: flat maps"
    return f"weights {'ignored' if verdict.blind else 'matter'} ({_similarity(verdict.randomised)})"


def _wholly(verdict: Verdict, weights: Weights) -> str:
    if weights.state == "failed":
        return f"The test failed: {weights.detail}"
    if weights.state != "known":
        more = f" ({weights.detail})" if weights.detail else ""
        return (
            f"Not tested yet: the test runs once per method and model, when the page is idle{more}. Until then the "
            "verdict rests on where the map lies alone."
        )
    if verdict.randomised is None:
        return "The network has no weights to randomise."
    if math.isnan(verdict.randomised):
        return "Similarity undefined: the maps of random networks are flat."
    said = "the maps hardly change" if verdict.blind else "the maps change with the weights"
    return f"similarity {_similarity(verdict.randomised)} (1 = identical): {said}"


def _similarity(value: float) -> str:
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")
