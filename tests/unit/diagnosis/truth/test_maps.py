"""Worlds of known evidence: drawn as they say, scored as they say, and zero where a network cannot look."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.verdicts import verdict
from workbench.attribution.methods import explainer, explainers
from workbench.core.attribution import BELIEVED, BESIDE
from workbench.diagnosis.truth.maps import decoy, mosaic, parts
from workbench.diagnosis.truth.maps.judged import Judged, area, claims, reliability, told_of, within_methods
from workbench.diagnosis.truth.maps.known_world import Known, KnownParts
from workbench.diagnosis.truth.maps.parts_protocol import part_scores
from workbench.diagnosis.truth.maps.peers import peers
from workbench.faithfulness.reliability import EDGES
from workbench.models.probe import Probe

CHANCE = np.random.default_rng(3)
OF_THE_INPUT = [
    name
    for name, kind in explainers().items()
    if kind.kin() in ("gradient", "perturbation") and name not in ("full-grad", "guided-grad-cam", "rise")
]  # full-grad reads layers, too
SAMPLED = {"hsic": 0.4, "kernel-shap": 0.55, "lime": 0.6, "occlusion": 0.5, "sobol": 0.2, "xrai": 0.5}
"""Share that may lie outside, by chance 0.75: masks and segments reach over an edge, and random ones leave noise."""


def test_the_letter_lies_in_its_box_and_nowhere_else():
    images, which, evidence = decoy.draw(np.random.default_rng(1), 40)
    again, *_ = decoy.draw(np.random.default_rng(1), 40)
    np.testing.assert_array_equal(images, again)
    assert evidence.sum(axis=(1, 2)).tolist() == [decoy.GLYPH**2] * 40
    glyphs = decoy.glyphs(decoy.LETTERS)
    for image, letter, box in zip(images, which, evidence, strict=True):
        drawn = glyphs[letter] > 0.9
        assert image[..., 0][box].reshape(decoy.GLYPH, decoy.GLYPH)[drawn].min() > 0.85


def test_a_part_that_is_left_out_is_gone_and_everything_else_is_as_it_was():
    kinds = parts.classes_of(np.random.default_rng(2))
    assert len(np.unique(kinds, axis=0)) == parts.CLASSES
    assert ((kinds == parts.MISSING).sum(axis=1) == 1).all()
    drawn = parts.draw(np.random.default_rng(5), kinds, 2)
    whole, there = drawn.images(), parts._there(drawn)
    for part in range(parts.PARTS):
        changed = (np.abs(drawn.images(part) - whole) > parts.VISIBLE).any(axis=-1)
        lacks = drawn.variants[:, part] == parts.MISSING
        assert not changed[lacks].any()
        assert changed[~lacks].any(axis=(1, 2)).all()
        assert not (changed & ~there[:, part]).any()
    np.testing.assert_allclose(drawn.images(*range(parts.PARTS)), drawn.grounds)


def test_the_other_class_has_one_of_the_parts_and_lacks_another():
    kinds = parts.classes_of(np.random.default_rng(2))
    labels = np.arange(parts.CLASSES)
    other, has, lacks = parts._others(np.random.default_rng(0), kinds, labels)
    for label, another, one, two in zip(labels, other, has, lacks, strict=True):
        assert another != label
        assert kinds[another, one] == kinds[label, one] != parts.MISSING
        assert kinds[label, two] not in (parts.MISSING, kinds[another, two])


def test_a_mosaic_is_made_of_different_classes_and_one_cell_is_asked_about():
    labels = np.arange(10).repeat(3)
    images = np.broadcast_to((labels / 10)[:, None, None, None], (30, 4, 5, 1)).astype(np.float32)
    made, target, evidence = mosaic.mosaics(np.random.default_rng(0), images, labels, across=3, count=8)
    assert made.shape == (8, 12, 15, 1)
    for image, asked, cell in zip(made, target, evidence, strict=True):
        assert cell.sum() == 20 and np.unique(image[cell]) == pytest.approx(asked / 10)
        assert len(np.unique(image)) == 9  # no class twice


def apart():
    """DiFull: each cell of a mosaic is classified by itself, so that nothing outside of it can matter."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 1))
    cells = []
    for down in (0, 8):
        for right in (0, 8):
            crop = keras.layers.Cropping2D(((down, 8 - down), (right, 8 - right)))(image)
            x = keras.layers.Conv2D(4, 3, activation="relu")(crop)
            x = keras.layers.Conv2D(4, 3, activation="relu")(x)
            cells.append(keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    return Probe(keras.Model(image, keras.layers.Concatenate()(cells)))


@pytest.mark.parametrize("name", OF_THE_INPUT)
def test_outside_of_the_cell_that_is_classified_every_map_of_the_input_is_zero(name):
    """Rao et al. 2022, arXiv:2205.10435, section 3.1, DiFull: of gradients exactly, of sampled masks nearly."""
    probe, kind = apart(), explainer(name)
    images = np.random.default_rng(4).random((4, 16, 16, 1), np.float32)
    target = np.array([0, 4, 8, 9])  # a class of each cell
    few = {"samples": 6, "steps": 4} if name not in SAMPLED else {}
    method = kind(**{key: value for key, value in few.items() if key in kind.model_fields})
    background = images[:2] if method.needs_background else None
    maps = np.abs(method.attribute(probe, images, target, background=background).at_pixels())
    for place, values in enumerate(maps):
        down, right = divmod(place, 2)
        inside = np.zeros((16, 16), bool)
        inside[8 * down : 8 * down + 8, 8 * right : 8 * right + 8] = True
        outside = values[~inside].sum() / values.sum()
        assert outside < SAMPLED.get(name, 1e-6), outside


def test_the_share_is_counted_on_the_evidence_alone():
    evidence = np.zeros((2, 4, 4), bool)
    evidence[:, :2] = True
    known = Known(probe=None, images=None, target=None, evidence=evidence, accuracy=1.0)
    maps = np.zeros((2, 4, 4))
    maps[0, 0, 0], maps[0, 3, 3], maps[0, 2, 2] = 3.0, 1.0, -9.0
    assert known.true_share(maps).tolist() == [0.75, 0.0]
    assert known.points(maps).tolist() == [True, True]


def test_what_is_known_of_the_first_images_is_what_is_known_of_them_among_all():
    parted = KnownParts(
        **{name: CHANCE.random((5, 3)) for name in ("places", "drops", "pairs", "other", "has", "lacks")}
    )
    known = Known(
        probe=None, images=CHANCE.random((5, 4)), target=np.arange(5), evidence=np.eye(5), accuracy=0.5, parts=parted
    )
    some = known.first(2)
    assert len(some.images) == 2 and some.target.tolist() == [0, 1] and (some.accuracy, some.against) == (0.5, None)
    np.testing.assert_array_equal(some.parts.drops, parted.drops[:2])
    assert len(known.target) == 5


def test_the_evidence_of_a_contrast_is_what_the_difference_drops_without(monkeypatch):
    chance = np.random.default_rng(8)
    kinds = parts.classes_of(chance)
    drawn = parts.draw(chance, kinds, 1)
    weights = chance.normal(size=(parts.SIZE * parts.SIZE * 3, parts.CLASSES))

    class Linear:
        def logits(self, images):
            found = images.reshape(len(images), -1) @ weights
            found[np.arange(len(images)), drawn.labels] += 1000 * (len(images) == len(drawn.labels))  # always right
            return found

    others = parts._others(chance, kinds, drawn.labels)
    monkeypatch.setattr(parts, "_learned", lambda *_: (Linear(), drawn, others))
    known = parts.ContrastedParts().known("pooled", 6, 0)
    for image, target, against, evidence in zip(known.images, known.target, known.against, known.evidence, strict=True):
        row = int(np.flatnonzero(drawn.labels == target)[0])
        slope = (weights[:, target] - weights[:, against]).reshape(parts.SIZE, parts.SIZE, 3)
        drops = [((image - drawn.images(part)[row]) * slope).sum() for part in range(parts.PARTS)]
        there = parts._there(drawn)[row]
        wanted = np.any([there[part] for part in range(parts.PARTS) if drops[part] >= max(drops) / 4], axis=0)
        np.testing.assert_array_equal(evidence, wanted)
    assert known.parts is None


def test_parts_are_weighed_as_they_are_worth():
    places = np.zeros((1, 3, 2, 3), bool)
    places[0, 0, 0, 0] = places[0, 1, 0, 1] = places[0, 2, 0, 2] = True
    pairs = np.array([[[4.0, 5.0, 3.0], [5.0, 2.0, 1.0], [3.0, 1.0, 0.5]]])
    known = KnownParts(
        places=places,
        drops=np.array([[4.0, 2.0, 0.5]]),
        pairs=pairs,
        other=np.array([1]),
        has=np.array([2]),
        lacks=np.array([0]),
    )
    good, poor = np.array([[[9.0, 2.0, 1.0], [0, 0, 0]]]), np.array([[[1.0, 2.0, 9.0], [0, 0, 0]]])
    best = part_scores(known, good, poor)
    assert (best.correctness[0], best.completeness[0], best.contrastivity[0]) == (1.0, 1.0, True)
    worst = part_scores(known, poor, good)
    assert (worst.correctness[0], worst.completeness[0], worst.contrastivity[0]) == (-1.0, 1 / 5, False)


def judged(network, excess, true, method="made", library="workbench"):
    many = len(excess)
    return Judged(
        world="made",
        network=network,
        method=method,
        library=library,
        true=np.array(true),
        points=np.ones(many, bool),
        excess=np.array(excess),
        agreement=np.full(many, 0.99),
        drop=np.ones(many),
        area=np.full(many, 0.2),
        accuracy=1.0,
    )


def test_what_an_excess_is_worth_is_counted_by_ranges_and_its_interval_knows_networks():
    alike = [judged(str(n), [0.5] * 10, [0.9] * 8 + [0.1] * 2) for n in range(10)]
    uneven = [judged(str(n), [0.5] * 10, [0.9 if n < 8 else 0.1] * 10) for n in range(10)]
    place = EDGES.index(0.45)
    one, other = (reliability(each).iloc[place] for each in (alike, uneven))
    assert (one["share"], one["maps"], one["networks"]) == (other["share"], 100, 10) == (0.8, 100, 10)
    assert 0.1 < one["high"] - one["low"] < 0.2
    assert other["high"] - other["low"] > 0.4  # ten networks are not a hundred maps
    empty = reliability(alike).iloc[0]
    assert np.isnan(empty["share"]) and (empty["low"], empty["high"]) == (0.0, 1.0)


def test_what_cannot_be_told_and_the_control_are_left_out():
    found = judged("0", [0.5, np.nan], [0.9, 0.9])
    assert told_of(found).tolist() == [True, False]
    control = judged("0", [0.5] * 9, [0.0] * 9, method="random")
    peer = judged("0", [0.5] * 9, [0.9] * 9, library="another")
    assert reliability([found, control, peer])["maps"].sum() == 1


def test_within_a_method_the_better_map_has_the_larger_excess():
    table = within_methods([judged("0", [0.1, 0.2, 0.5, 0.6], [0.2, 0.1, 0.8, 0.9])])
    assert table["auc"].tolist() == [1.0]
    assert area(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == 0.75


def test_each_word_is_a_claim_that_says_how_often_it_is_true():
    assert (verdict(0.9).words, verdict(0.05).words) == (BELIEVED, BESIDE)
    made = {claim.said: claim for claim in claims([judged("0", [0.9, 0.9, -0.5, np.nan], [0.9, 0.1, 0.2, 0.9])])}
    believed, beside = made["a map on the evidence shows it"], made["a map beside the evidence does not show it"]
    assert (believed.right, believed.of, believed.wanted) == (1, 2, 0.8)
    assert (beside.right, beside.of) == (1, 1)
    assert made["of a map something can be told"].share.value == 0.75


def test_another_library_s_grad_cam_is_ours_but_for_its_scale():
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(6, 3, activation="relu", name="last")(image)
    probe = Probe(keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))))
    images, target = CHANCE.random((3, 16, 16, 1), np.float32), np.array([0, 1, 2])
    made = dict(peers(probe, images))
    assert set(made) <= set(explainers())
    for name in ("grad-cam", "saliency"):
        ours = explainer(name)().attribute(probe, images, target).at_pixels()
        for one, other in zip(ours, made[name](target), strict=True):
            if one.max() > 0:
                assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99
