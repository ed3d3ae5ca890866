"""Whether a map may be believed, as HTML: a word with its colour, and behind it what it rests on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page.html import paper_link
from workbench.app.page.opinion import Weights
from workbench.core.attribution import BELIEVED, BLIND, CHANCE, SURE, Attribution, Verdict
from workbench.core.wording import significant

if TYPE_CHECKING:
    from workbench.app.page.opinion import Opinion

MARKS = {BELIEVED: ("good", "✓"), CHANCE: ("open", "≈"), BLIND: ("bad", "✕")}
"""A class of the style and a sign for each word, so that nothing hangs on the colour alone."""
CURVES, WEIGHTS = "arXiv:1806.07421", "arXiv:1810.03292"


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
    """Say the verdict in two lines: the word; the percentile and what is known of the weights."""
    style, mark = MARKS[verdict.words]
    share = f"{verdict.percentile:.0f} %"
    gauge = element("i", element("i", style=f"width:{verdict.percentile:.0f}%"), class_="gauge")
    word = element("b", element("i", mark, aria_hidden="true"), f" {verdict.words}", class_=style)
    return word + element("span", gauge, share, element("small", _briefly(verdict, weights)))


def failed_html(error: str) -> tuple[Html, Html]:
    """Say in badge and popover that there is no verdict."""
    badge = element("b", "no verdict", class_="none") + element("span")
    return badge, element("p", error, class_="problem")


def grounds_html(verdict: Verdict, weights: Weights, unit: str, *, contrast: bool) -> Html:
    """Say what the verdict rests on, and how that was computed."""
    style, mark = MARKS[verdict.words]
    moves = "the choice between the two classes" if contrast else "the probability of the class"
    rows = {
        "percentile": f"beats {verdict.percentile:.0f} % of {verdict.controls} random maps ({SURE:.0f} % needed)",
        "insertion − deletion": f"{significant(verdict.faithfulness)}, between −1 and 1",
        "largest raw value": f"{significant(verdict.largest)} {unit}",
        "random weights": _wholly(verdict, weights),
    }
    facts = join(element("dt", name) + element("dd", text) for name, text in rows.items())
    method = Html(
        "The object’s pixels are removed, and inserted into a blurred image, in the order of the map, while {} is "
        "tracked: the area under the insertion curve minus that under the deletion curve ({}). The random maps have "
        "the same values and smoothness. Random weights: the layers are randomised from the output back, and the "
        "maps’ ranks compared with those of the trained network, on up to 20 images ({})."
    ).format(moves, paper_link(CURVES), paper_link(WEIGHTS))
    title = element("h3", element("i", mark, aria_hidden="true"), f" {_sentence(verdict)}", class_=style)
    return title + element("dl", facts) + element("p", element("small", method))


def _sentence(verdict: Verdict) -> str:
    if verdict.blind:
        return "Does not depend on the weights: the method draws nearly the same map for an untrained network."
    if verdict.words == BELIEVED:
        return "Better than chance: the pixels it ranks first change the prediction more than those of random maps."
    if verdict.largest == 0:
        return "No better than chance: the map is empty."
    return "No better than chance: random maps do about as well."


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
            "verdict uses the percentile alone."
        )
    if verdict.randomised is None:
        return "The network has no weights to randomise."
    if math.isnan(verdict.randomised):
        return "Similarity undefined: the maps of random networks are flat."
    said = "the maps hardly change" if verdict.blind else "the maps change with the weights"
    return f"similarity {_similarity(verdict.randomised)} (1 = identical): {said}"


def _similarity(value: float) -> str:
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")
