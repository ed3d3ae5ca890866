from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from workbench.core.attribution import Attribution
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.core.predictions import Predictions

NAMES = ("Shirt", "Coat", "6", "coat hanger")


def dataset(**changes):
    """Five grey images of 2x3 pixels, of four classes."""
    given = {
        "images": np.arange(30, dtype=np.uint8).reshape(5, 2, 3, 1),
        "labels": np.array([0, 1, 2, 3, 0]),
        "class_names": NAMES,
        "indices": np.array([4, 5, 6, 7, 9]),
        "name": "made/test",
    }
    return Dataset(**{**given, **changes})


class TestDataset:
    def test_floats_are_bytes_over_255_in_float32(self):
        images = dataset(images=np.full((5, 2, 3, 1), 51, np.uint8)).floats()
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images, np.full((5, 2, 3, 1), np.float32(0.2)))

    @pytest.mark.parametrize("size", [1, 2, 5, 100])
    def test_batches_are_all_images_in_order(self, size):
        batches = list(dataset().batches(size))
        assert max(map(len, batches)) <= size
        np.testing.assert_array_equal(np.concatenate(batches), dataset().images / np.float32(255))

    def test_a_subset_keeps_order_and_points_into_the_source(self):
        part = dataset().subset([3, 0, 3])
        assert part.labels.tolist() == [3, 0, 3]
        assert part.indices.tolist() == [7, 4, 7]
        assert part.images[:, 0, 0, 0].tolist() == [18, 0, 18]
        assert part.subset(slice(1, None)).indices.tolist() == [4, 7]
        assert part.image_shape == (2, 3, 1)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (slice(1, 5, 2), [1, 3]),
            (slice(-2, None), [3, 4]),
            (3, [3]),
            ((4, 0), [4, 0]),
            ([], []),
            (np.array([True, False, False, True, True]), [0, 3, 4]),
            ([False] * 4 + [True], [4]),
            (range(2), [0, 1]),
        ],
    )
    def test_rows_are_numbers_slices_or_masks(self, given, expected):
        found = dataset().rows(given)
        assert found.tolist() == expected
        assert found.dtype == np.int64

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ([0, 5], r"Image 5 does not exist: 'made/test' has images 0…4\."),
            ([-1], r"Image -1 does not exist"),
            (np.array([True, False]), r"A mask must have one value for each of 5 images\. Got shape \(2,\)\."),
            ([0.5], r"`rows` must be whole numbers\. Got 0\.5\."),
            (["x"], r"`rows` must be whole numbers\. Got 'x'\."),
        ],
    )
    def test_rows_that_do_not_exist_are_named(self, given, sentence):
        with pytest.raises(WorkbenchError, match=sentence):
            dataset().rows(given)
        with pytest.raises(WorkbenchError):
            dataset().subset(given)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("Coat", 1),
            ("coat", 1),
            ("COAT HANGER", 3),
            ("6", 2),
            (6, 2),
            ("0", 0),
            (3, 3),
            ("3", 3),
            (np.int64(1), 1),
            ("٣", 3),
        ],
    )
    def test_a_class_is_found_by_its_name_before_its_number(self, given, expected):
        assert dataset().class_index(given) == expected

    def test_a_number_is_a_number_even_where_names_are_numbers(self):
        turned = dataset(class_names=("3", "2", "1", "0"))
        assert [turned.class_index(each) for each in (0, 3, "0", "3")] == [0, 3, 3, 0]

    @pytest.mark.parametrize("given", ["4", 4, -1, "Trouser", "", "1.0", "²"])
    def test_a_class_that_does_not_exist_is_refused_with_the_names(self, given):
        with pytest.raises(WorkbenchError, match=r"There is no class .* Choose one of: Shirt, Coat, 6, coat hanger\."):
            dataset().class_index(given)

    def test_a_mistyped_class_gets_the_nearest_names(self):
        with pytest.raises(WorkbenchError, match=r"Did you mean 'Shirt'\?"):
            dataset().class_index("Shrit")

    @pytest.mark.parametrize(
        "changes",
        [
            {"images": np.r_[np.uint8(1), np.arange(1, 30, dtype=np.uint8)].reshape(5, 2, 3, 1)},
            {"images": np.arange(30, dtype=np.uint8).reshape(5, 3, 2, 1)},
            {"labels": np.array([0, 1, 2, 3, 1])},
            {"indices": np.array([4, 5, 6, 7, 8])},
            {"class_names": ("shirt", *NAMES[1:])},
            {"source_fingerprint": "abc"},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_the_fingerprint_changes_with_everything_that_counts(self, changes):
        assert dataset(**changes).fingerprint != dataset().fingerprint

    def test_the_fingerprint_does_not_change_with_the_name_and_is_the_same_in_every_process(self):
        assert dataset(name="other").fingerprint == dataset().fingerprint == "23def7df80eed511"
        assert dataset().subset([1, 0, 2, 3, 4]).fingerprint != dataset().fingerprint
        assert dataset().subset(slice(None)).fingerprint == dataset().fingerprint

    def test_subsets_of_a_lazy_source_are_told_apart_without_reading_images(self):
        lazy = dataset(source_fingerprint="files")
        assert lazy.subset([0, 1]).fingerprint != lazy.subset([0, 2]).fingerprint
        assert lazy.fingerprint == replace(lazy, images=lazy.images + np.uint8(1)).fingerprint

    def test_one_hot(self):
        assert dataset().one_hot().tolist() == np.eye(4)[[0, 1, 2, 3, 0]].tolist()
        assert dataset().one_hot().dtype == np.float32

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"images": np.zeros((5, 2, 3, 1))}, r"must be uint8 of shape \(N, H, W, C\)\. Got float64"),
            ({"images": np.zeros((5, 2, 3), np.uint8)}, r"Got uint8 of shape \(5, 2, 3\)"),
            ({"images": np.zeros((0, 2, 3, 1), np.uint8)}, r"'made/test' must hold at least one image"),
            ({"labels": np.zeros(4, int)}, r"one value for each of 5 images\. Got shapes \(4,\) and \(5,\)"),
            ({"indices": np.zeros(6, int)}, r"Got shapes \(5,\) and \(6,\)"),
            ({"labels": np.array([0, 1, 2, 4, 0])}, r"must lie in 0…3, one of 4 classes\. Got 0…4"),
            ({"labels": np.array([0, -1, 2, 3, 0])}, r"Got -1…3"),
        ],
    )
    def test_what_does_not_fit_is_said(self, changes, sentence):
        with pytest.raises(WorkbenchError, match=sentence):
            dataset(**changes)


class TestPredictions:
    # softmax of (ln 1, ln 2, ln 5) is (1/8, 2/8, 5/8)
    LOGITS = np.log(np.array([[1, 2, 5], [6, 3, 1], [2, 2, 1], [1, 4, 5]], np.float32))
    LABELS = np.array([2, 1, 1, 0])

    @property
    def given(self):
        return Predictions(self.LOGITS, self.LABELS)

    def test_probabilities_are_the_softmax(self):
        expected = [[1 / 8, 2 / 8, 5 / 8], [0.6, 0.3, 0.1], [0.4, 0.4, 0.2], [0.1, 0.4, 0.5]]
        np.testing.assert_allclose(self.given.probabilities, expected, rtol=1e-6)
        np.testing.assert_allclose(self.given.confidence, [5 / 8, 0.6, 0.4, 0.5], rtol=1e-6)

    def test_the_largest_logit_is_predicted_and_of_two_the_first(self):
        assert self.given.predicted.tolist() == [2, 0, 0, 2]
        assert self.given.correct.tolist() == [True, False, False, False]

    def test_the_loss_is_in_nats(self):
        np.testing.assert_allclose(self.given.loss, -np.log([5 / 8, 0.3, 0.4, 0.1]), rtol=1e-6)

    def test_the_margin_is_to_the_best_other_class_and_zero_at_a_tie(self):
        np.testing.assert_allclose(self.given.margin, np.log([5 / 2, 3 / 6, 1, 1 / 5]), rtol=1e-6, atol=1e-7)

    def test_the_margin_of_negative_logits(self):
        assert Predictions(np.array([[-1, -3, -2], [-3, -1, -2.5]]), np.array([0, 0])).margin.tolist() == [1, -2]

    def test_huge_logits_neither_overflow_nor_vanish(self):
        given = Predictions(np.array([[1000, 0], [-1000, 1000], [1e30, 1e30]], np.float32), np.array([1, 0, 0]))
        np.testing.assert_allclose(given.loss, [1000, 2000, np.log(2)])
        np.testing.assert_allclose(given.probabilities, [[1, 0], [0, 1], [0.5, 0.5]])
        assert given.margin.tolist() == [-1000, -2000, 0]

    def test_the_table_has_one_row_an_image(self):
        table = self.given.table
        assert list(table) == ["label", "predicted", "correct", "confidence", "loss", "margin"]
        assert table["label"].tolist() == [2, 1, 1, 0]
        np.testing.assert_allclose(table["confidence"], [5 / 8, 0.6, 0.4, 0.5], rtol=1e-6)

    @pytest.mark.parametrize(
        ("logits", "sentence"),
        [
            (np.zeros((3, 2)), r"Got \(3, 2\) and \(4,\)"),
            (np.zeros(4), r"Got \(4,\) and \(4,\)"),
            (np.full((4, 2), np.nan), "it has diverged"),
            (np.full((4, 2), -np.inf), "it has diverged"),
        ],
    )
    def test_what_does_not_fit_is_said(self, logits, sentence):
        with pytest.raises(WorkbenchError, match=sentence):
            Predictions(logits, self.LABELS)


def attribution(values, image_size):
    values = np.asarray(values, np.float32)
    return Attribution(
        values,
        target=np.zeros(len(values), int),
        score="logit",
        signed=True,
        method="x",
        params={},
        layer=None,
        image_size=image_size,
    )


class TestAtPixels:
    def test_half_pixel_centres_by_hand(self):
        """Two places on four pixels: centres at 0.25 and 0.75 of the width, flat beyond them."""
        up = attribution([[[0, 4]]], (1, 4)).at_pixels()
        assert up.tolist() == [[[0, 1, 3, 4]]]

    def test_a_map_that_fits_is_left_alone_and_one_place_fills_the_image(self):
        values = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
        np.testing.assert_array_equal(attribution(values, (5, 4)).at_pixels(), values)
        assert (attribution([[[-2.5]]], (3, 7)).at_pixels() == -2.5).all()

    @pytest.mark.parametrize(
        ("places", "pixels"), [((11, 11), (28, 28)), ((2, 3), (7, 5)), ((1, 4), (6, 6)), ((9, 8), (4, 3))]
    )
    def test_it_is_tf_image_resize(self, places, pixels):
        values = np.random.default_rng(1).normal(size=(3, *places)).astype(np.float32)
        expected = tf.image.resize(values[..., None], pixels, method="bilinear")[..., 0]
        np.testing.assert_allclose(attribution(values, pixels).at_pixels(), expected, atol=1e-5)

    def test_length(self):
        assert len(attribution(np.zeros((3, 1, 1)), (1, 1))) == 3


def test_a_finding_is_a_fact_without_evidence_unless_more_is_said():
    finding = Finding("All is well.")
    assert (finding.severity, finding.effect, finding.cost, finding.evidence, finding.advice) == (
        "info",
        None,
        None,
        (),
        "",
    )
