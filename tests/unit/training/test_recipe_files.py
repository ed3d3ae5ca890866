import json
import tomllib

import pytest

from workbench.core.errors import WorkbenchError
from workbench.training.recipe_files import as_toml, open_recipe
from workbench.training.recipes import RECIPES, Recipe, recipe


def written(tmp_path, text, name="mine.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_printed_is_read_back_as_the_same(tmp_path, name):
    text = as_toml(RECIPES[name])
    assert open_recipe(written(tmp_path, text)) == ("mine", RECIPES[name])
    assert len(tomllib.loads(text)["recipe"]) == len(Recipe.model_fields)
    assert "# Passes over the training images.\nepochs = " in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_a_file_changes_what_it_is_based_on_and_flags_change_the_file(tmp_path):
    path = written(tmp_path, 'based-on = "tuned"\nbatch-size = 64\nrotation = 10\n')
    assert open_recipe(path, {"epochs": "3", "shift": None}) == (
        "mine",
        recipe("tuned", {"batch_size": 64, "rotation": 10, "epochs": 3}),
    )
    assert open_recipe(written(tmp_path, "[recipe]\nzoom = 0.1\n"))[1] == Recipe(zoom=0.1)
    assert open_recipe("augmented", {"shift": 1})[1] == recipe("augmented", {"shift": 1})


def test_the_settings_of_a_run_are_a_recipe_also_where_it_is_older(tmp_path):
    settings = {"epochs": 18, "batch_size": 128, "optimizer": "adamw", "weight_decay": 0.05, "shift": 2}
    path = written(tmp_path, json.dumps({"recipe": "augmented", "settings": settings}), "run.json")
    assert open_recipe(path) == ("augmented", Recipe(**settings))
    assert open_recipe(str(tmp_path), {"epochs": 2})[1] == Recipe(**{**settings, "epochs": 2})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch = 3", r"There is no setting 'epoch' in .*mine.toml. Did you mean 'epochs'"),
        ("epochs = 0", r"mine.toml: `epochs` must be at least 1"),
        ("weight_decay = 0.1", r"mine.toml: `weight_decay` needs one of"),
        ("epochs = ", r"mine.toml is not TOML: Invalid value"),
        ('based-on = "tune"', r"no recipe 'tune' in `based-on` of .*Did you mean 'tuned'"),
        ("recipe = 3", r"`recipe` must be a table"),
        ("shift = 1\n[recipe]\nzoom = 0.1", r"put 'shift' into the table"),
        ("#" * 200_000, r"is no recipe: it has more than 100,000 bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, said):
    with pytest.raises(WorkbenchError, match=said):
        open_recipe(written(tmp_path, text))


def test_other_things_that_are_no_recipes(tmp_path):
    with pytest.raises(WorkbenchError, match="Did you mean 'tuned'"):
        open_recipe("tunde")
    with pytest.raises(WorkbenchError, match=r"nothing.toml cannot be read: No such file"):
        open_recipe(str(tmp_path / "nothing.toml"))
    with pytest.raises(WorkbenchError, match=r"has no `settings`"):
        open_recipe(written(tmp_path, "[]", "run.json"))
    with pytest.raises(WorkbenchError, match=r"is not JSON"):
        open_recipe(written(tmp_path, "{", "run.json"))
    with pytest.raises(WorkbenchError, match=r"is not JSON"):
        open_recipe(written(tmp_path, "[" * 90_000, "run.json"))
    with pytest.raises(WorkbenchError, match=r"is not TOML"):
        open_recipe(written(tmp_path, "a = " + "[" * 90_000))
    changed = {"settings": {"epochs": 3}, "files": {}, "checksum": "0123456789abcdef"}
    with pytest.raises(WorkbenchError, match=r"run.json was changed since it was written.*or else name a recipe"):
        open_recipe(written(tmp_path, json.dumps(changed), "run.json"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(WorkbenchError, match=r"is not text in UTF-8"):
        open_recipe(str(tmp_path / "bytes.toml"))
