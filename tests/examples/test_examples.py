"""Each example is driven: the Flask app by its client and in Chromium, the Streamlit app, the client in bare HTTP."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.patience import PATIENCE
from tests.tiny import HOSTILE, made_images

EXAMPLES = Path(__file__).parents[2] / "examples"
ROW = 5


@pytest.fixture(scope="module")
def session(tiny_run):
    from workbench.diagnosis.opening import open_session

    return open_session(tiny_run.folder / tiny_run.name)


@pytest.fixture(scope="module")
def exported(session, tmp_path_factory):
    """The small run as a LiteRT model with its map, as `workbench export` writes it."""
    from workbench.exporting.export import export

    return export(session, format="litert", with_explanation=True, out=tmp_path_factory.mktemp("exports")).path


@pytest.fixture(scope="module")
def flask_app(exported):
    sys.path.insert(0, str(EXAMPLES / "flask_app"))  # as `flask --app` does
    try:
        import app

        yield app.create_app(exported)
    finally:
        sys.path.remove(str(EXAMPLES / "flask_app"))
        for name in ("app", "classifier"):
            sys.modules.pop(name, None)


def png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def content() -> bytes:
    """Image `ROW` of the test split, as a file."""
    return png(made_images(80, 1)[0][ROW])


def upload(flask_app, sent: bytes, name: str = "mine.png", **fields: str):
    return flask_app.test_client().post("/", data={"image": (io.BytesIO(sent), name), **fields})


def pixels_of(uri: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def predicted(session) -> int:
    return int(session.predictions.predicted[ROW])


# ---------------------------------------------------------------- Flask


def test_flask_says_what_the_keras_model_says_and_shows_its_map(flask_app, session):
    from markupsafe import escape

    answer = upload(flask_app, content())
    assert answer.status_code == 200
    assert f"<h2>{escape(HOSTILE[predicted(session)])}</h2>" in answer.text
    first = re.search(r'<li class="first">.*?<b>([\d.]+) %</b>', answer.text, re.DOTALL)
    assert float(first[1]) == pytest.approx(100 * session.predictions.confidence[ROW], abs=0.06)
    image, heat = (pixels_of(uri) for uri in re.findall(r'src="(data:image/png[^"]*)"', answer.text))
    np.testing.assert_array_equal(image, made_images(80, 1)[0][ROW])
    from workbench.plotting.colours import rgba, scale_of

    made = session.attribute("grad-cam", [ROW])
    expected = rgba(made.at_pixels()[0], signed=False, scale=scale_of(made.values, signed=False))
    np.testing.assert_allclose(heat[..., 3].astype(int), expected[..., 3].astype(int), atol=1)
    assert HOSTILE[0] not in answer.text  # escaped


def test_flask_says_what_it_did_to_an_image(flask_app):
    answer = upload(flask_app, png(np.full((56, 56, 3), (200, 30, 30), np.uint8)), "<b>.png", invert="1")
    assert answer.status_code == 200
    assert "colour converted to grey; inverted; resized from 56×56 to 28×28" in answer.text
    assert "&lt;b&gt;.png" in answer.text


@pytest.mark.parametrize(
    ("sent", "name", "status", "said"),
    [
        (b"not an image", "x.png", 400, "The image is not an image. It must be one of PNG, JPEG"),
        (b"", "", 400, "Choose an image first."),
        (b" " * (16 * 2**20 + 1), "x.png", 413, "An image may have at most 16 MB."),
    ],
)
def test_flask_refuses_in_one_sentence(flask_app, sent, name, status, said):
    answer = upload(flask_app, sent, name)
    assert answer.status_code == status
    assert said in answer.text
    assert "<article>" not in answer.text


def test_flask_needs_no_tensorflow(exported, tmp_path):
    (tmp_path / "x.png").write_bytes(content())
    code = (
        "import sys; from app import create_app; "
        f"client = create_app({str(exported)!r}).test_client(); "
        f"answer = client.post('/', data={{'image': (open({str(tmp_path / 'x.png')!r}, 'rb'), 'x.png')}}); "
        "print(answer.status_code, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLES / "flask_app", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["200", "False", "False"]


@pytest.mark.parametrize("lacking", ["model", "sidecar", "map"])
def test_flask_says_how_to_make_the_model_that_is_missing(flask_app, exported, tmp_path, lacking):
    import app
    import click

    path = tmp_path / "model.tflite"
    described = exported.with_name(f"{exported.name}.json").read_text()
    if lacking != "model":
        shutil.copy(exported, path)
    if lacking == "map":
        described = re.sub(r'"explanation": \{.*?\}', '"explanation": null', described, flags=re.DOTALL)
        path.with_name("model.tflite.json").write_text(described)
    with pytest.raises(click.ClickException, match="workbench export --format litert --with-explanation") as error:
        app.create_app(path)
    assert str(tmp_path) in error.value.message


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_flask_in_a_browser(flask_app, session, browser, tmp_path, complaints_of, width):
    import threading

    from playwright.sync_api import expect
    from werkzeug.serving import make_server

    (tmp_path / "mine.png").write_bytes(content())
    server = make_server("127.0.0.1", 0, flask_app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page(viewport={"width": width, "height": 844})
    complaints = complaints_of(page, console=True)
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.locator("[type=file]").set_input_files(tmp_path / "mine.png")
    expect(page.locator(".file span")).to_have_text("mine.png")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("h2")).to_have_text(HOSTILE[predicted(session)])
    page.locator("[type=range]").fill("40")
    expect(page.locator(".map")).to_have_css("opacity", "0.4")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
    server.shutdown()
    assert complaints == []


# ---------------------------------------------------------------- Streamlit


@pytest.fixture
def streamlit_app(tiny_run, monkeypatch):
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("WORKBENCH_RUN", str(tiny_run.folder / tiny_run.name))
    return AppTest.from_file(str(EXAMPLES / "streamlit_app" / "app.py"), default_timeout=PATIENCE)


def heading(session, row: int = ROW) -> str:
    share = 100 * float(session.predictions.confidence[row])
    return f"{HOSTILE[int(session.predictions.predicted[row])]}, {share:.1f} %"


def test_streamlit_explains_an_image_of_the_data_and_an_upload_alike(streamlit_app, session):
    at = streamlit_app.run()
    assert not at.exception
    at.number_input[0].set_value(ROW).run()
    assert at.subheader[0].value == heading(session)
    assert "Grad-CAM" in at.selectbox[0].options
    at.selectbox[0].select("Saliency").run()
    assert any("logit per unit of brightness" in each.value for each in at.caption)
    at.file_uploader[0].set_value(("mine.png", content(), "image/png")).run()
    assert not at.exception
    assert at.subheader[0].value == heading(session)
    assert at.number_input[0].disabled


def test_streamlit_says_what_is_wrong_in_one_sentence(streamlit_app, monkeypatch):
    at = streamlit_app.run()
    at.file_uploader[0].set_value(("x.png", b"not an image", "image/png")).run()
    assert [each.value[:26] for each in at.error] == ["The image is not an image."]
    monkeypatch.setenv("WORKBENCH_RUN", "nothing-of-this-name")
    at = streamlit_app.run()
    assert "There is no run 'nothing-of-this-name'" in at.error[0].value
    assert not at.exception


# ---------------------------------------------------------------- bare HTTP


@pytest.fixture(scope="module")
def site(session):
    from workbench.app.page.application import create_app
    from workbench.app.page.server import bind, running

    app = create_app(session)
    taken = bind("127.0.0.1", 0)
    with running(app, taken):
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    app.state.desk.close()


def client(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run without site-packages: nothing but Python is needed."""
    command = [sys.executable, "-I", "-S", str(EXAMPLES / "http_client.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_the_client_prints_the_classes_and_saves_the_map(site, session, tmp_path):
    (tmp_path / "mine.png").write_bytes(content())
    out = tmp_path / "map.png"
    done = client(tmp_path / "mine.png", "--url", site, "--method", "saliency", "--out", out)
    assert done.returncode == 0, done.stderr
    share = 100 * float(session.predictions.confidence[ROW])
    assert done.stdout.splitlines()[0] == f"{share:6.2f} %  {HOSTILE[predicted(session)]}"
    from PIL import Image

    overlay = np.asarray(Image.open(out))
    assert overlay.shape == (336, 336, 3)
    assert len(np.unique(overlay.reshape(-1, 3), axis=0)) > 100
    same = tmp_path / "same.png"
    assert client(ROW, "--url", site + "/", "--method", "saliency", "--out", same).returncode == 0
    np.testing.assert_allclose(np.asarray(Image.open(same)).astype(int), overlay, atol=1)  # of 255, rounded


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["999"], "Error: Image 999 does not exist"),
        (["0", "--method", "gradcam"], "Error: There is no attribution method 'gradcam'. Did you mean 'grad-cam'"),
        (["no-such-file.png"], "Error: no-such-file.png cannot be read: No such file or directory."),
        (["0", "--url", "http://127.0.0.1:1"], "Start one with `make run`."),
    ],
)
def test_the_client_says_what_is_wrong_in_one_line(site, tmp_path, arguments, said):
    done = client("--url", site, "--out", tmp_path / "map.png", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "map.png").exists()
