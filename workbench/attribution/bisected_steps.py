"""The integral of a gradient along a way, with steps chosen for each way by what is known of its error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple, Protocol

import tensorflow as tf
from pydantic import Field

from workbench.attribution.some_rows import by_rows, written
from workbench.core.params import OnlyWith
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

FIRST, MOST = 8, 500
"""Steps to begin with, and more than which no way has."""
USUAL = 40
"""Steps that most ways have by the usual tolerance, to tell what a map costs."""
AT_ONCE = 4
"""Rows of a call that an image is given: few images lie in memory with all their points, and those left fill calls."""
HELD = 2**28
"""Values of the integrands of all ways together that may be held: 1 GB."""
AutoSteps = Annotated[
    int | None,
    Field(ge=2, le=500, description="integration steps; auto: what each image needs, 8 to 500, of unequal length"),
]
Tolerance = Annotated[
    float,
    Field(
        ge=0.005,
        le=0.5,
        description="of auto steps: largest error, as a share of the map, and largest completeness gap, as a share of "
        "the score's difference",
    ),
    OnlyWith("steps", None),
]
SURER = 4
"""A map so many times as sure as is asked for is done, whatever it adds up to: the difference may be almost nothing."""


def rows_of_a_way(probe: Probe, ways: int, held: int = 1) -> int:
    """Return how many rows of a call an image is given that has so many ways.

    It is more of large images, of which `held` values a pixel lie in memory for each place on a way.
    """
    height, width = probe.image_shape[:2]
    together = max(1, HELD // (3 * MOST * height * width * held))  # each value thrice: gathered, joined and kept
    return ways * max(AT_ONCE, -(-probe.max_rows // together))


class Ways(Protocol):
    """P ways through the space of images, each from place 0 to 1; `number` and `numbers` say of which one a row is."""

    @property
    def held(self) -> Sequence[int]:
        """Shape of what is held of the score's gradient at a place, `(H, W, …)`."""
        ...

    def points(self, number: Tensor, along: Tensor) -> Tensor:
        """`(M,)` ways and as many places along them to images, `(M, H, W, C)`."""
        ...

    def hold(self, number: Tensor, gradient: Tensor) -> Tensor:
        """`(M,)` ways and the gradient at a place of each, `(M, H, W, C)`, to what is held of it, `(M, *held)`."""
        ...

    def trapezoid(self, numbers: Tensor, along: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
        """Take the integral over each way, of each pixel's change times the gradient by it, by the trapezoid rule.

        Args:
            numbers: `(A,)` ways.
            along: `(A, n)`, places in order.
            slopes: `(A, n, *held)`.

        Returns:
            `(A, H, W)` integrals; and `(A, n - 1)`, the length of the gradient's change across each step times that of
            the pixels.
        """
        ...


class Straight:
    """Straight ways.

    Args:
        start: `(P, H, W, C)`, where each begins.
        way: `(P, H, W, C)`, how far it leads.
    """

    def __init__(self, start: Tensor, way: Tensor) -> None:
        self.start, self.way = start, way
        self.held = [int(side) for side in way.shape[1:3]]

    def points(self, number: Tensor, along: Tensor) -> Tensor:
        return tf.gather(self.start, number) + along[:, None, None, None] * tf.gather(self.way, number)

    def hold(self, number: Tensor, gradient: Tensor) -> Tensor:
        return tf.reduce_sum(tf.gather(self.way, number) * gradient, axis=-1)

    def trapezoid(self, numbers: Tensor, along: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
        return trapezoid(along, slopes)


class Integral(NamedTuple):
    """What was found of P ways.

    Attributes:
        shares: `(P, H, W)`, added over channels.
        error: `(P,)`, estimated length of what they are off by.
        steps: `(P,)`, of the trapezoid rule.
    """

    shares: Tensor
    error: Tensor
    steps: Tensor

    def told(self, difference: Tensor) -> dict[str, Tensor]:
        """Return what stands with each map, given the difference of scores, `(P,)`, that it is to add up to."""
        length = tf.sqrt(tf.reduce_sum(tf.square(self.shares), axis=(1, 2)))
        return {
            "completeness gap": tf.reduce_sum(self.shares, axis=(1, 2)) - difference,
            "steps": self.steps,
            "relative error": tf.math.divide_no_nan(self.error, length),
        }


def integrated(score: Scorer, images: Tensor, start: Tensor, tolerance: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the maps, `(B, H, W)`, of images against their references, and what is to be told of each.

    Args:
        score: of the images.
        images: `(B, H, W, C)`.
        start: `(B, R, H, W, C)`, the references; maps and steps are the mean over them.
        tolerance: as for `integrate`.
    """
    several = int(start.shape[1])
    ways = score.of_rows(tf.repeat(tf.range(tf.shape(images)[0]), several))
    difference = score(images)[:, None] - score(start)  # (B, R)
    begin, far = (tf.reshape(each, (-1, *images.shape[1:])) for each in (start, images[:, None] - start))
    found = integrate(ways, Straight(begin, far), tf.reshape(difference, (-1,)), tolerance)
    shares, error, steps = (tf.reshape(each, (-1, several, *each.shape[1:])) for each in found)
    mean = Integral(tf.reduce_mean(shares, axis=1), tf.norm(error, axis=1) / several, tf.reduce_mean(steps, axis=1))
    return mean.shares, mean.told(tf.reduce_mean(difference, axis=1))


def integrate(score: Scorer, ways: Ways, difference: Tensor, tolerance: float) -> Integral:
    """Integrate the score's gradient along ways by the trapezoid rule, in steps of unequal length.

    Each round halves those half of the steps across which the integrand changes most. Of a network of ReLUs the
    gradient is constant but for jumps; one anywhere in a step leaves an error of variance j² / 12, where j is the jump
    times what the pixels change across the step, and these are added up. A way is done when that error and the
    completeness gap are small enough, or when it would have more than `MOST` steps.

    Args:
        score: of the ways: for each the class that its image is explained for.
        ways: P of them.
        difference: `(P,)`, of the scores at their ends.
        tolerance: largest error as a share of the map's length, and largest gap as a share of the difference.
    """
    held, floats = ways.held, difference.dtype
    shape = held[:2]

    def slope(score: Scorer, number: Tensor, along: Tensor) -> Tensor:
        return ways.hold(number, score.gradient(ways.points(number, along)))

    def slopes_at(numbers: Tensor, along: Tensor) -> Tensor:
        """Places on the ways `numbers`, `(A, n)`, to what is held of the gradient there, `(A, n, *held)`."""
        places = tf.shape(along)[1]
        found = by_rows(score, tf.repeat(numbers, places), tf.reshape(along, (-1,)), slope, held)
        return tf.reshape(found, (-1, places, *held))

    def judged(numbers: Tensor, along: Tensor, slopes: Tensor, found: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Note what is found of these ways, and go on with those that are not done."""
        shares, jumps = ways.trapezoid(numbers, along, slopes)
        error, count = tf.sqrt(tf.reduce_sum(tf.square(jumps), axis=1) / 12), tf.shape(jumps)[1]
        steps = tf.fill(tf.shape(numbers), tf.cast(count, floats))
        found = tuple(written(*each) for each in zip(found, [numbers] * 3, (shares, error, steps), strict=True))
        wanted = tf.gather(difference, numbers)
        apart = tf.abs(tf.reduce_sum(shares, axis=(1, 2)) - wanted) > tolerance * tf.abs(wanted)
        longest = tolerance * tf.norm(tf.reshape(shares, (-1, shape[0] * shape[1])), axis=1)
        rough = (error > longest) | (apart & (SURER * error > longest))
        left = tf.where(rough & (count + count // 2 <= MOST))[:, 0]
        return (*(tf.gather(each, left) for each in (numbers, along, slopes, jumps)), *found)

    def halved(numbers: Tensor, along: Tensor, slopes: Tensor, jumps: Tensor, *found: Tensor) -> tuple[Tensor, ...]:
        """Halve the steps that most is lost in."""
        new = middles(along, jumps)
        more = tf.concat([along, new], axis=1)
        order = tf.argsort(more, axis=1)
        slopes = tf.concat([slopes, slopes_at(numbers, new)], axis=1)
        along, slopes = (tf.gather(each, order, batch_dims=1) for each in (more, slopes))
        return judged(numbers, along, slopes, found)

    count = tf.size(difference)
    along = tf.tile(tf.cast(tf.linspace(0.0, 1.0, FIRST + 1), floats)[None], (count, 1))
    nothing = (tf.zeros((count, *shape), floats), tf.zeros(count, floats), tf.zeros(count, floats))
    state = judged(tf.range(count), along, slopes_at(tf.range(count), along), nothing)
    shapes = [(None,), (None, None), (None, None, *held), (None, None), (None, *shape), (None,), (None,)]
    state = tf.while_loop(
        lambda numbers, *_: tf.size(numbers) > 0,
        halved,
        state,
        shape_invariants=tuple(tf.TensorShape(each) for each in shapes),
        parallel_iterations=1,
    )
    return Integral(*state[-3:])


def trapezoid(along: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Take integrals by the trapezoid rule.

    Args:
        along: `(A, n)`, places in order.
        slopes: `(A, n, H, W)`, the integrand there.

    Returns:
        `(A, H, W)` integrals; and `(A, n - 1)`, the length of each step times that of the change across it.
    """
    lengths = along[:, 1:] - along[:, :-1]
    weights = (tf.pad(lengths, [[0, 0], [1, 0]]) + tf.pad(lengths, [[0, 0], [0, 1]])) / 2
    change = tf.sqrt(tf.reduce_sum(tf.square(slopes[:, 1:] - slopes[:, :-1]), axis=(2, 3)))
    return tf.einsum("an,anhw->ahw", weights, slopes), lengths * change


def middles(along: Tensor, jumps: Tensor) -> Tensor:
    """Return the middles, `(A, m)`, of the half of the steps with the largest `jumps`, `(A, 2 m)` or one more."""
    chosen = tf.math.top_k(jumps, tf.shape(jumps)[1] // 2).indices
    return (tf.gather(along, chosen, batch_dims=1) + tf.gather(along, chosen + 1, batch_dims=1)) / 2
