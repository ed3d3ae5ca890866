"""Object stores on loopback: a small one of our own that speaks as much of S3 as reading needs, and can be at fault;
and moto's, where its server is installed beside (it wants another python-dateutil than the workbench is tested with).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from tests.patience import PATIENCE

KEY, SECRET = "AKTESTKEY", "a-secret-that-nobody-may-see"
OLD = 1_700_000_000.0
MOTO = os.environ.get("WORKBENCH_TEST_MOTO") or shutil.which("moto_server")


@dataclass
class Stored:
    """An object: its bytes, and when it was changed, in seconds."""

    content: bytes
    changed: float = OLD

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'


@dataclass
class ObjectStore:
    """A bucket, `images`.

    Attributes:
        objects: by key.
        asked: (method, key or "?prefix") of each request.
        before: called with method and key before an answer; returns a status that is answered instead, or None.
        cut: keys of which only half is sent, before the connection ends.
    """

    url: str = ""
    objects: dict[str, Stored] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], int | None] = lambda _method, _key: None
    cut: set[str] = field(default_factory=set)
    page: int = 1000

    bucket = "images"

    def put(self, key: str, content: bytes, changed: float = OLD) -> None:
        self.objects[key] = Stored(content, changed)

    def remove(self, key: str) -> None:
        del self.objects[key]

    def put_folder(self, folder: Path, below: str) -> str:
        """Put all files of a folder; return its URL."""
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            self.put(f"{below}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://{self.bucket}/{below}"

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: ObjectStore

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.store.asked.append((self.command, key or f"?{query.get('prefix', '')}"))
        if f"Credential={KEY}/" not in self.headers.get("Authorization", ""):
            return self._error(403, "AccessDenied")
        if bucket != self.store.bucket:
            return self._error(404, "NoSuchBucket")
        if (status := self.store.before(self.command, key)) is not None:
            return self._error(status, {403: "AccessDenied", 404: "NoSuchKey"}.get(status, "InternalError"))
        if not key:
            return self._list(query)
        stored = self.store.objects.get(key)
        if stored is None:
            return self._error(404, "NoSuchKey")
        return self._object(key, stored)

    def _object(self, key: str, stored: Stored) -> None:
        content, status = stored.content, 200
        wanted = self.headers.get("Range", "")
        if self.command == "GET" and wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            content, status = content[int(first) : int(last) + 1], 206
        self.send_response(status)
        when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(stored.changed))
        for name, value in (("ETag", stored.etag), ("Last-Modified", when), ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(stored.content)}")
        self.end_headers()
        if self.command == "GET":
            if key in self.store.cut:
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
                return
            self.wfile.write(content)

    def _list(self, query: dict[str, str]) -> None:
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        files, folders, last = list[str](), list[str](), ""
        for key in sorted(self.store.objects):
            if not key.startswith(prefix) or key <= after:
                continue
            head, slash, _ = key[len(prefix) :].partition("/")
            if query.get("delimiter") and slash:
                folder = f"{prefix}{head}/"
                if folder in folders or folder <= after:
                    continue
                folders.append(folder)
                last = f"{folder}\uffff"
            else:
                files.append(key)
                last = key
            if len(files) + len(folders) >= self.store.page:
                break
        else:
            last = ""
        made = [
            f"<Contents><Key>{escape(key)}</Key><Size>{len(each.content)}</Size><ETag>{escape(each.etag)}</ETag>"
            f"<LastModified>{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(each.changed))}</LastModified>"
            "</Contents>"
            for key in files
            for each in [self.store.objects[key]]
        ]
        made += [f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders]
        more = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if last else ""
        self._send(
            200,
            f"<ListBucketResult><Name>{self.store.bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(made)}</KeyCount><IsTruncated>{str(bool(last)).lower()}</IsTruncated>{more}{''.join(made)}"
            "</ListBucketResult>",
        )

    def _error(self, status: int, code: str) -> None:
        self._send(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>")

    def _send(self, status: int, text: str) -> None:
        content = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def our_store() -> Iterator[ObjectStore]:
    """Serve a bucket on loopback."""
    store = ObjectStore()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"store": store}))
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


class MotoStore(ObjectStore):
    """The same bucket in moto's server."""

    def _files(self) -> object:
        from pyarrow.fs import S3FileSystem

        host = self.url.removeprefix("http://")
        return S3FileSystem(
            access_key=KEY, secret_key=SECRET, endpoint_override=host, scheme="http", region="us-east-1",
            allow_bucket_creation=True, allow_delayed_open=True,
        )  # fmt: skip

    def create(self) -> None:
        self._files().create_dir(self.bucket)

    def put(self, key: str, content: bytes, changed: float = OLD) -> None:
        with self._files().open_output_stream(f"{self.bucket}/{key}") as stream:
            stream.write(content)

    def remove(self, key: str) -> None:
        self._files().delete_file(f"{self.bucket}/{key}")


@contextmanager
def moto_store(folder: Path) -> Iterator[MotoStore]:
    """Start moto's server on loopback; `MOTO` must be there."""
    with (folder / "moto.log").open("w+") as log:
        server = subprocess.Popen(
            [str(MOTO), "-H", "127.0.0.1", "-p", "0"],
            stdout=log,
            stderr=log,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        )
        try:
            store = MotoStore(url=_address_in(Path(log.name)))
            store.create()
            yield store
        finally:
            server.terminate()
            server.wait(PATIENCE)


def _address_in(log: Path) -> str:
    for _ in range(6000):
        found = [
            line.rpartition("Running on ")[2].strip() for line in log.read_text().splitlines() if "Running on" in line
        ]
        if found:
            urllib.request.urlopen(f"{found[0]}/moto-api/data.json", timeout=PATIENCE).read(1)
            return found[0]
        time.sleep(0.1)
    pytest.skip(f"moto's server does not start: {log.read_text()[-200:]}")
