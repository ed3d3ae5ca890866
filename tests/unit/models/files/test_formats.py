import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files import load_model


def test_a_pickle_is_not_opened_and_other_formats_are_told_what_is_taken(tmp_path):
    for name in ("m.pt", "m.pkl", "m.joblib", "m.PTH"):
        (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n(S'touch ran'\ntR.")
        with pytest.raises(WorkbenchError, match=rf"{name} may hold a pickle.* not opened. Export the model to ONNX"):
            load_model(tmp_path / name)
    (tmp_path / "m.txt").touch()
    with pytest.raises(WorkbenchError, match=r"a .keras or .h5 file of Keras, a SavedModel .*\. Got 'm.txt'"):
        load_model(tmp_path / "m.txt")


def test_missing_offers_the_nearest_of_any_format(tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(Unavailable, match=r"There is no model file 'modle.onnx'. Did you mean 'model.onnx'"):
        load_model(tmp_path / "modle.onnx")
    with pytest.raises(Unavailable, match="none to choose from"):
        load_model(tmp_path / "no" / "model.h5")
