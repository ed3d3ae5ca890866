import io
import struct
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import load_dataset
from workbench.data.image_decoding import Unreadable
from workbench.data.image_file import Look, look_at, read_image


def png(array, dtype=np.uint8, **options):
    file = io.BytesIO()
    Image.fromarray(np.asarray(array, dtype)).save(file, "PNG", **options)
    return file.getvalue()


def header(width, height, bits=8, colour=0):
    """A PNG of that size with no pixels in it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    ihdr = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


GREY = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)


def test_what_fits_is_not_touched(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(GREY))
    image, words = read_image(path, (2, 3, 1))
    assert image[..., 0].tolist() == GREY.tolist()
    assert image.dtype == np.uint8
    assert words == []


def test_colour_to_grey_and_back():
    red = np.full((2, 3, 3), [255, 0, 0])
    image, words = read_image(png(red), (2, 3, 1))
    assert image.ravel().tolist() == [76] * 6  # 0.299 of 255
    assert words == ["colour converted to grey"]
    image, words = read_image(png(GREY), (2, 3, 3))
    assert image[1, 2].tolist() == [250, 250, 250]
    assert words == ["grey converted to colour"]


def test_alpha_is_dropped_as_by_keras_and_said():
    half = np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]])
    image, words = read_image(png(half), (1, 2, 3))
    assert (
        image.tolist()
        == [[[200, 100, 50], [200, 100, 50]]]
        == tf.image.decode_image(png(half), channels=3).numpy().tolist()
    )
    assert words == ["transparency dropped"]
    opaque, words = read_image(png(np.dstack([GREY] * 3 + [GREY * 0 + 255])), (2, 3, 1))
    assert opaque[..., 0].tolist() == GREY.tolist()
    assert words == []


def test_alpha_of_a_palette():
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([255, 255, 255, 0, 0, 255])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0)
    pixels, words = read_image(file.getvalue(), (1, 2, 3))
    assert pixels.tolist() == [[[255, 255, 255], [0, 0, 255]]]
    assert np.array_equal(pixels, tf.image.decode_image(file.getvalue(), channels=3))
    assert np.array_equal(pixels, keras.utils.img_to_array(keras.utils.load_img(file)))
    assert words == ["transparency dropped"]


def test_other_proportions_are_stretched_padded_or_cropped():
    tall = np.full((8, 4), 40)
    tall[2:6] = 240
    image, words = read_image(png(tall), (4, 4, 1))
    assert image[:, 0, 0].tolist() == [40, 240, 240, 40]
    assert words == ["resized from 4×8 to 4×4", "stretched"]
    image, words = read_image(png(tall), (4, 4, 1), fit="pad")
    assert image[1].ravel().tolist() == [0, 240, 240, 0]  # black, as Keras pads
    assert words == ["resized from 4×8 to 4×4", "padded with black"]
    image, words = read_image(png(tall), (4, 4, 1), fit="crop")
    assert (image == 240).all()
    assert words == ["cropped to the middle 4×4", "resized from 4×8 to 4×4"]


def test_downscaling_averages():
    chequered = np.indices((40, 40)).sum(axis=0) % 2 * 200
    image, _ = read_image(png(chequered), (4, 4, 1))
    assert np.abs(image.astype(int) - 100).max() <= 3


def test_inverted():
    image, words = read_image(png(GREY), (2, 3, 1), invert=True)
    assert image[..., 0].tolist() == (255 - GREY).tolist()
    assert words == ["inverted"]


def test_orientation_of_a_photo():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image, words = read_image(png(GREY, exif=exif), (3, 2, 1))
    assert image[..., 0].tolist() == [[150, 0], [200, 50], [250, 100]]
    assert words == ["rotated upright"]


def test_first_frame():
    frames = [Image.fromarray(GREY + value) for value in (0, 5)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    image, words = read_image(file.getvalue(), (2, 3, 1))
    assert image[..., 0].tolist() == GREY.tolist()
    assert words == ["first of 2 frames"]


def test_thin_image():
    image, _ = read_image(png(np.full((1, 5000), 7)), (4, 4, 1))
    assert (image == 7).all()


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
BAD = {
    "no image": (b"hello", "The image is not an image. It must be one of PNG"),
    "empty": (b"", "is not an image"),
    "svg": (SVG, "is not an image"),
    "100 megapixels": (header(10_000, 10_000), "at most 40 megapixels are read. It has 10000×10000"),
    "a bomb": (header(60_000, 60_000), "at most 40 megapixels"),
    "cut off": (png(np.random.default_rng(0).integers(0, 255, (64, 64)))[:-900], "damaged and cannot be decoded"),
    "no pixels": (header(4, 4), "damaged and cannot be decoded"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.filterwarnings("error")
def test_bad_input_is_one_clear_sentence(case):
    content, words = BAD[case]
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(WorkbenchError, match=words) as caught:
        read_image(content, (28, 28, 1))
    assert "\n" not in str(caught.value)
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_of_16_bits_the_high_byte_is_read_as_tensorflow_does(channels):
    deep = np.random.default_rng(0).integers(0, 2**16, (5, 7, channels), np.uint16)
    content = tf.io.encode_png(deep).numpy()
    colours = 1 if channels < 3 else 3
    image, words = read_image(content, (5, 7, colours))
    assert np.array_equal(image, tf.io.decode_png(content, channels=colours))
    assert np.array_equal(image, (deep >> 8)[..., :colours])
    assert words[0] == "high 8 of 16 bits"
    assert look_at(content).deep


@pytest.mark.parametrize("suffix", ["ppm", "pgm", "pbm", "pnm"])
def test_portable_pixmaps_are_images(tmp_path, suffix):
    picture = Image.fromarray(GREY).convert({"ppm": "RGB", "pbm": "1"}.get(suffix, "L"))
    for name in ("a", "b"):
        (tmp_path / "d" / name).mkdir(parents=True)
        picture.save(tmp_path / "d" / name / f"0.{suffix}", format="PPM")
    data = load_dataset(tmp_path / "d", split="train", test_share=0, channels=1)
    assert np.array_equal(data.images[0][..., 0], np.array(picture.convert("L")))


def test_float_tiff():
    file = io.BytesIO()
    Image.fromarray(GREY.astype(np.float32)).save(file, "TIFF")
    with pytest.raises(WorkbenchError, match="more than 8 bits"):
        read_image(file.getvalue(), (2, 3, 1))


def test_missing_file(tmp_path):
    with pytest.raises(Unavailable, match=r"There is no image file .*none.png"):
        read_image(tmp_path / "none.png", (28, 28, 1))
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(WorkbenchError, match=r"^text.png is not an image"):
        read_image(tmp_path / "text.png", (28, 28, 1))


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_and_looks_the_same():
    ramp = np.add.outer(np.arange(300) / 2, np.arange(400) / 4).astype(np.uint8)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # seen upright, 300 wide and 400 high
    Image.fromarray(ramp).save(file, "JPEG", quality=95, exif=exif)
    image, words = read_image(file.getvalue(), (40, 30, 1))
    assert words == ["rotated upright", "resized from 300×400 to 30×40"]
    upright = np.rot90(ramp, -1).reshape(40, 10, 30, 10).mean(axis=(1, 3))
    assert np.abs(image[1:-1, 1:-1, 0] - upright[1:-1, 1:-1]).max() < 2.5


def test_a_look_tells_what_a_file_is():
    half = np.array([[[200, 100, 50, 255], [0, 0, 0, 0]]])
    assert look_at(png(half)) == Look(1, 2, True, True)
    assert look_at(png(GREY)) == Look(2, 3, False, False)
    hidden = np.array([[[90, 90, 90, 255], [200, 0, 0, 0]]])  # the only colour is where transparency hides it
    assert look_at(png(hidden)) == Look(1, 2, True, True)
    with pytest.raises(Unreadable) as caught:
        look_at(png(np.random.default_rng(0).integers(0, 256, (40, 40)))[:900])
    assert caught.value.reason == "truncated"
