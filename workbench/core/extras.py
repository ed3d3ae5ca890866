"""Libraries that only some need, installed as an extra of the package."""

from __future__ import annotations

from importlib.util import find_spec

from workbench.core.errors import Unavailable


def require(*libraries: str, extra: str, what: str) -> None:
    """See that libraries are installed; imports none of them.

    Args:
        libraries: names that are imported.
        extra: of pyproject.toml, which installs them.
        what: what needs them, the beginning of a sentence.

    Raises:
        Unavailable: if one is missing; says what to install.
    """
    missing = [name.replace("_", "-") for name in libraries if find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"{what} needs {', '.join(missing)}, not installed here: pip install 'classifier-workbench[{extra}]'"
        )
