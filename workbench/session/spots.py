"""Spots of figures that stand for several images: a class, a cell of the confusion matrix, whatever a query finds.

A title says what they are, and after a colon how many: as many as its address finds.
"""

from __future__ import annotations

import numpy as np

from workbench.core.image_set import LISTED, Part
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.plotting.hot_spots import Spot, spot_of
from workbench.session.images.grammar import quoted

ROUNDED = 5e-6
"""Share of a number that is lost, at most, when it is written with six digits."""


def images_spot(
    what: str, count: int | None, query: str, *, of: int | None = None, more: str = "", part: Part = "data"
) -> Spot | None:
    """Return the spot of what a query finds; None where that is nothing.

    Args:
        what: what they are.
        count: how many the query finds; None where the figure does not know.
        query: in the language of queries; see `term`.
        of: how many there are altogether, of which `count` are a share.
        more: further numbers, for the end of the title.
        part: whose images they are.
    """
    if count == 0:
        return None
    address = {"query": query, **({"part": part} if part != "data" else {})}
    return Spot(address, _title(what, count, of, more))


def class_spot(
    name: str, count: int | None, *, of: int | None = None, more: str = "", part: Part = "data"
) -> Spot | None:
    """Return the spot of the images that a class is the label of."""
    return images_spot(name, count, term("label", name), of=of, more=more, part=part)


def predicted_spot(name: str, count: int, *, of: int | None = None, more: str = "") -> Spot | None:
    """Return the spot of the images that a class is predicted for."""
    return images_spot(f"predicted {name}", count, term("predicted", name), of=of, more=more)


def cell_spot(result: Result, true: str, predicted: str, count: int, of: int, *, more: str = "") -> Spot | None:
    """Return the spot of a cell of the confusion matrix, by the names of its classes; None for an empty one.

    Args:
        result: knows the classes.
        true: name of the true class.
        predicted: name of the predicted class.
        count: images in the cell.
        of: images of the true class.
        more: further numbers.
    """
    what, known = true if true == predicted else f"{true} → {predicted}", result.class_names
    if true not in known or predicted not in known:
        return images_spot(what, count, f"{term('label', true)} {term('predicted', predicted)}", of=of, more=more)
    at = {"true": str(known.index(true)), "predicted": str(known.index(predicted))}
    return Spot(at, _title(what, count, of, more)) if count else None


def finding_spot(result: Result, place: int, title: str) -> Spot:
    """Return the spot of what a finding shows, where no query could say it."""
    return Spot({"analysis": result.analysis, "finding": str(place)}, title)


def set_spot(
    result: Result,
    name: str,
    what: str,
    *,
    query: str = "",
    count: int | None = None,
    of: int | None = None,
    more: str = "",
) -> Spot | None:
    """Return the spot of a set of the answer, where no query could say which images these are; None for an empty one.

    Args:
        result: has the set, in `sets`.
        name: of the set.
        what: what its images are.
        query: which of them, in the language of queries; all of them, if not given.
        count: how many these are, where there is a query.
        of: how many there are altogether, of which they are a share.
        more: further numbers, for the end of the title.
    """
    address = {"analysis": result.analysis, "set": name, **({"query": query} if query else {})}
    count = count if query else len(result.sets[name])
    return None if count == 0 else Spot(address, _title(what, count, of, more))


def scatter_spot(result: Result, rows: Array, part: Part = "data") -> Spot:
    """Return the spot of a place of a scatter: of its image, or of its images, as many as an address lists."""
    if len(rows) == 1:
        return spot_of(result, int(rows[0]), part)
    listed = rows[:LISTED].tolist()
    names = [result.image_name(row, part) for row in listed]
    more = f"the first of {len(rows):,} here" if len(rows) > LISTED else join_names(names, 4)
    address = {"rows": ",".join(map(str, listed)), **({"part": part} if part != "data" else {})}
    return Spot(address, _title("at this place", len(listed), None, more))


def region_spot(result: Result, inside: Array) -> Spot:
    """Return the spot of a square of a map that the page shows of an answer: this part of it.

    Args:
        result: whose first table has the columns x and y.
        inside: `(n, 2)` x and y of the points of the square.
    """
    ends = np.array([inside.min(axis=0), inside.max(axis=0)])
    ends += np.abs(ends) * [[-ROUNDED], [ROUNDED]]  # so that none is lost when they are written with six digits
    return Spot(
        {"analysis": result.analysis, "region": ",".join(f"{end:.6g}" for end in ends.ravel())},
        _title("this part of the map", len(inside), None, ""),
    )


def between(field: str, low: str | None, high: str) -> str:
    """Write what a query asks of a number: that it is above one end, if that is given, and not above the other."""
    return " ".join(filter(None, (low and f"{field}>{low}", f"{field}<={high}")))


def short_edge(values: Array, edge: float) -> str:
    """Write an edge between numbers with as few decimals as leave the same numbers at or below it.

    Args:
        values: `(n,)` the numbers.
        edge: any number.
    """
    known = np.asarray(values, np.float64)
    below, above = known[known <= edge].max(initial=-np.inf), known[known > edge].min(initial=np.inf)
    written = (f"{edge:.{decimals}f}" for decimals in range(1, 17))
    return next((text for text in written if below <= float(text) < above), repr(float(edge)))


def term(field: str, *values: str) -> str:
    """Write what a query asks of a field: one of some values."""
    return f"{field}:{','.join(map(quoted, values))}"


def _title(what: str, count: int | None, of: int | None, more: str) -> str:
    share = f" of {plural(of, 'image')}, {percent(count / of)}" if of and count is not None else ""
    said = "" if count is None else f"{count:,}{share}" if share else plural(count, "image")
    return f"{what}: {'; '.join(filter(None, (said, more)))}"
