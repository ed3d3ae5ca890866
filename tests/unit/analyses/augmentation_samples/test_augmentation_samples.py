from types import SimpleNamespace

import numpy as np
import pytest

from analyses.augmentation_samples import AugmentationSamples, AugmentationSamplesParams
from workbench.core.errors import WorkbenchError
from workbench.training.augmentation.draws import Draws
from workbench.training.recipes import Recipe


def squares(place, count=40, side=12):
    """A bright square of 4 pixels on black, in the middle or at the upper edge."""
    images = np.zeros((count, side, side, 1), np.uint8)
    top = 4 if place == "middle" else 0
    images[:, top : top + 4, 4:8] = 200
    return images


def answer(stand_in, pictures, run=None, **params):
    labels = [0, 1] * (len(pictures) // 2)
    return AugmentationSamples().compute(
        stand_in(labels, images=pictures, run=run), AugmentationSamplesParams(**params)
    )


def test_what_is_drawn_is_what_the_table_says(stand_in):
    result = answer(stand_in, squares("middle"), shift=2, flip="no", images=2, draws=5)
    table, drawn = result.tables["draws"], result.arrays["drawn"]
    assert drawn.shape == (2, 5, 12, 12, 1)
    for image, row in enumerate(sorted(set(table["row"]))):
        for number in range(5):
            said = table[(table["row"] == row) & (table["draw"] == number + 1)].iloc[0]
            where = np.argwhere(drawn[image, number, :, :, 0] == 200)
            assert where.min(axis=0).tolist() == [4 + said["down"], 4 + said["right"]]
            assert not said["mirrored"]
    assert len({each.tobytes() for each in drawn[0]}) > 2  # each draw is another


def test_objects_that_leave_the_frame_are_counted(stand_in):
    kept = answer(stand_in, squares("middle"), shift=3, flip="no").findings[0]
    assert (kept.severity, kept.effect.value) == ("info", 0)
    assert kept.claim == "Augmentation moves no part of an object out of the frame, in any of 40 images."
    cut = answer(stand_in, squares("edge"), shift=3, flip="no").findings[0]
    assert cut.severity == "mild"
    assert cut.effect.value == (Draws.of(40, (12, 12), Recipe(shift=3), 0, 0).moves[:, 0] < 0).mean() > 0
    assert "moves part of the object out of the frame" in cut.claim
    table = answer(stand_in, squares("edge"), shift=3, flip="no").tables["draws"]
    assert table["out_of_frame"].tolist() == pytest.approx(np.clip(-table["down"], 0, 4) / 4)


def test_too_much_erasing_is_told(stand_in):
    told = answer(stand_in, squares("middle"), erasing=1, erasing_size=1, flip="no").findings[0]
    assert (told.severity, told.claim.endswith("erases more than half of the object.")) == ("mild", True)


def test_settings_are_the_run_s_unless_others_are_given(stand_in):
    settings = {"epochs": 18, "flip": False, "shift": 2, "of the future": 1}
    run = SimpleNamespace(manifest=SimpleNamespace(settings=settings))
    notes = answer(stand_in, squares("middle"), run=run, rotation=5).notes["settings"]
    assert (notes["shift"], notes["flip"], notes["rotation"]) == (2, False, 5)
    notes = answer(stand_in, squares("middle"), run=run, recipe="augmented", shift=0).notes["settings"]
    assert (notes["shift"], notes["flip"]) == (0, True)
    assert answer(stand_in, squares("middle")).notes["settings"]["flip"]  # that of `tuned`
    with pytest.raises(WorkbenchError, match="Did you mean 'tuned'"):
        answer(stand_in, squares("middle"), recipe="tunde")


def test_a_recipe_that_changes_nothing_says_so_and_photographs_are_not_judged(stand_in, words):
    result = answer(stand_in, squares("middle"), flip="no")
    assert result.findings[0].claim.startswith("This recipe has no augmentation")
    assert (result.arrays["drawn"][:, 0] == result.arrays["originals"]).all()
    assert any("nothing is changed" in each for each in words(AugmentationSamples().draw(result)))
    noise = np.random.default_rng(0).integers(0, 256, (10, 12, 12, 1))
    assert "cannot be measured" in answer(stand_in, noise, shift=1).findings[0].claim
