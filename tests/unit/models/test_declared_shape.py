import keras
import pytest
from keras import layers

from workbench.core.errors import WorkbenchError
from workbench.models.declared_shape import declared_shape


def flat(*layers_):
    return keras.Sequential([*layers_, layers.Flatten(), layers.Dense(2)])


def nested():
    inner = keras.Sequential([keras.Input((9, 7, 3)), layers.Conv2D(2, 3)])
    image = keras.Input((9, 7, 3))
    return keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(inner(image))))


MODELS = {
    "sequential": (lambda: flat(keras.Input((6, 5, 3))), (6, 5, 3)),
    "nested": (nested, (9, 7, 3)),
    "without channel": (lambda: flat(keras.Input((6, 5))), (6, 5, 1)),
    "of any size": (
        lambda: keras.Sequential([keras.Input((None, None, 3)), layers.GlobalAveragePooling2D(), layers.Dense(2)]),
        (None, None, 3),
    ),
    "flat": (lambda: flat(keras.Input((20,))), (None, None, None)),
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", MODELS)
def test_the_input_is_read_without_loading_the_model(name, suffix, tmp_path, monkeypatch):
    make, shape = MODELS[name]
    make().save(tmp_path / f"m{suffix}")
    if name != "flat":
        monkeypatch.setattr("workbench.models.files.load_model", lambda path: pytest.fail("it was loaded"))
    assert declared_shape(tmp_path / f"m{suffix}") == shape


def test_what_is_no_model_is_said(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"half")
    with pytest.raises(WorkbenchError, match=r"m\.keras is not a Keras model file"):
        declared_shape(tmp_path / "m.keras")
