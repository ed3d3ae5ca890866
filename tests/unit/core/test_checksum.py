import json

import pytest

from workbench.core.checksum import check_record, file_checksum, read_record, record_checksum
from workbench.core.errors import WorkbenchError

RECORD = {"a": 1, "b": [0.1, None, "é"], "c": {"d": True}}


def test_a_checksum_is_of_what_a_record_says_not_of_how_it_is_written(tmp_path):
    right = record_checksum(RECORD)
    assert len(right) == 16
    assert record_checksum(dict(reversed(RECORD.items()))) == right
    assert record_checksum(json.loads(json.dumps(RECORD, indent=7, ensure_ascii=False))) == right
    assert record_checksum({**RECORD, "checksum": right}) == right
    for other in ({**RECORD, "a": 2}, {**RECORD, "a": 1.0}, {**RECORD, "e": None}, {"a": 1}):
        assert record_checksum(other) != right
    path = tmp_path / "r.json"
    check_record({**RECORD, "checksum": right}, path, needed=True, remedy="or not")
    check_record(RECORD, path, needed=False, remedy="or not")
    for changed, needed in (({**RECORD, "a": 2, "checksum": right}, False), (RECORD, True)):
        with pytest.raises(
            WorkbenchError, match=rf'r\.json was changed .* write "checksum": "{record_checksum(changed)}"'
        ):
            check_record(changed, path, needed=needed, remedy="or not")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"\xef\xbb\xbf{}"]
)
def test_what_is_no_record_is_one_sentence(tmp_path, content):
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(WorkbenchError, match=r"r\.json is damaged: ") as caught:
        read_record(tmp_path / "r.json")
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path / "none.json")
    with pytest.raises(WorkbenchError, match=r"is damaged: .*directory"):
        read_record(tmp_path)


def test_the_checksum_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_checksum(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(WorkbenchError, match="none cannot be read: No such file"):
        file_checksum(tmp_path / "none")
