import numpy as np
import pytest

from workbench.core.result import Result
from workbench.plotting.pieces import class_ticks, new_figure, text
from workbench.plotting.short_names import distinct_among, short

SPECIES = tuple(f"species number {number:03d} of the list" for number in range(120))


@pytest.mark.parametrize("limit", [10, 14, 16, 24])
@pytest.mark.parametrize(
    "names",
    [
        SPECIES,
        tuple(f"{number:05d}.Black_footed_Albatross_of_the_northern_seas" for number in range(200)),
        tuple(f"a very long upper left sleeve of a {colour} shirt" for colour in ("red", "blue", "dark blue")),
        (
            "x" * 50 + "a" * 50 + "y" * 50,
            "x" * 50 + "b" * 50 + "y" * 50,
            "x" * 50 + "a" * 25 + "q" + "a" * 24 + "y" * 50,
        ),
        ("a" * 40, "a" * 41, "a" * 42),
        ("上海" * 20 + "一", "上海" * 20 + "二"),
        ("one name\nof two lines that are both long", "one name of two lines that are both long"),
    ],
)
def test_names_stay_different_when_shortened(names, limit):
    with distinct_among(names):
        cut = [short(name, limit) for name in names]
    lines = {" ".join(name.split()) for name in names}  # names that differ in white space alone are one line
    assert len(set(cut)) == len(lines)
    assert max(map(len, cut)) <= limit + len(f" ({len(names)})")


def test_what_tells_names_apart_is_what_stays():
    with distinct_among(SPECIES):
        assert short(SPECIES[7], 24) == "species n…007…f the list"
        assert "119" in short(SPECIES[119], 10)


def test_other_words_and_short_names_are_left_alone():
    with distinct_among((*SPECIES, "cat")):
        assert short("cat", 8) == "cat"
        assert short("a layer of a long name", 9) == "a la…name"
    assert short(SPECIES[7], 9) == "spec…list"  # outside, nothing is known of the others


def test_the_ticks_of_an_axis_stay_different():
    axes = new_figure(Result(), "Which?", height=2).subplots()
    with distinct_among(SPECIES):
        class_ticks(axes, SPECIES[:30], limit=14)
        assert text(SPECIES[3], 14) == axes.get_yticklabels()[3].get_text()
    assert len(np.unique([label.get_text() for label in axes.get_yticklabels()])) == 30
