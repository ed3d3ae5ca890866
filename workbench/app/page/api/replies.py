"""Answers to programs: JSON, and an error as one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response

LONGEST_ERROR = 600
"""Characters of an error: what was sent is quoted in it, and may be an image."""


def json_reply(status: int, value: object) -> Response:
    """Return `value` as JSON."""
    from starlette.responses import Response

    body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(body, status, media_type="application/json")


def error_reply(status: int, error: object) -> Response:
    """Return {"error": one sentence}."""
    said = str(error)
    return json_reply(status, {"error": said if len(said) <= LONGEST_ERROR else f"{said[:LONGEST_ERROR]} …"})
