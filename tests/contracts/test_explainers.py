"""What holds for every attribution method that is found, the ones added tomorrow included."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.attribution.methods import explainer, explainers
from workbench.core.errors import WorkbenchError
from workbench.core.params import describe
from workbench.diagnosis.contracts.methods import CHECKS, takes_one_image, uses_parameter, uses_parameters

SHAPE, CLASSES = (14, 16, 1), 3
METHODS = sorted(explainers())
LAYERED = [name for name in METHODS if explainer(name).needs_layer()]
CLASSLESS = [name for name in METHODS if not explainer(name).of_class]
# The power of ten that a map grows by when the score grows by ten.
DEGREE = {
    **dict.fromkeys(
        (
            "ablation-cam",
            "blur-ig",
            "deconvnet",
            "deep-lift",
            "full-grad",
            "grad-cam",
            "gradient-shap",
            "guided-backprop",
            "guided-ig",
            "hires-cam",
            "input-x-gradient",
            "integrated-gradients",
            "kernel-shap",
            "layer-cam",
            "le-grad",
            "lime",
            "lrp",
            "occlusion",
            "rise",
            "saliency",
            "smooth-grad",
            "x-grad-cam",
            "xrai",
        ),
        1,
    ),
    **dict.fromkeys(("guided-grad-cam", "square-grad", "var-grad"), 2),
    **dict.fromkeys((*CLASSLESS, "hsic", "sobol"), 0),
}
# Linear in the score: the map of s - s' is the difference of the maps.
ADDITIVE = {
    "blur-ig",
    "deep-lift",
    "full-grad",
    "gradient-shap",
    "hires-cam",
    "input-x-gradient",
    "integrated-gradients",
    "kernel-shap",
    "lime",
    "lrp",
    "occlusion",
    "rise",
    "smooth-grad",
}
STEPPED = ("blur-ig", "integrated-gradients", "xrai")  # with as many steps as an image takes
ALIKE = {name: {"steps": 4} for name in STEPPED}  # steps that the score has a say in differ between scores
ONE_SIDED = {"ablation-cam", "grad-cam", "x-grad-cam"}  # the positive part of what would change its sign with the score
OF_MAGNITUDES = {"hsic", "saliency", "sobol", "square-grad", "var-grad"}  # the sign of the score plays no role
OF_LEVELS = {"rise", "score-cam"}  # what a score is, not only how it changes: a constant score has a map
every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture
def probe(request, trial):
    """Of a model that the method of a test applies to."""
    return trial.fitting(request.node.callspec.params["name"]).probe


def some(names):
    """Parametrise by those of the names that are there."""
    return pytest.mark.parametrize("name", [name for name in METHODS if name in names])


@every_method
@pytest.mark.parametrize(
    "check", [each for each in CHECKS if each.run is not uses_parameters], ids=lambda each: each.claim
)
def test_what_plug_ins_owe_is_kept(name, check, trial):
    check.run(trial, name)


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each.name) for name in METHODS for each in describe(explainer(name))]
)
def test_every_parameter_changes_the_output(name, parameter, trial):
    uses_parameter(trial, name, parameter)


@pytest.mark.parametrize("name", ["smooth-grad", "occlusion", "ablation-cam"])
def test_one_image_is_many_images_also_with_another_number_of_rows(name, trial):
    takes_one_image(trial, name, rows=7)


@pytest.mark.parametrize("rows", [3, 16])
@pytest.mark.parametrize(
    ("name", "how"),
    [*((name, {"tolerance": 0.02}) for name in STEPPED), ("smooth-grad", {"draws": "adaptive", "tolerance": 0.1})],
)
def test_how_long_an_image_takes_depends_on_no_other(name, how, rows, trial, kit):
    """Images of which some are done much sooner: alone, together, and with few rows a call."""
    images = np.concatenate([trial.images // 16 + 100, trial.images])  # nearly grey ones first
    target = np.concatenate([trial.target, trial.target])
    whole = kit.quick(name, **how).attribute(trial.probe, images, target)
    count = "steps" if name in STEPPED else "samples"
    assert len({*whole.details[count].tolist()}) > 1
    for chosen in (slice(2, 3), slice(None, None, -1), slice(4, 7)):
        some = kit.quick(name, **how).attribute(trial.narrow(rows), images[chosen], target[chosen])
        kit.same(some.values, whole.values[chosen])
        assert some.details[count].tolist() == whole.details[count][chosen].tolist()


def test_titles_are_one_each_and_the_control_is_there():
    assert len({explainer(name).title for name in METHODS}) == len(METHODS)
    assert explainer("random").title == "Random"


@some(CLASSLESS)
@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_where_the_class_plays_no_role_every_class_and_score_gives_the_same_map(
    kit, name, probe, images, target, made, score
):
    other = (target + 1) % CLASSES
    against = {"against": target} if score == "contrast" else {}
    kit.same(kit.quick(name).attribute(probe, images, other, score=score, **against).values, made[name].values)


@some(ADDITIVE)
def test_the_contrast_is_the_difference_of_two_maps(kit, name, probe, images, target):
    other, method = (target + 1) % CLASSES, kit.quick(name, **ALIKE.get(name, {}))
    contrast = method.attribute(probe, images, target, against=other, score="contrast")
    values = [method.attribute(probe, images, classes).values for classes in (target, other)]
    kit.same(contrast.values, values[0] - values[1])
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
