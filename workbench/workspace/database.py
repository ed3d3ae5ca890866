"""The file of a workspace: SQLite, opened so that what was acknowledged is there after a crash, or told in a sentence.

A change is one transaction, in the write-ahead log and synced before it is acknowledged (`synchronous=FULL`): it
survives the end of the process at any moment, kill -9 too, and a power cut as far as the disk keeps what it says it has
written. Of a change that was not acknowledged there is all or nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

from workbench.core.errors import Unavailable, WorkbenchError

VERSION = 1
"""Of the schema; a file says in `user_version` which one it has."""
APPLICATION = 0x57424D4B
"""The number by which a file says, in its header, that it is one of ours."""
PATIENCE = 10.0
"""Seconds that are waited for another program's change."""
CACHE = 64 << 20
"""Bytes of the file that are kept in memory at most; with SQLite's 2 MB a change of 100,000 images takes longer."""
CHECKED = 4 << 20
"""Bytes up to which a file is looked through when it is opened; a larger one is read as far as it is asked for."""

SMALLEST = 512
"""Bytes of the smallest file that SQLite can have written."""
REFUSED = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
)
"""What SQLite says where the disk takes or gives nothing."""

SCHEMA = """
CREATE TABLE change (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, who TEXT NOT NULL, page TEXT NOT NULL, source TEXT NOT NULL,
    action TEXT NOT NULL, value TEXT NOT NULL, images INTEGER NOT NULL, target INTEGER
);
CREATE TABLE changed (
    change INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, slot TEXT NOT NULL, scope TEXT NOT NULL,
    name TEXT NOT NULL, part TEXT NOT NULL, label TEXT NOT NULL, before TEXT, before_change INTEGER, after TEXT,
    PRIMARY KEY (change, kind, key, slot, scope)
) WITHOUT ROWID;
CREATE TABLE state (
    kind TEXT NOT NULL, key TEXT NOT NULL, slot TEXT NOT NULL, scope TEXT NOT NULL, value TEXT, change INTEGER,
    PRIMARY KEY (kind, key, slot, scope)
) WITHOUT ROWID;
CREATE INDEX tagged ON state (slot) WHERE kind = 'tag';
CREATE TABLE undone (target INTEGER PRIMARY KEY, change INTEGER NOT NULL);
CREATE TRIGGER change_stays BEFORE UPDATE ON change BEGIN SELECT RAISE(ABORT, 'the journal is only added to'); END;
CREATE TRIGGER change_kept BEFORE DELETE ON change BEGIN SELECT RAISE(ABORT, 'the journal is only added to'); END;
CREATE TRIGGER changed_stays BEFORE UPDATE ON changed BEGIN SELECT RAISE(ABORT, 'the journal is only added to'); END;
CREATE TRIGGER changed_kept BEFORE DELETE ON changed BEGIN SELECT RAISE(ABORT, 'the journal is only added to'); END;
"""
TABLES = {"change", "changed", "state", "undone"}


class Database:
    """Two connections, shared by the threads of a process: one thread changes the file while another one reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._writes, self._reads = Lock(), Lock()
        self._connection: sqlite3.Connection | None = None
        self._reader = _empty()
        self._identity: tuple[int, int] | None = None
        if path.exists():
            self._open()

    def _open(self) -> sqlite3.Connection:
        """Open the file, or begin it, if that has not been done: where nothing was said, none is made for a look."""
        if self._connection is not None:
            return self._connection
        if self.path.exists() and not self.path.is_file():
            raise WorkbenchError(f"A workspace must be a file. {self.path} is none.")
        made = [each for each in self.path.parents if not each.exists()]
        new = not self.path.exists()
        try:
            with self._told():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._refuse_others()
                connection = self._connected()
                try:
                    self._set_up(connection)
                    reader = self._connected()
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            if new:
                _forget(self.path, made)
            raise
        self._identity = _identity(self.path)
        self._connection, self._reader = connection, reader
        return connection

    def _connected(self) -> sqlite3.Connection:
        made = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        made.execute("PRAGMA temp_store=MEMORY")
        made.execute(f"PRAGMA cache_size=-{CACHE >> 10}")
        return made

    def _refuse_others(self) -> None:
        """Refuse a file of a few bytes, over which SQLite itself would write.

        The file is not opened for it: who closes it, takes the locks of all connections of the process away.
        """
        if self.path.exists() and 0 < self.path.stat().st_size < SMALLEST:
            raise self._other()

    def _set_up(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection, "DEFERRED"):  # at one moment: another program may be beginning the file
            found = _fact(connection, "user_version")
            foreign = _fact(connection, "application_id") != APPLICATION and (found or _tables(connection))
        if found > VERSION:
            raise WorkbenchError(
                f"{self.path} was written by a newer version of the workbench (format {found}; this one knows "
                f"{VERSION}). Update the workbench; nothing was changed."
            )
        if foreign:
            raise WorkbenchError(f"{self.path} is no workspace, but a file of another program. Name another file.")
        _persistently(lambda: connection.execute("PRAGMA journal_mode=WAL"))
        connection.execute("PRAGMA synchronous=FULL")
        if not _fact(connection, "user_version"):
            with _transaction(connection, "IMMEDIATE"):
                if not _fact(connection, "user_version"):  # else another one was quicker
                    _make_tables(connection)
        if not _tables(connection) >= TABLES:
            raise self._damaged("tables are missing")
        if self.path.stat().st_size <= CHECKED:
            ((said, *_), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
            if said != "ok":
                raise self._damaged(str(said))

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection, at one moment of the file's; what is being changed meanwhile is as it was before.

        Raises:
            WorkbenchError: if the file cannot be read.
        """
        if self._connection is None and self.path.exists():  # another program has begun it
            with self._writes:
                self._open()
        with self._reads, self._told(), _transaction(self._reader, "DEFERRED"):
            yield self._reader

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one change, which is there whole at the end, or not at all after an error.

        Raises:
            WorkbenchError: if the file takes none.
        """
        with self._writes, self._told():
            connection = self._open()
            if _identity(self.path) != self._identity:
                raise Unavailable(
                    f"{self.path} was moved, deleted or replaced while it was open, so nothing more is written to it. "
                    f"Put it back, or open it again."
                )
            with _transaction(connection, "IMMEDIATE"):
                yield connection

    def close(self) -> None:
        """Close the file; what was written is in it alone, without files beside it, where nobody else has it open."""
        with self._writes, self._reads:
            self._reader.close()
            if self._connection is not None:
                self._connection.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite or the disk says into a sentence."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._sentence(error) from error
        except OSError as error:
            raise _refused(self.path, error.strerror or str(error)) from None

    def _sentence(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_CORRUPT:
            return self._damaged(str(error))
        if code in REFUSED:
            why = os.strerror(errno.ENOSPC) if code == sqlite3.SQLITE_FULL else _why(self.path) or str(error)
            return _refused(self.path, why)
        if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
            return WorkbenchError(f"The workspace {self.path} is closed. Open it again.")
        if code == sqlite3.SQLITE_NOTADB:
            return self._other()
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return Unavailable(
                f"{self.path} is being written by another program for more than {PATIENCE:g} seconds. Nothing was "
                f"changed; try again."
            )
        return error

    def _other(self) -> WorkbenchError:
        return WorkbenchError(
            f"{self.path} is no workspace: it is no SQLite file, or its beginning is damaged. Nothing was changed; "
            f"name another file, or move this one away and import an export."
        )

    def _damaged(self, why: str) -> WorkbenchError:
        return WorkbenchError(
            f"{self.path} is damaged ({why}). Nothing was changed and nothing is deleted: move it away with the files "
            f"{self.path.name}-wal and {self.path.name}-shm, where there are such, and import your last export."
        )


def _empty() -> sqlite3.Connection:
    """Return what stands for a file that is not there yet."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _make_tables(connection)
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _statements(SCHEMA):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={VERSION}")


def _fact(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


def _persistently(ask: Callable[[], object]) -> None:
    """Ask again while the file is locked: SQLite does not wait by itself when the kind of journal changes."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            ask()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _statements(script: str) -> Iterator[str]:
    """Split a script, without `executescript`, which would end the transaction."""
    statement = ""
    for line in script.strip().splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, whatever it is called; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refused(path: Path, why: str) -> Unavailable:
    return Unavailable(
        f"The workspace {path} takes no change: {why}. Nothing was changed; make room there, or name another file."
    )


def _why(path: Path) -> str:
    """Say in the system's words why a file, or its folder, takes nothing; empty where it takes something."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(bytes(4096))
    except OSError as error:
        return error.strerror or str(error)
    return "" if not path.exists() or os.access(path, os.R_OK | os.W_OK) else os.strerror(errno.EACCES)


def _forget(path: Path, made: list[Path]) -> None:
    """Remove what was made for a file that could not be; nothing in which there is something."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
    with contextlib.suppress(OSError):
        for each in made:
            each.rmdir()
