"""Ask a running page over bare HTTP: which class, and what speaks for it. Nothing but Python is needed.

Start the page (`make run`), then: python examples/http_client.py image.png
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


class Refused(Exception):
    """The page is not there, or answered with an error; in one sentence."""


def ask(url: str, question: str, **parameters: Any) -> dict[str, Any]:
    """Ask one question; the parameters are those of the page's API (`API` in its upper right corner)."""
    body = json.dumps(parameters).encode()
    request = urllib.request.Request(f"{url}/api/{question}", body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310  # the user names the address
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(json.load(error)["error"]) from None
    except (urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Refused(f"No page answers at {url} ({reason}). Start one with `make run`.") from None


def given(text: str) -> str | int:
    """Return what the API takes: a row of the dataset as a number, a file as a data URI."""
    if text.isdecimal():
        return int(text)
    try:
        content = Path(text).read_bytes()
    except OSError as error:
        raise Refused(f"{text} cannot be read: {error.strerror}.") from None
    return "data:application/octet-stream;base64," + base64.b64encode(content).decode()


def main() -> None:
    """Print the likeliest classes, and save the map."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("image", help="an image file, or the row of an image of the page's dataset")
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="of the page (%(default)s)")
    parser.add_argument("--method", default="grad-cam", help="attribution method (%(default)s)")
    parser.add_argument("--target", default="predicted", help="class to explain, by name or number (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("map.png"), help="file to write (%(default)s)")
    asked = parser.parse_args()
    try:
        image, url = given(asked.image), asked.url.rstrip("/")
        said = ask(url, "predict", image=image)
        told = ask(url, "explain", image=image, method=asked.method, target=asked.target)
    except Refused as error:
        sys.exit(f"Error: {error}")
    ranked = sorted(zip(said["probabilities"], said["class_names"], strict=True), reverse=True)
    for share, name in ranked[:3]:
        print(f"{100 * share:6.2f} %  {name}")
    asked.out.write_bytes(base64.b64decode(told["overlay"].partition(",")[2]))
    print(f"{told['title']} for {told['target']}: {asked.out}")


if __name__ == "__main__":
    main()
