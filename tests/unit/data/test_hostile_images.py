"""Image files that were made to do harm: refused in a sentence, quickly and in little memory, or read."""

from __future__ import annotations

import io
import random
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.fuzz.targets.images import attack, seeds
from tests.patience import PATIENCE, at_once
from workbench.core.errors import WorkbenchError
from workbench.data import image_claims, image_decoding
from workbench.data.image_decoding import Unreadable
from workbench.data.image_file import look_at, read_image


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, colour=0, *, before=b"", pixels=None):
    rows = bytes((1 + width) * height) if pixels is None else pixels
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def directory(*entries, after=b""):
    """A TIFF file's, or EXIF's, first directory of tags."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4) + after


def tiff(*entries, width=8, height=8, compression=1, after=bytes(64)):
    plain = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    strips = [] if any(entry[0] == 273 for entry in entries) else [(273, 4, 1, 130), (279, 4, 1, 64)]
    return directory(*plain, (277, 3, 1, 1), *strips, *entries, after=after)


def jpeg(*segments, size=(8, 8), **options):
    made = saved(Image.new("L", size), "JPEG", **options)
    return made[:2] + b"".join(segments) + made[2:]


def app(kind, content):
    return bytes((0xFF, kind)) + struct.pack(">H", 2 + len(content)) + content


OVERLAPPING = directory(*((1000 + n, 7, 9000, 100) for n in range(4000)), after=bytes(9200))
LARGER = directory(*((1000 + n, 7, 60_000, 100) for n in range(9000)), after=bytes(60_200))


def many_scans():
    made = saved(Image.new("L", (2000, 2000)), "JPEG", progressive=True)
    last = made[made.rfind(b"\xff\xda") : -2]
    return made[:-2] + last * 300 + b"\xff\xd9"


GIF = b"GIF89a\x08\0\x04\0\x80\0\0" + bytes(6)
FRAME = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
COMMENT = b"!\xfe" + b"\xff" * 256 * 60_000 + b"\0"
WORDS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 255, 256, 32773, 34925, 65535)
LONGS = (0, 1, 7, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1)
REFUSED = {
    "1 × 40 million pixels": (png(1, 70_000), "a side has at most 65,535 pixels. It has 1×70000"),
    "70,000 × 1 pixels": (png(70_000, 1), "a side has at most 65,535 pixels"),
    "a million empty chunks": (png(8, 8, before=chunk(b"abCd") * 200_000), "gone through too often"),
    "a comment of a GIF": (GIF + COMMENT + FRAME + b";", "gone through too often"),
    "tags that overlap": (tiff(*((1000 + n, 7, 9000, 100) for n in range(4000)), after=bytes(9200)), "tags overlap"),
    "a million strips": (
        tiff((273, 4, 1_000_000, 8), (279, 4, 1_000_000, 8), after=bytes(4_000_000)),
        "claims 1,000,000",
    ),
    "an old compression": (tiff(compression=6), "TIFF compression, number 6, is not read"),
    "EXIF whose tags overlap": (jpeg(app(0xE1, b"Exif\0\0" + OVERLAPPING)), "tags overlap"),
    "EXIF in two segments": (
        jpeg(*(app(0xE1, b"Exif\0\0" + part) for part in (LARGER[:60_000], LARGER[60_000:120_000], LARGER[120_000:]))),
        "overl",
    ),
    "segments without an end": (jpeg(app(0xE5, b"") * 100_000), "too many segments"),
    "a scan again and again": (many_scans(), "it has 30"),
    "a pixmap read in Python": (b"P6 1000 1000 254\n" + bytes(3_000_000), "read slowly"),
    "comments of a pixmap": (b"P2 900 900 255\n" + b"#\n" * 1000, "read slowly"),
    "a comment that does not end": (b"P6 #" + b"a" * 2_000_000, "too often"),
    "a palette that is not there": (png(8, 8, 3), "damaged and cannot be decoded: AssertionError"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_take_long_or_much_memory_is_refused_at_once(case, monkeypatch):
    content, said = REFUSED[case]
    monkeypatch.setattr(image_claims, "OPENING", 0.2 if "too often" in said else PATIENCE)
    for read in (look_at, lambda file: read_image(file, (28, 28, 1))):
        with at_once(1.5), pytest.raises(Unreadable, match=said) as caught:
            read(content)
        assert len(caught.value.reason) <= 40


READ = {
    "EXIF of a PNG": png(8, 4, before=chunk(b"eXIf", OVERLAPPING)),
    "EXIF as text": png(
        8, 4, before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n1\nno hex"))
    ),
    "an orientation that is text": jpeg(app(0xE1, b"Exif\0\0" + directory((274, 2, 4, 0x36363636))), size=(8, 4)),
    "an orientation that is a fraction": jpeg(
        app(0xE1, b"Exif\0\0" + directory((274, 5, 1, 26), after=bytes(8))), size=(8, 4)
    ),
    "an orientation of 9": jpeg(app(0xE1, b"Exif\0\0" + directory((274, 3, 1, 9))), size=(8, 4)),
    "a colour profile": jpeg(app(0xE2, b"ICC_PROFILE\0\1\1" + bytes(200)), size=(8, 4)),
    "a comment after a GIF": GIF + FRAME + COMMENT + FRAME + b";",
    "frames of a GIF": GIF + FRAME * 100_000 + b";",
}


@pytest.mark.parametrize("case", READ)
def test_what_is_odd_beside_the_picture_does_no_harm(case, monkeypatch):
    monkeypatch.setattr(image_claims, "OPENING", PATIENCE)
    assert (look_at(READ[case]).height, look_at(READ[case]).width) == (4, 8)
    pixels, words = read_image(READ[case], (4, 8, 1))
    assert (pixels == 0).all()
    assert words == (["first of several frames"] if "GIF" in case else [])


def test_nothing_reaches_the_terminal(capfd):
    for content in (tiff(compression=5), tiff(compression=3), tiff((277, 4, 1, 2**31)), jpeg()[:200]):
        with pytest.raises(WorkbenchError):
            read_image(content, (8, 8, 1))
    assert capfd.readouterr() == ("", "")


def test_formats_that_are_not_named_are_no_images():
    for kind in ("ICO", "TGA", "PCX", "SGI", "DDS", "IM", "JPEG2000"):
        with pytest.raises(Unreadable, match="is not an image"):
            read_image(saved(Image.new("RGB", (16, 16)), kind), (8, 8, 3))


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """Change a few places of a file: bytes, numbers, pieces; of PNG chunks the checksums are then made right."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(min(len(data), chance.choice((64, 400, 10**6))))
        match chance.randrange(8):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data[place] = chance.randrange(256)
            case 2:
                data[place : place + 2] = struct.pack(chance.choice("<>") + "H", chance.choice(WORDS))
            case 3:
                data[place : place + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(LONGS))
            case 4:
                del data[place:]
            case 5:
                del data[place : place + chance.randint(1, 20)]
            case 6:
                data[place:place] = chance.randbytes(chance.randint(1, 20))
            case 7:
                piece = bytes(data[place : place + chance.randint(4, 60)])
                data[place:place] = piece * chance.choice((1, 1, 1, 40))
        data = data or bytearray(1)
    return _with_checksums(bytes(data)) if chance.random() < 0.8 else bytes(data)


def _with_checksums(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    made, place = bytearray(data), 8
    while place + 12 <= len(made):
        end = place + 8 + int.from_bytes(made[place : place + 4])
        if end + 4 > len(made):
            break
        made[end : end + 4] = struct.pack(">I", zlib.crc32(made[place + 4 : end]))
        place = end + 4
    return bytes(made)


def test_files_that_were_tampered_with_are_read_or_a_sentence(monkeypatch):
    """An error that is not ours, or a look that says something else than the reading, fails in `attack`."""
    monkeypatch.setattr(image_claims, "OPENING", PATIENCE)
    made, chance, refused = seeds(), random.Random(13), 0
    for seed in made:
        attack(seed)
    for _ in range(250):
        try:
            attack(mutated(chance.choice(made), chance))
        except WorkbenchError:
            refused += 1
    assert 100 < refused < 240  # neither all nor none


def test_large_images_are_decoded_one_at_a_time(monkeypatch):
    inside, most, load = [], [], Image.Image.load

    def noted(image):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        return load(image)

    monkeypatch.setattr(image_decoding, "LARGE", 100)
    monkeypatch.setattr(image_decoding, "_high_byte", lambda image: noted(image) and image)
    deep = saved(Image.fromarray(np.zeros((20, 20), np.uint16)), "PNG")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look_at, [deep] * 8))
    assert max(most) == 1
