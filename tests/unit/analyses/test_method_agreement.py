import keras
import numpy as np
import pytest

from analyses.method_agreement import MethodAgreement, MethodAgreementParams
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.session.session import Session


@pytest.fixture(scope="module")
def session():
    """A linear model that does not look at the lower two of six rows, and eight images of noise."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(3, use_bias=False)])
    (kernel,) = model.get_weights()
    model.set_weights([kernel * (np.arange(36) < 24)[:, None]])
    images = np.random.default_rng(2).integers(1, 256, (8, 6, 6, 1), dtype=np.uint8)
    return Session(
        model,
        Dataset(images, np.arange(8) % 3, class_names=("a", "b", "c"), indices=np.arange(8), name="hand/test"),
        cache=False,
    )


def answer(session, methods, **params):
    return MethodAgreement().compute(session, MethodAgreementParams(methods=methods, **params))


def pair(result, one, other):
    table = result.tables["pairs"]
    found = table[(table["method"].isin([one, other])) & table["other"].isin([one, other])]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture(scope="module")
def result(session):
    return answer(session, ("saliency", "input-x-gradient", "integrated-gradients", "random"))


def test_on_a_linear_model_gradients_from_black_are_input_times_gradient(result):
    same = pair(result, "Input × Gradient", "Integrated gradients")
    assert same["spearman"] == pytest.approx(1, abs=1e-3)
    assert same["overlap"] == pytest.approx(1)
    assert same["spearman_is"] == "more than chance"
    assert "are most alike: rank correlation 1.00, top-pixel overlap 1.00." in result.findings[1].claim


def test_random_numbers_share_no_more_than_chance(result):
    assert pair(result, "Saliency", "Random")["spearman_is"] == "chance"
    assert "Random" in result.findings[3].claim


def test_pixels_that_the_model_never_sees_are_not_compared(result):
    assert np.isnan(result.arrays["mean"][:, 4:]).all()
    assert np.isfinite(result.arrays["mean"][:, :4]).all()


def test_by_magnitude_a_map_agrees_with_its_sizes_by_value_with_its_signs(session):
    for read, low, high in (("magnitude", 0.99, 1.01), ("value", -0.9, 0.9)):
        found = pair(answer(session, ("saliency", "smooth-grad"), read=read), "Saliency", "SmoothGrad")
        assert low < found["spearman"] < high, read


def test_a_method_that_draws_numbers_is_asked_twice(session):
    result = answer(session, ("smooth-grad", "saliency"), images=4)
    own = result.tables["methods"].set_index("method")["own_spearman"]
    assert own["SmoothGrad"] == pytest.approx(1)  # the gradient of a linear model is the same everywhere
    assert np.isnan(own["Saliency"])
    assert "SmoothGrad 1.00" in result.findings[-1].claim
    assert "0 of 1 pair with such a method disagree" in result.findings[-1].claim


def test_the_mean_over_pairs_is_said_with_the_images_that_agree_least_first(result):
    table = result.tables["images"]
    assert result.findings[0].effect.value == pytest.approx(table["agreement"].mean())
    assert result.findings[0].evidence == tuple(table.sort_values("agreement", kind="stable")["row"])


def test_two_methods_are_needed(session):
    with pytest.raises(WorkbenchError, match="At least 2 methods"):
        answer(session, ("saliency",))


def test_the_figure_names_each_method_in_both_matrices_and_marks_chance(result, words):
    from dataclasses import replace

    said = words(MethodAgreement().draw(replace(result, params=MethodAgreementParams().model_dump())))
    assert said.count("Integrated gradients") == 2
    assert said.count("×") >= 3  # the control with each of the others
