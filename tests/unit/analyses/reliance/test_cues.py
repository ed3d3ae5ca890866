"""One 4×4 picture with a 2×2 object, cue by cue, written out by hand."""

import numpy as np

from analyses.reliance.cues import frame, only, rings

IMAGE = np.array([[0, 0, 0, 0], [0, 0.2, 0.4, 0], [0, 0.6, 0.8, 0], [0.5, 0, 0, 0]])[None, ..., None]
MASK = np.zeros((1, 4, 4), bool)
MASK[0, 1:3, 1:3] = True


def test_silhouette_background_and_frame():
    silhouette = only("silhouette", IMAGE, MASK)[0, ..., 0]
    np.testing.assert_allclose(silhouette, 0.5 * MASK[0], atol=1e-6)  # mean of 0.2, 0.4, 0.6, 0.8
    background = only("background", IMAGE, MASK)[0, ..., 0]
    assert np.argwhere(background).tolist() == [[3, 0]] and background[3, 0] == 0.5
    assert np.argwhere(only("frame", IMAGE, MASK)[0, ..., 0]).tolist() == [[3, 0]]


def test_texture_moves_the_object_s_pixels_and_no_other():
    texture = only("texture", IMAGE, MASK, seed=1)[0, ..., 0]
    np.testing.assert_allclose(np.sort(texture[MASK[0]]), [0.2, 0.4, 0.6, 0.8], rtol=1e-6)
    assert not texture[~MASK[0]].any()
    moved = [only("texture", IMAGE, MASK, seed=seed)[0, 1, 1, 0] for seed in range(8)]
    assert len(set(moved)) > 1
    assert IMAGE[0, 1, 1, 0] == 0.2  # what was given stays


def test_edges_are_the_length_of_the_gradient_up_to_one():
    step = np.zeros((1, 5, 6, 1))
    step[:, :, 3:] = 0.5
    np.testing.assert_allclose(only("edges", step, np.ones((1, 5, 6), bool))[0, 2, :, 0], [0, 0, 1, 1, 0, 0])


def test_rings_lie_around_the_outline_and_nowhere_without_an_object():
    masks = np.zeros((2, 7, 7), bool)
    masks[0, 2:5, 2:5] = True
    masks[1] = True
    found = rings(masks)
    expected = np.zeros((7, 7), bool)
    expected[1:6, 1:6] = True
    expected[3, 3] = False
    assert (found[0] == expected).all()
    assert not found[1].any()
    assert frame((28, 28)).sum() == 28 * 28 - 24 * 24
