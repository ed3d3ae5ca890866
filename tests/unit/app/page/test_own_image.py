"""Images of the user's own, before any model sees them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.unit.app.page.conftest import EVIL
from workbench.app.page.own_image import MEGABYTES, current, goes_on, receive
from workbench.app.page.panes.easel import easel_html
from workbench.app.page.view import View
from workbench.core.errors import WorkbenchError
from workbench.data import image_file
from workbench.data.image_file import read_image
from workbench.data.resizing import FITS


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def png(pixels: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return encoded(stream.getvalue())


def test_a_drawing_arrives_pixel_for_pixel_and_can_be_inverted(desk):
    drawn = np.arange(784, dtype=np.uint16).astype(np.uint8).reshape(28, 28, 1)
    key = receive(desk, {"pixels": encoded(drawn.tobytes())})
    assert (current(desk, View(section="own", own=key)).pixels == drawn).all()
    assert (current(desk, View(section="own", own=key, invert=True)).pixels == 255 - drawn).all()
    assert receive(desk, {"pixels": encoded(drawn.tobytes())}) == key


def test_an_upload_is_fitted_and_what_was_done_is_said(desk, parse):
    key = receive(desk, {"file": png(np.full((56, 56), 250, np.uint8)), "name": EVIL})
    image = current(desk, View(section="own", own=key))
    assert image.pixels.shape == (28, 28, 1)
    page = parse(easel_html(desk, View(section="own", own=key)))
    assert "resized from 56×56 to 28×28" in page.text
    assert EVIL in page.text
    assert page.all("img") == []
    assert "Bright background" in page.text
    assert base64.b64decode(page.all("canvas")[0]["data-pixels"]) == image.pixels.tobytes()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (None, "No image received"),
        ({"pixels": encoded(b"123")}, "Got 3"),
        ({"pixels": "no base64!"}, "did not arrive whole"),
        ({"file": "é"}, "did not arrive whole"),
        ({"file": encoded(b"GIF89a nothing")}, "image"),
        ({"file": "A" * (MEGABYTES * 2**21)}, f"at most {MEGABYTES} MB"),
        ({"file": {"path": "/etc/passwd"}}, "No image received"),
    ],
)
def test_what_is_no_image_is_one_sentence(desk, sent, said):
    with pytest.raises(WorkbenchError, match=said):
        receive(desk, sent)


def test_a_link_whose_image_is_gone_says_so(desk, parse):
    with pytest.raises(WorkbenchError, match="no longer in memory"):
        current(desk, View(section="own", own="0123"))
    page = parse(easel_html(desk, View(section="own", own="0123")))
    assert "no longer in memory" in page.text
    assert page.all("canvas")[0]["data-pixels"] == ""


def test_the_canvas_can_start_from_an_image_of_the_dataset(desk, parse):
    page = parse(easel_html(desk, View(section="own", start=4)))
    assert set(base64.b64decode(page.all("canvas")[0]["data-pixels"])) == {120}


def test_only_a_drawing_that_goes_on_leaves_the_canvas_alone(desk):
    drawn = receive(desk, {"pixels": encoded(bytes(784))})
    upload = receive(desk, {"file": png(np.zeros((28, 28), np.uint8)), "name": "a.png"})
    more = {"pixels": encoded(bytes(784))}
    assert goes_on(desk, more, View(section="own", own=drawn))
    assert not goes_on(desk, more, View(section="own", own=drawn, invert=True))
    assert not goes_on(desk, more, View(section="own", own=upload))
    assert not goes_on(desk, more, View(section="own"))
    assert not goes_on(desk, {"file": ""}, View(section="own", own=drawn))


def test_an_upload_of_other_proportions_is_stretched_and_can_be_padded_or_cropped(desk, parse):
    wide = np.zeros((28, 84), np.uint8)
    wide[:, :28] = 200
    key = receive(desk, {"file": png(wide), "name": "wide.png"})
    pixels = {
        fit: current(desk, View(section="own", own=key, fit=fit)).pixels for fit in ("", "stretch", "pad", "crop")
    }
    assert np.array_equal(pixels[""], pixels["stretch"])
    assert (pixels["stretch"][:, :9] == 200).all() and (pixels["pad"][:9] == 0).all() and (pixels["crop"] == 0).all()
    page = parse(easel_html(desk, View(section="own", own=key, fit="pad")))
    assert "padded with black" in page.text and "Crop to the middle" in page.text
    assert View(section="own", own=key, fit="pad").query()["fit"] == "pad"
    square = receive(desk, {"file": png(wide[:, :28]), "name": "square.png"})
    assert "Crop to the middle" not in parse(easel_html(desk, View(section="own", own=square))).text


def test_a_file_is_decoded_once_for_all_ways_to_fit_it(desk, monkeypatch):
    decoded, real = [], image_file.decoded
    wide = (np.arange(30 * 90) % 251).astype(np.uint8).reshape(30, 90)
    raw = base64.b64decode(png(wide))
    alone = {fit: read_image(raw, (28, 28, 1), fit=fit) for fit in FITS}
    monkeypatch.setattr(image_file, "decoded", lambda *given: decoded.append(given) or real(*given))
    key = receive(desk, {"file": png(wide), "name": "wide.png"})
    assert len(decoded) == 1
    for fit, (pixels, done) in alone.items():
        image = current(desk, View(section="own", own=key, fit=fit))
        assert np.array_equal(image.pixels, pixels)
        assert list(image.done) == done
