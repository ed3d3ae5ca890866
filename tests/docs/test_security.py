"""SECURITY.md names a test for every threat; each of them exists, and each limit is what the code has."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = (ROOT / "SECURITY.md").read_text()
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| `(tests/\S+\.py)::(\w+)` \|$", WORDS, re.MULTILINE)


def test_there_are_threats_and_no_row_is_malformed():
    table = WORDS.partition("| threat |")[2].splitlines()[2:]
    assert len(ROWS) == len([line for line in table if line.startswith("|")]) > 30
    assert len({threat for threat, *_ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("threat", "file", "name"), [(row[0], *row[2:]) for row in ROWS])
def test_each_threat_has_a_test_that_exists(threat, file, name):
    functions = [each for each in ast.parse((ROOT / file).read_text()).body if isinstance(each, ast.FunctionDef)]
    assert name in {each.name for each in functions}


def test_the_limits_are_those_of_the_code():
    from workbench.app.page import guard, strict_json
    from workbench.core import cache_room
    from workbench.core.cache import ROOM
    from workbench.data import edits, image_decoding
    from workbench.data.edits import areas
    from workbench.data.folder import archive, label_table, tree
    from workbench.data.records import index, parquet_file
    from workbench.data.remote import opening, store
    from workbench.models.files import keras_archive, trial
    from workbench.models.files.worker import LIMITS
    from workbench.workspace import edit_note, marks, table_text

    for said in (
        f"{guard.LARGEST >> 20} MB, all of it within",
        f"{guard.HELD >> 20} MB of bodies",
        f"{strict_json.DEEPEST} levels, "
        + ", ".join(f"{most:,} {name}" for name, (_, most) in strict_json.MOST.items()),
        f"{image_decoding.LIMIT // 10**6} million pixels; of more than {image_decoding.LARGE // 10**6} million",
        f"{archive.MOST_BYTES >> 30} GB unpacked, {archive.MOST_FILES:,} files",
        f"{tree.MOST_FOLDERS:,} folders",
        f"{index.MOST_IMAGES:,} images; names and labels of {index.LONGEST:,} bytes, {index.MOST_LABELS:,} different",
        f"of Parquet {parquet_file.RATIO} times its size, or {parquet_file.SMALL >> 20} MB",
        f"{cache_room.USUAL:g} GB of the cache (`{ROOM.variable}`)",
        f"{cache_room.USUAL:g} GB (`WORKBENCH_REMOTE_CACHE`), and {opening.MOST_COPIED >> 30} GB of tables; of S3 "
        f"{store.CONNECT:g} seconds to connect, {store.ANSWER:g} without a byte, {store.TRIES} tries; of `gs://` "
        f"{store.CONNECT * store.TRIES:g} seconds",
        f"{label_table.MOST_BYTES >> 20} MB, {label_table.MOST_LINES:,} lines, {label_table.MOST_COLUMNS:,} columns",
        f"{keras_archive.MOST_TEXT >> 20} MB of text, {keras_archive.MOST_ASSETS >> 20} MB of assets",
        f"nested {keras_archive.DEEPEST} deep",
        f"{LIMITS.load:g} seconds to load (and one for each 10 MB), {LIMITS.first:g} for the first answer",
        f"{table_text.LARGEST >> 20} MB; a tag {marks.LONGEST_TAG} characters, a note {marks.LONGEST_NOTE:,}; "
        f"of many images at once {marks.MOST_AT_ONCE:,}",
        f"{edits.MOST} in a list; strokes through {edits.LONGEST:,} pixels together, "
        f"coordinates within ±{areas.FARTHEST:,}; {edit_note.LONGEST:,} characters of a note",
        f"memory of {LIMITS.memory >> 30} GB",
        f"{trial.LIMITS.load:g} seconds to load (and one for each 10 MB), "
        f"{trial.LIMITS.first:g} for each of three steps; memory as above",
    ):
        assert said in WORDS
    assert (trial.LIMITS.memory, trial.LIMITS.later, trial.LIMITS.slower) == (LIMITS.memory, trial.LIMITS.first, 0)
