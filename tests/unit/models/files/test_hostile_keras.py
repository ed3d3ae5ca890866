"""Files of Keras that ask for more than they hold: sizes, weights, depth, links out of the file."""

import functools
import io
import json
import re
import shutil
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tests.patience import at_once
from workbench.core import memory
from workbench.core.errors import WorkbenchError
from workbench.models.declared_shape import declared_shape
from workbench.models.files import hdf5_check, keras_archive, load_model
from workbench.models.files.hdf5_texts import check_texts
from workbench.models.probe import Probe

SHAPE = (4, 4, 1)


@functools.cache
def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3, name="end")])


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A `.keras` and an `.h5` file of one model."""
    folder = tmp_path_factory.mktemp("keras")
    network().save(folder / "m.keras")
    network().save(folder / "m.h5")
    return folder


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path, parts, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def described(sound, path, change):
    """The model's file with another description."""
    if path.suffix == ".keras":
        parts = members(sound / "m.keras")
        config = json.loads(parts["config.json"])
        change(config["config"]["layers"])
        return written(path, {**parts, "config.json": json.dumps(config)})
    shutil.copy(sound / "m.h5", path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        file.attrs["model_config"] = json.dumps(config)
    return path


def layer(name, **config):
    return {"module": "keras.layers", "class_name": name, "config": {"name": "big", **config}, "registered_name": None}


def refused(path, words, seconds=5.0):
    with at_once(seconds), pytest.raises(WorkbenchError, match=words) as caught:
        Probe(load_model(path), SHAPE)
    assert path.name in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < 800


def in_bombs(name, size):
    return lambda parts: {**parts, name: b" " * size}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_bombs("config.json", 40 << 20), "40 MB of them its description. At most 256 MB, and 32 MB, are taken"),
        (in_bombs("metadata.json", 40 << 20), "40 MB of them its description"),
        (in_bombs("assets/x", 300 << 20), "300 MB beside its weights"),
        (in_bombs("../slip", 1), r"holds '\.\./slip', outside of it"),
        (in_bombs("/slip", 1), "holds '/slip', outside of it"),
        (in_bombs("assets\\..\\..\\slip", 1), "outside of it"),
        (in_bombs("C:\\slip", 1), "outside of it"),
        (lambda parts: {**parts, "config.json": b'{"a":' * 300 + b"1" + b"}" * 300}, "deeper than 200 levels"),
        (lambda parts: {**parts, "config.json": b"[" * 10**5}, "description of the model in it cannot be read"),
        *(
            (
                lambda parts, name=name: {**parts, name: b'{"a":[' + b"{}," * 10**6 + b"1]}"},
                "more than 500,000 lists and",
            )
            for name in ("config.json", "metadata.json")
        ),
        (lambda parts: {**parts, "config.json": b"[1]"}, "its config.json describes no model"),
        (
            lambda parts: {**parts, "config.json": json.dumps({"a": [{"class_name": "Dense"}] * 100_001})},
            "describes more than 100,000 parts",
        ),
        (lambda parts: {**parts, "model.weights.h5": parts["model.weights.h5"][:-99]}, "weights in it cannot be read"),
        (lambda parts: {**parts, "model.weights.h5": b"\x80\x04pickle"}, "weights in it cannot be read"),
        (lambda parts: {name: each for name, each in parts.items() if name != "config.json"}, "without a model in it"),
    ],
)
def test_an_archive_is_looked_at_before_it_is_unpacked(sound, tmp_path, change, words):
    refused(written(tmp_path / "m.keras", change(members(sound / "m.keras"))), words)


def test_two_members_of_a_name_a_flipped_bit_and_weights_larger_than_memory(sound, tmp_path, monkeypatch):
    path = written(tmp_path / "m.keras", members(sound / "m.keras"), zipfile.ZIP_STORED)
    whole = path.read_bytes()
    kernel = network().get_weights()[0].tobytes()
    path.write_bytes(whole.replace(kernel[:8], bytes([kernel[0] ^ 1]) + kernel[1:8]))
    refused(path, "does not match its checksum")
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", "{}")
    refused(path, "it holds two members 'config.json'")
    path.write_bytes(whole)
    monkeypatch.setattr(keras_archive, "free_memory", lambda: 2**10)
    refused(path, "needs 0.0 GB of memory for its weights")


@pytest.mark.parametrize("end", [".keras", ".h5"])
@pytest.mark.parametrize(
    "big",
    [
        layer("Dense", units=10**12),
        layer("Dense", units=10**7, kernel_initializer="orthogonal"),
        layer("Conv2D", filters=10**4, kernel_size=[10**3, 10**3], padding="same"),
        layer("DepthwiseConv2D", kernel_size=[10**4, 10**4], padding="same"),
        layer("Embedding", input_dim=10**9, output_dim=10**3),
        layer("LSTM", units=10**6),
        layer("Bidirectional", layer=layer("GRU", units=10**6)),
    ],
    ids=lambda each: f"{each['class_name']}-{each['config'].get('units', '')}",
)
def test_a_description_that_asks_for_more_weights_than_are_stored_is_refused_before_they_are_made(
    sound, tmp_path, end, big
):
    def change(layers):
        if big["class_name"] in ("LSTM", "Bidirectional"):
            layers.insert(1, {**layer("Reshape"), "config": {"name": "steps", "target_shape": [16, 1]}})
            layers.insert(2, big)
        else:
            layers.insert(1, big)

    refused(
        described(sound, tmp_path / f"m{end}", change), "describes a model with more weights than it holds: it stores"
    )


@pytest.mark.parametrize(
    "big",
    [
        [keras.layers.UpSampling2D((10**5, 10**5))],
        [keras.layers.ZeroPadding2D(10**6)],
        [keras.layers.Resizing(10**6, 10**6)],
        [keras.layers.Flatten(), keras.layers.RepeatVector(10**9), keras.layers.Reshape((16, 10**5, 10**4))],
    ],
    ids=lambda each: type(each[-1]).__name__,
)
def test_a_model_whose_feature_maps_no_memory_holds_is_not_run(big):
    model = keras.Sequential([keras.Input(SHAPE), *big, keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(3)])
    said = r"^The model needs [\d,]+ GB of memory for one image: inside it \("
    with at_once(5), pytest.raises(WorkbenchError, match=said):
        Probe(model, SHAPE)


def test_a_model_of_images_that_no_memory_holds_is_not_run():
    image = keras.Input((10**6, 10**6, 1))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalMaxPooling2D()(image)))
    with pytest.raises(
        WorkbenchError, match=r"takes images of shape \(1000000, 1000000, 1\): 5 need 55,879 GB of memory"
    ):
        Probe(model)


def test_what_a_layer_says_against_the_images_is_a_sentence():
    image = keras.Input(SHAPE)
    many = keras.layers.RepeatVector(10**10)(keras.layers.Flatten()(image))  # TensorFlow counts to 2³¹
    scores = keras.layers.Reshape((10**10, 16))(many)[:, 0, :3]
    with pytest.raises(
        WorkbenchError, match=r"^The model cannot be run on images of shape \(4, 4, 1\): .*unchanged"
    ) as caught:
        Probe(keras.Model(image, scores), SHAPE)
    assert str(caught.value).isprintable()  # Keras writes in colours


def in_a_row(count):
    return [layer("Dropout", rate=0.1)] * count


def sequential(name, layers):
    return {"module": "keras", "class_name": "Sequential", "config": {"name": name, "layers": layers}}


def doubled(depth):
    """A model that calls a model twice, which calls one twice, …; 2 to the power of `depth` layers are called."""
    inner = layer("Dropout", rate=0.1)
    for number in range(depth):
        inner = {
            "module": "keras",
            "class_name": "Functional",
            "config": {"name": f"m{number}", "layers": [{**inner, "inbound_nodes": [{"args": []}] * 2}]},
        }
    return inner


@pytest.mark.parametrize(
    ("layers", "calls"),
    [
        (in_a_row(700), "247,456"),
        ([sequential("inner", in_a_row(400)), *in_a_row(400)], "322,807"),
        ([layer("TimeDistributed", layer=sequential("inner", in_a_row(640)))], "207,050"),
        ([doubled(30)], "5,368,709,125"),
    ],
    ids=["a row", "a row in a row", "a row in a layer", "models that call models twice"],
)
@pytest.mark.parametrize("end", [".keras", ".h5"])
def test_a_model_that_would_be_built_for_hours_is_refused(sound, tmp_path, end, layers, calls):
    def change(own):
        own[1:1] = layers

    refused(
        described(sound, tmp_path / f"m{end}", change),
        rf" {calls} calls of its layers would be needed to build it, and at most 200,000 are made",
    )


def test_a_sound_model_of_many_layers_is_read(tmp_path):
    image = x = keras.Input(SHAPE)
    for _ in range(250):
        x = keras.layers.ReLU()(x)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    model.save(tmp_path / "m.keras")
    assert len(load_model(tmp_path / "m.keras").layers) == 253


def stored(path):
    with h5py.File(path, "r") as file:
        found = []
        file.visititems(lambda name, each: found.append(name) if isinstance(each, h5py.Dataset) else None)
        return next(each for each in found if file[each].ndim == 2)


def external(file, name):
    file.create_dataset(name, (16, 3), "f4", external=[("/etc/passwd", 0, 192)])


def elsewhere(file, name):
    file[name] = h5py.ExternalLink("/etc/other.h5", "/x")


def round_and_round(file, name):
    file[name] = h5py.SoftLink(f"/{name}")


def virtual(file, name):
    layout = h5py.VirtualLayout((16, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(16, 3))
    file.create_virtual_dataset(name, layout)


def endless(file, name):
    file.create_dataset(name, (10**6, 10**6), "f4", chunks=(1000, 1000))


def circle(file, name):
    file.create_dataset(name, (16, 3), "f4")
    file[f"{name}_up"] = file["/"]
    endless(file, f"{name}_more")


@pytest.mark.parametrize("end", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (external, "the values of '.*' are in another file"),
        (elsewhere, "is a link, which may lead elsewhere"),
        (round_and_round, "is a link, which may lead elsewhere"),
        (virtual, "the values of '.*' are in another file"),
        (endless, r"says that it has 4,000,000,000,000 bytes, and 0 are stored"),
        (circle, r"says that it has 4,000,000,000,000 bytes, and 0 are stored"),
    ],
)
def test_weights_in_other_files_and_arrays_of_nothing_are_refused(sound, tmp_path, end, change, words):
    parts = members(sound / "m.keras")
    path = tmp_path / ("w.h5" if end == ".keras" else "m.h5")
    if end == ".keras":
        path.write_bytes(parts["model.weights.h5"])
    else:
        shutil.copy(sound / "m.h5", path)
    name = stored(path)
    with h5py.File(path, "r+") as file:
        del file[name]
        change(file, name)
    if end == ".keras":
        path = written(tmp_path / "m.keras", {**parts, "model.weights.h5": path.read_bytes()})
    refused(path, words)


def test_a_file_of_very_many_groups_and_no_weights_is_refused_when_they_are_counted(sound, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_check, "MOST", 50)
    shutil.copy(sound / "m.h5", tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        for number in range(60):
            file.create_group(f"more/{number}")
    refused(tmp_path / "m.h5", "holds more than 50 arrays and groups")


def test_a_description_in_hdf5_is_no_longer_than_descriptions_are(sound, tmp_path):
    path = shutil.copy(sound / "m.h5", tmp_path / "m.h5")
    for value, words in (
        (" " * (33 << 20), "its 'model_config' has 34,603,008 bytes"),
        ('{"a":' * 300 + "1" + "}" * 300, "deeper than 200 levels"),
        (np.zeros(1000), "the description of the model in it cannot be read"),
    ):
        with h5py.File(path, "r+", libver="latest") as file:
            del file.attrs["model_config"]
            file.attrs["model_config"] = value
        refused(path, words)
        assert declared_shape(path) == (None, None, None) if isinstance(value, bytes) else True


def lengthened(data, texts):
    """Say of texts among the attributes of an HDF5 file that they are longer than they are."""
    heaps = [found.start() for found in re.finditer(b"GCOL", data)]
    for old, new in texts:
        places = [(struct.pack("<IQ", old, heap), struct.pack("<IQ", new, heap)) for heap in heaps]
        (change,) = (each for each in places if each[0] in data)
        data = data.replace(*change)
    return data


def test_a_text_that_claims_more_bytes_than_its_file_has_is_not_read(sound, tmp_path):
    path, data = tmp_path / "m.h5", (sound / "m.h5").read_bytes()
    with h5py.File(sound / "m.h5") as file:
        config, names = file.attrs["model_config"], file["model_weights"].attrs["layer_names"]
    path.write_bytes(lengthened(data, [(len(config), 2**32 - 1)]))
    refused(
        path,
        "^m.h5 is refused: the text 'model_config' of '/' in it says that it has 4,294,967,295 bytes, and the file has "
        rf"{len(data):,}\.$",
    )
    with pytest.raises(WorkbenchError, match="the text 'model_config'"):
        declared_shape(path)
    path.write_bytes(lengthened(data, [(len(each), len(data) - 9) for each in names]))  # each alone could be there
    refused(path, rf"the text 'layer_names' of '/model_weights' in it says that it has {2 * len(data) - 18:,} bytes")


class Short(io.BytesIO):
    """A stream that says that it is shorter than it is."""

    def seek(self, place, whence=0):
        found = super().seek(place, whence)
        return found if whence == 0 else 300


@pytest.mark.parametrize("version", ["earliest", "v108", "latest"])
@pytest.mark.parametrize("order", [False, True])
@pytest.mark.parametrize("before", [0, 512])
def test_lengths_of_texts_are_read_off_headers_of_every_form(tmp_path, version, order, before):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver=version, track_order=order, userblock_size=before) as file:
        file.attrs["short"], file.attrs["long"] = "x" * 299, "y" * 301
        file.create_group("group", track_order=order).attrs["many"] = ["z" * 150, "z" * 149]
        for number in range(4):  # so that the header goes on elsewhere
            file["group"].attrs[f"more{number}"] = np.zeros(400 if number else 2)
        file["group"].attrs["last"] = ["z" * 200] * 2
    stream = Short(path.read_bytes())
    with h5py.File(path) as file:
        with pytest.raises(WorkbenchError, match="the text 'long' of '/' in it says that it has 301 bytes"):
            check_texts("m.h5", "", file, stream)
        with pytest.raises(WorkbenchError, match="the text 'last' of '/group' in it says that it has 400 bytes"):
            check_texts("m.h5", "/group", file["group"], stream)
        check_texts("m.h5", "/group", file["group"], io.BytesIO(path.read_bytes()))


def test_texts_in_the_weights_of_a_keras_file_are_looked_at_too(sound, tmp_path):
    parts, inside = members(sound / "m.keras"), tmp_path / "w.h5"
    inside.write_bytes(parts["model.weights.h5"])
    with h5py.File(inside, "r+") as file:
        file[stored(inside)].attrs["name"] = "x" * 77
    sound_again = written(tmp_path / "m.keras", {**parts, "model.weights.h5": inside.read_bytes()})
    load_model(sound_again)
    claimed = {**parts, "model.weights.h5": lengthened(inside.read_bytes(), [(77, 2**31)])}
    path = written(tmp_path / "m.keras", claimed)
    refused(path, r"the text 'name' of '.*' in it says that it has 2,147,483,648 bytes")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda file: [file.attrs.create(f"a{n}", "text") for n in range(20)],
            "cannot be told how long the text '.*' of",
        ),
        (
            lambda file: file.attrs.create("a", np.zeros(2, "i4,f4")),
            "the attribute 'a' of '/' in it is neither text nor",
        ),
        (lambda file: file.create_dataset("a", data=["b", "c"]), "'/a' in it is no array of numbers"),
    ],
    ids=["texts in a heap", "records", "an array of texts"],
)
def test_what_cannot_be_looked_at_is_not_read(sound, tmp_path, change, words):
    path = tmp_path / "m.h5"
    with h5py.File(sound / "m.h5") as old, h5py.File(path, "w", libver="latest") as file:
        for key in old:
            old.copy(key, file)
        for key, value in old.attrs.items():
            file.attrs[key] = value
        change(file)
    refused(path, words)


def test_sound_files_stay_so_packed_or_not_and_of_zeros(sound, tmp_path):
    images = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    expected = np.asarray(network()(images))
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = written(tmp_path / "m.keras", members(sound / "m.keras"), packing)
        np.testing.assert_allclose(load_model(path)(images), expected, rtol=1e-6)
        assert declared_shape(path) == SHAPE
    with h5py.File(sound / "m.h5") as file, h5py.File(tmp_path / "packed.h5", "w") as packed:
        for key, value in file.attrs.items():
            packed.attrs[key] = value
        for key in file:
            file.copy(key, packed)
        name = stored(sound / "m.h5")
        kernel = packed[name][()]
        del packed[name]
        packed.create_dataset(name, data=kernel, compression="gzip")
    np.testing.assert_allclose(load_model(tmp_path / "packed.h5")(images), expected, rtol=1e-6)
    assert memory.free_memory() is None or memory.free_memory() > 0
