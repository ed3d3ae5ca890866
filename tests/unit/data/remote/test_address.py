from pathlib import Path

import pytest

from workbench.core.errors import WorkbenchError
from workbench.data.remote.address import Address, local_or_remote


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("s3://bucket/photos/", Address("s3", "bucket", "photos")),
        ("S3A://bucket/a/b c/ü", Address("s3", "bucket", "a/b c/ü")),
        ("gs://bucket", Address("gs", "bucket", "")),
        ("gcs://bucket/100%25", Address("gs", "bucket", "100%25")),
        (Path("s3://bucket/photos"), Address("s3", "bucket", "photos")),
        ("file:///data/two%20words", Path("/data/two words")),
        ("file://localhost/data", Path("/data")),
        ("photos", "photos"),
        ("C:/photos", "C:/photos"),
        ("a:b/photos", "a:b/photos"),
        ("s3:/photos", "s3:/photos"),
    ],
)
def test_a_name_is_a_place_in_a_store_a_path_or_itself(name, place):
    assert local_or_remote(name) == place


SECRETS = [
    "s3://AKIA:hunter2@bucket/photos",
    "s3://hunter2@bucket/photos",
    "gs://user:hunter2@bucket/photos",
    "file://user:hunter2@host/photos",
    "s3://bucket/photos?X-Amz-Security-Token=hunter2",
    "gs://bucket/photos#hunter2",
    "s3://bucket/photos?access_key=a&secret_key=hunter2",
    "https://user:hunter2@host/photos",
    "https://host/photos?sig=hunter2",
    "s3://[hunter2/photos",
    "s3://bucket:hunter2/photos",
]


@pytest.mark.parametrize("name", SECRETS)
def test_what_could_hold_a_secret_is_refused_and_never_said(name):
    for given in (name, Path(name)):
        with pytest.raises(WorkbenchError) as caught:
            local_or_remote(given)
        assert "hunter2" not in str(caught.value)
        assert "://" in str(caught.value)
        if name.startswith(("s3", "gs")) and ("@" in name or "?" in name):
            assert "from the environment" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["s3:///photos", "s3://b/../x", "s3://bucket//x", "s3://bucket/a\nb", "file://host/x", "ftp://h/x"]
)
def test_what_is_no_place_is_one_sentence(name):
    with pytest.raises(WorkbenchError, match=r"must|is read"):
        local_or_remote(name)
