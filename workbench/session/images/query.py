"""A query against the columns of some images -> which of them it finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.core.types import Array
from workbench.session.images.column import Column
from workbench.session.images.grammar import But, Compared, Either, Term, Word


def found_by(term: Term, column: Callable[[str], Column], count: int) -> Array:
    """Return the mask of the images that a query finds.

    Args:
        term: the query, as `grammar.parse` gives it.
        column: gives the column of a field by its name.
        count: N.

    Returns:
        `(N,)` bool.

    Raises:
        WorkbenchError: if a field or a value is unknown; the nearest are offered.
    """
    if isinstance(term, Compared):
        return column(term.field).matches(term.operator, term.values)
    if isinstance(term, Word):
        word = term.text.casefold()
        names = column("name").values.tolist()
        return np.fromiter((word in name.casefold() for name in names), bool, count)
    if isinstance(term, But):
        return ~found_by(term.term, column, count)
    parts = (found_by(each, column, count) for each in term.terms)
    if isinstance(term, Either):
        return np.logical_or.reduce(list(parts))
    return np.logical_and.reduce([np.ones(count, bool), *parts])


def fields_in(term: Term) -> set[str]:
    """Return the names of the fields that a query asks about, as it writes them."""
    if isinstance(term, Compared):
        return {term.field}
    if isinstance(term, Word):
        return {"name"}
    if isinstance(term, But):
        return fields_in(term.term)
    return set().union(*map(fields_in, term.terms))
