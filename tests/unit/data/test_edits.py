"""Edits: the pixels that each makes, against slow replicas; what a list may say; what is refused."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.data.edits import LONGEST, MOST, as_json, as_records, edited, pixels_changed, read_edits, words_of

SHAPES = [(7, 7, 1), (6, 9, 3), (1, 5, 1)]
POINT = st.tuples(st.integers(-4, 13), st.integers(-4, 13)).map(list)
AREA = st.one_of(
    st.fixed_dictionaries({"stroke": st.lists(POINT, min_size=1, max_size=4), "width": st.integers(1, 5)}),
    st.fixed_dictionaries({"box": st.tuples(*[st.integers(-3, 8)] * 2, *[st.integers(1, 12)] * 2).map(list)}),
)
KEY = "0123456789abcdef" * 2
EXACT = ("paint", "erase", "swap", "move")
EDIT = st.one_of(
    AREA.map(lambda area: {"op": "paint", "value": 200, **area}),
    AREA.map(lambda area: {"op": "erase", **area}),
    AREA.map(lambda area: {"op": "hide", **area}),
    AREA.map(lambda area: {"op": "blur", "sigma": 1.5, **area}),
    AREA.map(lambda area: {"op": "swap", "source": KEY, **area}),
    st.fixed_dictionaries({"op": st.just("move"), "right": st.integers(-9, 9), "down": st.integers(-9, 9)}),
    st.fixed_dictionaries({"op": st.just("rotate"), "degrees": st.floats(-180, 180)}),
    st.fixed_dictionaries({"op": st.just("light"), "brightness": st.floats(-1, 1), "contrast": st.floats(0, 4)}),
)


def image(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


class Slow:
    """The same, pixel by pixel in Python's own numbers."""

    def __init__(self, pixels, donor):
        self.first, self.donor = pixels.astype(int).tolist(), donor.astype(int).tolist()
        self.height, self.width, self.channels = pixels.shape
        border = [
            self.first[y][x]
            for y in range(self.height)
            for x in range(self.width)
            if y in (0, self.height - 1) or x in (0, self.width - 1)
        ]
        self.background = [sorted(each[c] for each in border)[(len(border) - 1) // 2] for c in range(self.channels)]
        every = [pixel for row in self.first for pixel in row]
        self.mean = [byte(sum(each[c] for each in every) / len(every)) for c in range(self.channels)]
        self.middle = sum(map(sum, every)) / (len(every) * self.channels)

    def meant(self, edit, x, y):
        if "box" in edit:
            left, top, wide, high = edit["box"]
            return left <= x < left + wide and top <= y < top + high
        before = (edit["width"] - 1) // 2
        return any(
            a - before <= x < a - before + edit["width"] and b - before <= y < b - before + edit["width"]
            for a, b in self.passed(edit["stroke"])
        )

    def passed(self, points):
        found = [tuple(points[-1])]
        for (a, b), (c, d) in pairwise(points):
            n = max(abs(c - a), abs(d - b))
            found += [(math.floor(a + (c - a) * k / n + 0.5), math.floor(b + (d - b) * k / n + 0.5)) for k in range(n)]
        return found

    def at(self, pixels, x, y, c):
        inside = 0 <= x < self.width and 0 <= y < self.height
        return pixels[y][x][c] if inside else self.background[c]

    def blurred(self, pixels, x, y, c, sigma):
        weights = {
            (i, j): math.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * sigma**2))
            for i in range(self.width)
            for j in range(self.height)
        }
        return byte(sum(w * pixels[j][i][c] for (i, j), w in weights.items()) / sum(weights.values()))

    def value(self, edit, pixels, x, y, c):
        match edit["op"]:
            case "move":
                return self.at(pixels, x - edit["right"], y - edit["down"], c)
            case "light":
                return byte(self.middle + edit["contrast"] * (pixels[y][x][c] - self.middle) + 255 * edit["brightness"])
            case "rotate":
                t, (u, v) = math.radians(edit["degrees"]), (x - (self.width - 1) / 2, y - (self.height - 1) / 2)
                a = u * math.cos(t) + v * math.sin(t) + (self.width - 1) / 2
                b = v * math.cos(t) - u * math.sin(t) + (self.height - 1) / 2
                i, j = math.floor(a), math.floor(b)
                return byte(
                    sum(
                        wx * wy * self.at(pixels, i + right, j + down, c)
                        for right, wx in ((0, 1 - a + i), (1, a - i))
                        for down, wy in ((0, 1 - b + j), (1, b - j))
                    )
                )
        if not self.meant(edit, x, y):
            return pixels[y][x][c]
        match edit["op"]:
            case "paint":
                return edit["value"]
            case "erase":
                return self.background[c]
            case "hide":
                return self.mean[c]
            case "swap":
                return self.donor[y][x][c]
        return self.blurred(pixels, x, y, c, edit["sigma"])

    def edited(self, edits):
        pixels = self.first
        for edit in edits:
            pixels = [
                [[self.value(edit, pixels, x, y, c) for c in range(self.channels)] for x in range(self.width)]
                for y in range(self.height)
            ]
        return np.array(pixels)


def byte(value):
    return min(max(round(value), 0), 255)  # half to even, as numpy has it


@settings(max_examples=60)
@given(st.sampled_from(SHAPES), st.lists(EDIT, max_size=3), st.integers(0, 3))
def test_pixels_are_those_of_a_slow_replica_and_a_replay_gives_the_same(shape, raw, seed):
    before, donor = image(shape, seed), image(shape, seed + 10)
    edits = read_edits(raw)
    made = edited(before, edits, {KEY: donor})
    expected = Slow(before, donor).edited(raw)
    # Values that lie on a half are rounded either way by sums in another order; each further edit may carry that on.
    assert np.abs(made.astype(int) - expected).max() <= (
        0 if len(raw) == 1 and raw[0]["op"] in EXACT else 1 if len(raw) == 1 else 20
    )
    assert np.count_nonzero(made != expected) <= 0.1 * made.size + 1
    np.testing.assert_array_equal(before, image(shape, seed))  # it stays as it was
    again = read_edits(as_json(edits))
    assert as_json(again) == as_json(edits)
    np.testing.assert_array_equal(edited(before, again, {KEY: donor}), made)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_changes_nothing_changes_nothing(shape):
    before = image(shape)
    for raw in (
        [],
        [{"op": "rotate"}, {"op": "move"}, {"op": "light"}],
        [{"op": "erase", "box": [100, 100, 5, 5]}, {"op": "blur", "stroke": [[-9, -9]], "width": 3}],
    ):
        made = edited(before, read_edits(raw))
        assert made is not before
        np.testing.assert_array_equal(made, before)
        assert pixels_changed(before, made) == 0


def test_exact_pixels_of_a_stroke_a_box_and_turns():
    blank = np.zeros((5, 6, 1), np.uint8)
    line = edited(blank, read_edits([{"op": "paint", "stroke": [[0, 0], [4, 2]], "value": 9}]))[..., 0]
    assert [tuple(place) for place in np.argwhere(line == 9)] == [(0, 0), (1, 1), (1, 2), (2, 3), (2, 4)]
    wide = edited(blank, read_edits([{"op": "paint", "stroke": [[5, 4]], "width": 4, "value": 9}]))[..., 0]
    assert [tuple(place) for place in np.argwhere(wide == 9)] == [(r, c) for r in (3, 4) for c in (4, 5)]
    colour = edited(
        np.zeros((2, 2, 3), np.uint8), read_edits([{"op": "paint", "box": [1, 0, 9, 1], "value": [1, 2, 3]}])
    )
    assert colour.tolist() == [[[0, 0, 0], [1, 2, 3]], [[0, 0, 0], [0, 0, 0]]]
    square = image((7, 7, 3))
    for degrees, turns in ((90, -1), (-90, 1), (180, 2)):
        turned = edited(square, read_edits([{"op": "rotate", "degrees": degrees}]))
        np.testing.assert_array_equal(turned, np.rot90(square, turns))
    back = edited(square, read_edits([{"op": "move", "right": 99}]))
    assert (back == back[0, 0]).all()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (5, "Edits must be a list of objects. Got int."),
        ({"op": "move"}, "Edits must be a list of objects. Got dict."),
        ("[", "Edits must be a JSON list"),
        ('[{"op":"rotate","degrees":NaN}]', "Edits must be a JSON list"),
        ("[" * 100_000, "Edits must be a JSON list"),
        ([3], "Edit 1 must be an object with `op`. Got int."),
        ([{"op": "move"}, {"op": "rotat"}], "There is no edit 'rotat'. Did you mean 'rotate'"),
        ([{"op": ["move"]}], "There is no edit 'list'."),
        ([{"op": "move", "up": 3}], "Edit 1, move: There is no parameter 'up'."),
        ([{"op": "move", "right": 1e300}], "Edit 1, move: `right` must be"),
        ([{"op": "move", "right": 10**30}], "Edit 1, move: `right` must be at most 16384."),
        ([{"op": "rotate", "degrees": math.nan}], "Edit 1, rotate: `degrees` must be finite."),
        ([{"op": "rotate", "degrees": math.inf}], "Edit 1, rotate: `degrees` must be"),
        ([{"op": "light", "contrast": True}], "Edit 1, light: `contrast` must be a number. Got True."),
        ([{"op": "paint"}], "Edit 1, paint: give a `stroke` or a `box`"),
        ([{"op": "paint", "box": [0, 0, 1, 1], "stroke": [[0, 0]]}], "Edit 1, paint: give a `stroke` or a `box`"),
        ([{"op": "erase", "stroke": [[0, 10**9]]}], "Edit 1, erase: `stroke` must be a list of [column, row]"),
        ([{"op": "erase", "stroke": [[0.5, 1]]}], "`stroke` must be a list of [column, row]"),
        ([{"op": "erase", "stroke": "abc"}], "`stroke` must be a list of [column, row]"),
        ([{"op": "erase", "box": [0, 0, -1, 1]}], "`box` must be at least one pixel"),
        ([{"op": "erase", "box": [0, 0, 1]}], "`box` must be [left, top, width, height]"),
        ([{"op": "blur", "box": [0, 0, 1, 1], "sigma": 1e9}], "`sigma` must be at most 100."),
        ([{"op": "paint", "box": [0, 0, 1, 1], "value": 256}], "`value` must be at most 255."),
        ([{"op": "swap", "box": [0, 0, 1, 1], "source": "../../etc"}], "`source` must be the key of an image"),
        ([{"op": "move"}] * (MOST + 1), f"At most {MOST} edits make a list. Got {MOST + 1}."),
        ([{"op": "erase", "stroke": [[-16_000, 0], [16_000, 0]] * 40}], f"may go through {LONGEST:,} pixels."),
    ],
)
def test_what_is_no_edit_is_one_sentence(raw, said):
    with pytest.raises(WorkbenchError) as error:
        read_edits(raw)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_does_not_fit_an_image_is_one_sentence():
    grey = image((4, 4, 1))
    with pytest.raises(WorkbenchError, match="`value` must have one number, or 1"):
        edited(grey, read_edits([{"op": "paint", "box": [0, 0, 1, 1], "value": [1, 2, 3]}]))
    swap = read_edits([{"op": "swap", "box": [0, 0, 1, 1], "source": KEY}])
    with pytest.raises(WorkbenchError, match="is not among these images"):
        edited(grey, swap)
    with pytest.raises(WorkbenchError, match="has another size"):
        edited(grey, swap, {KEY: image((5, 4, 1))})


def test_records_leave_out_what_is_as_always_and_words_count():
    raw = [{"op": "erase", "box": [1, 2, 3, 4]}, {"op": "move", "right": 2}, {"op": "erase", "stroke": [[1, 1]]}]
    edits = read_edits(raw)
    assert as_records(edits) == raw
    assert json.loads(as_json(edits)) == raw
    assert words_of(edits) == "3 changes: erase × 2, move"
    assert words_of(()) == "no change"
