"""Which two attribution methods to look at for one model: measured on it, and on a network like it of known evidence.

Images are parted in two. On the first part methods are compared, chosen and tuned; on the second one, which had no part
in that, what is advised is measured again beside random maps. How many comparisons with other methods it wins, and how
its maps change with the weights, is known of the first part only, and said with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .record import Advice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.session.session import Session

IMAGES, MINUTES = 40, 5.0
"""Images of either part, and minutes, unless others are asked for."""


def advise(
    session: Session, *, images: int = IMAGES, seed: int = 0, minutes: float = MINUTES, methods: Sequence[str] = ()
) -> Advice:
    """Say which two methods to look at for a session's model, and why.

    Args:
        session: model and data.
        images: of either part, at least 12; as many as there are, if there are fewer.
        seed: of the images, the measures, and the known world.
        minutes: that it may take, the opening of the model left out; what does not fit is left out, and said.
        methods: names of those to choose from; all that apply, if none are named.

    Raises:
        WorkbenchError: if there is no model, there are too few images, a named method does not apply, or no method's
            maps could be measured in time.
    """
    from .asking import Asking  # with TensorFlow, which nobody needs who reads what was advised

    return Asking(session, images, seed, minutes, methods).advice()


__all__ = ["IMAGES", "MINUTES", "Advice", "advise"]
