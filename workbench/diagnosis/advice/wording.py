"""Advice in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from workbench.core.estimate import Estimate
from workbench.core.wording import join_names, plural
from workbench.faithfulness.randomisation import ALIKE

from .record import Advised
from .rule import Grade

WAYS: Mapping[str, str] = {
    "layer": "It reads feature maps of a layer: coarse, and where the network itself looks.",
    "gradient": "It follows the score back to the pixels: fine, and each pixel by itself.",
    "perturbation": "It asks the model about changed images only: slow, and nothing inside is taken on trust.",
    "attention": "It reads how tokens attend to each other.",
}
"""How methods of a family look at a model."""


CHOOSING = "On the images that choose"
"""Where methods are compared with each other."""
NO_MEASURE = "no measure surely picks the better of two maps more often than not where the evidence is known"


def why(grade: Grade, family: str, others: int, *, first: bool, lead: tuple[str, Grade] | None) -> str:
    """Say why a method is advised: on the images that choose, and by the vote of the known world where it has one.

    Args:
        grade: of the method.
        family: of it.
        others: methods that it was compared with.
        first: whether it, or its lead, is the best of all.
        lead: title and grade of the best of its family, where that is another one.
    """
    beside, said = plural(others, "other method"), []
    where = CHOOSING if grade.known is None else f"{CHOOSING} and in the known world"
    if others:
        place = "it wins the most comparisons" if first else "of the other families it wins the most comparisons"
        said = [f"{where} {place} with {beside}: {grade.won}, as the first of several somewhat too high."]
    if lead is not None:
        title, best = lead
        whole = "all" if first else "the other families"
        than = f"within one standard error of {title}, the best of {whole}, with {best.won}"
        said = [f"{where} it wins {grade.won} of the comparisons with {beside}, {than}, and takes less computing."]
    if grade.evidence is not None:
        said.append(
            f"In the known world its maps show more evidence than random ones in {grade.evidence} of the images."
        )
    return " ".join([*said, WAYS.get(family, "")]).strip()


def tuning_said(
    tried: int, values: Mapping[str, object], against: Estimate | None, *, kept: bool, why_not: str, cut: bool
) -> str:
    """Say what the search for parameters came to.

    Args:
        tried: values that were tried.
        values: the best of them; empty where none was better than the default.
        against: share of the comparisons that they win against the default, on the images that report.
        kept: whether they are used.
        cut: whether the time was over before all values were tried.
        why_not: why not, where they are surely better; else empty.
    """
    if not tried:
        return "There was no time to try parameters." if cut else "No parameter was tried."
    over = " The time was over before all were." if cut else ""
    if against is None:
        return f"{plural(tried, 'value')} of its parameters tried: none was better than the default.{over}"
    best = ", ".join(f"{name} {value}" for name, value in values.items())
    end = "it is used." if kept else "the default stays."
    reason = f" With it, {why_not}." if why_not else ""
    return (
        f"{plural(tried, 'value')} of its parameters tried, best {best}: on the other images it wins {against} of the "
        f"comparisons with the default, so {end}{reason} This was decided on the images whose numbers are reported."
        f"{over}"
    )


def weights_said(similarity: Estimate, images: int) -> str:
    """Say whether maps change with the weights: that they do only where they surely do.

    Args:
        similarity: rank correlation of maps before and after the weights are drawn anew, on images that choose.
        images: how many.
    """
    several = plural(images, "image")
    if math.isnan(similarity.value):
        return f"Whether its maps depend on the weights was not tested: on {several} those of random networks are flat."
    exact = similarity.interval is None and images > 1
    if (similarity.value if exact else similarity.high) < ALIKE:
        said = "its maps change with weights drawn anew"
    else:
        said = "its maps are not shown to stay the same with weights drawn anew, nor to change"
    return f"{CHOOSING} {said}: rank correlation {similarity}, n = {images}."


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
    families: int,
    judged: bool,
    tested: bool,
    late: bool,
    longer: float,
    unmeasured: int,
) -> tuple[str, ...]:
    """Sum it up.

    Args:
        whose: the model and the data.
        advised: the methods.
        methods: how many were compared.
        dropped: by title, why a chosen method is not advised after all.
        families: of how many families these are.
        judged: whether some measure counts.
        tested: whether the model's weights could be drawn anew.
        late: whether there was no time to do that for some method.
        longer: seconds that it took above the given minutes; less than 1 are not said.
        unmeasured: methods that there was no time for at all.
    """
    said = [f"For {whose}, look at {join_names([each.title for each in advised], 4)}."]
    if not advised:
        none = "none has maps of the class that are surely better than random ones and may depend on the weights"
        no = f"of {plural(methods, 'method')} {none}" if judged else NO_MEASURE
        said = [f"For {whose} no method is advised: {no}. Base no claim on a map."]
    elif len(advised) == 1:
        only = "No compared method of another family passed" if families > 1 else "Methods of one family were compared"
        said.append(f"{only}, so there is no second one.")
    if unmeasured:
        said.append(f"There was no time to measure {plural(unmeasured, 'method')}: give more minutes.")
    if late:
        said.append(
            "Whether maps of some methods depend on the weights could not be tested in time: give more minutes."
        )
    if longer >= 1:
        said.append(f"It took {longer:.0f} s longer than it was given: what is advised is measured to the end.")
    said.extend(f"{title}: {reason}." for title, reason in dropped.items())
    if not tested:
        said.append("Whether maps depend on the weights was not tested: the model gives predictions only.")
    return tuple(said)
