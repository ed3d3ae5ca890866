"""gradio, imported without what it writes for editors."""

from __future__ import annotations

import inspect
import sys
from typing import Any


def import_gradio() -> None:
    """Import gradio in two thirds of the time.

    For each of its components gradio reads the source, parses it, and writes what it offers into a file beside it, for
    editors; it leaves out what has no file. That is a third of the import, and files in a folder that may be shared.
    """
    if "gradio" in sys.modules:
        return
    known = inspect.getfile

    def of_no_component(of: Any) -> str:
        if sys._getframe(1).f_code.co_name == "create_or_modify_pyi":
            raise OSError("What is written for editors is left out.")
        return known(of)

    inspect.getfile = of_no_component  # type: ignore[assignment]
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = known
