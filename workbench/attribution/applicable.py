"""Several methods on the same images: which of them apply to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.params import ChooseFrom
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer
    from workbench.models.probe import Probe

MOST_COPIES = 256
"""Changed copies of each image up to which a method is fast enough to run without being named."""
ENOUGH = 3
"""Methods, the control among them, below which slower ones run too."""
CONTROL = "random"
"""The method that knows nothing."""
Methods = Annotated[
    tuple[str, ...],
    Field(description=f"methods to compare; auto: all that need at most {MOST_COPIES} copies of an image"),
    ChooseFrom("explainers"),
]


def methods_on(probe: Probe, names: Sequence[str], *, least: int = 1) -> tuple[dict[str, Explainer], dict[str, str]]:
    """Choose methods that apply to a model.

    Args:
        probe: the model.
        names: CLI names; if there is none, all that apply and are fast, the control among them. Where these are fewer
            than three of a model without gradients, the fastest of the others too.
        least: how many there must be.

    Returns:
        The methods by name, in the order given; and for each that is left out its title and why.

    Raises:
        WorkbenchError: if a name is unknown, a named method does not apply, or fewer than `least` are left.
    """
    from workbench.attribution.methods import explainer, explainers

    chosen, left = {}, {}
    for name in dict.fromkeys(names) or explainers():
        kind = explainer(name)
        reason = kind.missing(probe)
        if reason is None:
            method = kind()
            if names or method.copies(probe) <= MOST_COPIES:
                chosen[name] = method
            else:
                left[kind.title] = f"it needs {plural(method.copies(probe), 'copy')} of an image; name it to include it"
        elif names:
            raise WorkbenchError(reason)
        else:
            left[kind.title] = reason
    if not names and probe.inference_only and len(chosen) < ENOUGH:
        slow = {n: kind() for n, kind in explainers().items() if n not in chosen and kind.missing(probe) is None}
        for name in sorted(slow, key=lambda name: slow[name].copies(probe))[: ENOUGH - len(chosen)]:
            chosen[name] = slow[name]
            left.pop(slow[name].title)
    if len(chosen) < least:
        raise WorkbenchError(f"At least {least} methods are needed. Got {', '.join(chosen) or 'none'}.")
    return chosen, left


def left_out(reasons: Mapping[str, str]) -> str:
    """Name the methods that are left out, for a figure; empty if there are none."""
    return (
        f"Left out (too slow, unless named, or not applicable to this model): {', '.join(reasons)}." if reasons else ""
    )
