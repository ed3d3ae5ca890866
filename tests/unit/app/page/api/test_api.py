"""What other programs ask the page, over HTTP: on a model whose logits can be done by hand."""

from __future__ import annotations

import base64
import io
import json

import keras
import numpy as np
import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.conftest import EVIL
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.jobs import UNEXPECTED
from workbench.core.attribution import UNTOLD
from workbench.core.dataset import Dataset
from workbench.diagnosis.opening import Session

NAMES = ("dark", EVIL, "bright")


def linear():
    """Logits -s, 0, s - 2 of the sum s of the pixels; a convolution of one place comes first, for maps of a layer."""
    model = keras.Sequential(
        [keras.Input((2, 3, 1)), keras.layers.Conv2D(1, 1, name="seen"), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    kernel = np.stack([-np.ones(6), np.zeros(6), np.ones(6)], axis=1)
    model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1), kernel, np.array([0.0, 0.0, -2.0])])
    return model


@pytest.fixture(scope="module")
def desk():
    images = np.zeros((4, 2, 3, 1), np.uint8)
    images[1:] = 255
    images[3, 0] = 51
    dataset = Dataset(images, np.array([1, 2, 1, 2]), class_names=NAMES, indices=np.arange(10, 14), name="made/test")
    made = Desk(Session(linear(), dataset, name="linear", preprocessing="unit", cache=False))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(desk):
    from starlette.testclient import TestClient

    with TestClient(create_app(desk, background=False), base_url="http://127.0.0.1") as opened:
        yield opened


def uri(pixels):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, format="PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def pixels_of(png):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png.removeprefix("data:image/png;base64,")))))


def softmax(*logits):
    powers = np.exp(np.array(logits, np.float64))
    return powers / powers.sum()


@pytest.mark.parametrize(
    ("image", "total", "label"),
    [
        (1, 6.0, "bright"),
        ("1", 6.0, "bright"),
        (0, 0.0, EVIL),
        ([[51] * 3] * 2, 1.2, None),
        ([[[51]] * 3] * 2, 1.2, None),
        (uri([[51] * 3] * 2), 1.2, None),
        (uri([[51] * 3] * 2).partition(",")[2], 1.2, None),
    ],
)
def test_predict_takes_a_row_pixels_or_a_file(client, image, total, label):
    answer = client.post("/api/predict", json={"image": image})
    assert answer.status_code == 200
    told = answer.json()
    np.testing.assert_allclose(told["probabilities"], softmax(-total, 0, total - 2), rtol=1e-5)
    assert told["predicted"] == NAMES[int(np.argmax([-total, 0, total - 2]))]
    assert (told["label"], told["class_names"], told["notes"]) == (label, list(NAMES), [])


def test_an_image_of_other_proportions_is_fitted_as_asked(client):
    tall = uri([[0, 200]] * 8)
    notes = {
        fit: client.post("/api/predict", json={"image": tall, **how}).json()["notes"]
        for fit, how in (
            ("usual", {}),
            ("stretch", {"fit": "stretch"}),
            ("pad", {"fit": "pad", "interpolation": "nearest"}),
            ("crop", {"fit": "crop"}),
        )
    }
    assert notes["usual"] == notes["stretch"] == ["resized from 2×8 to 3×2", "stretched"]
    assert notes["pad"] == ["resized from 2×8 to 3×2", "padded with black"]
    assert notes["crop"] == ["cropped to the middle 2×1", "resized from 2×8 to 3×2"]


def test_predict_says_what_it_did_to_an_image(client):
    told = client.post("/api/predict", json={"image": uri([[0] * 6] * 4), "invert": True}).json()
    assert told["notes"] == ["inverted", "resized from 6×4 to 3×2"]
    np.testing.assert_allclose(told["probabilities"], softmax(-6, 0, 4), rtol=1e-5)


def test_explain_gives_raw_numbers_and_their_pictures(client):
    asked = {"image": "test/13", "method": "input-x-gradient", "target": "bright"}
    told = client.post("/api/explain", json=asked).json()
    np.testing.assert_allclose(told["values"], [[0.2] * 3, [1.0] * 3], rtol=1e-5)  # the kernel is 1: the image itself
    assert told["score"] == pytest.approx(3.6 - 2)
    assert (told["unit"], told["signed"], told["layer"], told["against"]) == ("logit", True, None, None)
    assert told["scale"] == pytest.approx(1.0)
    heat, over = pixels_of(told["heatmap"]), pixels_of(told["overlay"])
    assert heat.shape == (2, 3, 4)
    assert heat[..., 3].tolist() == [[51] * 3, [255] * 3]  # alpha is magnitude
    expected = 0.15 * 255 + 0.85 * heat[1, 0, :3].astype(float)
    assert over.shape == (224, 336, 3)  # 112 times as large
    np.testing.assert_allclose(over[-1, 0], expected, atol=1)
    assert told["verdict"] is None


def test_explain_contrasts_reads_a_layer_and_is_judged(client):
    asked = {"image": 2, "target": "label", "against": "predicted", "params": {"layer": "seen"}, "verdict": True}
    told = client.post("/api/explain", json=asked).json()
    assert (told["target"], told["against"], told["predicted"]) == (EVIL, "bright", "bright")
    assert told["score"] == pytest.approx(0 - (6 - 2))
    assert told["params"] == {"layer": "seen"}
    assert told["unit"] == "logit difference"
    assert told["values"] == [[0.0] * 3] * 2  # nothing speaks for it: Grad-CAM keeps what is positive
    assert (told["verdict"]["words"], told["verdict"]["untold"]) == (UNTOLD, "the map is empty")
    assert told["verdict"]["controls"] == 50


def test_analyze_gives_tables_findings_and_the_figure(client):
    told = client.post("/api/analyze", json={"name": "confusion-matrix", "figure": True}).json()
    assert told["analysis"] == "confusion-matrix"
    assert told["context"]["images"] == 4
    # Image 2, called the class of the evil name, is taken for a bright one.
    cells = json.dumps(told["tables"])
    assert EVIL.replace('"', '\\"') in cells
    assert {"kind", "severity", "claim", "indices", "images_at_stake", "analysis"} <= told["findings"][0].keys()
    assert pixels_of(told["figure"]).shape[0] > 100


def test_analyze_of_some_rows_counts_within_them(client):
    told = client.post("/api/analyze", json={"name": "top-losses", "params": {"count": 1}, "rows": [2, 3]}).json()
    assert told["context"]["images"] == 2
    assert told["rows"] == [2, 3]
    assert next(iter(told["tables"].values()))[0]["image"] == "test/12"  # it has the larger loss, and stands first
    assert told["figure"] is None


WRONG = [
    ("predict", {"image": 4}, 400, "Image 4 does not exist: 'made/test' has images 0…3."),
    ("predict", {}, 400, "`image` must be given"),
    ("predict", {"imag": 1}, 400, "Did you mean 'image'?"),
    ("predict", {"image": {"path": "/etc/passwd"}}, 400, "`image`"),
    ("predict", {"image": True}, 400, "`image` must be text, a whole number or a list. Got True."),
    ("predict", {"image": "data:image/png;base64,é"}, 400, "URLs are not fetched"),
    ("predict", {"image": "http://127.0.0.1:1/a.png"}, 400, "URLs are not fetched"),
    ("predict", {"image": "data:image/png;base64,AAAA"}, 400, "is not an image"),
    ("predict", {"image": [[1, 2], [3]]}, 400, "must be 2 × 3 × 1 whole numbers 0…255"),
    ("predict", {"image": [[1.5] * 3] * 2}, 400, "must be 2 × 3 × 1 whole numbers 0…255"),
    ("predict", {"image": [[256] * 3] * 2}, 400, "must lie in 0…255. Got 256…256."),
    ("predict", {"image": 1, "invert": True}, 400, "your own images"),
    ("predict", {"image": 1, "fit": "squash"}, 400, "`fit`"),
    ("explain", {"image": 1, "method": "gradcam"}, 400, "Did you mean 'grad-cam'"),
    ("explain", {"image": 1, "params": {"layer": "sen"}}, 400, "Did you mean 'seen'?"),
    ("explain", {"image": 1, "target": "birght"}, 400, "Did you mean 'bright'?"),
    ("explain", {"image": [[0] * 3] * 2, "target": "label"}, 400, "has no label"),
    ("analyze", {"name": "confusion"}, 400, "Did you mean 'confusion-matrix' or"),
    ("analyze", {"name": "top-losses", "params": {"cuont": 3}}, 400, "Did you mean 'count'?"),
    ("analyze", {"name": "top-losses", "rows": [9]}, 400, "Image 9 does not exist"),
    ("analyze", {"name": "top-losses", "rows": [1, 0, 1]}, 400, "must be distinct rows of the 4 images"),
    ("analyze", {"name": "top-losses", "rows": [0] * 100_000}, 400, "Got 100,000, some twice."),
    ("analyze", {"name": "top-losses", "rows": [-(2**63)]}, 400, "does not exist"),
    ("analyze", {"name": "samples", "params": {"seed": 2**31}}, 400, "`seed` must be at most"),
    ("predict", {"image": 2**62}, 400, "`image` must lie within ±"),
    ("anything", {}, 404, "Choose one of: predict, explain, analyze."),
    ("predict", [1], 400, "Send a JSON object"),
]


@pytest.mark.parametrize(("name", "body", "status", "said"), WRONG)
def test_what_is_wrong_is_one_sentence(client, name, body, status, said):
    answer = client.post(f"/api/{name}", json=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]
    assert "Traceback" not in answer.text


def test_what_is_no_json_or_too_large_is_refused_before_it_is_read(client):
    told = {"content-type": "application/json"}
    assert client.post("/api/predict", content=b"{", headers=told).status_code == 400
    assert (
        client.post("/api/predict", content=b'{"image": 1}', headers={"content-type": "text/plain"}).status_code == 415
    )
    large = client.post("/api/predict", content=b" " * (32 * 2**20 + 1), headers=told)
    assert large.status_code == 413
    assert large.json() == {"error": "A request may have at most 32 MB. This one has 32 MB."}
    assert client.post("/api/predict", content=iter([b'{"image"', b": 1}"]), headers=told).status_code == 200


def test_a_long_error_is_cut(client):
    said = client.post("/api/predict", json={"image": 1, "x" * 5000: 1}).json()["error"]
    assert len(said) < 700


def test_a_bug_is_told_in_the_terminal_alone(client, monkeypatch, caplog):
    monkeypatch.setattr("workbench.app.page.api.answers.subject_of", lambda *_, **__: {}["secret of the server"])
    answer = client.post("/api/predict", json={"image": 1})
    assert answer.status_code == 500
    assert answer.json() == {"error": UNEXPECTED}
    assert "secret of the server" in caplog.text


def test_a_model_that_cannot_be_opened_is_told(dataset, tmp_path):
    from starlette.testclient import TestClient

    (tmp_path / "model.keras").write_bytes(b"no model")
    desk = Desk(Session(tmp_path / "model.keras", dataset, cache=False))
    with TestClient(create_app(desk, background=False), base_url="http://127.0.0.1") as client:
        answer = client.post("/api/predict", json={"image": 1})
    desk.close()
    assert answer.status_code == 400
    assert "model.keras" in answer.json()["error"]


def test_while_the_model_is_loaded_one_is_told_to_come_again(client, desk, monkeypatch):
    monkeypatch.setattr("workbench.app.page.api.questions.PATIENCE", 0.0)
    step = ("loading", desk.opening, "The model is being loaded.")
    monkeypatch.setattr(desk, "pending", lambda **_: step)
    answer = client.post("/api/predict", json={"image": 1})
    assert answer.status_code == 503
    assert answer.json()["error"] == "The model is being loaded. Try again in a moment."


# ---------------------------------------------------------------- gradio's own addresses


def test_gradio_documents_the_three_questions_and_nothing_else(client):
    info = client.get("/gradio_api/info").json()
    assert list(info["named_endpoints"]) == ["/predict", "/explain", "/analyze"]
    assert info["unnamed_endpoints"] == {}
    told = info["named_endpoints"]["/explain"]
    assert told["description"].startswith("Explain a prediction")
    assert "POST /api/explain" in told["description"]
    given = {each["parameter_name"]: each["parameter_has_default"] for each in told["parameters"]}
    assert given == {"image": False} | dict.fromkeys(
        ["method", "target", "against", "params", "invert", "verdict", "fit", "interpolation"], True
    )


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("run/predict", {"data": [1, False]}, 404),
        ("run/look", {"data": [{}]}, 404),
        ("api/look", {"data": [{}]}, 404),
        ("call/look", {"data": [{}]}, 404),
        ("call/v2/look", {}, 404),
        ("call/v2/predict", {"imag": 1}, 400),
        ("call/v2/predict", {}, 400),
        ("call/predict", {"data": [1]}, 400),
        ("call/predict/", {"data": None}, 400),
    ],
)
def test_calls_that_gradio_would_trip_over_are_turned_away(client, path, body, status):
    answer = client.post(f"/gradio_api/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def called(client, name, body):
    event = client.post(f"/gradio_api/call/v2/{name}", json=body).json()["event_id"]
    lines = client.get(f"/gradio_api/call/{name}/{event}").text.splitlines()
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


def test_the_two_steps_of_gradio_s_clients_give_the_same_answer(client):
    event, data = called(client, "predict", {"image": 1})
    assert (event, data) == ("complete", [client.post("/api/predict", json={"image": 1}).json()])
    event, data = called(client, "analyze", {"name": "class-balance"})
    assert (event, data[0]["analysis"]) == ("complete", "class-balance")
    assert data[0]["tables"] == client.post("/api/analyze", json={"name": "class-balance"}).json()["tables"]
    event, data = called(client, "explain", {"image": 1, "method": "gradcam"})
    assert event == "error"
    assert data["error"].startswith("There is no attribution method 'gradcam'.")


def test_a_click_goes_before_what_a_program_asked_for_and_a_prediction_waits_for_nothing(client, desk, monkeypatch):
    """While a click's maps are made, no map that a program asked for is computed."""
    import threading

    from workbench.models.turns import FIRST, TURNS

    monkeypatch.setattr("workbench.models.turns.AGING", PATIENCE)
    told, asked = [], {"image": 1, "method": "saliency", "target": EVIL}
    asking = threading.Thread(target=lambda: told.append(client.post("/api/explain", json=asked).status_code))
    with TURNS.claimed(FIRST):
        asking.start()
        asking.join(0.5)
        assert told == []
        assert client.post("/api/predict", json={"image": [[7] * 3] * 2}).status_code == 200
    asking.join(PATIENCE)
    assert told == [200]


def test_what_is_assumed_stands_beside_every_number(desk):
    """Four images cannot tell which scale a model takes that shows none."""
    from starlette.testclient import TestClient

    model = keras.Sequential([linear(), keras.layers.Dense(3)])
    assumed = Desk(Session(model, desk.session.dataset, cache=False))
    said = (
        "The pixels' scale is assumed to be 0…1: it cannot be read off the model, and 4 labelled images cannot tell it."
    )
    with TestClient(create_app(assumed, background=False), base_url="http://127.0.0.1") as client:
        for name, asked in (("predict", {"image": 1}), ("explain", {"image": 1, "method": "saliency"})):
            assert client.post(f"/api/{name}", json=asked).json()["notes"][-1].startswith(said)
        answer = client.post("/api/analyze", json={"name": "confusion-matrix"}).json()
        assert answer["assumed"].startswith(said)
        assert answer["context"]["preprocessing"] == "unit, assumed"
        page = client.get("/").text
    assumed.close()
    assert page
