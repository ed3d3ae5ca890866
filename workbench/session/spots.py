"""Spots of figures that stand for several images: a class, a cell of the confusion matrix, whatever a query finds.

A title says what they are, and after a colon how many: as many as its address finds.
"""

from __future__ import annotations

from workbench.core.image_set import Part
from workbench.core.result import Result
from workbench.core.wording import percent, plural
from workbench.plotting.hot_spots import Spot
from workbench.session.images.grammar import quoted


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


def term(field: str, *values: str) -> str:
    """Write what a query asks of a field: one of some values."""
    return f"{field}:{','.join(map(quoted, values))}"


def _title(what: str, count: int | None, of: int | None, more: str) -> str:
    share = f" of {plural(of, 'image')}, {percent(count / of)}" if of and count is not None else ""
    said = "" if count is None else f"{count:,}{share}" if share else plural(count, "image")
    return f"{what}: {'; '.join(filter(None, (said, more)))}"
