"""Whether a map may be believed, as HTML: a word with its colour, and behind it what it rests on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.app.page.html import cited, element, escape, number
from workbench.app.page.opinion import Weights
from workbench.core.attribution import BELIEVED, BLIND, CHANCE, SURE, Attribution, Verdict

if TYPE_CHECKING:
    from workbench.app.page.opinion import Opinion

MARKS = {BELIEVED: ("good", "✓"), CHANCE: ("open", "≈"), BLIND: ("bad", "✕")}
"""A class of the style and a sign for each word, so that nothing hangs on the colour alone."""
CURVES, WEIGHTS = "arXiv:1806.07421", "arXiv:1810.03292"


def place_html(key: str, method: str) -> str:
    """Build the place beside a map where maps.js puts the verdict, once it is known."""
    there = f"verdict-{method}"
    wait = '<b class="judging">being judged …</b><span></span>'
    badge = element("button", wait, type="button", class_="badge", popovertarget=there, aria_haspopup="true")
    return element("div", badge + f'<div popover id="{escape(there)}" class="menu told"></div>', data_verdict=key)


def answer(opinion: Opinion, made: Attribution) -> dict[str, object]:
    """Return what maps.js puts beside a map, and whether it is to ask again: {"badge", "told", "open"}.

    "badge" and "told", HTML, are not there yet while the map is being judged.
    """
    if opinion.error:
        badge, told = failed_html(opinion.error)
        return {"badge": badge, "told": told, "open": False}
    if opinion.verdict is None:
        return {"open": True}
    told = told_html(opinion.verdict, opinion.weights, made.unit, contrast=made.against is not None)
    return {"badge": badge_html(opinion.verdict, opinion.weights), "told": told, "open": opinion.open}


def badge_html(verdict: Verdict, weights: Weights) -> str:
    """Say the verdict in two lines: the word; the percentile and what is known of the weights."""
    style, mark = MARKS[verdict.words]
    share = f"{verdict.percentile:.0f} %"
    gauge = element("i", f'<i style="width:{verdict.percentile:.0f}%"></i>', class_="gauge")
    return (
        f'<b class="{style}"><i aria-hidden="true">{mark}</i> {escape(verdict.words)}</b>'
        f"<span>{gauge}{share}<small>{escape(_briefly(verdict, weights))}</small></span>"
    )


def failed_html(error: str) -> tuple[str, str]:
    """Say in badge and popover that there is no verdict."""
    return '<b class="none">no verdict</b><span></span>', f'<p class="problem">{escape(error)}</p>'


def told_html(verdict: Verdict, weights: Weights, unit: str, *, contrast: bool) -> str:
    """Say what the verdict rests on, and how that was computed."""
    style, mark = MARKS[verdict.words]
    moves = "the choice between the two classes" if contrast else "the probability of the class"
    rows = {
        "percentile": f"beats {verdict.percentile:.0f} % of {verdict.controls} random maps; {SURE:.0f} % are needed",
        "insertion − deletion": f"{number(verdict.faithfulness)}, between −1 and 1",
        "largest raw value": f"{number(verdict.largest)} {unit}",
        "random weights": _wholly(verdict, weights),
    }
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return (
        f'<h3 class="{style}"><i aria-hidden="true">{mark}</i> {escape(_sentence(verdict))}</h3><dl>{facts}</dl>'
        "<p><small>The object’s pixels are taken away, and put back into a blurred image, in the order of the map, "
        f"and {moves} is watched: the area under the second curve minus that under the first ({cited(CURVES)}). The "
        "random maps have the same values and are as smooth. Random weights: the layers are drawn anew from the "
        "output back, and the maps’ ranks compared with those of the trained network, on up to 20 images "
        f"({cited(WEIGHTS)}).</small></p>"
    )


def _sentence(verdict: Verdict) -> str:
    if verdict.blind:
        return "Does not depend on the weights: the method draws much the same map for a network that learned nothing."
    if verdict.words == BELIEVED:
        return "Better than chance: what this map ranks first moves the prediction more than random maps do."
    if verdict.largest == 0:
        return "No better than chance: the map is empty."
    return "No better than chance: random maps find what moves the prediction about as well."


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
            f"Not tested yet: that is done once for a method and a model, while nobody clicks{more}. Until then the "
            "verdict rests on the percentile alone."
        )
    if verdict.randomised is None:
        return "The network has no weights to draw anew."
    if math.isnan(verdict.randomised):
        return "Similarity not defined: the maps of random networks are flat."
    said = "the maps hardly change" if verdict.blind else "the maps change with the weights"
    return f"similarity {_similarity(verdict.randomised)} (1 is equal): {said}"


def _similarity(value: float) -> str:
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")
