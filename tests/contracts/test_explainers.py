"""What holds for every attribution method that is found, the ones added tomorrow included."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import WorkbenchError
from workbench.explainers import explainer, explainers
from workbench.params import describe, make
from workbench.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3
METHODS = sorted(explainers())
# A score times a hundred gives maps times a hundred; and of the signed ones, the map of s - s' is the maps' difference.
LINEAR = ["grad-cam", "integrated-gradients", "occlusion", "saliency", "smooth-grad"]
SIGNED = [name for name in LINEAR if explainer(name).signed]
PIXELS = [name for name in METHODS if not explainer(name).needs_layer()]
every_method = pytest.mark.parametrize("name", METHODS)


@every_method
def test_it_says_what_it_is_and_what_each_parameter_does(name):
    kind = explainer(name)
    assert kind.name == name == kind.__module__.rpartition(".")[2].replace("_", "-")
    assert kind.title
    assert kind.paper
    assert kind.summary().endswith(".")
    assert all(len(each.help) > 5 for each in describe(kind))


@every_method
def test_class_zero_is_a_class(kit, name, model, images, maps, target):
    """With the model's classes turned round, class 0 is explained as class 2 was before."""
    turned = kit.functional()
    *rest, kernel, bias = model.get_weights()
    turned.set_weights([*rest, kernel[:, ::-1], bias[::-1]])
    kit.same(kit.quick(name).attribute(Probe(turned), images, 2 - target).values, maps[name])


@every_method
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_one_image_is_many_images(kit, name, model, images, target, maps, rows):
    """Also where fewer rows fit into a call than there are images, or changed copies of an image."""
    narrow = Probe(model)
    narrow.max_rows = rows
    kit.same(kit.quick(name).attribute(narrow, images, target).values, maps[name])
    kit.same(kit.quick(name).attribute(narrow, images[3:4], target[3:4]).values, maps[name][3:4])


@every_method
def test_order_does_not_matter(kit, name, probe, images, target, maps):
    order = np.array([3, 0, 4, 2, 1, 3])
    kit.same(kit.quick(name).attribute(probe, images[order], target[order]).values, maps[name][order])


@every_method
def test_bytes_are_floats_times_255(kit, name, probe, images, target, maps):
    kit.same(kit.quick(name).attribute(probe, (images / 255).astype(np.float32), target).values, maps[name])


@every_method
def test_what_it_returns_says_how_to_get_it_again(kit, name, probe, images, target, maps):
    given = kit.quick(name).attribute(probe, images, target)
    again = make(explainer(given.method), given.params).attribute(probe, images, given.target, score=given.score)
    assert given.image_size == SHAPE[:2]
    assert given.signed == explainer(name).signed or (given.values >= 0).all()
    assert (given.values >= 0).all() or given.signed
    assert given.layer == ("conv2" if explainer(name).needs_layer() else None)
    np.testing.assert_array_equal(again.values, maps[name])


def changed_values(each, probe):
    """Values of one parameter that must each give another map than its default does."""
    if each.choose_from == "layers":
        return [layer for layer in probe.spatial_layers if layer != probe.default_layer]
    if each.options:
        return [option for option in each.options if option != each.default]
    if each.kind is bool:
        return [not each.default]
    low = each.low or 0
    return [low + 2 if each.default is None else low if low != each.default else low + 1]


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each.name) for name in METHODS for each in describe(explainer(name))]
)
def test_every_parameter_changes_the_output(kit, name, parameter, probe, images, target):
    each = next(each for each in describe(explainer(name)) if each.name == parameter)
    given = [each.default, *changed_values(each, probe)]
    assert len(given) > 1
    # Averages of few copies, so that the default stays quick too.
    found = [kit.quick(name, **{parameter: value}).attribute(probe, images, target).values for value in given]
    for value, values in zip(given[1:], found[1:], strict=True):
        moved = np.inf if values.shape != found[0].shape else np.abs(values - found[0]).max()
        assert moved > 1e-4 * np.abs(found[0]).max(), value


@pytest.mark.parametrize("name", SIGNED)
def test_the_contrast_is_the_difference_of_two_maps(kit, name, probe, images, target, maps):
    other = (target + 1) % CLASSES
    contrast = kit.quick(name).attribute(probe, images, target, against=other, score="contrast")
    kit.same(contrast.values, maps[name] - kit.quick(name).attribute(probe, images, other).values)
    assert contrast.score == "contrast"
    assert contrast.against.tolist() == other.tolist()


@pytest.mark.parametrize("name", LINEAR)
def test_a_class_against_itself_has_nothing_to_show(kit, name, probe, images, target):
    values = kit.quick(name).attribute(probe, images, target, against=target, score="contrast").values
    assert not values.any()


@every_method
def test_of_two_classes_what_makes_one_probable_makes_the_other_improbable(kit, name):
    model = kit.seeded(kit.functional(classes=2))
    probe, images = Probe(model), np.random.default_rng(4).random((3, *SHAPE), np.float32)
    one, other = (
        kit.quick(name).attribute(probe, images, np.full(3, c), score="probability").values.astype(float)
        for c in (0, 1)
    )
    if name in SIGNED:
        np.testing.assert_allclose(one, -other, atol=2e-4 * np.abs(one).max())
    elif name == "saliency":
        np.testing.assert_allclose(one, other, atol=2e-4 * one.max())
    elif name == "grad-cam":
        assert (one * other == 0).all()
    logits = kit.quick(name).attribute(probe, images, np.zeros(3, int)).values
    assert np.abs(one).max() < 0.9 * np.abs(logits).max()  # dp/df is at most a quarter


@every_method
def test_a_confident_softmax_does_not_silence_the_logits(kit, name, model, images, target, maps):
    """Logits times a hundred give maps times a hundred, where gradients of the probability would vanish; and no NaN."""
    loud = kit.functional()
    *rest, kernel, bias = model.get_weights()
    loud.set_weights([*rest, 100 * kernel, 100 * bias])
    probe = Probe(loud)
    assert np.abs(probe.logits((images / 255).astype(np.float32))).max() > 89  # exp of it is no float32
    values = kit.quick(name).attribute(probe, images, target).values
    kit.same(values, 100 * maps[name], 1e-4) if name in LINEAR else np.testing.assert_array_less(
        0, np.abs(values).max()
    )
    assert np.isfinite(kit.quick(name).attribute(probe, images, target, score="probability").values).all()


@every_method
def test_flat_images_give_finite_maps(kit, name, probe):
    flat = np.stack([np.full(SHAPE, value, np.uint8) for value in (0, 128, 255)])
    assert np.isfinite(kit.quick(name).attribute(probe, flat, np.zeros(3, int)).values).all()


@every_method
def test_no_image_is_no_error(kit, name, probe):
    given = kit.quick(name).attribute(probe, np.zeros((0, *SHAPE), np.uint8), np.zeros(0, int))
    assert len(given) == 0
    assert given.at_pixels().shape == (0, *SHAPE[:2])


@every_method
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
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
    ],
)
def test_what_does_not_fit_is_said(kit, name, probe, changes, sentence):
    given = {"images": np.zeros((2, *SHAPE), np.uint8), "target": np.zeros(2, int), **changes}
    with pytest.raises(WorkbenchError, match=sentence):
        kit.quick(name).attribute(probe, given.pop("images"), given.pop("target"), **given)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in PIXELS])
def test_a_wrong_layer_is_said(kit, name, probe, images, target):
    with pytest.raises(WorkbenchError, match=r"no layer 'conv3'.*Did you mean 'conv\d' or 'conv\d'\?.*: conv1, pool"):
        kit.quick(name, layer="conv3").attribute(probe, images, target)
    flat = next(layer for layer in probe.layers if layer.startswith("flatten"))
    with pytest.raises(WorkbenchError, match=r"be one of conv1, pool, conv2\. Got 'flatten.*output is \(N, 150\)"):
        kit.quick(name, layer=flat).attribute(probe, images, target)
