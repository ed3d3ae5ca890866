"""A histogram of one field on which a range is chosen, as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench.app.markup import Html, element
from workbench.app.page.images.query_text import bounds
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.session.images.column import Column

BINS = 24
HEIGHT = 36


@dataclass(frozen=True, eq=False)
class Bins:
    """How the values of a field are counted.

    Attributes:
        counts: `(n,)` images that were found.
        lows, highs: n texts each, the ends of each bin as a query writes them; empty for "and beyond".
    """

    counts: Array
    lows: tuple[str, ...]
    highs: tuple[str, ...]


def bins_of(column: Column, rows: Array, among: Array) -> Bins | None:
    """Count the values of the images `rows` in bins that span those of `among`; None where these do not differ."""
    values, every = (_numbers(column)[each] for each in (rows, among))
    every, values = every[np.isfinite(every)], values[np.isfinite(values)]
    if not len(every) or (low := float(every.min())) == (high := float(every.max())):
        return None
    if column.kind == "number" and high - low < BINS and bool((every == np.round(every)).all()):
        places = np.arange(low, high + 1)
        texts = tuple(f"{place:.0f}" for place in places)
        return Bins(np.bincount((values - low).astype(np.int64), minlength=len(places)), texts, texts)
    step = (high - low) / BINS
    decimals = max(0, 1 - math.floor(math.log10(step))) if column.kind == "number" else 0
    inner = [_text(column, low + place * step, decimals) for place in range(1, BINS)]
    # Counted by the ends that a query names, but dates, which it names by their days.
    ends = [float(text) for text in inner] if column.kind == "number" else [low + n * step for n in range(1, BINS)]
    counts = np.histogram(values, [low, *ends, high])[0]
    return Bins(counts, ("", *inner), (*inner, ""))


def histogram_html(title: str, column: Column, bins: Bins, where: str) -> Html:
    """Draw it, with fields for the ends of the range beside it.

    Args:
        title: what people call the field.
        column: its name, unit and kind.
        bins: the counts.
        where: the query, which may ask for a range of it.
    """
    most, width = max(int(bins.counts.max(initial=0)), 1), len(bins.counts)
    bars = "".join(
        f"M{place + 0.06:.2f} {HEIGHT}v{-max(HEIGHT * count / most, 1.5):.2f}h.88V{HEIGHT}z"
        for place, count in enumerate(bins.counts.tolist())
        if count
    )
    total = int(bins.counts.sum())
    svg = element(
        "svg",
        element("path", d=bars),
        viewBox=f"0 0 {width} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{title} of {plural(total, 'image')}, the most in one bar {most:,}",
    )
    low, high = bounds(where, column.name)
    ends = element(
        "p",
        _end(title, "from", low, bins.lows[0] or "least"),
        "–",
        _end(title, "to", high, bins.highs[-1] or "most"),
        element("small", column.unit) if column.unit else None,
    )
    return element(
        "div",
        element("h3", title),
        element("div", svg, element("i", class_="range", hidden=True), class_="bars"),
        ends,
        class_="hist",
        data_field=column.name,
        data_lows="\t".join(bins.lows),
        data_highs="\t".join(bins.highs),
        data_counts=",".join(map(str, bins.counts.tolist())),
    )


def _end(title: str, word: str, value: str, hint: str) -> Html:
    return element(
        "input",
        type="text",
        value=value,
        placeholder=hint,
        aria_label=f"{title}, {word}",
        data_end=word,
        autocomplete="off",
        class_="set" if value else None,
    )


def _numbers(column: Column) -> Array:
    if column.kind != "date":
        return np.asarray(column.values, np.float64)
    seconds = column.values.astype("datetime64[s]")
    return np.where(np.isnat(seconds), np.nan, seconds.astype(np.int64).astype(np.float64))


def _text(column: Column, end: float, decimals: int) -> str:
    return str(np.datetime64(round(end), "s"))[:10] if column.kind == "date" else f"{end:.{decimals}f}"
