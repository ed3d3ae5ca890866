from types import SimpleNamespace

import numpy as np
import pytest

from analyses.feature_maps import FeatureMaps, FeatureMapsParams
from workbench.core.errors import WorkbenchError

IMAGES = np.array([[0, 51], [102, 255], [0, 0]]).reshape(3, 1, 2, 1)


def maps_of(images):
    """Two layers: the image itself, nothing, and a constant 3; then the image less 0.2, and its negative less 1."""
    first = np.concatenate([images, 0 * images, 0 * images + 3], axis=-1)
    return [first, np.concatenate([images - 0.2, -images - 1], axis=-1)]


@pytest.fixture
def session(stand_in):
    probe = SimpleNamespace(
        images=None,
        spatial_layers=["one", "two"],
        layers={name: SimpleNamespace(kind="Conv2D") for name in ("one", "two")},
        compile=lambda key, function, classes: (
            lambda images: [maps_of(images)[at] for at in map(["one", "two"].index, key[1])]
        ),
        max_rows=2,
    )
    return stand_in([0, 1, 2], images=IMAGES, probe=probe)


def test_dead_channels_are_counted_over_the_data(session):
    table = FeatureMaps().compute(session, FeatureMapsParams()).tables["layers"]
    assert table["silent"].tolist() == [1, 1]  # never above 0: the empty one; the negative one
    assert table["constant"].tolist() == [2, 0]  # always the same: the empty one and the 3
    assert table["dead"].tolist() == [2, 1]
    assert table["lowest"].tolist() == pytest.approx([0, -2])
    assert table["highest"].tolist() == pytest.approx([3, 0.8])


def test_on_a_few_images_nothing_is_called_dead(session):
    worst, _ = FeatureMaps().compute(session, FeatureMapsParams()).findings
    assert worst.severity == "info" and worst.claim.endswith("; 3 of them are different.")


def test_findings_name_the_worst_layer_first(session, monkeypatch):
    monkeypatch.setattr("analyses.feature_maps.ENOUGH", 3)
    worst, other = FeatureMaps().compute(session, FeatureMapsParams()).findings
    assert worst.claim.startswith("one: 2 of 3 channels are dead on 3 images, 66.7 %")
    assert (worst.severity, worst.effect.value) == ("serious", pytest.approx(2 / 3))
    assert other.claim.startswith("two: 1 of 2 channels is dead on 3 images, 50.0 %")


def test_the_maps_are_of_the_row_asked_for_strongest_first(session):
    result = FeatureMaps().compute(session, FeatureMapsParams(row=1, channels=2))
    assert result.arrays["channels_0"].tolist() == [2, 0]
    assert result.arrays["maps_0"][1].ravel().tolist() == pytest.approx([0.4, 1.0])
    assert result.notes["true"] == "bee"


def test_fewer_images_see_less(session):
    table = FeatureMaps().compute(session, FeatureMapsParams(images=1)).tables["layers"]
    assert table["silent"].tolist() == [1, 2]  # on the first image alone 0.2 - 0.2 is not above 0


def test_fewer_layers_keep_the_last(session):
    assert FeatureMaps().compute(session, FeatureMapsParams(layers=1)).tables["layers"]["layer"].tolist() == ["two"]


def test_a_row_that_is_not_there_is_refused(session):
    with pytest.raises(WorkbenchError, match=r"`row` must lie in 0…2, one of 3 images. Got 3."):
        FeatureMaps().compute(session, FeatureMapsParams(row=3))
