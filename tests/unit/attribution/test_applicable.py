from types import SimpleNamespace

import numpy as np
import pytest

from workbench.attribution import methods
from workbench.attribution.applicable import left_out, methods_on
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.wording import number
from workbench.statistics.bootstrap import estimate, estimates
from workbench.statistics.significance import holm


def method(name, copies=1, missing=None):
    """A method that says how many copies it looks at, and why it does not apply."""
    return type(
        name,
        (),
        {"title": name.title(), "missing": staticmethod(lambda probe: missing), "copies": lambda _, probe: copies},
    )


@pytest.fixture
def known(monkeypatch):
    found = {
        "quick": method("quick"),
        "slow": method("slow", 1000),
        "other": method("other", missing="It has no layer."),
    }
    monkeypatch.setattr(methods, "explainers", lambda: found)
    monkeypatch.setattr(methods, "explainer", found.__getitem__)
    return found


def test_unnamed_only_quick_methods_that_apply_are_chosen(known):
    chosen, left = methods_on(SimpleNamespace(inference_only=""), ())
    assert list(chosen) == ["quick"]
    assert left == {"Slow": "it needs 1,000 copies of an image; name it to include it", "Other": "It has no layer."}
    assert left_out(left).endswith("Slow, Other.")
    assert left_out({}) == ""


def test_a_model_without_gradients_is_asked_by_slow_methods_too(known):
    chosen, left = methods_on(SimpleNamespace(inference_only="an ONNX model"), ())
    assert list(chosen) == ["quick", "slow"]
    assert list(left) == ["Other"]


def test_named_methods_come_in_their_order_once_however_slow(known):
    chosen, left = methods_on(SimpleNamespace(), ("slow", "quick", "slow"))
    assert list(chosen) == ["slow", "quick"]
    assert left == {}


def test_a_named_method_that_does_not_apply_is_an_error(known):
    with pytest.raises(WorkbenchError, match="It has no layer"):
        methods_on(SimpleNamespace(), ("quick", "other"))


def test_too_few_methods_are_an_error(known):
    with pytest.raises(WorkbenchError, match="At least 2 methods are needed"):
        methods_on(SimpleNamespace(), ("quick",), least=2)


def test_the_bootstrap_of_a_normal_sample_is_near_students_interval():
    values = np.random.default_rng(0).normal(3, 2, 400)
    found = estimate(values)
    half = 1.966 * values.std(ddof=1) / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_unknown_values_are_left_out_and_one_value_has_no_interval():
    values = np.full((6, 3), np.nan)
    values[:, 0], values[1:, 1] = [1, 1, 1, 3, 3, 3], [4, 5, 6, 5, 5]
    values[:2, 2] = [1, 3]
    found = estimates(values)
    np.testing.assert_allclose(found[0], [2, 5, 2])
    assert ((found[1, :2] < found[0, :2]) & (found[0, :2] < found[2, :2])).all()
    assert np.isnan(found[1:, 2]).all()  # two values are too few
    assert estimate(np.array([4.0])).interval is None


def test_equal_values_have_no_interval_but_between_known_bounds():
    assert estimate(np.full(50, 0.3)).interval is None
    found = estimate(np.full(50, 0.3), within=(0, 1))
    others = 1 - 0.025 ** (1 / 50)  # so many of the next ones may be 0, or 1
    assert found.interval == pytest.approx((0.3 * (1 - others), 0.3 + 0.7 * others))
    assert estimate(np.zeros(10), within=(0, 1)).interval == pytest.approx((0, 0.3085), abs=1e-4)  # Clopper-Pearson


def test_estimates_are_said_with_a_true_minus_and_without_a_zero_of_two_signs():
    assert str(Estimate(-0.123, -0.2, 0.001)) == "−0.12 (95 % interval −0.20 to 0.00)"
    assert str(Estimate(0.5, float("nan"), float("nan"))) == "0.50"
    assert number(-0.001) == "0.00"


def test_holm_by_hand():
    adjusted = holm(np.array([0.01, np.nan, 0.04, 0.03]))
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.06, 0.06])
    assert holm(np.array([0.6, 0.7])).tolist() == [1, 1]
    assert len(holm(np.array([]))) == 0
