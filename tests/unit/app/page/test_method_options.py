"""Parameters of the methods in the address."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from workbench.app.page.method_options import LONGEST, descriptions, options_of, read_options, without
from workbench.app.page.view import read


def test_entries_are_read_by_method_and_written_back():
    entries = read_options("occlusion.size:6,integrated-gradients.reference:mean,occlusion.stride:2")
    assert options_of(entries, "occlusion") == {"size": "6", "stride": "2"}
    assert options_of(entries, "integrated-gradients") == {"reference": "mean"}
    assert options_of(entries, "grad-cam") == {}
    assert without(entries, "occlusion") == ("integrated-gradients.reference:mean",)
    view = read({"section": "errors", "options": ",".join(entries)})
    assert view.options == entries
    assert view.query()["options"] == ",".join(entries)


def test_of_two_values_the_later_counts_and_what_is_no_entry_is_left_out():
    assert read_options("lime.side:7,,x,lime.side:9,.a:1,lime.:1,lime.side") == ("lime.side:9",)


@given(st.text(max_size=40))
def test_any_value_comes_back_as_it_was_typed(value):
    shown = value.encode("utf-8", "replace").decode()
    entry = f"layer-cam.fuse:{quote(shown, safe='')}"
    found = read_options(entry)
    assert options_of(found, "layer-cam") == ({"fuse": shown} if len(entry) <= 215 else options_of(found, "layer-cam"))
    assert read_options(",".join(found)) == found


@given(st.text(max_size=3000))
def test_whatever_is_sent_is_read_short_and_stable(text):
    found = read_options(text)
    assert len(",".join(found)) <= LONGEST
    assert read_options(",".join(found)) == found


def test_what_was_changed_is_said_in_words():
    assert descriptions({"steps": "100", "fuse": ""}) == ["steps 100", "fuse none"]
