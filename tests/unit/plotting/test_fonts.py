import io

import pytest
from matplotlib.text import Text

from workbench.core.result import Result
from workbench.plotting import fonts
from workbench.plotting.pieces import class_ticks, new_figure

NAMES = ["猫", "犬 (dog)", "한국", "cat"]


@pytest.fixture(autouse=True)
def _forget():
    yield
    fonts._family_with.cache_clear()
    fonts._system_fonts.cache_clear()


def drawn(names):
    figure = new_figure(Result(context={"run": "r"}), "What is it?", height=2)
    class_ticks(figure.subplots(), names)
    figure.savefig(io.BytesIO(), dpi=60)
    return figure


def with_fonts(monkeypatch, *found):
    fonts._family_with.cache_clear()
    monkeypatch.setattr(fonts, "_system_fonts", lambda: found)


def test_letters_that_the_usual_font_lacks_come_from_a_font_that_has_them(monkeypatch):
    with_fonts(monkeypatch, ("latin.ttf", "Latin"), ("cjk.ttc", "Some CJK"))
    usual = fonts._letters(fonts._usual_path())
    letters = {"latin.ttf": frozenset(range(0x250)), "cjk.ttc": frozenset(range(0x3000, 0xE000))}
    monkeypatch.setattr(fonts, "_letters", lambda path: letters.get(path, usual))
    figure = new_figure(Result(), "What is it?", height=2)
    class_ticks(figure.subplots(), NAMES)
    assert fonts.complete_fonts(figure) == ""
    families = {artist.get_text(): artist.get_fontfamily() for artist in figure.findobj(Text)}
    assert families["猫"] == families["한국"] == ["DejaVu Sans", "Some CJK"]
    assert families["cat"] == ["sans-serif"]


@pytest.mark.filterwarnings("ignore:Glyph")
def test_letters_that_no_font_has_are_named_once(monkeypatch):
    with_fonts(monkeypatch)
    figure = drawn(NAMES)
    figure.savefig(io.BytesIO(), dpi=60)  # a second time says it no second time
    said = " ".join(figure.get_supxlabel().split())
    assert said.count("4 letters of the names (U+732B, U+72AC, U+D55C, U+AD6D)") == 1
    assert "fonts-noto-cjk" in said
    assert said.endswith("run r")


def test_a_font_that_draws_a_box_for_every_letter_is_none():
    assert not [family for _, family in fonts._system_fonts() if family.startswith("Last Resort")]


def test_usual_letters_change_nothing():
    figure = drawn(["Straße", "Ελλάδα", "cost $5", "🐱", "a\u200bb"])
    assert figure.get_supxlabel() == "run r"
    assert {tuple(artist.get_fontfamily()) for artist in figure.findobj(Text)} == {("sans-serif",)}
