import numpy as np
import pytest

from analyses.robustness.corruptions import FAMILIES, SEVERITIES, Corruptions, coverage
from workbench.core.errors import WorkbenchError

SHAPES = [(28, 28, 1), (8, 8, 1), (20, 24, 3), (5, 3, 1)]


def pictures(shape, count=6, seed=0):
    """An object of some colours on a black ground, and noise over the whole of every third picture."""
    chance = np.random.default_rng(seed)
    images = np.zeros((count, *shape), np.float32)
    high, wide = shape[0] // 4, shape[1] // 4
    images[:, high : shape[0] - high, wide : shape[1] - wide] = chance.uniform(0.3, 0.9, (count, 1, 1, shape[2]))
    images[::3] = chance.random((len(images[::3]), *shape))
    return images


def batch(images, seed=0, first=0):
    return Corruptions(images, np.arange(first, first + len(images)), seed)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_severity_0_is_the_image_and_5_is_another_in_range(family, shape):
    images = pictures(shape)
    tried = batch(images)
    np.testing.assert_array_equal(tried.changed(family, 0), images)
    made = [tried.changed(family, severity) for severity in SEVERITIES]
    for each in made:
        assert each.dtype == np.float32 and each.shape == images.shape
        assert each.min() >= 0 and each.max() <= 1
    if min(shape[:2]) >= 8:  # on three pixels a tenth of the side is nothing
        assert (np.abs(made[-1] - images).max(axis=(1, 2, 3)) > 0.01).all()
    np.testing.assert_array_equal(images, pictures(shape))  # what was given is left alone


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_is_changed_alike_in_any_batch_and_otherwise_with_another_seed_or_row(family):
    images = pictures((10, 12, 3))
    whole = batch(images).changed(family, 3)
    alone = Corruptions(images[4:5], np.array([4])).changed(family, 3)[0]
    np.testing.assert_allclose(alone, whole[4], atol=1e-6)  # a blur is a matrix product, which rounds as it is shaped
    order = np.array([5, 2, 0])
    np.testing.assert_allclose(Corruptions(images[order], order).changed(family, 3), whole[order], atol=1e-6)
    if family not in ("blur", "contrast", "stripe"):  # nothing is random there
        assert any((batch(images, seed).changed(family, 3) != whole).any() for seed in (1, 2, 3))
        twins = Corruptions(np.repeat(images[1:2], 8, axis=0), np.arange(8)).changed(family, 3)
        assert (twins != twins[0]).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_higher_severity_goes_further(family):
    y, x = np.mgrid[:28, :28]
    images = np.stack([0.9 * np.exp(-((y - 14) ** 2 + (x - 9 - n) ** 2 / 3) / 40) for n in range(10)])[..., None]
    moved = [float(np.abs(batch(images).changed(family, s) - images).mean()) for s in (0, *SEVERITIES)]
    assert moved == sorted(moved) and moved[1] < moved[5] / 2


def test_noise_has_the_spread_that_is_said():
    grey = np.full((40, 28, 28, 1), 0.5, np.float32)
    tried = batch(grey)
    assert tried.changed("gaussian-noise", 1).std() == pytest.approx(0.04, rel=0.03)
    assert tried.changed("shot-noise", 3).std() == pytest.approx((0.5 / 100) ** 0.5, rel=0.03)  # Poisson: x / c
    struck = tried.changed("impulse-noise", 5)
    assert set(np.unique(struck)) == {0.0, 0.5, 1.0}
    assert (struck != 0.5).mean() == pytest.approx(0.16, abs=0.01)
    assert (struck == 1).mean() == pytest.approx(0.08, abs=0.01)


def test_shot_noise_is_poisson_of_the_image_s_own_generator():
    images = pictures((6, 5, 3), 3)
    tried = batch(images, seed=7)
    for n, (draw, made) in enumerate(zip(tried.draws("shot-noise"), tried.changed("shot-noise", 4), strict=True)):
        counts = draw.poisson(images[n].astype(np.float64) * 50)
        np.testing.assert_allclose(made, np.minimum(counts / 50, 1), atol=1e-6)


def test_contrast_is_drawn_to_the_mean_by_hand():
    image = np.array([0.0, 0.2, 0.4, 0.6], np.float32).reshape(1, 2, 2, 1)
    made = batch(image).changed("contrast", 3)[0, ..., 0]  # 65 % about 0.3
    np.testing.assert_allclose(made, [[0.105, 0.235], [0.365, 0.495]], atol=1e-6)


def test_brightness_adds_or_takes_the_same_everywhere():
    images = np.full((30, 4, 4, 1), 0.5, np.float32)
    made = batch(images).changed("brightness", 2)
    assert {round(float(v), 4) for v in np.unique(made)} == {0.44, 0.56}
    assert (np.ptp(made, axis=(1, 2, 3)) == 0).all()


def test_a_stripe_is_inverted_in_the_middle_by_hand():
    images = np.full((1, 2, 10, 1), 0.25, np.float32)
    images[0, :, 4:6] = [[[0.0], [1.0]]] * 2
    tried = Corruptions(np.tile(images, (1, 5, 1, 1)), np.array([0]))  # 10×10: 30 % are 3 pixels, from 3.5 to 6.5
    row = tried.changed("stripe", 5)[0, 0, :, 0]
    np.testing.assert_allclose(row, [0.25, 0.25, 0.25, 0.5, 1.0, 0.0, 0.5, 0.25, 0.25, 0.25], atol=1e-6)


def test_a_patch_hides_a_piece_of_the_object_with_the_ground_s_colour():
    images = np.full((20, 20, 20, 1), 0.1, np.float32)
    images[:, 6:14, 6:14] = 0.8
    made = batch(images).changed("occlusion", 3)  # 20 % of 20: 4 × 4 pixels
    hidden = 0.8 - made[:, 6:14, 6:14]
    assert (hidden.max(axis=(1, 2, 3)) > 0.34).all()
    assert ((made >= 0.1 - 1e-6) & (made <= 0.8 + 1e-6)).all()
    photo = np.random.default_rng(0).random((5, 10, 10, 3), np.float32)  # no ground: its mean, 4 × 4 pixels of 40 %
    changed = batch(photo).changed("occlusion", 5)
    for before, after in zip(photo, changed, strict=True):
        assert (np.abs(after - before.mean(axis=(0, 1))).max(axis=-1) < 1e-6).sum() >= 9


@pytest.mark.parametrize(("height", "moved"), [(28, 3), (56, 6)])
def test_a_shift_is_a_share_of_the_side_and_uncovers_the_ground(height, moved):
    images = np.full((12, height, height, 1), 0.2, np.float32)
    middle = height // 2
    images[:, middle, middle] = 1.0
    images[:, middle, middle + 1] = 0.9
    made = batch(images).changed("shift", 3)  # 3/28 of the side
    for each in made[..., 0]:
        row, column = np.unravel_index(each.argmax(), each.shape)
        assert abs(row - middle) + abs(column - middle) == moved and min(abs(row - middle), abs(column - middle)) == 0
        assert each[row, column + 1] == pytest.approx(0.9, abs=1e-6)
        assert each.min() == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("family", ["shift", "rotate", "scale"])
def test_a_map_moved_back_lies_on_the_image_again(family):
    side = 40
    y, x = np.mgrid[:side, :side]
    smooth = np.exp(-((y - 17.0) ** 2 + (x - 22.0) ** 2) / 60)[None, ..., None].astype(np.float32).repeat(5, axis=0)
    tried = batch(smooth)
    for severity in SEVERITIES:
        changed = tried.changed(family, severity)[..., 0]
        back, known = tried.moved_back(changed, family, severity)
        gap = np.abs(back - smooth[..., 0]) * known
        assert gap.max() < 0.03 < np.abs(changed - smooth[..., 0]).max()
        assert known.mean() > 0.3


def test_what_does_not_move_is_not_moved_back():
    maps = np.random.default_rng(0).random((2, 6, 6))
    back, known = batch(pictures((6, 6, 1), 2)).moved_back(maps, "blur", 5)
    assert (back == maps).all() and known.all()


def test_the_share_of_a_pixel_that_is_covered_by_hand():
    found = coverage(np.array([0.5, 2.0]), np.array([1.75, 4.0]), 4)
    assert found.tolist() == [[0.5, 0.75, 0, 0], [0, 0, 1, 1]]


def test_words_say_what_a_severity_does():
    assert FAMILIES["rotate"].words(1) == "5° to either side"
    assert FAMILIES["blur"].words(1) == "standard deviation 1.0 % of the side"
    assert FAMILIES["shift"].words(0) == "unchanged"


def test_wrong_names_and_severities_are_refused():
    tried = batch(pictures((6, 6, 1), 1))
    with pytest.raises(WorkbenchError, match="rotate"):
        tried.changed("rotat", 1)
    with pytest.raises(WorkbenchError, match="0 … 5"):
        tried.changed("rotate", 6)
    with pytest.raises(WorkbenchError, match="rows"):
        Corruptions(pictures((6, 6, 1), 2), np.array([0]))
