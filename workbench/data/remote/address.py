"""The address of data elsewhere: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER; file:///FOLDER is a path. No secrets in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from workbench.core.errors import WorkbenchError

SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
"""What they are called, and what they are."""
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")


@dataclass(frozen=True)
class Address:
    """A place in an object store.

    Attributes:
        scheme: "s3" or "gs".
        bucket: its name.
        key: of a folder or an object, without "/" at its ends; empty for the whole bucket.
    """

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    @property
    def path(self) -> str:
        """BUCKET/KEY."""
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    @property
    def name(self) -> str:
        """The last step, which the data is called by."""
        return self.key.rpartition("/")[2] or self.bucket

    @property
    def parent(self) -> Address:
        """The folder that it lies in."""
        return Address(self.scheme, self.bucket, self.key.rpartition("/")[0])

    def below(self, path: str) -> Address:
        """What lies at `path` below it."""
        return Address(self.scheme, self.bucket, f"{self.key}/{path}" if self.key else path)


def local_or_remote(name: str | Path) -> str | Path | Address:
    """Return what a name means: a place in a store, the path of a file:// URL, or what was given.

    Raises:
        WorkbenchError: if it is a URL of another kind, or could hold a password or a token; it says nothing of that.
    """
    text = str(name)
    found = _URL.match(text)
    if found is None:
        return name
    scheme = found[1].lower()
    rest = text[found.end() :]
    if not rest.startswith("/"):
        if not isinstance(name, Path) or Path(text.partition("/")[0]).exists():
            return name  # a folder that is called so
        if scheme == "file":
            raise WorkbenchError("A file:// URL must be given as text, not as a path, which loses two of its slashes.")
        rest = f"/{rest}"  # which it has lost
    return _parsed(scheme, f"{scheme}:/{rest}")


def _parsed(scheme: str, text: str) -> Path | Address:
    if scheme not in (*SCHEMES, "file"):
        raise WorkbenchError(f"Data is read from s3://, gs:// and file:// URLs. Got one that begins with {scheme}://.")
    if not text.isprintable():
        raise WorkbenchError(f"The {scheme}:// URL must hold no control characters.")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise WorkbenchError(f"The {scheme}:// URL is none: it must be {scheme}://BUCKET/FOLDER.") from None
    if "@" in parts.netloc:
        raise WorkbenchError(
            f"A {scheme}:// URL must hold no user, password or key (something@). They are taken from the environment: "
            "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; GOOGLE_APPLICATION_CREDENTIALS."
        )
    if "?" in text or "#" in text:
        raise WorkbenchError(
            f"A {scheme}:// URL must hold no query and no fragment (? or #), in which a token may stand. Credentials "
            "are taken from the environment."
        )
    if scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise WorkbenchError("A file:// URL must be file:///PATH, of this machine. Its host is another.")
        path = unquote(parts.path)
        if "\0" in path:
            raise WorkbenchError("A file:// URL must hold no null byte.")
        return Path(path)
    key = parts.path[1:].removesuffix("/")
    if not _BUCKET.fullmatch(parts.netloc) or any(step in ("", ".", "..") for step in key.split("/") if key):
        raise WorkbenchError(f"The {scheme}:// URL must be {scheme}://BUCKET/FOLDER, without empty steps and '..'.")
    return Address(SCHEMES[scheme], parts.netloc, key)
