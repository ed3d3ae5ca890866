"""What is said about images is there, once for all copies, and undone only where nobody has changed it since."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.marked import images, key
from tests.patience import PATIENCE
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.workspace import workspace as workspaces
from workbench.workspace.identities import Identities
from workbench.workspace.marks import SavedSet
from workbench.workspace.place import workspace_of, workspaces_folder
from workbench.workspace.workspace import Workspace

KEYS = [key(each) for each in range(4)]


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "a.workspace", who="Ann", page="one") as opened:
        yield opened


def test_tags_of_several_images_are_there_when_the_file_is_opened_again(workspace):
    change = workspace.tag(images(0, 1), " check ", source="finding: label noise")
    assert (change.id, change.who, change.page, change.source) == (1, "Ann", "one", "finding: label noise")
    assert (change.action, change.value, change.images) == ("tag", "check", 2)
    assert change.time.endswith("+00:00")
    workspace.tag(images(1, 2), "later")
    workspace.untag(images(0), "CHECK")
    workspace.close()
    with Workspace.open(workspace.path) as again:
        assert again.tags_of(KEYS) == [(), ("check", "later"), ("later",), ()]
        assert again.tags() == {"later": 2, "check": 1}
        assert again.keys_with("Later") == {KEYS[1], KEYS[2]}
        assert again.keys_with("never") == frozenset()


def test_a_tag_is_one_in_whatever_case_and_keeps_its_first_spelling(workspace):
    workspace.tag(images(0), "Straße")
    assert workspace.tag(images(1), "STRASSE").value == "Straße"
    assert workspace.tags() == {"Straße": 2}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "1 to 80 characters. Got 0"),
        ("x" * 81, "1 to 80 characters. Got 81"),
        ("a,b", "Got ',' in"),
        ("a:b", "Got ':' in"),
        ('say "x"', "Got '\"' in"),
        ("it's", 'Got "\'" in'),
        ("a\nb", "Got '\\n' in"),
        ("a\x00b", "Got '\\x00' in"),
        ("a\u202eb", "Got '\\u202e' in"),
        ("a\ud800", "control character"),
    ],
)
def test_what_a_query_could_not_name_is_no_tag(workspace, name, said):
    with pytest.raises(WorkbenchError) as error:
        workspace.tag(images(0), name)
    assert said in str(error.value)
    assert workspace.last == 0


def test_what_is_no_tag_cannot_be_taken_away_and_the_nearest_is_offered(workspace):
    workspace.tag(images(0), "check")
    with pytest.raises(WorkbenchError, match=r"no tag 'chekc'.*Did you mean 'check'"):
        workspace.untag(images(0), "chekc")


def test_sql_in_any_text_stays_text(workspace):
    evil = "x) ; DROP TABLE state; --"
    workspace.tag(images(0), evil)
    workspace.note(images(0, names=["'; DELETE FROM change; --"]), "'); DROP TABLE change; --")
    workspace.save_set(evil, query=f'tag:"{evil}"')
    assert workspace.tags_of(KEYS[:1]) == [(evil,)]
    assert workspace.notes_of(KEYS[:1]) == ["'); DROP TABLE change; --"]
    assert list(workspace.sets()) == [evil]
    assert workspace.rebuild()


def test_a_long_note_is_not_written_to_very_many_images(workspace, monkeypatch):
    monkeypatch.setattr(workspaces, "MOST_AT_ONCE", 100)
    assert workspace.note(images(0, 1), "x" * 50).images == 2
    with pytest.raises(WorkbenchError, match=r"at most 100 characters at once\. 2 images with 51 each"):
        workspace.note(images(0, 1), "x" * 51)
    assert workspace.notes_of(KEYS[:2]) == ["x" * 50] * 2


def test_a_note_is_of_all_copies_and_an_empty_one_removes_it(workspace):
    copies = images(0, 0, names=["a.png", "b.png"])
    assert workspace.note(copies, "two\r\nlines ").images == 1
    assert workspace.notes_of(KEYS[:2]) == ["two\nlines", ""]
    workspace.note(copies[:1], "")
    assert workspace.notes_of(KEYS[:1]) == [""]
    with pytest.raises(WorkbenchError, match=r"at most 10,000 characters. Got 10,001"):
        workspace.note(copies, "x" * 10_001)
    with pytest.raises(WorkbenchError, match="control characters"):
        workspace.note(copies, "\x1b[31m")


def test_what_is_so_already_is_no_change(workspace):
    workspace.tag(images(0), "check")
    assert workspace.tag(images(0), "Check") is None
    assert workspace.untag(images(1), "check") is None
    assert workspace.note(images(0), "") is None
    assert workspace.clear(images(0)) is None
    assert workspace.last == 1


def test_the_last_word_about_an_image_is_its_correction(workspace):
    image = images(0)  # a Coat
    for say, correction in (
        (lambda: workspace.relabel(image, "shirt"), ("relabel", "Shirt")),
        (lambda: workspace.drop(image), ("drop", "")),
        (lambda: workspace.keep(image), ("keep", "")),
        (lambda: workspace.drop(image), ("drop", "")),
        (lambda: workspace.relabel(image, "Dress"), ("relabel", "Dress")),
        (lambda: workspace.relabel(image, "Coat"), ("keep", "")),
    ):
        say()
        table = workspace.corrections()
        assert table[["key", "name", "part", "label"]].to_numpy().tolist() == [[KEYS[0], "a/0.png", "train", "Coat"]]
        assert tuple(table[["correction", "new_label"]].iloc[0]) == correction
        assert workspace.corrections_of(image) == [" ".join(correction).strip()]
    workspace.clear(image)
    assert len(workspace.corrections()) == 0
    with pytest.raises(WorkbenchError, match=r"no class 'Shrit'.*Did you mean 'Shirt'"):
        workspace.relabel(image, "Shrit")


def test_a_copy_is_relabelled_too_where_it_has_the_label_and_dropped_alone(workspace):
    copies = images(0, 0, 0, names=["a.png", "b.png", "c.png"], labels=["Coat", "Coat", "Dress"])
    workspace.relabel(copies[:1], "Shirt")
    assert workspace.corrections_of(copies) == ["relabel Shirt", "relabel Shirt", ""]
    workspace.drop(copies[1:2])
    assert workspace.corrections_of(copies) == ["relabel Shirt", "drop", ""]
    workspace.clear(copies[1:2])
    assert workspace.corrections_of(copies) == ["", "", ""]
    workspace.drop(copies[:2])
    assert workspace.corrections_of(copies) == ["drop", "drop", ""]


def test_a_set_is_a_query_or_images_in_an_order(workspace):
    workspace.save_set("Worst", query=" confidence>0.9 ", part="test")
    workspace.save_set("mine", images=images(2, 0, 2), part="train", source="page")
    assert workspace.sets() == {
        "mine": SavedSet("mine", "", "train", (KEYS[2], KEYS[0])),
        "Worst": SavedSet("Worst", "confidence>0.9", "test", ()),
    }
    workspace.save_set("worst", query="loss>3")
    assert workspace.sets()["worst"].query == "loss>3"
    workspace.delete_set("WORST")
    assert list(workspace.sets()) == ["mine"]
    workspace.undo()
    assert list(workspace.sets()) == ["mine", "worst"]
    with pytest.raises(WorkbenchError, match=r"no saved set 'mien'.*Did you mean 'mine'"):
        workspace.delete_set("mien")
    for query, chosen in (("", None), ("x", images(0))):
        with pytest.raises(WorkbenchError, match="must have a query or images, one of both"):
            workspace.save_set("neither", query=query, images=chosen)


def test_undo_and_redo_are_entries_and_go_back_step_by_step(workspace):
    for tag in ("a", "b", "c"):
        workspace.tag(images(0), tag)
    assert [workspace.undo().target for _ in range(2)] == [3, 2]
    assert workspace.tags_of(KEYS[:1]) == [("a",)]
    assert workspace.redo().target == 2
    workspace.note(images(0), "new")
    with pytest.raises(WorkbenchError, match="nothing to redo of Ann"):
        workspace.redo()
    assert [(each.action, each.target) for each in workspace.log()] == [
        ("note", None), ("redo", 2), ("undo", 2), ("undo", 3), ("tag", None), ("tag", None), ("tag", None),
    ]  # fmt: skip
    for _ in range(3):
        workspace.undo()
    assert workspace.tags() == {}
    with pytest.raises(WorkbenchError, match="nothing to undo of Ann"):
        workspace.undo()
    assert workspace.rebuild()


def test_undo_is_of_this_page_unless_anyone_s_is_asked_for(workspace):
    other = workspace.acting(who="Bob", page="two")
    workspace.tag(images(0), "mine")
    other.tag(images(1), "theirs")
    assert workspace.undo().target == 1
    assert workspace.undo(anyone=True).target == 2
    assert workspace.tags() == {}
    assert workspace.redo().target == 2
    assert workspace.tags() == {"theirs": 1}


def test_what_somebody_else_changed_since_is_not_undone(workspace):
    other = workspace.acting(who="Bob", page="two")
    workspace.note(images(0, 1, 2), "first")
    other.note(images(1), "second")
    with pytest.raises(WorkbenchError) as error:
        workspace.undo()
    said = str(error.value)
    assert "Change 1 (note 'first', 3 images) cannot be undone" in said
    assert "Bob (two) changed 'a/1.png' (change 2)" in said
    assert workspace.notes_of(KEYS[:3]) == ["first", "second", "first"]
    other.undo()
    assert workspace.undo().target == 1
    other.note(images(2), "third")
    with pytest.raises(WorkbenchError, match="cannot be redone"):
        workspace.redo()
    assert workspace.notes_of(KEYS[:3]) == ["", "", "third"]


def test_what_two_have_said_is_not_taken_away_by_one(workspace):
    other = workspace.acting(who="Bob", page="two")
    workspace.tag(images(0), "check")
    assert other.tag(images(0), "check").images == 1
    with pytest.raises(WorkbenchError, match="Bob"):
        workspace.undo()
    other.undo()
    assert workspace.tags() == {"check": 1}
    workspace.undo()
    assert workspace.tags() == {}


def test_a_page_hears_what_others_said(workspace):
    workspace.tag(images(0), "a")
    seen = workspace.last
    assert workspace.changed_since(seen) == []
    workspace.acting(who="Bob").tag(images(1), "b")
    assert [(each.who, each.value) for each in workspace.changed_since(seen)] == [("Bob", "b")]


def test_tags_kept_in_memory_follow_another_program(workspace):
    workspace.tag(images(0, 1), "a")
    assert workspace.tags_of(KEYS) == [("a",), ("a",), (), ()]
    with Workspace.open(workspace.path, who="Bob") as other:
        other.tag(images(1, 2), "b")
        other.untag(images(0), "a")
        assert workspace.tags_of(KEYS) == [(), ("a", "b"), ("b",), ()]
        other.undo()
    assert workspace.tags_of(KEYS) == [("a",), ("a", "b"), ("b",), ()]


def test_many_threads_lose_nothing(workspace):
    def work(number):
        mine = workspace.acting(page=str(number))
        for step in range(10):
            mine.tag(images(number), f"{number}-{step}")
            mine.tags_of([key(number)])

    threads = [threading.Thread(target=work, args=(each,)) for each in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [len(tags) for tags in workspace.tags_of([key(each) for each in range(8)])] == [10] * 8
    assert workspace.last == 80


def test_a_change_that_takes_long_keeps_nobody_from_reading(workspace):
    workspace.tag(images(0), "before")
    begun, read = threading.Event(), threading.Event()

    def slowly():
        with workspace._database.writing() as connection:
            connection.execute("UPDATE state SET value = 'half'")
            begun.set()
            assert read.wait(PATIENCE)
            connection.execute("UPDATE state SET value = 'after'")

    thread = threading.Thread(target=slowly)
    thread.start()
    assert begun.wait(PATIENCE)
    assert workspace.tags() == {"before": 1}
    read.set()
    thread.join()
    assert workspace.tags() == {"after": 1}


def test_the_journal_is_only_added_to(workspace):
    workspace.tag(images(0), "a")
    for statement in ("UPDATE change SET who = 'x'", "DELETE FROM changed", "DELETE FROM change"):
        with pytest.raises(Exception, match="only added to"), workspace._database.writing() as connection:
            connection.execute(statement)
    assert workspace.log()[0].who == "Ann"


def test_what_holds_is_derived_from_the_journal_where_it_was_not(workspace):
    workspace.tag(images(0, 1), "a")
    workspace.undo()
    workspace.relabel(images(2), "Coat")
    before = workspace.corrections()
    with workspace._database.writing() as connection:
        connection.execute("UPDATE state SET value = 'wrong'")
        connection.execute("DELETE FROM undone")
    assert not workspace.rebuild()
    assert workspace.corrections().equals(before)
    assert workspace.tags() == {}
    assert workspace.rebuild()


def test_ten_thousand_images_are_one_change(workspace):
    many = images(*range(10_000))
    workspace.tag(many, "all")
    keys = many.keys.tolist()
    assert workspace.tags_of(keys) == [("all",)] * 10_000
    workspace.relabel(many, "Coat")
    assert workspace.corrections()["correction"].value_counts().to_dict() == {"relabel": 6666, "keep": 3334}
    workspace.undo()
    assert workspace.log(1)[0].images == 10_000
    assert workspace.rebuild()


def test_images_are_named_from_a_data_set():
    dataset = Dataset(
        np.array([0, 1, 0], np.uint8)[:, None, None, None],
        np.array([1, 0, 1]),
        class_names=("Coat", "Dress"),
        indices=np.arange(3),
        name="mine/test",
        names=np.array(["b.png", "a.png", "b\udcff.png"]),
    )
    (one, other, copy) = dataset.keys.tolist()
    assert one == copy != other
    named = Identities.of(dataset, [1, 2])
    assert list(named.each()) == [(other, "a.png", "test", "Coat"), (one, "b\\udcff.png", "test", "Dress")]
    assert named.class_names == ("Coat", "Dress")
    assert workspace_of(dataset).name == "mine.workspace"
    assert workspace_of(replace(dataset, source="fashion-mnist")).name == "fashion-mnist.workspace"


@pytest.mark.parametrize("wrong", ["", "abc", "Z" * 32, key(0)[:-1] + "G"])
def test_what_is_no_key_is_refused(wrong):
    with pytest.raises(WorkbenchError, match="32 hexadecimal digits"):
        Identities(keys=np.array([wrong]), names=np.array(["a"]), part="test", labels=np.array(["b"]))


def test_none_is_begun_by_a_look_and_what_another_begins_is_seen(tmp_path):
    path = tmp_path / "new" / "a.workspace"
    with Workspace.open(path) as mine:
        assert (mine.tags(), mine.tags_of(KEYS[:1]), mine.last, mine.log()) == ({}, [()], 0, [])
        assert list(tmp_path.iterdir()) == []
        with Workspace.open(path) as other:
            other.tag(images(0), "theirs")
        assert mine.tags_of(KEYS[:1]) == [("theirs",)]
        mine.tag(images(0), "mine")
    with Workspace.open(path) as again:
        assert again.tags_of(KEYS[:1]) == [("mine", "theirs")]


def test_none_is_begun_where_only_a_look_is_wanted(tmp_path):
    with pytest.raises(Unavailable, match="There is no workspace"):
        Workspace.open(tmp_path / "none", create=False)
    assert list(tmp_path.iterdir()) == []


def test_which_workspace_belongs_to_which_data(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path / "all"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my photos").mkdir()
    assert workspace_of("fashion-mnist") == tmp_path / "all" / "fashion-mnist.workspace"
    own = workspace_of("my photos")
    assert own.name.startswith("my-photos-")
    assert own == workspace_of(tmp_path / "my photos") == workspace_of("../" + tmp_path.name + "/my photos/")
    (tmp_path / "other").mkdir()
    assert own != workspace_of(tmp_path / "other" / "my photos")
    monkeypatch.delenv("WORKBENCH_WORKSPACE")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    assert workspaces_folder() == tmp_path / "home" / "workspaces"
