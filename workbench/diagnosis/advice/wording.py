"""Advice in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.core.estimate import Estimate
from workbench.core.wording import join_names, plural

from .record import Advised
from .rule import Grade

WAYS: Mapping[str, str] = {
    "layer": "It reads feature maps of a layer: coarse, and where the network itself looks.",
    "gradient": "It follows the score back to the pixels: fine, and each pixel by itself.",
    "perturbation": "It asks the model about changed images only: slow, and nothing inside is taken on trust.",
    "attention": "It reads how tokens attend to each other.",
}
"""How methods of a family look at a model."""


def why(grade: Grade, family: str, others: int, *, first: bool, lead: tuple[str, Grade] | None) -> str:
    """Say why a method is advised.

    Args:
        grade: of the method.
        family: of it.
        others: methods that it was compared with.
        first: whether it, or its lead, is the best of all.
        lead: title and grade of the best of its family, where that is another one.
    """
    beside = plural(others, "other method")
    place = "It wins the most comparisons" if first else "Of the other families it wins the most comparisons"
    said = [f"{place} with {beside}: {grade.won}."]
    if lead is not None:
        title, best = lead
        whole = "all" if first else "the other families"
        than = f"not surely fewer than {title}, the best of {whole}, with {best.won}"
        said = [f"It wins {grade.won} of the comparisons with {beside}, {than}, and takes less computing."]
    if grade.evidence is not None:
        said.append(
            f"In the known world its maps show more evidence than random ones in {grade.evidence} of the images."
        )
    return " ".join([*said, WAYS.get(family, "")]).strip()


def tuning_said(tried: int, values: Mapping[str, object], against: Estimate | None, *, kept: bool, why_not: str) -> str:
    """Say what the search for parameters came to.

    Args:
        tried: values that were tried.
        values: the best of them; empty where none was better than the default.
        against: share of the comparisons that they win against the default, on the images that report.
        kept: whether they are used.
        why_not: why not, where they are surely better; else empty.
    """
    if not tried:
        return "No parameter was tried."
    if against is None:
        return f"{plural(tried, 'value')} of its parameters tried: none was better than the default."
    best = ", ".join(f"{name} {value}" for name, value in values.items())
    end = "it is used." if kept else "the default stays."
    reason = f" With it, {why_not}." if why_not else ""
    return (
        f"{plural(tried, 'value')} of its parameters tried, best {best}: on the other images it wins {against} of the "
        f"comparisons with the default, so {end}{reason}"
    )


def dropped_said(images: int, control: Estimate) -> str:
    """Say why a chosen method is not advised after all."""
    return (
        f"chosen on {plural(images, 'image')}, but on as many others its maps are not surely better than random ones: "
        f"better by {control} of the measures"
    )


def summary(
    whose: str,
    advised: Sequence[Advised],
    methods: int,
    dropped: Mapping[str, str],
    *,
    tested: bool,
    late: bool,
    unmeasured: int,
) -> tuple[str, ...]:
    """Sum it up.

    Args:
        whose: the model and the data.
        advised: the methods.
        methods: how many were compared.
        dropped: by title, why a chosen method is not advised after all.
        tested: whether the model's weights could be drawn anew.
        late: whether there was no time to do that for some method.
        unmeasured: methods that there was no time for at all.
    """
    said = [f"For {whose}, look at {join_names([each.title for each in advised], 4)}."]
    if not advised:
        none = "none has maps that are surely better than random ones and depend on the weights and on the class"
        said = [f"For {whose} no method is advised: of {plural(methods, 'method')} {none}. Base no claim on a map."]
    elif len(advised) == 1:
        said.append("No method of another family passed, so there is no second one.")
    if unmeasured:
        said.append(f"There was no time to measure {plural(unmeasured, 'method')}: give more minutes.")
    if late:
        said.append(
            "Whether maps of some methods depend on the weights could not be tested in time: give more minutes."
        )
    said.extend(f"{title}: {reason}." for title, reason in dropped.items())
    if not tested:
        said.append("Whether maps depend on the weights was not tested: the model gives predictions only.")
    return tuple(said)
