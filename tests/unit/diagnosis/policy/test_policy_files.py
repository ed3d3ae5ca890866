"""Policies as files: what is wrong with one is said in one sentence, with the nearest key."""

from __future__ import annotations

import pytest

from workbench.core.errors import LONGEST, WorkbenchError
from workbench.core.finding import Severity
from workbench.diagnosis.policy import Slice
from workbench.diagnosis.policy.reading import read_policy


@pytest.fixture
def read(tmp_path):
    def written(text):
        (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
        return read_policy(tmp_path / "policy.toml")

    return written


def test_a_policy_says_what_its_file_says(read):
    found = read(
        'min-accuracy = 0.9\nmax-ece = 0.05\nmax-severity = "mild"\nallowed-kinds = ["label-noise"]\nfast = true\n'
        'against = "baseline"\nmax-drop = 0.01\n[min-recall]\n"*" = 0.5\nShirt = 0.7\n'
        '[[slices]]\nwhere = "brightness<0.2"\nmin-accuracy = 0.8\n[[slices]]\nwhere = "camera:phone"\n'
        'min-accuracy = 1\nname = "phones"\n'
    )
    assert (found.min_accuracy, found.max_ece, found.max_drop, found.against) == (0.9, 0.05, 0.01, "baseline")
    assert (found.max_severity, found.allowed_kinds, found.fast) == (Severity.MILD, ("label-noise",), True)
    assert dict(found.min_recall) == {"*": 0.5, "Shirt": 0.7}
    assert found.slices == (
        Slice(where="brightness<0.2", min_accuracy=0.8),
        Slice(where="camera:phone", min_accuracy=1.0, name="phones"),
    )
    assert dict(read("min-recall = 0.4").min_recall) == {"*": 0.4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min-acuracy = 0.9", "There is no key 'min-acuracy' in {}. Did you mean 'min-accuracy'"),
        ("min_accuracy = 0.9", "Did you mean 'min-accuracy'"),
        ("", "{} has no rule. Give one of min-accuracy, min-recall"),
        ("fast = true", "{} has no rule"),
        ("min-accuracy = 90", "{}: `min-accuracy` must be a number from 0 to 1. Write 90 % as 0.9. Got 90."),
        ("min-accuracy = -1", "{}: `min-accuracy` must be a number from 0 to 1. Got -1."),
        ("min-accuracy = nan", "must be a number from 0 to 1. Got nan"),
        ('min-accuracy = "0.9"', "must be a number from 0 to 1. Got '0.9'"),
        ("max-ece = true", "must be a number from 0 to 1. Got True"),
        (
            "min-recall = []",
            "{}: `min-recall` must be a number for all classes, or a table of numbers by class. Got []",
        ),
        ("[min-recall]", "{}: `min-recall` names no class"),
        ("[min-recall]\nShirt = 70", "{}: `min-recall` of 'Shirt' must be a number from 0 to 1. Write 70 % as 0.7"),
        ('max-severity = "seroius"', "There is no severity 'seroius' in {}: `max-severity`. Did you mean 'serious'"),
        ("max-severity = 3", "There is no severity '3'"),
        (
            'max-severity = "mild"\nallowed-kinds = ["label noise"]',
            "There is no kind of finding 'label noise' in {}: `allowed-kinds`. Did you mean 'label-noise'",
        ),
        ('max-severity = "mild"\nallowed-kinds = "leakage"', "must be a list of kinds of findings. Got 'leakage'"),
        (
            'min-accuracy = 0.5\nallowed-kinds = ["leakage"]',
            "says what may be worse than `max-severity`. Give that too",
        ),
        ("min-accuracy = 0.5\nfast = 1", "{}: `fast` must be true or false. Got 1."),
        ('max-drop = 0\nagainst = ""', "{}: `against` must be text. Got ''."),
        ("slices = 3", "must be tables, [[slices]], each with `where` and `min-accuracy`. Got 3"),
        ("[[slices]]\nwher = 'x'", "There is no key 'wher' in {}: `slices`, number 1. Did you mean 'where'"),
        ("[[slices]]\nwhere = 'x'", "{}: `slices`, number 1 lacks `min-accuracy`. A slice has `where`, a query"),
        ("[[slices]]\nwhere = 3\nmin-accuracy = 1", "{}: `slices`, number 1: `where` must be text. Got 3."),
        ("min-accuracy 0.9", "{} is not TOML: "),
    ],
)
def test_what_is_wrong_is_one_sentence(read, tmp_path, text, said):
    with pytest.raises(WorkbenchError) as caught:
        read(text)
    message = str(caught.value)
    assert said.replace("{}", str(tmp_path / "policy.toml")) in message
    assert "\n" not in message and len(message) <= LONGEST
    assert not any(word in message for word in ("validation error", "Input should", "pydantic"))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(WorkbenchError, match=r"none\.toml cannot be read: No such file"):
        read_policy(tmp_path / "none.toml")
    (tmp_path / "large.toml").write_text("#" * 200_000)
    with pytest.raises(WorkbenchError, match="is no policy: it has more than 100,000 bytes"):
        read_policy(tmp_path / "large.toml")
