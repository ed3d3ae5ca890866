"""What augmentation does to images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from workbench.core.dataset import Dataset
from workbench.core.errors import unknown
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed, make
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.objects import object_masks, plain
from workbench.data.sampling import balanced_rows
from workbench.data.thumbnails import small
from workbench.plotting.colours import TRUE_COLOUR
from workbench.plotting.hot_spots import spot_of
from workbench.plotting.pieces import QUIET, new_figure, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import rate
from workbench.training.augmentation.draws import Draws
from workbench.training.recipes import RECIPES, Recipe

from .out_of_frame import erased_share, share_outside

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

MEASURED = 1000
"""Images on which it is counted how often objects leave the frame."""
MUCH = 0.05
"""Share of an object's pixels that may leave the image."""
OFTEN = 0.05
"""Share of the images of which more may leave."""
COVERED = 0.5
"""Share of an object's pixels above which it counts as hidden."""
SAMPLES = ("flip", "shift", "rotation", "zoom", "brightness", "contrast", "erasing", "erasing_size")


class AugmentationSamplesParams(Params):
    """Which augmentation is shown on how many images; settings that are not given are the recipe's."""

    images: int = Field(6, ge=1, le=20, description="images to show, balanced over classes")
    draws: int = Field(7, ge=1, le=12, description="augmented versions of each image")
    seed: Seed = Field(0, description="seed for choosing images and augmenting them")
    recipe: str | None = Field(None, description="training recipe; auto: that of the run, or tuned")
    flip: Literal["yes", "no"] | None = Field(None, description="flip horizontally at random")
    shift: int | None = Field(None, ge=0, le=64, description="largest shift each way, pixels")
    rotation: float | None = Field(None, ge=0, le=180, description="largest rotation each way, degrees")
    zoom: float | None = Field(None, ge=0, le=0.9, description="largest zoom in or out, as a share of the size")
    brightness: float | None = Field(None, ge=0, le=1, description="largest change of brightness, as a share of white")
    contrast: float | None = Field(None, ge=0, le=0.99, description="largest change of contrast, as a share")
    erasing: float | None = Field(None, ge=0, le=1, description="share of images with a rectangle replaced by noise")
    erasing_size: float | None = Field(None, ge=0.02, le=1, description="largest erased share of an image")


class AugmentationSamples(Analysis[AugmentationSamplesParams]):
    """What does augmentation do to the images, and do their labels still fit?"""

    group = "Training"
    title = "Augmentation samples"
    Params = AugmentationSamplesParams
    needs_images = True

    def compute(self, session: Session, params: AugmentationSamplesParams) -> Result:
        """Augment some images as the trainer does, and count on many how often objects leave the frame."""
        import pandas as pd

        recipe, dataset, names = _recipe(session, params), session.dataset, session.class_names
        rows = balanced_rows(dataset.labels, params.images, params.seed)
        originals = np.asarray(dataset.images[rows])
        drawn, table = [], []
        masks = object_masks(originals)
        for number in range(params.draws):
            draws = Draws.of(len(rows), dataset.image_shape[:2], recipe, params.seed, number)
            drawn.append(_augment(originals, draws, recipe))
            lost = np.where(plain(masks), share_outside(masks, draws), np.nan)
            table += [
                {
                    "row": int(row),
                    "class": names[dataset.labels[row]],
                    "draw": number + 1,
                    "mirrored": bool(recipe.flip and draws.mirrored[place]),
                    "down": int(draws.moves[place, 0]),
                    "right": int(draws.moves[place, 1]),
                    "degrees": round(float(np.rad2deg(draws.angles[place])), 1),
                    "size": round(float(draws.scales[place]), 3),
                    "out_of_frame": float(lost[place]),
                }
                for place, row in enumerate(rows)
            ]
            report("Augmentation", number + 1, params.draws)
        settings = {name: getattr(recipe, name) for name in SAMPLES}
        return Result(
            {"draws": pd.DataFrame(table).sort_values(["row", "draw"], ignore_index=True)},
            arrays={"originals": small(originals), "drawn": small(np.stack(drawn, axis=1)), "rows": rows},
            findings=tuple(_findings(dataset, recipe, params)),
            notes={"settings": settings, "names": [names[dataset.labels[row]] for row in rows]},
        )

    def draw(self, result: Result) -> Figure:
        """Draw a row for each image: the original, then its augmented versions."""
        drawn, notes = result.arrays["drawn"], result.notes
        columns = 1 + drawn.shape[1]
        pictures = []
        for original, others, name, row in zip(
            result.arrays["originals"], drawn, notes["names"], result.arrays["rows"], strict=True
        ):
            spot = spot_of(result, row)
            pictures.append(
                Tile(original, above=[(text(name, 18), TRUE_COLOUR)], below=[image_name(result, row)], spot=spot)
            )
            pictures += [
                Tile(other, above=[(f"draw {number}", QUIET)], spot=spot)
                for number, other in enumerate(others, start=1)
            ]
        cell = min(1.3, 11 / columns)
        used = "; ".join(
            f"{name.replace('_', ' ')} {_setting_text(value)}"
            for name, value in _active_settings(notes["settings"]).items()
        )
        figure = new_figure(
            result,
            self.question(),
            width=max(columns * cell + 0.2, 6.0),
            height=tiles_height(pictures, columns, cell),
            note=f"First column: original. Then augmented as in training: {used or 'nothing is changed'}.",
        )
        tiles(figure.subplots(), pictures, columns=columns, cell=cell)
        return figure


def _recipe(session: Session, params: AugmentationSamplesParams) -> Recipe:
    """Return the recipe that was asked for: the run's, or a named one, with the settings that were given."""
    if params.recipe is not None and params.recipe not in RECIPES:
        raise unknown("recipe", params.recipe, RECIPES)
    settings: dict[str, Any] = RECIPES[params.recipe or "tuned"].model_dump()
    if params.recipe is None and session.run is not None:
        settings = session.run.manifest.settings
    kept = {name: settings[name] for name in SAMPLES if name in settings}
    given = {name: value for name in SAMPLES if (value := getattr(params, name)) is not None}
    if "flip" in given:
        given["flip"] = given["flip"] == "yes"
    return make(Recipe, {**kept, **given})


def _augment(images: Array, draws: Draws, recipe: Recipe) -> Array:
    """Change images by the very code that the trainer uses: `(N, H, W, C)` uint8."""
    import tensorflow as tf

    from workbench.training.augmentation import augment

    made = augment(tf.constant(images), draws, slice(0, len(images)), recipe)
    return np.asarray((np.asarray(made) * 255).round().astype(np.uint8))


def _active_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out what changes nothing."""
    return {
        name: value for name, value in settings.items() if value and (name != "erasing_size" or settings["erasing"])
    }


def _setting_text(value: Any) -> str:
    return "on" if value is True else f"{value:g}"


def _findings(dataset: Dataset, recipe: Recipe, params: AugmentationSamplesParams) -> list[Finding]:
    settings = _active_settings({name: getattr(recipe, name) for name in SAMPLES})
    if not settings:
        return [
            Finding(
                "This recipe has no augmentation: every epoch sees the same images.",
                advice="Choose a recipe that has some (--recipe augmented), or a setting (--shift 2, --flip yes).",
            )
        ]
    found = []
    if recipe.shift or recipe.rotation or recipe.zoom or recipe.erasing:
        found += _objects(dataset, recipe, params.seed)
    if recipe.flip:
        found.append(
            Finding(
                "Half of the images are flipped horizontally.",
                advice="Fine for clothes and animals; wrong where left and right distinguish classes, as in letters.",
            )
        )
    shown = join_names([f"{name.replace('_', ' ')} {_setting_text(value)}" for name, value in settings.items()], most=9)
    found.append(Finding(f"The recipe augments images by {plural(len(settings), 'setting')}: {shown}."))
    return found


def _objects(dataset: Dataset, recipe: Recipe, seed: int) -> list[Finding]:
    """Count, on one draw of each of many images, how often an object leaves the frame or is erased."""
    rows = balanced_rows(dataset.labels, MEASURED, seed)
    masks = object_masks(np.asarray(dataset.images[rows]))
    draws = Draws.of(len(rows), dataset.image_shape[:2], recipe, seed, 0)
    clear = plain(masks)
    if not clear.any():
        return [
            Finding(
                "Whether objects leave the frame cannot be measured: no image shows an object on a plain background.",
                advice="Look at the augmented images.",
            )
        ]
    found, count = [], int(clear.sum())
    if recipe.shift or recipe.rotation or recipe.zoom:
        out = np.where(clear, share_outside(masks, draws), 0.0)
        touched, much = out > 0, out > MUCH
        share = rate(int(touched.sum()), count)
        often = rate(int(much.sum()), count).low > OFTEN
        of = plural(count, "image")
        claim = (
            f"Augmentation moves part of the object out of the frame in {share} of {of}, on average "
            f"{percent(float(out[clear].mean()))} of its pixels; in {percent(float(much.sum()) / count)} of the images "
            f"more than {percent(MUCH)}."
        )
        found.append(
            Finding(
                claim
                if touched.any()
                else f"Augmentation moves no part of an object out of the frame, in any of {of}.",
                severity=Severity.MILD if often else Severity.INFO,
                effect=share,
                evidence=_worst(rows, out, touched),
                advice="Reduce shift, rotation and zoom if the parts that are cut off matter for the class."
                if often
                else "",
            )
        )
    if recipe.erasing:
        hidden = np.where(clear, erased_share(masks, draws), 0.0)
        most = hidden > COVERED
        share = rate(int(most.sum()), count)
        often = share.low > OFTEN
        found.append(
            Finding(
                f"In {share} of {plural(count, 'image')}, augmentation erases more than half of the object.",
                severity=Severity.MILD if often else Severity.INFO,
                effect=share,
                evidence=_worst(rows, hidden, most),
                advice="Erase less (--erasing-size): what is erased cannot be learned." if often else "",
            )
        )
    return found


def _worst(rows: Array, shares: Array, chosen: Array) -> ImageSet:
    order = np.argsort(-shares, kind="stable")
    return ImageSet(rows[order[chosen[order]]])
