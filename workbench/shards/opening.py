"""Sessions of a worker: it opens each once, however many tasks ask for it."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

from workbench.core.kept import Kept
from workbench.core.provenance import code_digest, versions
from workbench.core.types import Array
from workbench.session.session import Session
from workbench.shards.task import About

ENGINE = "engine"
Opener = Callable[..., Session]
"""Opens a session, wherever it is called, with this `engine`, if one is given; can be pickled."""
_opened: Kept[str, Session] = Kept(2)


def session_of(opener: Opener) -> Session:
    """Return the session of an opener, the same again at the next call."""
    key = hashlib.sha256(pickle.dumps(opener)).hexdigest()
    return _opened.get(key) or _opened.put(key, opener())


def some_of(opener: Opener, rows: Array, **given: Any) -> Session:
    """Open a session on some of the images."""
    return opener(**given).subset(rows)


def known_of(session: Session) -> dict[str, Any]:
    """Return what has to be the same everywhere, since results are kept under it: model, data, code and libraries."""
    return {
        "model": session.model_fingerprint,
        "data": session.dataset.fingerprint,
        "code": code_digest(),
        "versions": versions(),
    }


def opener_like(opener: Opener, about: About) -> Opener:
    """Return what opens a session with the engine that another worker has chosen."""
    engine = str(about.made.get(ENGINE, "")).partition(" ")[0]
    return partial(opener, engine=engine) if engine else opener
