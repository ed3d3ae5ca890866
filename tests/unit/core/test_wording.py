import ast
import re
from pathlib import Path

import numpy as np
import pytest

from workbench.core.wording import cell, join_names, p_value, percent, plural, points, verb
from workbench.statistics.rates import rate

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.127, "12.7 %"),
        (0.0003, "0.03 %"),
        (0.99996, "100.00 %"),
        (0.9997, "99.97 %"),
        (0.5, "50.0 %"),
    ],
)
def test_percent(share, said):
    assert percent(share) == said


@pytest.mark.parametrize(
    ("p", "bare", "named"),
    [
        (1.0, "1", "p = 1"),
        (0.6231, "0.62", "p = 0.62"),
        (0.00016, "0.0002", "p = 0.0002"),
        (0.0000999, "<0.0001", "p < 0.0001"),
        (0.0, "<0.0001", "p < 0.0001"),
        (np.nan, "–", "p = –"),
    ],
)
def test_a_p_value_is_written_alike_everywhere(p, bare, named):
    assert (p_value(p), p_value(p, named=True)) == (bare, named)


def test_a_difference_is_written_in_points():
    assert points(0.00421, -0.0099, 0.018) == "0.42 points (95 % interval −0.99 to 1.8)"


def test_a_rate_says_its_wilson_interval():
    share = rate(127, 1000)
    assert str(share) == "12.7 % (95 % interval 10.8–14.9 %)"
    assert share.value == 0.127
    assert str(rate(0, 8)) == "0 % (95 % interval 0–32.4 %)"


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (1, "image", "1 image"),
        (1000, "image", "1,000 images"),
        (2, "class", "2 classes"),
        (3, "epoch", "3 epochs"),
        (0, "other", "0 others"),
        (2, "analysis", "2 analyses"),
        (2, "copy", "2 copies"),
        (2, "key", "2 keys"),
    ],
)
def test_counted(count, noun, said):
    assert plural(count, noun) == said


NOUNS = (
    "images|errors|predictions|labels|channels|classes|groups|pairs|rows|seeds|runs|files|folders|findings|analyses|maps|"
    "copies|corrections|columns|layers|filters|methods|measures|tags|notes|sets|epochs|models|clusters|others|cells|calls"
)


def counted_by_hand(source):
    """Lines where a number and what it counts are written without `plural`: `len(…)`, or a number with separators."""
    for text in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)):
        for number, after in zip(text.values, text.values[1:], strict=False):
            if not isinstance(number, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            value, counts = ast.unparse(number.value), re.match(rf" (?:(?!of |in )[\w-]+ )?(?:{NOUNS})\b", after.value)
            separators = number.format_spec is not None and ast.unparse(number.format_spec) == "f','"
            counted = separators or re.fullmatch(r"(?:int\()?len\(.+\)", value)
            if counts and counted and not value.isupper():  # a limit that stands in the source is never one
                yield f"{number.lineno}: {value}{counts[0]}"


def test_what_is_counted_agrees_with_its_number():
    assert list(counted_by_hand("f'{len(rows):,} images'")) == ["1: len(rows) images"]
    assert list(
        counted_by_hand("f'{count:,} wrong labels of {MOST:,} images, {plural(count, \"row\")} of images'")
    ) == ["1: count wrong labels"]
    files = (path for room in ("workbench", "analyses") for path in (ROOT / room).rglob("*.py"))
    found = {str(path.relative_to(ROOT)): list(counted_by_hand(path.read_text("utf-8"))) for path in files}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_listed():
    assert join_names(["a"]) == "a"
    assert join_names(["a", "b", "c"]) == "a, b and c"
    assert join_names(list("abcdefg"), most=3) == "a, b and 5 others"
    assert join_names(list("abcd"), most=3) == "a, b and 2 others"
    assert join_names([]) == "none"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (np.float32(np.nan), "–"),
        (True, "yes"),
        (np.int64(12345), "12345"),
        (0.123456, "0.1235"),
        (-0.5, "−0.5"),
        ({"a": 1, "b": [1, 2.5]}, "a: 1, b: 1, 2.5"),
        ([], "–"),
        ((), "–"),
        ("<x>", "<x>"),
    ],
)
def test_a_cell_is_written_alike_everywhere(value, text):
    assert cell(value) == text


def test_large_whole_numbers_get_separators_where_they_count_something():
    assert cell([12345, True], separators=True) == "12,345, yes"


@pytest.mark.parametrize(
    ("many", "one"), [("are", "is"), ("have", "has"), ("were", "was"), ("do", "does"), ("need", "needs")]
)
def test_a_verb_is_as_its_count(many, one):
    assert [verb(count, many) for count in (0, 1, 2)] == [many, one, many]
