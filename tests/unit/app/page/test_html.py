"""Numbers and names as HTML."""

import numpy as np
import pytest

from workbench.app.markup import Html, element
from workbench.app.page.html import breakable, button, go, waiting
from workbench.core.wording import bare_percent, cell, plural, significant


@pytest.mark.parametrize(
    ("share", "decimals", "text"),
    [
        (0.0, 0, "0"),
        (1.0, 0, "100"),
        (0.9999999, 0, ">99"),
        (0.996, 0, ">99"),
        (0.995, 0, ">99"),
        (0.994, 0, "99"),
        (0.005, 0, "<1"),
        (0.004, 0, "<1"),
        (0.006, 0, "1"),
        (1e-9, 0, "<1"),
        (0.99996, 1, ">99.9"),
        (0.0004, 1, "<0.1"),
        (0.8914, 2, "89.14"),
    ],
)
def test_what_is_not_certain_never_reads_as_if_it_were(share, decimals, text):
    assert bare_percent(share, decimals) == text


def test_counts_have_a_plural_and_separators():
    assert [plural(n, "error") for n in (0, 1, 10000)] == ["0 errors", "1 error", "10,000 errors"]


def test_long_names_break_after_slash_and_hyphen_and_stay_text():
    assert breakable("T-shirt/top") == "T-<wbr>shirt/<wbr>top"
    assert breakable("<b>/&") == "&lt;b&gt;/&amp;"


def test_elements_escape_every_attribute():
    made = element("input", value='"><script>', data_go=go({"image": 3, "page": ""}), disabled=True, list=None, min=0)
    assert made == ('<input value="&#34;&gt;&lt;script&gt;" data-go="image=3&amp;page=" disabled min="0">')
    assert button(Html("<b>x</b>"), {"t": "a&b"}, pressed=False, class_="d") == (
        '<button type="button" data-go="t=a%26b" aria-pressed="false" class="d"><b>x</b></button>'
    )


def test_waiting_says_what_and_names_the_job():
    made = waiting("k<1>", "Loading", "3 of 4")
    assert 'data-wait="k&lt;1&gt;"' in made
    assert "3 of 4" in made


def test_plain_values_of_tables_and_manifests():
    values = [None, True, np.nan, -0.123456, {"a": 1, "b": [1, 2]}, "<x>"]
    assert [cell(value) for value in values] == ["–", "yes", "–", "−0.1235", "a: 1, b: 1, 2", "<x>"]
    assert significant(-0.01234) == "−0.0123"


def test_characters_that_turn_the_text_around_are_shown():
    assert Html.escape("\x1b[31mred\u202eder") == "\ufffd[31mred\ufffdder"
    assert element("option", "\u202e", value="\u202e") == '<option value="\u202e">\ufffd</option>'
