"""What augmentation does to a batch of images, each by its own numbers. Imports TensorFlow when it is first used."""

from __future__ import annotations

from typing import Any


def shift(images: Any, moves: Any, reach: int) -> Any:
    """Move each image by whole pixels; what comes in from outside is black.

    Args:
        images: `(B, H, W, C)`.
        moves: `(B, 2)` int32, how far down and to the right, within ± `reach`.
        reach: the longest move.
    """
    import tensorflow as tf

    height, width = images.shape[1:3]
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]])
    rows = reach - moves[:, :1] + tf.range(height)  # (B, H)
    columns = reach - moves[:, 1:] + tf.range(width)  # (B, W)
    padded = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(padded, columns, axis=2, batch_dims=1)


def rotate_and_zoom(images: Any, angles: Any, scales: Any) -> Any:
    """Turn and enlarge each image about its middle, bilinearly; outside, the pixels of its border go on.

    Args:
        images: `(B, H, W, C)` float32.
        angles: `(B,)` float32, in radians, counter-clockwise as one looks at the image.
        scales: `(B,)` float32, above 1 enlarges.

    Source: each place of the result is read from where the inverse of the movement takes it, Gonzalez and Woods,
    Digital Image Processing, section 2.6.
    """
    import tensorflow as tf

    height, width = images.shape[1:3]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    cosine, sine = tf.cos(angles) / scales, tf.sin(angles) / scales
    zeros = tf.zeros_like(cosine)
    # A place (x, y) of the result is read from (a x + b y + c, d x + e y + f); y grows downwards.
    matrices = tf.stack(
        [
            cosine,
            -sine,
            middle_x - cosine * middle_x + sine * middle_y,
            sine,
            cosine,
            middle_y - sine * middle_x - cosine * middle_y,
            zeros,
            zeros,
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=matrices,
        output_shape=tf.constant([height, width]),
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )


def adjust_tone(images: Any, brightness: Any, contrast: Any) -> Any:
    """Stretch each image's values about their mean, then make it lighter; what leaves [0, 1] is cut off.

    Args:
        images: `(B, H, W, C)` float32 in [0, 1].
        brightness: `(B,)` float32, added.
        contrast: `(B,)` float32, what the distance from the image's mean is multiplied by.
    """
    import tensorflow as tf

    means = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    stretched = means + (images - means) * contrast[:, None, None, None]
    return tf.clip_by_value(stretched + brightness[:, None, None, None], 0.0, 1.0)


def erase(images: Any, boxes: Any, seed: Any) -> Any:
    """Put noise into a rectangle of each image.

    Source: Zhong et al. 2017, arXiv 1708.04896, algorithm 1, with a random value for each erased pixel (RE-R).

    Args:
        images: `(B, H, W, C)` float32 in [0, 1].
        boxes: `(B, 4)` int32, the first row and column that are erased, and those after the last.
        seed: `(2,)` int32, of the noise.
    """
    import tensorflow as tf

    height, width = images.shape[1:3]
    rows, columns = tf.range(height)[None, :, None], tf.range(width)[None, None, :]
    top, left, bottom, right = (boxes[:, side, None, None] for side in range(4))
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)  # (B, H, W)
    noise = tf.random.stateless_uniform(tf.shape(images), seed, alg="philox")
    return tf.where(inside[..., None], noise, images)
