"""What every measure of a map's quality owes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from workbench.attribution.methods import explainer
from workbench.core.params import Parameter, describe, make
from workbench.core.types import Array
from workbench.diagnosis.contracts.check import Check, hold
from workbench.diagnosis.contracts.trial import CLASSES, SHAPE, Trial, head
from workbench.faithfulness.measure import Measure, Subject
from workbench.faithfulness.measures import measure, measures
from workbench.models.probe import Probe

FEW = {"samples": 8, "steps": 6, "percentages": (30, 60)}


def quick(name: str, **params: Any) -> Measure:
    """Make a measure with as few changed copies of an image as it takes, to be quick."""
    few = {each.name: FEW[each.name] for each in describe(measure(name)) if each.name in FEW}
    return make(measure(name), {**few, **params})


def pictures(images: Array) -> Array:
    """Return float images with an object before a black background."""
    floats = images.astype(np.float32) / 255
    floats[:, [0, 1, -2, -1]] = floats[:, :, [0, 1, -2, -1]] = 0
    floats[:, 2:-2, 2:-2] = 0.1 + 0.9 * floats[:, 2:-2, 2:-2]
    return floats


def judged(
    probe: Probe, images: Array, target: Array, method: str = "integrated-gradients", values: Array | None = None
) -> Subject:
    """Return the maps of a method, or other values in their place."""
    made = make(explainer(method), {"steps": 3} if method == "integrated-gradients" else {"samples": 2})
    found = made.attribute(probe, images, target)
    found = found if values is None else replace(found, values=values, details={})
    return Subject(probe=probe, images=images, attribution=found, method=made)


def some(subject: Subject, rows: Any, probe: Probe | None = None) -> Subject:
    """Return a subject of some of the images, its arrays cut and nothing asked again."""
    found = subject.attribution
    details = {name: each[rows] for name, each in found.details.items()}
    cut = replace(found, values=found.values[rows], target=found.target[rows], details=details)
    return Subject(probe=probe or subject.probe, images=subject.images[rows], attribution=cut, method=subject.method)


def drawn() -> Array:
    """Return maps with values of both signs, on the object and beside it."""
    return np.random.default_rng(2).normal(size=(5, *SHAPE[:2])).astype(np.float32)


@cache
def usual(trial: Trial) -> Subject:
    """Return drawn maps of the trial's images, made once."""
    return judged(trial.probe, pictures(trial.images), trial.target, values=drawn())


def near(found: Array, expected: Array, what: str, relative: float = 2e-4, absolute: float = 1e-6) -> None:
    """See that numbers agree; NaN is NaN."""
    hold(found.shape == expected.shape, f"{what}: the shape is {found.shape} instead of {expected.shape}.")
    same = np.allclose(found, expected, rtol=relative, atol=absolute, equal_nan=True)
    hold(same, f"{what}: the numbers are {_numbers(found)} instead of {_numbers(expected)}.")


def _numbers(values: Array) -> str:
    return ", ".join(f"{value:.5g}" for value in values[:5])


def says_what_it_is(_: Trial, name: str) -> None:
    """Title, paper, unit, use and a help text of each parameter."""
    kind = measure(name)
    module = kind.__module__.rpartition(".")[2].replace("_", "-")
    hold(kind.name == name == module, f"It is called {kind.name!r} and its module {module!r}.")
    hold(kind.title and kind.unit, "It needs a `title` and a `unit`.")
    shared = [other for other, each in measures().items() if each.title == kind.title and other != name]
    hold(not shared, f"{shared} has the same `title`, {kind.title!r}.")
    hold(kind.paper.startswith("arXiv:"), f"`paper` must begin with the arXiv number. Got {kind.paper!r}.")
    words = kind.__doc__ or ""
    sourced = "Source: " in words and kind.paper.partition(",")[0] in words
    hold(sourced, f"Its docstring must have a line 'Source: …' with {kind.paper.partition(',')[0]}.")
    hold(kind.better in ("higher", "lower", ""), f"`better` must be higher, lower or empty. Got {kind.better!r}.")
    hold(
        kind.summary().endswith((".", ":")), f"The first line of its docstring must be a sentence: {kind.summary()!r}."
    )
    tells = kind.use.startswith("Tells ") and "; not " in kind.use and kind.use.endswith(".") and len(kind.use) <= 100
    hold(tells, f"`use` must read 'Tells …; not ….', in 100 letters at most. Got {kind.use!r}.")
    short = [each.name for each in describe(kind) if len(each.help) <= 5]
    hold(not short, f"Parameters need a description: {', '.join(short)}.")


def gives_a_number_an_image(trial: Trial, name: str) -> None:
    """One float64 for each map, and not the same for all."""
    found = quick(name).values(usual(trial))
    hold(found.shape == (5,) and found.dtype == np.float64, f"It gives {found.dtype} of shape {found.shape}.")
    hold(not np.isinf(found).any(), f"It gives {_numbers(found)}.")
    hold(len(set(found.tolist())) > 1, f"It gives every map the same number, {found[0]:.5g}.")


def takes_one_image(trial: Trial, name: str, rows: int = 1) -> None:
    """One image is many images, also where fewer rows fit into a call."""
    subject = usual(trial)
    numbers, narrow = quick(name).values(subject), trial.narrow(rows)
    near(quick(name).values(some(subject, slice(None), narrow)), numbers, f"{rows} rows a call")
    near(quick(name).values(some(subject, slice(3, 4), narrow)), numbers[3:4], "One image alone")


def ignores_order(trial: Trial, name: str) -> None:
    """A map's number does not depend on the others, and is the same again."""
    subject, order = usual(trial), np.array([3, 0, 4, 2, 1, 3])
    numbers = quick(name).values(subject)
    near(quick(name).values(some(subject, order)), numbers[order], "In another order")
    near(quick(name).values(subject), numbers, "Measured again", 0, 0)


def takes_no_image(trial: Trial, name: str) -> None:
    """No image is no error."""
    found = quick(name).values(some(usual(trial), slice(0, 0)))
    hold(found.shape == (0,), f"Of no image it gives shape {found.shape}.")


def takes_class_zero(trial: Trial, name: str) -> None:
    """With the model's classes turned round, class 0 is what class 2 was before."""
    numbers = quick(name).values(usual(trial))
    with head(trial.probe, lambda kernel, bias: (kernel[:, ::-1], bias[::-1])):
        subject = judged(trial.probe, pictures(trial.images), CLASSES - 1 - trial.target, values=drawn())
        near(quick(name).values(subject), numbers, "Of class 0 in place of class 2", 1e-3, 1e-5)


def takes_flat_maps(trial: Trial, name: str) -> None:
    """A flat map gives a number, or NaN where none is defined, and no error."""
    for flat in (0.0, 2.0, -0.3):
        values = np.full((5, *SHAPE[:2]), flat, np.float32)
        found = quick(name).values(judged(trial.probe, pictures(trial.images), trial.target, values=values))
        hold(not np.isinf(found).any(), f"Of maps that are {flat:g} everywhere it gives {_numbers(found)}.")


def takes_flat_images(trial: Trial, name: str) -> None:
    """Flat images give a number, or NaN, or a reason."""
    images = np.stack([np.full(SHAPE, value, np.float32) for value in (0, 0.5, 1)])
    subject = judged(trial.probe, images, np.zeros(3, int), "smooth-grad")
    if (reason := quick(name).missing(subject)) is None:
        found = quick(name).values(subject)
        hold(not np.isinf(found).any(), f"Of black, grey and white images it gives {_numbers(found)}.")
    else:
        hold(reason.endswith("."), f"A reason is a sentence. Got {reason!r}.")


def uses_parameters(trial: Trial, name: str) -> None:
    """Every parameter changes the number."""
    for each in describe(measure(name)):
        uses_parameter(trial, name, each.name)


def uses_parameter(trial: Trial, name: str, parameter: str) -> None:
    """See that other values of one parameter change the number; maps have equal values, so that their order counts."""
    values = np.round(np.random.default_rng(3).normal(size=(5, *SHAPE[:2])), 1).astype(np.float32)
    images = pictures(trial.images)
    images = np.where(images == 0, np.float32(0.2), images)  # so that the background is like no reference
    subject = judged(trial.probe, images, trial.target, "smooth-grad", values=values)
    each = next(each for each in describe(measure(name)) if each.name == parameter)
    with_it = {"disturb": "noise"} if (name, parameter) == ("infidelity", "noise") else {}
    before = FEW.get(parameter, each.default)
    known = {} if before is None else {parameter: before}
    first = quick(name, **with_it, **known).values(subject)
    wanted = changed_values(each)
    hold(wanted, f"`{parameter}` has no value but its default.")
    for value in wanted:
        found = quick(name, **with_it, **{parameter: value}).values(subject)
        changed = np.nanmax(np.abs(found - first)) > 1e-5 * np.nanmax(np.abs(first))
        hold(changed, f"`{parameter}` = {value!r} gives the same numbers as {before!r}.")


def changed_values(each: Parameter) -> list[Any]:
    """Values of one parameter that must each give another number than its default does."""
    if each.options:
        return [option for option in each.options if option != each.default]
    if each.kind is bool:
        return [not each.default]
    if each.many:
        return [(10, 50)]
    if each.default is None:
        return [2, 5]
    if each.kind is float:
        return [2 * each.default if each.high is None or 2 * each.default <= each.high else each.default / 2]
    return [each.default + 1]


def leaves_the_model(trial: Trial, name: str) -> None:
    """Weights of the model are the same bits before and after."""
    before = trial.model.get_weights()
    quick(name).values(usual(trial))
    same = all(np.array_equal(a, b) for a, b in zip(before, trial.model.get_weights(), strict=True))
    hold(same, "It has changed the model's weights.")


CHECKS = (
    Check("it says what it is, what it tells and what each parameter does", says_what_it_is),
    Check("it gives one number an image", gives_a_number_an_image),
    Check("class 0 is a class", takes_class_zero),
    Check("one image is many images", takes_one_image),
    Check("order does not matter, and the same is the same again", ignores_order),
    Check("every parameter changes the number", uses_parameters),
    Check("a flat map gives a number, or none, but no error", takes_flat_maps),
    Check("flat images give a number, or a reason, but no error", takes_flat_images),
    Check("no image is no error", takes_no_image),
    Check("the model is left unchanged", leaves_the_model),
)
