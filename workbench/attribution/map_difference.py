"""What changes of a map from one model to another."""

from __future__ import annotations

from dataclasses import replace

from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError


def difference_of(first: Attribution, second: Attribution) -> Attribution:
    """Subtract the maps of one model from those of another: of the same images, method and classes.

    In the maps' own resolution where both have the same, else at the images' pixels, to which both are upsampled
    bilinearly. It is signed, and in the unit of both where that is the same.

    Args:
        first: maps of one model.
        second: of the other, from which they are subtracted.

    Raises:
        WorkbenchError: if the images have another size for one model than for the other.
    """
    if first.image_size != second.image_size:
        sizes = " and ".join(f"{height}×{width}" for height, width in (first.image_size, second.image_size))
        raise WorkbenchError(f"Maps can be subtracted where images have one size. Got {sizes} pixels.")
    alike = first.values.shape == second.values.shape
    one, other = (each.values if alike else each.at_pixels() for each in (first, second))
    return replace(
        second,
        values=other - one,
        signed=True,
        layer=second.layer if alike and first.layer == second.layer else None,
        unit=second.unit if first.unit == second.unit else f"{second.unit} less {first.unit}",
        details={},
        verdicts=None,
    )
