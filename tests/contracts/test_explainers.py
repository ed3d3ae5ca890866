"""What holds for every attribution method that is found, the ones added tomorrow included."""

from __future__ import annotations

import re

import numpy as np
import pytest

from workbench.attribution.methods import explainer, explainers
from workbench.core.errors import WorkbenchError
from workbench.core.params import describe, make
from workbench.models.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3
METHODS = sorted(explainers())
LAYERED = [name for name in METHODS if explainer(name).needs_layer()]
CLASSLESS = [name for name in METHODS if not explainer(name).of_class]
# The power of ten that a map grows by when the score grows by ten.
DEGREE = {
    **dict.fromkeys(
        (
            "ablation-cam",
            "deconvnet",
            "grad-cam",
            "guided-backprop",
            "hires-cam",
            "input-x-gradient",
            "integrated-gradients",
            "kernel-shap",
            "layer-cam",
            "lime",
            "occlusion",
            "rise",
            "saliency",
            "smooth-grad",
            "x-grad-cam",
        ),
        1,
    ),
    **dict.fromkeys(("guided-grad-cam", "square-grad", "var-grad"), 2),
    **dict.fromkeys(CLASSLESS, 0),
}
# Linear in the score: the map of s - s' is the difference of the maps.
ADDITIVE = {
    "hires-cam",
    "input-x-gradient",
    "integrated-gradients",
    "kernel-shap",
    "lime",
    "occlusion",
    "rise",
    "smooth-grad",
}
ONE_SIDED = {"ablation-cam", "grad-cam", "x-grad-cam"}  # the positive part of what would change its sign with the score
OF_MAGNITUDES = {"saliency", "square-grad", "var-grad"}  # the sign of the score plays no role
OF_LEVELS = {"rise", "score-cam"}  # what a score is, not only how it changes: a constant score has a map
every_method = pytest.mark.parametrize("name", METHODS)


def some(names):
    """Parametrise by those of the names that are there."""
    return pytest.mark.parametrize("name", [name for name in METHODS if name in names])


@every_method
def test_it_says_what_it_is_what_it_is_good_for_and_what_each_parameter_does(name):
    kind = explainer(name)
    assert kind.name == name == kind.__module__.rpartition(".")[2].replace("_", "-")
    assert kind.title
    assert re.search(r"arXiv:\d{4}\.\d{4,5}|\b(19|20)\d\d\b", kind.paper), "arXiv number, or year and place"
    assert kind.unit
    assert kind.summary().endswith(".")
    assert re.fullmatch(r"Good for [^;]+; not for [^;]+\.", kind.use), kind.use
    assert len(kind.use) < 110
    assert all(len(each.help) > 5 for each in describe(kind))


def test_titles_are_one_each_and_the_control_is_there():
    assert len({explainer(name).title for name in METHODS}) == len(METHODS)
    assert explainer("random").title == "Random"


@every_method
def test_what_it_returns_says_how_to_get_it_again(kit, name, probe, images, target, made):
    given = made[name]
    again = make(explainer(given.method), given.params).attribute(probe, images, given.target, score=given.score)
    kit.same(again.values, given.values)
    assert again.details.keys() == given.details.keys()
    assert given.image_size == SHAPE[:2]
    assert given.signed == explainer(name).signed
    assert given.signed or (given.values >= 0).all()
    assert given.layer == ("conv2" if name in LAYERED else None)
    assert given.values.shape[1:] == SHAPE[:2] or given.layer
    assert given.at_pixels().shape == (5, *SHAPE[:2])
    assert all(values.shape == (5,) for values in given.details.values())


@every_method
def test_class_zero_is_a_class(kit, name, probe, images, target, made):
    """With the model's classes turned round, class 0 is explained as class 2 was before; and new weights are seen."""
    expected = made[name].values
    with kit.head(probe, lambda kernel, bias: (kernel[:, ::-1], bias[::-1])):
        kit.same(kit.quick(name).attribute(probe, images, 2 - target).values, expected)
        other = kit.quick(name).attribute(probe, images, target).values
    assert (np.abs(other - expected).max() > 1e-3 * np.abs(expected).max()) == (name not in CLASSLESS)


@pytest.mark.parametrize(
    ("name", "rows"), [*((name, 3) for name in METHODS), ("smooth-grad", 7), ("occlusion", 7), ("ablation-cam", 7)]
)
def test_one_image_is_many_images(kit, name, narrow, images, target, made, rows):
    """Also where fewer rows fit into a call than there are images, or changed copies of an image."""
    for chosen in (slice(None), slice(3, 4)):
        given = kit.quick(name).attribute(narrow(rows), images[chosen], target[chosen])
        kit.same(given.values, made[name].values[chosen])
        for what, values in given.details.items():
            np.testing.assert_allclose(values, made[name].details[what][chosen], atol=1e-5)


@pytest.fixture(scope="module")
def narrow(model):
    """Probes of the same model that take so few rows a call."""
    kept = {}

    def of(rows):
        if rows not in kept:
            kept[rows] = Probe(model)
            kept[rows].max_rows = rows
        return kept[rows]

    return of


@every_method
def test_order_does_not_matter(kit, name, probe, images, target, made):
    order = np.array([3, 0, 4, 2, 1, 3])
    kit.same(kit.quick(name).attribute(probe, images[order], target[order]).values, made[name].values[order])


@every_method
def test_bytes_are_floats_times_255(kit, name, probe, images, target, made):
    kit.same(kit.quick(name).attribute(probe, (images / 255).astype(np.float32), target).values, made[name].values)


def changed_values(each, now, probe):
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


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each.name) for name in METHODS for each in describe(explainer(name))]
)
def test_every_parameter_changes_the_output(kit, name, parameter, probe, images, target, background, made):
    each = next(each for each in describe(explainer(name)) if each.name == parameter)
    wanted = changed_values(each, getattr(kit.quick(name), parameter), probe)
    assert wanted
    for value in wanted:
        given = kit.quick(name, **{parameter: value}).attribute(probe, images, target, background=background)
        assert _differ(given.values, made[name].values) or any(
            _differ(values, made[name].details[what]) for what, values in given.details.items()
        ), value


def _differ(values, others):
    return values.shape != others.shape or np.abs(values - others).max() > 1e-4 * np.abs(others).max()


@some(CLASSLESS)
@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_where_the_class_plays_no_role_every_class_and_score_gives_the_same_map(
    kit, name, probe, images, target, made, score
):
    other = (target + 1) % CLASSES
    against = {"against": target} if score == "contrast" else {}
    kit.same(kit.quick(name).attribute(probe, images, other, score=score, **against).values, made[name].values)


@some(ADDITIVE)
def test_the_contrast_is_the_difference_of_two_maps(kit, name, probe, images, target, made):
    other = (target + 1) % CLASSES
    contrast = kit.quick(name).attribute(probe, images, target, against=other, score="contrast")
    values = kit.quick(name).attribute(probe, images, other).values
    kit.same(contrast.values, made[name].values - values)
    assert contrast.score == "contrast"
    assert contrast.against.tolist() == other.tolist()


@some({*METHODS} - {*CLASSLESS, "score-cam"})
def test_a_class_against_itself_has_nothing_to_show(kit, name, probe, images, target):
    values = kit.quick(name).attribute(probe, images, target, against=target, score="contrast").values
    assert not values.any()


@some({*METHODS} - {"rise"})
def test_a_constant_added_to_every_logit_moves_no_map(kit, name, probe, images, target, made):
    expected = made[name].values
    with kit.head(probe, lambda kernel, bias: (kernel, bias + 4)):
        kit.same(kit.quick(name).attribute(probe, images, target).values, expected, 1e-4)


@some({*METHODS} - {*CLASSLESS})
def test_of_two_classes_what_makes_one_probable_makes_the_other_improbable(kit, name, probe, images):
    with kit.head(probe, lambda kernel, bias: (kernel, np.array([*bias[:2], -1000]))):  # nothing is of class 2
        one, other = (
            kit.quick(name).attribute(probe, images[:3], np.full(3, c), score="probability").values.astype(float)
            for c in (0, 1)
        )
    near = 2e-4 * np.abs(one).max()
    assert near > 0
    if name in ADDITIVE - OF_LEVELS:
        np.testing.assert_allclose(one, -other, atol=near)
    elif name in OF_MAGNITUDES:
        np.testing.assert_allclose(one, other, atol=near)
    elif name in ONE_SIDED:
        assert (one * other == 0).all()
    else:
        assert np.abs(one - other).max() > near


@every_method
def test_a_confident_softmax_does_not_silence_the_logits(kit, name, probe, images, target, made):
    """Logits times a hundred give maps as many times as large, where those of the probability may vanish; no NaN."""
    expected = made[name].values
    with kit.head(probe, lambda kernel, bias: (100 * kernel, 100 * bias)):
        assert np.abs(probe.logits((images / 255).astype(np.float32))).max() > 89  # exp of it is no float32
        given = kit.quick(name).attribute(probe, images, target)
        probable = kit.quick(name).attribute(probe, images, target, score="probability")
    if name in DEGREE:
        kit.same(given.values, 100.0 ** DEGREE[name] * expected, 1e-4)
    assert np.abs(given.values).max() > 0
    for each in (given, probable):
        assert all(np.isfinite(values).all() for values in (each.values, *each.details.values()))


@every_method
def test_flat_images_give_finite_maps(kit, name, probe):
    flat = np.stack([np.full(SHAPE, value, np.uint8) for value in (0, 128, 255)])
    given = kit.quick(name).attribute(probe, flat, np.zeros(3, int))
    assert all(np.isfinite(values).all() for values in (given.values, *given.details.values()))


@every_method
def test_no_image_is_no_error(kit, name, probe):
    given = kit.quick(name).attribute(probe, np.zeros((0, *SHAPE), np.uint8), np.zeros(0, int))
    assert len(given) == 0
    assert given.at_pixels().shape == (0, *SHAPE[:2])


@every_method
def test_what_does_not_fit_is_said(kit, name, probe):
    for changes, sentence in [
        ({"images": np.zeros((2, 8, 8, 1))}, r"`images` must have shape \(N, 14, 16, 1\)\. Got \(2, 8, 8, 1\)"),
        ({"images": np.zeros((2, 14, 16))}, r"`images` must have shape"),
        ({"images": np.full((2, *SHAPE), 255.0)}, r"not uint8 must lie in \[0, 1\]\. Got 255…255: divide by 255"),
        ({"target": np.zeros(3, int)}, r"`target` must have one class for each of 2 images\. Got shape \(3,\)"),
        ({"target": np.zeros((2, 1), int)}, r"`target` must have one class for each"),
        ({"target": np.array([0, 3])}, r"`target` must lie in 0…2\. Got 0…3"),
        ({"target": np.array([-1, 0])}, r"`target` must lie in 0…2\. Got -1…0"),
        ({"against": np.array([9, 0]), "score": "contrast"}, r"`against` must lie in 0…2\. Got 0…9"),
        ({"against": np.array([1, 0])}, r"`against` names the other class"),
        ({"score": "contrast"}, r"`against` names the other class"),
    ]:
        given = {"images": np.zeros((2, *SHAPE), np.uint8), "target": np.zeros(2, int), **changes}
        with pytest.raises(WorkbenchError, match=sentence):
            kit.quick(name).attribute(probe, given.pop("images"), given.pop("target"), **given)


@some(METHODS)
def test_images_to_compare_with_are_asked_for_where_they_are_needed(kit, name, probe, images, target):
    reference = next((each for each in describe(explainer(name)) if each.name == "reference"), None)
    for option in () if reference is None else reference.options:
        method = kit.quick(name, reference=option)
        assert method.needs_background == (option == "training")
        if method.needs_background:
            with pytest.raises(WorkbenchError, match=r"needs reference images: give `background`, \(R, 14, 16"):
                method.attribute(probe, images, target)


@some(LAYERED)
def test_a_wrong_layer_is_said(kit, name, probe, images, target):
    with pytest.raises(WorkbenchError, match=r"no layer 'conv3'.*Did you mean 'conv\d' or 'conv\d'\?.*: conv1, pool"):
        kit.quick(name, layer="conv3").attribute(probe, images, target)
    flat = next(layer for layer in probe.layers if layer.startswith("flatten"))
    with pytest.raises(WorkbenchError, match=r"be one of conv1, pool, conv2\. Got 'flatten.*output is \(N, 150\)"):
        kit.quick(name, layer=flat).attribute(probe, images, target)
