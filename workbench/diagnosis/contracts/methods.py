"""What every attribution method owes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from workbench.attribution.methods import explainer, explainers
from workbench.core.params import Parameter, describe, make
from workbench.core.wording import plural
from workbench.diagnosis.contracts.check import Check, agree, differ, hold
from workbench.diagnosis.contracts.trial import SHAPE, Trial, head, quick
from workbench.models.probe import Probe


def fitted(check: Callable[..., None]) -> Callable[..., None]:
    """Try a method on a model that it applies to."""

    @wraps(check)
    def run(trial: Trial, name: str, *more: Any, **named: Any) -> None:
        check(trial.fitting(name), name, *more, **named)

    return run


def says_what_it_is(_: Trial, name: str) -> None:
    """Title, paper, unit, use and a help text of each parameter."""
    kind = explainer(name)
    module = kind.__module__.rpartition(".")[2].replace("_", "-")
    hold(kind.name == name == module, f"It is called {kind.name!r} and its module {module!r}.")
    hold(kind.title, "It needs a `title`, as its paper writes it.")
    shared = [other for other, each in explainers().items() if each.title == kind.title and other != name]
    hold(not shared, f"{shared} has the same `title`, {kind.title!r}.")
    dated = re.search(r"arXiv:\d{4}\.\d{4,5}|\b(19|20)\d\d\b", kind.paper)
    hold(dated, f"`paper` needs an arXiv number, or year and place. Got {kind.paper!r}.")
    hold(kind.unit, "It needs a `unit`.")
    hold(kind.summary().endswith("."), f"The first line of its docstring must be a sentence. Got {kind.summary()!r}.")
    good = re.fullmatch(r"Good for [^;]+; not for [^;]+\.", kind.use) and len(kind.use) < 110
    hold(good, f"`use` must read 'Good for …; not for ….', in 109 letters at most. Got {kind.use!r}.")
    short = [each.name for each in describe(kind) if len(each.help) <= 5]
    hold(not short, f"Parameters need a description: {', '.join(short)}.")


@fitted
def can_be_repeated(trial: Trial, name: str) -> None:
    """What it returns says how to get it again, and is what the class promises."""
    given = trial.made(name)
    again = make(explainer(given.method), given.params).attribute(
        trial.probe, trial.images, given.target, score=given.score
    )
    agree(again.values, given.values, "Computed again")
    hold(again.details.keys() == given.details.keys(), "Computed again it has other details.")
    hold(given.image_size == SHAPE[:2], f"`image_size` is {given.image_size}.")
    hold(given.signed == explainer(name).signed, "`signed` is not what the class says.")
    hold(given.signed or (given.values >= 0).all(), "Its maps have negative values, and `signed` is False.")
    layered = explainer(name).needs_layer()
    last = trial.probe.default_layer
    hold(given.layer == (last if layered else None), f"It should be of the layer {last}. It is of {given.layer}.")
    grid = trial.probe.attention.grid
    sizes = SHAPE[:2], (grid.height, grid.width)
    hold(layered or given.values.shape[1:] in sizes, f"Its maps have {given.values.shape[1:]} places.")
    hold(given.at_pixels().shape == (5, *SHAPE[:2]), "It has not one map for each image.")
    odd = [what for what, values in given.details.items() if values.shape != (5,)]
    hold(not odd, f"Details must have one number for each image: {', '.join(odd)}.")


@fitted
def takes_class_zero(trial: Trial, name: str) -> None:
    """With the model's classes turned round, class 0 is explained as class 2 was; and new weights are seen."""
    expected = trial.made(name).values
    with head(trial.probe, lambda kernel, bias: (kernel[:, ::-1], bias[::-1])):
        turned = quick(name).attribute(trial.probe, trial.images, 2 - trial.target).values
        other = quick(name).attribute(trial.probe, trial.images, trial.target).values
    agree(turned, expected, "Of class 0 in place of class 2")
    of_class = bool(np.abs(other - expected).max() > 1e-3 * np.abs(expected).max())
    said = "depends" if of_class else "does not depend"
    hold(of_class == explainer(name).of_class, f"The map {said} on the class, and `of_class` says otherwise.")


@fitted
def takes_one_image(trial: Trial, name: str, rows: int = 3) -> None:
    """One image is many images, also where fewer rows fit into a call than there are images or changed copies."""
    made = trial.made(name)
    for chosen, what in ((slice(None), f"{rows} rows a call"), (slice(3, 4), "One image alone")):
        given = quick(name).attribute(trial.narrow(rows), trial.images[chosen], trial.target[chosen])
        agree(given.values, made.values[chosen], what)
        for detail, values in given.details.items():
            near = np.allclose(values, made.details[detail][chosen], rtol=1e-7, atol=1e-5)
            hold(near, f"{what}: the detail {detail!r} is another.")


@fitted
def ignores_order(trial: Trial, name: str) -> None:
    """An image's map does not depend on the others, nor on its place among them."""
    order = np.array([3, 0, 4, 2, 1, 3])
    given = quick(name).attribute(trial.probe, trial.images[order], trial.target[order])
    agree(given.values, trial.made(name).values[order], "In another order")


@fitted
def takes_floats(trial: Trial, name: str) -> None:
    """Bytes are floats times 255."""
    floats = (trial.images / 255).astype(np.float32)
    given = quick(name).attribute(trial.probe, floats, trial.target)
    agree(given.values, trial.made(name).values, "Of floats in [0, 1]")


@fitted
def uses_parameters(trial: Trial, name: str) -> None:
    """Every parameter changes the map, or one of its details."""
    for each in describe(explainer(name)):
        uses_parameter(trial, name, each.name)


@fitted
def uses_parameter(trial: Trial, name: str, parameter: str) -> None:
    """See that each other value of one parameter changes the map, or one of its details."""
    each = next(each for each in describe(explainer(name)) if each.name == parameter)
    wanted = changed_values(each, getattr(quick(name), parameter), trial.probe)
    hold(wanted, f"`{parameter}` has no value but its default.")
    made = trial.attribute(name, **each.needs) if each.needs else trial.made(name)
    for value in wanted:
        given = trial.attribute(name, **each.needs, **{parameter: value})
        changed = differ(given.values, made.values) or any(
            differ(values, made.details[what]) for what, values in given.details.items()
        )
        hold(changed, f"`{parameter}` = {value!r} gives the same map as its default.")


def changed_values(each: Parameter, now: Any, probe: Probe) -> list[Any]:
    """Values of one parameter that must each give another map, or other details, than the one it has now."""
    if each.choose_from == "layers":
        others = [layer for layer in probe.spatial_layers if layer != probe.default_layer]
        return [(layer,) for layer in others] if each.many else others
    if each.options:
        return [option for option in each.options if option != now]
    if each.kind is bool:
        return [not now]
    low = each.low or 0
    return [low + 2 if now is None else low if low != now else low + 2]


@fitted
def takes_flat_images(trial: Trial, name: str) -> None:
    """Flat images give finite maps."""
    flat = np.stack([np.full(SHAPE, value, np.uint8) for value in (0, 128, 255)])
    given = quick(name).attribute(trial.probe, flat, np.zeros(3, int))
    finite = all(np.isfinite(values).all() for values in (given.values, *given.details.values()))
    hold(finite, "Of black, grey or white images the values are not finite.")


@fitted
def takes_no_image(trial: Trial, name: str) -> None:
    """No image is no error."""
    given = quick(name).attribute(trial.probe, np.zeros((0, *SHAPE), np.uint8), np.zeros(0, int))
    hold(len(given) == 0, f"Of no image it gives {plural(len(given), 'map')}.")
    hold(given.at_pixels().shape == (0, *SHAPE[:2]), f"Of no image the maps have shape {given.at_pixels().shape}.")


@fitted
def leaves_the_model(trial: Trial, name: str) -> None:
    """Weights and structure of the model are the same bits before and after."""
    before, config = trial.model.get_weights(), trial.model.to_json()
    trial.attribute(name)
    same = all(np.array_equal(a, b) for a, b in zip(before, trial.model.get_weights(), strict=True))
    hold(same, "It has changed the model's weights.")
    hold(trial.model.to_json() == config, "It has changed the model's structure.")


CHECKS = (
    Check("it says what it is, what it is good for and what each parameter does", says_what_it_is),
    Check("what it returns says how to get it again", can_be_repeated),
    Check("class 0 is a class", takes_class_zero),
    Check("one image is many images", takes_one_image),
    Check("order does not matter", ignores_order),
    Check("bytes are floats times 255", takes_floats),
    Check("every parameter changes the map", uses_parameters),
    Check("flat images give finite maps", takes_flat_images),
    Check("no image is no error", takes_no_image),
    Check("the model is left unchanged", leaves_the_model),
)
