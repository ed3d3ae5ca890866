"""An object store behind four questions: what is there, what is in it, its bytes, whole; every fault one sentence.

pyarrow's file systems do the talking, with the credentials that they find in the environment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import IO, Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.extras import require
from workbench.data.remote.address import Address

CONNECT, ANSWER = 10.0, 30.0
"""Seconds to reach a store, and for an answer of it to go on."""
TRIES = 4
"""Of a request that the network or the store has failed."""
GONE, CHANGED, DENIED = "gone since it was listed", "changed since it was listed", "access denied"
FRESH = 2
"""Seconds that have to have passed since an object was changed, until its time tells it from another one."""
SECOND = 10**9
_SAID = re.compile(r"\bAWS Error (?!UNKNOWN)([A-Z0-9_]+)"), re.compile(r"\bHTTP status (\d+)")
_WORD = re.compile(r"\b([A-Z]+(?:_[A-Z]+)+)\b")
"""What an error is called where the library says so; and anywhere else."""
_DENIED = {"ACCESS_DENIED", "PERMISSION_DENIED", "UNAUTHENTICATED", "FORBIDDEN"} | {
    "INVALID_ACCESS_KEY_ID",
    "INVALID_CLIENT_TOKEN_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "MISSING_AUTHENTICATION_TOKEN",
    "UNRECOGNIZED_CLIENT",
    "INVALID_SIGNATURE",
}
_DENIED |= {"401", "403"}
_NOTHING = {"NO_SUCH_KEY", "RESOURCE_NOT_FOUND", "NOT_FOUND", "404"}
_ELSEWHERE = {"301", "307", "PERMANENT_REDIRECT"}
_UNREACHED = {"500", "502", "503", "504"}
_UNREACHED |= {"NETWORK_CONNECTION", "REQUEST_TIMEOUT", "UNAVAILABLE", "SERVICE_UNAVAILABLE", "SLOW_DOWN"} | {
    "INTERNAL_FAILURE",
    "THROTTLING",
    "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies in a store.

    Attributes:
        name: its last step.
        folder: whether it is one.
        size: bytes.
        changed: when, in ns since 1970.
        fresh: when it was listed, if it had just been changed: within one tick of the store's clock it may be again.
            Else 0.
    """

    name: str
    folder: bool
    size: int = 0
    changed: int = 0
    fresh: int = 0


class Store:
    """The store that an address lies in; safe to use from several threads."""

    def __init__(self, address: Address) -> None:
        self._home = address
        self._files: Any = _file_system(address.scheme, address.bucket)

    def look(self, address: Address) -> Entry | None:
        """Return what lies at an address; None where there is nothing.

        Raises:
            Unavailable: if the store does not say.
        """
        if not address.key:  # a bucket may be read without the right to ask for it
            return Entry(address.bucket, folder=True)
        try:
            return self._entry(self._files.get_file_info(address.path))
        except Exception as error:  # noqa: BLE001 - of two libraries in C++
            raise _unavailable(error, address) from None

    def entries(self, address: Address) -> Iterator[Entry]:
        """Yield what lies directly in a folder, in the order of names.

        Raises:
            Unavailable: if there is no such bucket or folder, or the store does not say.
        """
        from pyarrow.fs import FileSelector

        try:
            found = self._files.get_file_info(FileSelector(address.path))
        except Exception as error:  # noqa: BLE001 - as above
            raise _unavailable(error, address) from None
        found.sort(key=lambda info: info.path)
        for info in found:
            if (entry := self._entry(info)) is not None:
                yield entry

    def read(self, address: Address, entry: Entry, most: int) -> bytes:
        """Read an object whole.

        Raises:
            OSError: if it is gone, is another one than `entry`, may not be read, or has more than `most` bytes.
            Unavailable: if the store does not answer.
        """
        if entry.size > most:
            raise OSError(errno.EFBIG, f"larger than {most // 2**20:,} MB")
        with self._opened(address, entry) as file:
            content = bytes(file.read(entry.size))
            self._refuse_changed(address, entry)  # it was looked at and read in several requests
        if len(content) < entry.size:
            raise OSError(errno.EIO, "became shorter while it was read")
        return content

    @contextlib.contextmanager
    def stream(self, address: Address, entry: Entry) -> Iterator[IO[bytes]]:
        """Lend a stream of an object; it is looked at again at the end. Raises as `read`."""
        with self._opened(address, entry) as file:
            yield file
            self._refuse_changed(address, entry)

    @contextlib.contextmanager
    def _opened(self, address: Address, entry: Entry) -> Iterator[Any]:
        try:
            with self._files.open_input_file(address.path) as file:
                if file.size() != entry.size or _changed(file.metadata(), entry):
                    raise OSError(errno.ESTALE, CHANGED)
                if address.scheme != "s3":
                    self._refuse_changed(address, entry)
                yield file
        except WorkbenchError:
            raise
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, GONE) from None
        except OSError as error:
            if error.errno is not None:
                raise
            category = _category(error, address)
            if category in _NOTHING:
                raise FileNotFoundError(errno.ENOENT, GONE) from None
            if category in _DENIED:
                raise PermissionError(errno.EACCES, DENIED) from None
            raise _unavailable(error, address) from None
        except Exception as error:  # noqa: BLE001 - as above
            raise _unavailable(error, address) from None

    def _entry(self, info: Any) -> Entry | None:
        kind, name = info.type.name, info.base_name
        if kind == "NotFound":
            return None
        if kind == "Directory":
            return Entry(name, folder=True)
        changed, now = info.mtime_ns or 0, time.time_ns()
        if self._home.scheme == "s3":  # some list more digits than they tell of an object
            changed -= changed % SECOND
        return Entry(name, False, info.size, changed, now if changed > now - FRESH * SECOND else 0)

    def _refuse_changed(self, address: Address, entry: Entry) -> None:
        now = self.look(address)
        if now is None:
            raise FileNotFoundError(errno.ENOENT, GONE)
        if (now.size, now.changed) != (entry.size, entry.changed):
            raise OSError(errno.ESTALE, CHANGED)


def store_of(address: Address) -> Store:
    """Return the store of an address, the same again for another one in its bucket.

    Raises:
        Unavailable: if the extra `remote` is not installed.
    """
    require("pyarrow", extra="remote", what=f"Data at {address.scheme}://")
    return _store(address.scheme, address.bucket, *map(os.environ.get, _ENVIRONMENT))


_ENVIRONMENT = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "GOOGLE_APPLICATION_CREDENTIALS",
    "STORAGE_EMULATOR_HOST",
)  # fmt: skip


@cache
def _store(scheme: str, bucket: str, *_environment: str | None) -> Store:
    return Store(Address(scheme, bucket, ""))


def _file_system(scheme: str, bucket: str) -> Any:
    try:
        return _s3(bucket) if scheme == "s3" else _gcs()
    except ImportError:
        raise Unavailable(f"The pyarrow that is installed here has no {scheme}://: install another one.") from None
    except Exception as error:  # noqa: BLE001 - of two libraries in C++
        raise _unavailable(error, Address(scheme, bucket, "")) from None


def _s3(bucket: str) -> Any:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    how: dict[str, Any] = {}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        scheme, _, host = endpoint.rpartition("://")
        if "@" in host:
            raise WorkbenchError("AWS_ENDPOINT_URL must hold no user or password.")
        how = {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
    elif not region:
        with contextlib.suppress(OSError):  # where the bucket is not told of, the usual region answers
            region = resolve_s3_region(bucket)
    return S3FileSystem(
        region=region or "us-east-1",
        connect_timeout=CONNECT,
        request_timeout=ANSWER,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=TRIES),
        **how,
    )


def _gcs() -> Any:
    from pyarrow.fs import GcsFileSystem

    how: dict[str, Any] = {"retry_time_limit": timedelta(seconds=TRIES * CONNECT)}
    if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
        scheme, _, host = emulator.rpartition("://")
        how |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "http", "anonymous": True}
    return GcsFileSystem(**how)


def _changed(metadata: Any, entry: Entry) -> bool:
    """Whether an object that is open was written at another time; where its store does not say, it is asked later."""
    said: Any = (metadata or {}).get(b"Last-Modified") or (metadata or {}).get("Last-Modified")
    try:
        when = datetime.fromisoformat(said.decode() if isinstance(said, bytes) else said)
    except (AttributeError, TypeError, ValueError):
        return False
    return int(when.timestamp()) != entry.changed // SECOND


def _category(error: BaseException, address: Address) -> str:
    """What kind of error it is; what the object and its bucket are called is no part of that."""
    own = (f"{address.path}/", address.path, f"{address.key}/", address.key, address.bucket)
    text = str(error)
    for name in own:
        text = text.replace(f"'{name}'", " ").replace(f'"{name}"', " ")
    for said in _SAID:
        if found := said.search(text):
            return found[1]
    for name in filter(None, own):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text)
    return found[1] if (found := _WORD.search(text)) else ""


def _unavailable(error: BaseException, address: Address) -> Unavailable:
    """Say what is wrong; of what the library says only the kind of error, since the rest may name anything."""
    if isinstance(error, Unavailable):
        return error
    category, where = _category(error, address), str(address)
    kind = category or type(error).__name__
    setting = "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if address.scheme == "gs":
        setting = "GOOGLE_APPLICATION_CREDENTIALS"
    if category == "NO_SUCH_BUCKET":
        said = f"There is no bucket {address.bucket!r} ({where})."
    elif isinstance(error, FileNotFoundError) or category in _NOTHING:
        said = f"There is nothing at {where}."
    elif category in _DENIED:
        said = f"{where} may not be read with the credentials of this environment: set {setting}."
    elif category in _ELSEWHERE:
        said = f"The bucket of {where} lies in another region: set AWS_REGION."
    elif category in _UNREACHED:
        said = f"{where} cannot be read: the store does not answer ({kind}, {TRIES} tries). What was read is kept."
    else:
        said = f"{where} cannot be read: {kind}."
    return Unavailable(said)
