"""The images of a cell."""

import pytest

from workbench.app.page.board import Board
from workbench.app.page.panes.gallery import ROOM, Shelf, gallery_html, thumb_size
from workbench.app.page.view import read, settle
from workbench.app.pictures import album


@pytest.fixture
def shelf(hand, dataset):
    return Shelf(Board(hand), dataset, album(dataset))


def made(shelf, parse, **query):
    return parse(gallery_html(shelf, settle(read({"section": "errors", **query}), shelf.board)))


def test_images_most_confident_first_and_one_is_chosen(shelf, parse):
    page = made(shelf, parse)
    thumbs = [b for b in page.all("button") if "image=" in b["data-go"] and "test/" in (b.get("aria-label") or "")]
    assert [b["aria-label"].split(":")[0] for b in thumbs] == ["test/102", "test/103", "test/101"]
    assert [b["aria-pressed"] for b in thumbs] == ["true", "false", "false"]
    assert [b["tabindex"] for b in thumbs] == ["0", "-1", "-1"]


def test_probabilities_below_never_read_as_certain(shelf, parse):
    page = made(shelf, parse, true="2", predicted="2")
    assert ">99" in page.text
    assert "100" not in page.text.replace("of 100", "")


def test_names_are_text_and_an_empty_cell_says_what_to_do(shelf, parse):
    assert len(made(shelf, parse).all("img")) == 3  # the thumbs and nothing else
    assert "Choose a coloured cell" in made(shelf, parse, true="0", predicted="2").text


def test_pages_have_ends(shelf, parse):
    page = made(shelf, parse)
    assert [b["disabled"] for b in page.all("button") if "page" in (b.get("aria-label") or "")] == [None, None]


@pytest.mark.parametrize(
    ("shape", "images", "width"),
    [((28, 28), 24, 84), ((28, 28), 7, 140), ((28, 28), 3, 224), ((32, 32), 24, 64), ((224, 224), 24, 84)],
)
def test_few_images_are_shown_larger_and_small_ones_at_whole_multiples(shape, images, width):
    size = thumb_size(*shape, images=images)
    assert size.width == width
    columns = (ROOM[0] + 5) // (size.width + 5)
    assert -(-images // columns) * (size.height + 27) <= ROOM[1]
    assert not size.pixelated or size.width % shape[1] == 0
