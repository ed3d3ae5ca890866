"""What is shown of an advice that no longer fits, or that is of other images."""

from types import SimpleNamespace

import pytest

from tests.advised import made_advice, made_method
from workbench.diagnosis.advice.shown import OWN, fitting, origin

PROBE = SimpleNamespace(spatial_layers=["conv1"], inference_only=False)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("occlusion", {"windows": 4}, "windows"),
        ("occlusion", {"size": "large"}, "`size` must be"),
        ("saliency", {"verdict": True}, "verdict"),
        ("saliency", {"contrast": ["a", "b"]}, "contrast"),
        ("saliency", {"method": "lrp"}, "method"),
        ("saliency", {"rows": [0]}, "rows"),
        ("gone", {}, "gone"),
        ("grad-cam", {"layer": "conv9"}, "no layer 'conv9'"),
    ],
)
def test_what_does_not_fit_is_left_out_with_a_warning(name, settings, said, caplog):
    bad = made_method(name, "Bad", "layer").model_copy(update={"settings": settings})
    good = made_method("grad-cam", "Grad-CAM", "layer", layer="conv1")
    assert fitting(made_advice("0" * 16, bad, good) if name != "grad-cam" else made_advice("0" * 16, bad), PROBE) == (
        {"grad-cam": {"layer": "conv1"}} if name != "grad-cam" else {}
    )
    assert "Bad was advised on" in caplog.text
    assert said in caplog.text


def test_a_method_that_does_not_apply_is_left_out():
    probe = SimpleNamespace(spatial_layers=["conv1"], inference_only=True, no_gradients=lambda title: f"{title}: no.")
    assert fitting(made_advice("0" * 16), probe) == {"hsic": {"masks": 250}}
    assert [*fitting(made_advice("0" * 16))] == ["saliency", "hsic"]


def test_it_is_said_on_which_images_and_by_which_version():
    advice = made_advice("0" * 16)
    own = origin(advice, advice.data, ["saliency"])
    assert "40 images of made/test that had no part in the choice" in own
    assert "Saliency: better than random maps by 80.0 %" in own and "HSIC" not in own
    tuned = made_method("saliency", "Saliency", "gradient")
    tuned = tuned.model_copy(update={"tuning": tuned.tuning.model_copy(update={"kept": True})})
    assert "That tuned parameters are kept was decided on them." in origin(made_advice("0", tuned), "", ["saliency"])
    assert "tuned" not in own
    assert "other images" not in own and "version" not in own
    assert "It was measured on other images (made/test) than these." in origin(advice, "f" * 16, [])
    older = advice.model_copy(update={"versions": {OWN: "0.0.9"}})
    assert "by another version of the workbench, 0.0.9." in origin(older, advice.data, [])
