"""A file of class names: JSON or lines; and names between commas on the command line."""

import atexit
import tempfile
from pathlib import Path

from workbench.data.class_names import read_class_names, read_renaming

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
SUFFIXES = (".json", ".txt", "", ".json")


def seeds() -> list[bytes]:
    return [
        b'\0["cat", "dog", "\xc3\xa9l\xc3\xa9phant"]',
        b'\0{"0": "cat", "1": "dog"}',
        b'\0{"cat": 0, "dog": 1}',
        b"\1cat\ndog\n\nT-shirt/top\n",
        b'\2a,b,"c,d"',
        b'\3{"n01440764": "tench", "n01443537": "goldfish"}',
    ]


def attack(data: bytes) -> None:
    kind, rest = data[:1].ljust(1, b"\0")[0] % 4, data[1:]
    if kind == 2:
        read_class_names(rest.decode("utf-8", "surrogateescape"))
        return
    path = Path(FOLDER.name) / f"names{SUFFIXES[kind]}"
    path.write_bytes(rest)
    if kind == 3:
        read_renaming(path)  # empty where the file is a list
    else:
        assert read_class_names(path)
