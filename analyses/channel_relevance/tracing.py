"""Relevance of each channel of a layer in some images, and of the pixels through one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.attribution.composites import COMPOSITES
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.crops import crop_around
from workbench.data.sampling import balanced_rows, evenly
from workbench.data.thumbnails import small
from workbench.models.graph import Tensor
from workbench.models.trace import Trace
from workbench.models.way_back import WayBack
from workbench.statistics.medians import median
from workbench.statistics.rates import FEWEST
from workbench.statistics.significance import discoveries

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

TOP = 9
"""Images with most relevance in a channel, of which it is told what they are predicted as."""
COLUMNS = (
    "channel", "errors", "errors_low", "errors_high", "recognised", "recognised_low", "recognised_high",
    "difference", "larger", "p", "discovered",
)  # fmt: skip
"""Columns of the table of errors; "larger": chance that the share is larger in an error than in a recognised image."""


@dataclass(frozen=True)
class Paths:
    """Ways from the logits of images back to the channels of a layer, and through them to the pixels.

    Attributes:
        session: model and data.
        layer: its name.
        composite: name of the mixture of rules.
    """

    session: Session
    layer: str
    composite: str

    @property
    def grid(self) -> tuple[int, int]:
        """Places of the layer's feature maps, rows and columns."""
        maps = self.session.probe.feature_maps(self.session.dataset.floats([0]), self.layer)
        return maps.shape[1], maps.shape[2]

    def _back(self, batch: Tensor, target: Tensor) -> WayBack:
        def logit(trace: Trace) -> Tensor:
            rows = tf.range(tf.shape(trace.scores, out_type=target.dtype)[0])
            return tf.gather_nd(trace.scores, tf.stack([rows, target], axis=1))

        return WayBack.of(self.session.probe, batch, logit, COMPOSITES[self.composite].rules())

    def of_channels(self, rows: Array, targets: Array) -> tuple[Array, Array]:
        """Return the relevance of each channel for the logit of each image's target.

        Args:
            rows: `(n,)` of images.
            targets: `(n,)` classes.

        Returns:
            Of all places together, `(n, F)`; and where it is largest, `(n, F)`, counted along the rows.
        """

        def function(batch: Tensor, target: Tensor) -> Tensor:
            maps = self._back(batch, target).maps(self.layer)
            flat = tf.reshape(maps, (-1, maps.shape[1] * maps.shape[2], maps.shape[3]))
            return tf.stack([tf.reduce_sum(flat, axis=1), tf.cast(tf.argmax(flat, axis=1), flat.dtype)], axis=1)

        found = self._run("of channels", function, rows, targets)
        return found[:, 0].astype(np.float64), found[:, 1].astype(np.int64)

    def through(self, rows: Array, targets: Array, channels: Array) -> Array:
        """Return the relevance of the pixels that comes through one channel: `(n, H, W)`, colours summed.

        Args:
            rows: `(n,)` of images.
            targets: `(n,)` classes.
            channels: `(n,)`, of each image one; -1 for all, by whatever way.
        """

        def function(batch: Tensor, target: Tensor, channel: Tensor) -> Tensor:
            way = self._back(batch, target)
            count = way.trace.outputs[self.layer].shape[-1]
            some = way.through(self.layer, tf.one_hot(channel, count, dtype=self.session.probe.floats))
            every = tf.reshape(channel < 0, (-1, 1, 1, 1))
            return tf.reduce_sum(tf.where(every, way.pixels(), some), axis=-1)

        return self._run("through a channel", function, rows, targets, channels)

    def _run(self, what: str, function: Callable[..., Tensor], rows: Array, *classes: Array) -> Array:
        probe, found = self.session.probe, []
        for start in range(0, len(rows), probe.max_rows):
            part = slice(start, start + probe.max_rows)
            images = self.session.dataset.floats(rows[part])
            key = ("relevance", what, self.layer, self.composite)
            found.append(probe.run(key, function, images, *(each[part] for each in classes)))
            report("Relevance of channels", min(start + probe.max_rows, len(rows)), len(rows))
        return np.concatenate(found)


@dataclass(frozen=True, eq=False, kw_only=True)
class Traced:
    """Relevance of the channels of a layer.

    Attributes:
        layer: its name.
        grid: places of its feature maps, rows and columns.
        row, label: of the image, and the class whose logit is explained there.
        predicted: whether the image is predicted as it, so that others that are say what is usual.
        image: `(F,)` relevance in the image, all places together.
        right, wrong: rows of images that are predicted as the class, recognised ones and errors.
        of_right, of_wrong: `(n, F)` their relevance for it.
        others: rows of images of all classes.
        of_others: `(n, F)` their relevance, each for its predicted class.
        places: `(n, F)` where in them each channel has most, counted along the rows.
    """

    layer: str
    grid: tuple[int, int]
    row: int
    label: int
    predicted: bool
    image: Array
    right: Array
    wrong: Array
    of_right: Array
    of_wrong: Array
    others: Array
    of_others: Array
    places: Array

    def most(self, count: int) -> Array:
        """Numbers of the channels that carry most in the image, whether for or against the class."""
        return np.argsort(-np.abs(self.image), kind="stable")[:count]

    def chosen(self, channel: int) -> Array:
        """Return one channel as `most` does.

        Raises:
            WorkbenchError: if there is no such channel.
        """
        if channel >= len(self.image):
            raise WorkbenchError(
                f"`channel` must be below {len(self.image)}, the channels of {self.layer}. Got {channel}."
            )
        return np.array([channel])

    def half(self) -> int:
        """How many channels carry half of the relevance in the image, the fewest; 0 where there is none."""
        ordered = np.cumsum(np.sort(np.abs(shares(self.image)))[::-1])
        return int(np.searchsorted(ordered, 0.5 - 1e-9)) + 1 if ordered[-1] > 0 else 0

    def best(self, channel: int, count: int) -> Array:
        """Places in `others` of the images in which a channel carries most for what is predicted there, if anything."""
        order = np.argsort(-self.of_others[:, channel], kind="stable")[:count]
        return order[self.of_others[order, channel] > 0]

    def errors_by(self, channel: int, *, more: bool) -> Array:
        """Rows of the errors in which a channel has a larger share than the median of recognised images; or less."""
        usual = np.median(shares(self.of_right)[:, channel])
        own = shares(self.of_wrong)[:, channel]
        return np.asarray(self.wrong[own > usual if more else own < usual])


def shares(relevance: Array) -> Array:
    """`(…, F)` relevance to what part of its magnitudes each channel has, signed; zeros where there is none."""
    whole = np.abs(relevance).sum(axis=-1, keepdims=True)
    return np.divide(relevance, whole, out=np.zeros_like(relevance), where=whole > 0)


def trace(paths: Paths, row: int, label: int, *, images: int, seed: int) -> Traced:
    """Trace the image, images predicted as the class, and images of all classes.

    Args:
        paths: through the layer.
        row: of the image.
        label: class whose logit is explained in it.
        images: most images of each kind.
        seed: for choosing them.
    """
    data, said = paths.session.dataset, paths.session.predictions
    others = np.sort(balanced_rows(data.labels, images + 1, seed))
    others = others[others != row][:images] if len(data) > 1 else others
    own = said.predicted == label
    right, wrong = (
        np.flatnonzero(own & mask & (np.arange(len(data)) != row)) for mask in (said.correct, ~said.correct)
    )
    right, wrong = right[evenly(len(right), images)], wrong[evenly(len(wrong), images)]
    every = np.unique(np.concatenate([others, right, wrong]))
    targets = said.predicted.astype(np.int64)
    sums, places = paths.of_channels(every, targets[every])
    image, _ = paths.of_channels(np.array([row]), np.array([label]))
    at = {name: np.searchsorted(every, rows) for name, rows in (("o", others), ("r", right), ("w", wrong))}
    return Traced(
        layer=paths.layer,
        grid=paths.grid,
        row=row,
        label=label,
        predicted=bool(own[row]),
        image=image[0],
        right=right,
        wrong=wrong,
        of_right=sums[at["r"]],
        of_wrong=sums[at["w"]],
        others=others,
        of_others=sums[at["o"]],
        places=places[at["o"]],
    )


def tables_of(session: Session, traced: Traced, shown: Array) -> dict[str, pd.DataFrame]:
    """Return a line for each channel that is shown, and for each channel how errors differ from recognised images."""
    import pandas as pd

    names, said = session.class_names, session.predictions.predicted
    own = shares(traced.image)
    usual = shares(traced.of_right)
    lines = []
    for channel in shown:
        best = said[traced.others[traced.best(channel, TOP)]]
        counts = np.bincount(best, minlength=len(names))
        order = np.argsort(-counts, kind="stable")
        more = np.sign(own[channel]) * usual[:, channel] >= abs(own[channel])
        lines.append(
            {
                "channel": int(channel),
                "share": own[channel],
                "relevance": traced.image[channel],
                "as_much": int(more.sum()),
                "recognised": len(usual),
                "usual_share": np.median(usual[:, channel]) if len(usual) else np.nan,
                "its_images": ", ".join(f"{names[each]} {counts[each]}" for each in order[:3] if counts[each]),
            }
        )
    return {"channels": pd.DataFrame(lines), "errors": _errors(traced)}


def _errors(traced: Traced) -> pd.DataFrame:
    """Compare the shares of each channel in errors and in recognised images of the class that they are taken for."""
    import pandas as pd
    from scipy.stats import mannwhitneyu

    if min(len(traced.right), len(traced.wrong)) < FEWEST:
        return pd.DataFrame(columns=list(COLUMNS))
    right, wrong = shares(traced.of_right), shares(traced.of_wrong)
    alive = np.flatnonzero((right != 0).any(axis=0) | (wrong != 0).any(axis=0))
    found = mannwhitneyu(wrong[:, alive], right[:, alive], axis=0)
    more = found.statistic / (len(wrong) * len(right))
    lines: list[list[Any]] = []
    for channel, chance, larger in zip(alive, found.pvalue, more, strict=True):
        both = [median(each[:, channel]) for each in (wrong, right)]
        difference = both[0].value - both[1].value
        lines.append([int(channel), *both[0], *both[1], difference, float(larger), float(chance), False])
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    table["discovered"] = discoveries(table["p"].to_numpy())
    return table.sort_values(
        ["discovered", "difference"], key=lambda column: column.abs(), ascending=False, kind="stable", ignore_index=True
    )


def pictures(paths: Paths, traced: Traced, shown: Array, *, crops: int, whole: int) -> dict[str, Array]:
    """Return the image with its maps, and crops and images with the maps of what each channel carries most in.

    Returns:
        `image` `(1, h, w, C)`; `maps` `(1 + k, H, W)`, all channels first; and of each channel `crops`
        `(k, crops, s, s, C)`, `rows` `(k, crops)`, -1 where there are no more, `images` `(k, whole, h, w, C)`, and
        `others` `(k, whole, H, W)`.
    """
    data, said = paths.session.dataset, paths.session.predictions.predicted.astype(np.int64)
    own = np.concatenate([[-1], shown])
    count = len(own)
    maps = paths.through(np.full(count, traced.row), np.full(count, traced.label), own)
    rows, cut, images = [], [], []
    for channel in shown:
        best = traced.best(channel, crops)
        at = np.concatenate([best, np.zeros(crops - len(best), np.int64)])
        rows.append(np.where(np.arange(crops) < len(best), traced.others[at], -1))
        several = np.asarray(data.images[traced.others[at]])
        places = [divmod(int(each), traced.grid[1]) for each in traced.places[at, channel]]
        cut.append([crop_around(one, place, traced.grid) for one, place in zip(several, places, strict=True)])
        images.append(small(several[:whole]))
    flat = np.maximum(np.array(rows)[:, :whole].ravel(), 0)
    others = paths.through(flat, said[flat], np.repeat(shown, whole))
    return {
        "image": small(np.asarray(data.images[[traced.row]])),
        "maps": maps.astype(np.float32),
        "crops": np.array(cut),
        "rows": np.array(rows),
        "images": np.array(images),
        "others": others.reshape(len(shown), whole, *others.shape[1:]).astype(np.float32),
    }
