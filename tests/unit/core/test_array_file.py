"""The one reader of .npz files: whatever is in one, it is arrays, or one sentence in less than a second."""

import io
import struct
import tracemalloc
import zipfile
from random import Random

import numpy as np
import pytest

from tests.patience import at_once
from workbench.core import array_file, zip_archive
from workbench.core.array_file import ArrayFile, UnreadableArrays, read_arrays, take, write_arrays


def npy(header, content=b"", version=(1, 0)):
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + content


def described(descr="'|u1'", shape="(2,)", content=b"ab", order="False", version=(1, 0)):
    return npy(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}", content, version)


def archive(*members, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return stream.getvalue()


def patched(content, signature, offset, value):
    """Write a value over one field of every record of a kind: of the list of members, or of the members."""
    content, place = bytearray(content), 0
    while (place := content.find(signature, place)) >= 0:
        content[place + offset : place + offset + len(value)] = value
        place += 4
    return bytes(content)


LISTED, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
WHOLE = archive(("x.npy", described()))
HOSTILE = {
    "nothing": (b"", "not a zip file"),
    "other": (b"no archive at all", "not a zip file"),
    "no array": (archive(("x.txt", b"hello")), "x.txt: it is no array"),
    "array in name only": (archive(("x.npy", b"hello")), "x: .*magic string"),
    "empty": (archive(("x.npy", b"")), "x: .*magic string"),
    "objects": (archive(("x.npy", described("'|O'"))), "x: it holds pickled Python objects"),
    "objects inside": (archive(("x.npy", described("[('a', '<i4'), ('b', '|O')]"))), "pickled"),
    "sum": (archive(("x.npy", described(shape="(10**12,)"))), "its header is none"),
    "huge": (archive(("x.npy", described(shape="(1000000000000,)"))), "says that it is uint8 .* and has 2 bytes"),
    "overflow": (archive(("x.npy", described(shape=f"({2**62}, {2**62})"))), "and has 2 bytes"),
    "wraps around": (archive(("x.npy", described(shape=f"({2**63}, 2, 0, 1)"))), "and has 2 bytes"),
    "negative": (archive(("x.npy", described(shape="(-2, -1)"))), r"shape \(-2, -1\)"),
    "no width": (archive(("x.npy", described("'|S0'", "(1000000000000,)", b""))), "shape"),
    "empty and long": (archive(("x.npy", described(shape="(0, 1000000000000)", content=b""))), "has no values"),
    "too long": (archive(("x.npy", described(content=b"abc"))), "and has 3 bytes"),
    "too many sides": (archive(("x.npy", described(shape="(" + "1," * 70 + ")", content=b"a"))), "x: .*dimension"),
    "no dtype": (archive(("x.npy", described("'quark'"))), "x: its header is none of numpy's"),
    "code": (archive(("x.npy", npy("__import__('os').getcwd()"))), "x: its header is none of numpy's"),
    "brackets": (archive(("x.npy", npy("(" * 9000))), "its header is none"),
    "signs": (archive(("x.npy", npy("-" * 9000 + "1"))), "its header is none"),
    "long header": (archive(("x.npy", npy("{" + " " * 60000 + "}"))), "x: its header is none"),
    "NUL": (archive(("x.npy", npy("\0"))), "its header is none"),
    "python 2": (
        archive(("x.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2L, '''"))),
        "its header is none",
    ),
    "new version": (archive(("x.npy", described(version=(3, 0)))), r"version \(3, 0\)"),
    "unknown version": (archive(("x.npy", described(version=(9, 9)))), r"version \(9, 9\)"),
    "twice": (WHOLE[: WHOLE.index(LISTED)] + WHOLE[WHOLE.index(LISTED) : WHOLE.index(END)] * 2, "not a zip file"),
    "same name": (archive(("x.npy", described()), ("x", described())), "two arrays 'x'"),
    "no name": (archive((".npy", described())), "no name of an array"),
    "odd name": (archive(("a\nb.npy", described())), "no name of an array"),
    "long name": (archive(("a" * 300 + ".npy", described())), "no name of an array"),
    "encrypted": (patched(WHOLE, LISTED, 8, b"\1"), "'x' is encrypted"),
    "bzip2": (archive(("x.npy", described()), method=zipfile.ZIP_BZIP2), "in another way than such files"),
    "unknown method": (patched(WHOLE, LISTED, 10, b"\x63"), "in another way than such files"),
    "stored in two sizes": (patched(WHOLE, LISTED, 10, b"\0\0"), "two sizes"),
    "larger than it is": (patched(WHOLE, LISTED, 20, struct.pack("<I", 10**6)), "lie over each other"),
    "CRC": (patched(WHOLE, LISTED, 16, b"\0\0\0\0"), "x: Bad CRC-32"),
    "method in the member": (WHOLE.replace(LOCAL, b"PK\0\0"), "Bad magic number for file header"),
    "long list": (patched(WHOLE, END, 12, struct.pack("<I", 2**31)), "[Bb]ad offset|not a zip"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_one_sentence(case, tmp_path):
    content, words = HOSTILE[case]
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with at_once(1), pytest.raises(UnreadableArrays, match=words) as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_six_gigabytes_of_zeros_are_refused_before_a_byte_is_unpacked(tmp_path):
    """Sizes as the real thing has them, in a list that is believed: unpacking it takes half a minute to make."""
    listed = patched(WHOLE, LISTED, 20, struct.pack("<II", 6_000_000, 4_000_000_000))
    content = listed[: listed.index(LISTED)] + bytes(6_000_000) + listed[listed.index(LISTED) :]
    content = patched(content, END, 16, struct.pack("<I", content.index(LISTED)))
    (tmp_path / "x.npz").write_bytes(content)
    with (
        at_once(1),
        pytest.raises(UnreadableArrays, match="4,000,000,000 bytes packed into 6,000,000, less than images have"),
    ):
        ArrayFile(tmp_path / "x.npz")


def test_a_list_of_a_gigabyte_is_not_read(tmp_path):
    with (tmp_path / "x.npz").open("wb") as file:
        file.seek(10**9)  # a hole: no byte of it is written
        file.write(END + struct.pack("<HHHHIIH", 0, 0, 60_000, 60_000, 10**9, 0, 0))
    tracemalloc.start()
    with at_once(1), pytest.raises(UnreadableArrays, match="list of its arrays is too long"):
        ArrayFile(tmp_path / "x.npz")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_more_arrays_than_anybody_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_archive, "MEMBERS", 2)
    np.savez(tmp_path / "x.npz", a=1, b=2, c=3)
    with pytest.raises(UnreadableArrays, match="holds 3 arrays, and at most 2"):
        ArrayFile(tmp_path / "x.npz")


@pytest.mark.parametrize("packed", [True, False])
def test_large_images_are_read_as_long_as_memory_holds_them(tmp_path, monkeypatch, packed):
    """Three gigabytes beside a limit of half of one, in the small: images that shrink 120 times, as plain shapes do."""
    monkeypatch.setattr(zip_archive, "LARGE", 10_000)
    images = np.repeat(np.random.default_rng(0).integers(0, 255, (200, 1), np.uint8), 400, axis=1)
    write_arrays(tmp_path / "x.npz", {"x": images}, packed=packed)
    assert (read_arrays(tmp_path / "x.npz")["x"] == images).all()
    zeros = np.zeros(200_000, np.uint8)
    write_arrays(tmp_path / "x.npz", {"x": zeros}, packed=packed)
    if packed:
        with pytest.raises(UnreadableArrays, match=r"if that is right, write it uncompressed, with numpy\.savez"):
            read_arrays(tmp_path / "x.npz")
    else:
        assert not read_arrays(tmp_path / "x.npz")["x"].any()
    monkeypatch.setattr(zip_archive, "LARGE", 10**9)
    monkeypatch.setattr(array_file, "free_memory", lambda: 100_000)
    with pytest.raises(UnreadableArrays, match=r"x: it needs 0\.0 GB of memory, and 0\.0 GB are free"):
        read_arrays(tmp_path / "x.npz")


def test_small_bombs_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_archive, "LARGE", 1_000_000)
    write_arrays(tmp_path / "x.npz", {str(number): np.zeros(100_000) for number in range(9)})
    with pytest.raises(UnreadableArrays, match="it has 7,201,152 bytes packed"):
        ArrayFile(tmp_path / "x.npz")


KINDS = {
    "bytes": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "number": np.array(3),
    "text": np.array(["é", "ab"]),
    "raw": np.array([b"a", b"bc"]),
    "empty": np.zeros((0, 3)),
    "table": np.zeros(2, [("a", np.int64, 2), ("b", "V16")]),
    "big-endian": np.arange(3, dtype=">i4"),
    "array/of a result": np.array([np.nan, 1]),
}


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_written_is_read(tmp_path, packed):
    write_arrays(tmp_path / "x.npz", KINDS, packed=packed)
    with ArrayFile(tmp_path / "x.npz") as found:
        assert (list(found), found.sealed, found.only_arrays) == (list(KINDS), True, True)
        for name, values in KINDS.items():
            assert found[name].dtype == values.dtype
            np.testing.assert_array_equal(found[name], values)
        with pytest.raises(KeyError):
            found["other"]
    with np.load(tmp_path / "x.npz") as found:  # it is what numpy reads, too
        np.testing.assert_array_equal(found["bytes"], KINDS["bytes"])
    write_arrays(tmp_path / "x.npz", {})
    assert read_arrays(tmp_path / "x.npz", sealed=True) == {}
    with pytest.raises(FileNotFoundError):
        ArrayFile(tmp_path / "none.npz")
    with pytest.raises(UnreadableArrays, match="no regular file"):
        ArrayFile(tmp_path)


def test_no_flipped_bit_and_no_missing_end_gives_other_arrays(tmp_path):
    chance, path = Random(0), tmp_path / "x.npz"
    arrays = {"labels": np.arange(30), "logits": np.random.default_rng(0).normal(size=(30, 4))}
    write_arrays(path, arrays)
    whole, told = path.read_bytes(), 0
    for number in range(400):
        damaged = bytearray(whole)
        if number % 4:
            damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        else:
            del damaged[chance.randrange(len(whole)) :]
        path.write_bytes(damaged)
        try:
            found = read_arrays(path, sealed=True)
        except UnreadableArrays:
            told += 1
            continue
        assert {name: values.tolist() for name, values in found.items()} == {
            name: values.tolist() for name, values in arrays.items()
        }
    assert told > 300  # the others are in what nobody reads: dates, rights, versions


def test_take_says_what_is_not_there_or_not_of_the_kind():
    arrays = {"logits": np.zeros((2, 3))}
    assert take(arrays, "logits", "f", 2) is arrays["logits"]
    for name, kinds, sides, words in (
        ("labels", "f", 2, "labels: it is not there"),
        ("logits", "iu", 2, r"logits: float64 of shape \(2, 3\) is not"),
        ("logits", "f", 1, r"logits: float64 of shape \(2, 3\) is not"),
    ):
        with pytest.raises(UnreadableArrays, match=words):
            take(arrays, name, kinds, sides)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_that_is_not_packed_is_a_map_of_the_file(tmp_path, monkeypatch, order):
    monkeypatch.setattr(array_file, "MAPPED", 1000)
    values = np.asarray(np.random.default_rng(0).integers(0, 255, (40, 6, 7)), np.uint8, order=order)
    np.savez(tmp_path / "plain.npz", first=np.arange(3), x=values)
    np.savez_compressed(tmp_path / "packed.npz", x=values)
    with ArrayFile(tmp_path / "plain.npz") as arrays:
        found = arrays["x"]
        assert not isinstance(arrays["first"], np.memmap)
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, values)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0
    with ArrayFile(tmp_path / "packed.npz") as arrays:
        assert not isinstance(arrays["x"], np.memmap)
    with ArrayFile(io.BytesIO((tmp_path / "plain.npz").read_bytes())) as arrays:
        assert not isinstance(arrays["x"], np.memmap)


def test_a_damaged_map_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(array_file, "MAPPED", 1000)
    values = np.zeros(5000, np.uint8)
    np.savez(tmp_path / "a.npz", x=values)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[2500] = 7
    (tmp_path / "a.npz").write_bytes(content)
    with ArrayFile(tmp_path / "a.npz") as arrays, pytest.raises(UnreadableArrays, match="CRC"):
        _ = arrays["x"]


@pytest.mark.parametrize("parts", [[3, 0, 100_000], [1], [0]])
def test_what_is_written_part_by_part_is_mapped(tmp_path, parts):
    values = np.random.default_rng(0).normal(size=(sum(parts), 3)).astype(np.float32)
    writer = array_file.ArrayWriter(tmp_path / "a.npy", values)
    start = 0
    for count in parts:
        writer.add(values[start : start + count])
        start += count
    writer.close()
    writer.close()
    if len(values):
        assert np.array_equal(array_file.map_array(tmp_path / "a.npy", writer.checksum), values)
    with pytest.raises(UnreadableArrays, match="checksum"):
        array_file.map_array(tmp_path / "a.npy", writer.checksum + 1)
