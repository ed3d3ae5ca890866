"""The report as a page: valid, alone, of the machine's folders nothing, and every name is text."""

from __future__ import annotations

import base64
import io
import itertools
import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from justhtml import JustHTML
from PIL import Image

from tests.advised import made_advice, made_method
from tests.tiny import HOSTILE
from workbench.app.report.paths import without_folders
from workbench.core.attribution import BELIEVED, BESIDE, BLIND, PARTLY, UNTOLD

# What may stand in an element whose content is restricted, and where a caption of a figure stands.
CHILDREN = {"ul": {"li"}, "ol": {"li"}, "dl": {"dt", "dd"}, "tr": {"th", "td"}, "thead": {"tr"}, "tbody": {"tr"}}
INLINE = {"a", "b", "br", "code", "i", "img", "small", "span"}


def elements(node):
    """Every element below a node, and its parent."""
    for child in node.children or ():
        if not child.name.startswith(("#", "!")):
            yield node, child
            yield from elements(child)


def faults(html):
    """What a validator complains about, and what holds of this page besides."""
    parsed = JustHTML(html, collect_errors=True, sanitize=False)
    found = [str(error) for error in parsed.errors]
    seen = [child for _, child in elements(parsed.root)]
    for parent, child in elements(parsed.root):
        if parent.name in CHILDREN and child.name not in CHILDREN[parent.name]:
            found.append(f"<{child.name}> in <{parent.name}>")
        if parent.name in ("p", "h1", "h2", "h3", "span", "b", "summary", "small") and child.name not in INLINE:
            found.append(f"<{child.name}> in <{parent.name}>")
        if child.name == "figcaption":
            beside = [each for each in parent.children if not each.name.startswith("#")]
            if parent.name != "figure" or child not in (beside[0], beside[-1]):
                found.append("a <figcaption> that is neither first nor last of a <figure>")
        if child.name == "img" and "alt" not in child.attrs:
            found.append("an <img> without alt")
    ids = Counter(each.attrs["id"] for each in seen if "id" in each.attrs)
    found += [f"id {name} stands twice" for name, count in ids.items() if count > 1]
    links = [each.attrs["href"] for each in seen if "href" in each.attrs]
    found += [f"{link} leads nowhere" for link in links if not link.startswith("#") or link[1:] not in ids]
    levels = [int(each.name[1]) for each in seen if re.fullmatch(r"h[1-6]", each.name)]
    found += [f"h{a} before h{b}" for a, b in itertools.pairwise(levels) if b > a + 1]
    return found, seen


def test_a_validator_finds_nothing(made):
    found, seen = faults(made.html)
    assert found == []
    names = Counter(each.name for each in seen)
    assert names["html"] == names["h1"] == names["main"] == 1
    assert names["figure"] and names["table"] and names["details"]  # maps, a comparison, places of figures


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ("<p><div></div></p>", "unexpected-end-tag"),
        ("<ul><p>x</p></ul>", "<p> in <ul>"),
        ("<figure><i></i><figcaption>x</figcaption><p></p></figure>", "neither first"),
        ("<a href='#nowhere'>x</a>", "#nowhere leads nowhere"),
        ("<i id='maps'></i>", "id maps stands twice"),
        ("<img src='data:,'>", "without alt"),
    ],
)  # fmt: skip
def test_what_is_wrong_would_be_found(made, planted, complaint):
    found, _ = faults(made.html.replace("</main>", f"{planted}</main>"))
    assert complaint in " ".join(found)


def test_nothing_is_run_and_nothing_asked_for(made):
    _, seen = faults(made.html)
    assert not {"script", "link", "iframe", "object", "form", "base"} & {each.name for each in seen}
    attributes = [(name, value or "") for each in seen for name, value in each.attrs.items()]
    assert [name for name, _ in attributes if name.startswith("on")] == []
    assert {value.partition(":")[0] for name, value in attributes if name == "src"} == {"data"}
    style = made.html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style


def test_no_folder_of_the_machine_is_named(made, tiny_run):
    for text in (made.html, made.markdown):
        for folder in (Path.home(), Path.cwd(), tiny_run.folder, tiny_run.data.parent, Path(os.sep, "tmp")):
            assert f"{folder}{os.sep}" not in text
    assert f"--data {tiny_run.data.name}" in made.html


def test_names_are_text(made):
    image, _, control, _ = HOSTILE
    assert image not in made.html and "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;" in made.html
    assert image not in made.markdown
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e]", made.html)
    assert control.replace("\x1b", "\ufffd").replace("\u202e", "\ufffd") in made.html


def test_it_says_what_was_found(made):
    report, said = made.report, made.session.predictions
    assert report.cards[0].value == f"{100 * said.correct.mean():.1f} %"
    assert report.problems, "the small run's last labels are wrong"
    for problem in report.problems:
        assert all(each.name in made.html and each.name in made.markdown for each in problem.shown)
    verdicts = {BELIEVED, PARTLY, BESIDE, UNTOLD, BLIND}
    assert report.explained and {map_.verdict for each in report.explained for map_ in each.maps} <= verdicts
    assert all(map_.verdict in made.html for each in report.explained for map_ in each.maps)
    assert report.charts[0].name == "overview"
    assert any(each.places for each in report.charts)
    assert report.versus.names == ("tiny", "moved")


def test_both_models_maps_stand_beside_each_other_on_one_scale(made):
    both = made.report.versus
    counts = [count for _, count, _ in both.groups]
    assert len(both.explained) == sum(min(int(count.split()[0]), 3) for count in counts) > 0
    for each in both.explained:
        first, second, apart = each.maps
        assert (first.method, second.method, apart.method) == ("tiny", "moved", "moved − tiny")
        assert first.high == second.high == apart.high  # one scale
        assert first.what == second.what == f"{each.true} rather than {wrong(each)}"
        assert first.verdict and second.verdict and not apart.verdict
        assert (each.predicted == each.true) != (each.second == each.true)
        assert {each.predicted, each.second} == {each.true, wrong(each)}
    assert "Saliency for both models" in both.said and "Saliency for both models" in made.html
    assert made.html.count('<div class="explained both">') == len(both.explained)
    assert made.markdown.count("| moved |") >= len(both.explained)


def test_the_difference_is_that_of_the_maps_that_are_shown(made):
    from workbench.app.report.both_maps import maps_of_both
    from workbench.app.report.pictured import Pictures
    from workbench.diagnosis.comparison import compare

    found = compare(made.session, made.other)
    (one, *_), _ = maps_of_both(found, Pictures(made.session), ("fixed", "broken"), ["saliency"])
    row = int(np.flatnonzero(made.session.dataset.names == one.picture.name)[0])
    wanted = (one.true, wrong(one))
    told = found.maps(row, "saliency", contrast=wanted)
    drawn = [opened(each.uri) for each in one.maps]
    scale = max(np.abs(each.values).max() for each in (told.first, told.second, told.difference))
    for ink, each in zip(drawn, (told.first, told.second, told.difference), strict=True):
        assert np.allclose(ink[..., 3], 255 * np.abs(each.at_pixels()[0]) / scale, atol=1)
    nothing, said = maps_of_both(compare(made.session, made.session), Pictures(made.session), ("fixed",), ())
    assert (nothing, said) == ((), "")  # nothing changes, so there is nothing to explain


def wrong(each):
    return each.second if each.predicted == each.true else each.predicted


def opened(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_a_place_of_a_figure_leads_to_what_it_stands_for(made):
    chart = next(each for each in made.report.charts if each.places)
    for number in range(1, len(chart.places) + 1):
        assert f'href="#{chart.name}-{number}"' in made.html
    assert made.html.count(f'<li id="{chart.name}-') == len(chart.places)
    assert all(place.style.count("%") == 4 for place in chart.places)


def test_images_are_named_by_who_asks(made):
    from workbench.app.report.chosen_maps import explained
    from workbench.app.report.pictured import Pictures
    from workbench.core.errors import WorkbenchError

    pictures = Pictures(made.session)
    (one,), reason = explained(made.session, pictures, images=["test/3"], methods=["saliency"])
    assert (one.picture.name, reason, len(one.maps)) == ("test/3", "", 1)
    with pytest.raises(WorkbenchError, match="no image 'test/800'"):
        explained(made.session, pictures, images=["test/800"])
    with pytest.raises(WorkbenchError, match="Did you mean 'saliency'"):
        explained(made.session, pictures, methods=["salency"])


def test_the_maps_are_those_that_were_advised_with_their_parameters(made, monkeypatch):
    from workbench.app.report import chosen_maps
    from workbench.app.report.pictured import Pictures

    advice = made_advice("0" * 16, made_method("occlusion", "Occlusion", "perturbation", reference="grey"))
    monkeypatch.setattr(chosen_maps, "kept", lambda _: advice)
    asked, own = [], type(made.session).attribute

    def attribute(self, method, rows, **given):
        asked.append((method, given.get("reference")))
        return own(self, method, rows, **given)

    monkeypatch.setattr(type(made.session), "attribute", attribute)
    (one,), _ = chosen_maps.explained(made.session, Pictures(made.session), images=["test/3"])
    assert [each.method for each in one.maps] == ["Occlusion"]
    assert asked == [("occlusion", "grey")]
    said = chosen_maps.advised_said(made.session)
    assert said.startswith("The methods are what `workbench advise` named for this model on")
    assert "It was measured on other images (made/test) than these." in said


def test_where_advised_maps_are_from_stands_above_them(made):
    from workbench.app.report.document import as_html
    from workbench.app.report.text import as_markdown

    said = replace(made.report, advised="The methods are what `workbench advise` named for <b>.")
    html, text = as_html(said, without_folders()), as_markdown(said, without_folders())
    assert "The methods are what <code>workbench advise</code> named for &lt;b&gt;." in html
    section = html.partition('<section id="maps">')[2]
    assert section.index("The methods are what") < section.index('class="explained')
    assert said.advised.partition("<")[0] in text
    assert made.report.advised == "" and "The methods are what" not in made.html  # a method was named


def test_an_advice_that_does_not_fit_any_more_leaves_the_usual_maps(made, monkeypatch):
    from workbench.app.report import chosen_maps
    from workbench.app.report.pictured import Pictures

    foreign = made_method("occlusion", "Occlusion", "perturbation").model_copy(update={"settings": {"verdict": 1}})
    monkeypatch.setattr(chosen_maps, "kept", lambda _: made_advice("0" * 16, foreign))
    (one,), reason = chosen_maps.explained(made.session, Pictures(made.session), images=["test/3"])
    assert (len(one.maps), reason, chosen_maps.advised_said(made.session)) == (2, "", "")


def test_folders_go_and_what_only_looks_like_one_stays(tmp_path):
    written = without_folders()
    assert written(f"{tmp_path}/photos/a.png is broken") == f"{tmp_path}/photos/a.png is broken"  # there is none
    assert written(f"{tmp_path}/a.png is broken ('{tmp_path}/b.png')") == "a.png is broken ('b.png')"
    assert written(f"{Path.cwd()}/x.npz") == "x.npz"
    same = "T-shirt/top, 1/2, https://arxiv.org/abs/1610.02391, train/54352, </b>, /no/such/folder/x"
    assert written(same) == same
