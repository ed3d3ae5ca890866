from types import SimpleNamespace

import numpy as np
import pytest

from analyses.filters import Filters, FiltersParams
from workbench.core.errors import Unavailable, WorkbenchError


def kernels(norms, shape=(1, 2, 1)):
    """`(height, width, C, F)` weights: filter f has `norms[f]` at its first place and 0 elsewhere."""
    weights = np.zeros((*shape, len(norms)), np.float32)
    weights[0, 0, 0] = norms
    return weights


def probe(**layers):
    return SimpleNamespace(
        filter_layers=list(layers),
        filters=lambda name: layers[name],
        layers={name: SimpleNamespace(kind=name.capitalize()) for name in layers},
        spatial_layers=list(layers),
    )


def test_norms_and_negligible_filters_of_each_layer(stand_in):
    session = stand_in([0], probe=probe(first=kernels([1, -3, 2]), second=kernels([4, 4, 4, 0.1])))
    result = Filters().compute(session, FiltersParams(excite=0))
    table = result.tables["layers"]
    assert table["filters"].tolist() == [3, 4]
    assert table["kernel"].tolist() == ["1×2×1", "1×2×1"]
    assert table["weakest"].tolist() == pytest.approx([1, 0.1])
    assert table["median"].tolist() == pytest.approx([2, 4])
    assert table["strongest"].tolist() == pytest.approx([3, 4])
    assert table["negligible"].tolist() == [0, 1]  # 0.1 is below 5 % of 4
    assert result.arrays["norms_0"].tolist() == pytest.approx([3, 2, 1])
    assert result.arrays["first"][:, 0, 0, 0].tolist() == [-3, 2, 1]  # strongest first, sign kept
    (finding,) = result.findings
    assert finding.claim.startswith("1 of 7 filters in 2 layers are negligible")
    assert finding.claim.endswith(": 1 of 4 in second.")
    assert finding.effect.value == pytest.approx(1 / 7)


def test_a_depthwise_layer_has_a_filter_for_each_channel(stand_in):
    weights = np.zeros((1, 1, 2, 3), np.float32)
    weights[0, 0] = [[1, 2, 3], [4, 5, 6]]
    result = Filters().compute(stand_in([0], probe=probe(depthwise=weights)), FiltersParams(excite=0))
    assert result.tables["layers"]["filters"].tolist() == [6]
    assert result.arrays["norms_0"].tolist() == [6, 5, 4, 3, 2, 1]


def test_a_transposed_layer_counts_what_it_gives(stand_in):
    result = Filters().compute(stand_in([0], probe=probe(transpose=np.ones((1, 1, 2, 3)))), FiltersParams(excite=0))
    assert result.tables["layers"][["filters", "kernel"]].to_numpy().tolist() == [[2, "1×1×3"]]


def test_colour_kernels_are_drawn_in_colour(stand_in, words):
    session = stand_in([0], probe=probe(first=kernels([1, 2], (3, 3, 3))))
    said = words(Filters().draw(Filters().compute(session, FiltersParams(excite=0))))
    assert any("in the input's own colours" in each for each in said)


def test_a_model_without_convolution_is_refused(stand_in):
    with pytest.raises(WorkbenchError, match="This model has no convolution"):
        Filters().compute(stand_in([0], probe=probe()), FiltersParams())


def test_filters_that_cannot_be_excited_are_a_finding_not_a_crash(stand_in, monkeypatch):
    def fail(*_, **__):
        raise Unavailable("tf-keras-vis could not excite 'first' of this model: no gradients")

    monkeypatch.setattr("analyses.filters.excitation.excite", fail)
    made = probe(first=kernels([1, 2]))
    made.spatial_layer = lambda name, method: "first"
    made.feature_maps = lambda images, layer: np.ones((len(images), 1, 1, 2))
    result = Filters().compute(stand_in([0], probe=made), FiltersParams())
    assert result.findings[-1].claim == (
        "Activation maximisation failed: tf-keras-vis could not excite 'first' of this model: no gradients."
    )
    assert list(result.tables) == ["layers"]
    assert Filters().draw(result) is not None
