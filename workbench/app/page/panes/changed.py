"""Probabilities before and after a change, class by class; the true and the predicted class keep their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page.html import breakable
from workbench.core.types import Array
from workbench.core.wording import plural, probability

ALL, TOP = 12, 5
"""Classes up to which all are listed; of more, the most probable ones before and after."""


def changed_html(names: Sequence[str], label: int, before: Array, after: Array) -> Html:
    """Build the bars; their order is that of the original, so that they stay where they are while one draws.

    Args:
        names: K names.
        label: the true class.
        before: `(K,)` probabilities of the original.
        after: `(K,)` probabilities of the changed image.
    """
    order = np.argsort(-before, kind="stable").tolist()
    if len(order) > ALL:
        chosen = {label, *order[:TOP], *np.argsort(-after, kind="stable")[:TOP].tolist()}
        order = [k for k in order if k in chosen]
    predicted = int(before.argmax()), int(after.argmax())
    rows = join(_row(names[k], float(before[k]), float(after[k]), _roles(k, label, predicted)) for k in order)
    shown = f"Top {len(order)} of {plural(len(names), 'class')}, %" if len(order) < len(names) else "Classes, %"
    head = element("li", element("span", shown), element("span"), element("b", "before → after"), class_="head")
    return element("ol", head, rows)


def _roles(k: int, label: int, predicted: tuple[int, int]) -> list[str]:
    known = {"t": k == label, "was": k == predicted[0], "p": k == predicted[1]}
    return [role for role, holds in known.items() if holds]


def _row(name: str, before: float, after: float, roles: list[str]) -> Html:
    words = {"t": "true", "p": "predicted now" if "was" not in roles else "predicted"}
    said = ", ".join(words[role] for role in roles if role in words)
    if "was" in roles and "p" not in roles:
        said = f"{said}, predicted before" if said else "predicted before"
    label = element("span", breakable(name), element("small", said) if said else None)
    bars = [element("i", style=f"width:{100 * share:.1f}%", class_=of) for of, share in (("b", before), ("a", after))]
    numbers = element("b", f"{probability(before, 1)} → {probability(after, 1)}")
    return element("li", label, element("s", *bars), numbers, class_=" ".join(roles) or None)


def prediction_words(names: Sequence[str], before: Array, after: Array) -> str:
    """Say what is predicted now; it changes only where the predicted class does."""
    old, new = names[int(before.argmax())], names[int(after.argmax())]
    return f"Predicted: {new}, as before." if old == new else f"Predicted: {new} instead of {old}."
