"""One image of a work list: what it is called, what it should be called and who says so, and what is left to do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page.html import button, link, waiting
from workbench.app.page.images.computing import SET, started
from workbench.app.page.images.found import Coming, find, images_of, pictures_of
from workbench.app.page.images.marking import correction_words
from workbench.app.page.images.sets import NotAnswered
from workbench.app.page.images.worklist import LATER, SKIPPED, SUGGESTED, Worklist, worklist
from workbench.app.pictures import fit, tag
from workbench.core.errors import WorkbenchError
from workbench.core.wording import join_names, plural, probability, significant

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.view import View

BOX = 168
ACTS = (
    ("relabel", "Another label", "r"),
    ("keep", "Its label is right", "y"),
    ("drop", "Drop", "d"),
    ("undo", "Undo", "u"),
)
"""What can be done with an image beside accepting and skipping it: its words on a button, and its key."""
WORDS = {"probability": "probability of its label", "of the suggested": "of the suggested label", "score": "score"}
"""What the table of suggestions says of an image, for people; shares in percent."""


def work_html(desk: Desk, view: View) -> Html:
    """Build the card of an opened image; nothing where its set is no work list."""
    if view.image is None or not view.set:
        return Html()
    try:
        found = find(desk, replace(view, image=None))
    except NotAnswered as error:
        return _asking(desk, view, error)
    except WorkbenchError:
        return Html()
    work = None if isinstance(found, Coming) else worklist(desk, found)
    if work is None:
        return Html()
    at = (work.found.images.rows == view.image).nonzero()[0]
    if not len(at):
        return Html()
    return _card(desk, work, int(at[0]))


def _asking(desk: Desk, view: View, error: NotAnswered) -> Html:
    """Offer to ask the analysis of a list that is not known here, as after a change of the model or of the program."""
    images = images_of(desk, view.part)
    asked = None if isinstance(images, Coming) else started(desk, view, images)
    if asked is not None and not asked[1].done.is_set():
        inside = waiting(asked[0], "Computing …", asked[1].what)
    else:
        offer = button("Compute it now", {"compute": SET}, class_="button main")
        inside = element("p", str(error), " ", offer, class_="problem", role="alert")
    return element("section", inside, class_="workcard")


def head_html(work: Worklist, place: int | None = None) -> Html:
    """Say how much of a list is done, with what can be done with the rest."""
    images, count, left = work.found.images, len(work.said), len(work.open)
    done = [f"{number:,} {what}" for what, number in work.decided.items()]
    said = f"{count - left:,} of {plural(count, 'image')} decided" + (f": {join_names(done)}" if done else "")
    skipped = len(work.skipped)
    later = None
    if skipped:
        where = {"section": "images", "set": work.found.address, "where": LATER}
        shown = link("show skipped", {**where, **({} if images.part == "data" else {"part": images.part})})
        later = element("span", f"{skipped:,} skipped: ", shown, class_="later")
    bar = element("progress", value=count - left, max=max(count, 1), aria_label="images decided")
    begin = None
    if place is None and left:
        begin = button(f"Work through {left:,}", {"image": int(images.rows[work.due[0]])}, class_="button main")
    rest = sum(bool(work.suggestion(each)) for each in work.due.tolist())
    every = (
        element(
            "button",
            f"Accept the other {rest:,}" if place is not None else f"Accept all {rest:,}",
            type="button",
            data_do="accept-all",
            data_count=count,
            class_="button",
            title="give every image that is open the label that is suggested for it",
        )
        if rest
        else None
    )
    train = link("Retrain →", {"section": "retrain"}, class_="button" if left else "button main") if done else None
    words = element("p", said, role="status", aria_live="polite", class_="done")
    return element("header", words, later, bar, begin, every, train, class_="worked", data_key=work.found.key)


def _card(desk: Desk, work: Worklist, place: int) -> Html:
    images, row = work.found.images, int(work.found.images.rows[place])
    data, names = images.session.dataset, images.session.class_names
    size = fit(*data.image_shape[:2], BOX)
    label, suggested = names[int(data.labels[row])], work.suggestion(place)
    picture = tag(pictures_of(desk, images.part).picture(row, BOX), size, f"{data.names[row]}, {label}")
    arrow = (
        join([element("b", label, class_="rt"), " → ", element("b", suggested, class_="rp")])
        if suggested
        else join([element("b", label, class_="rt"), ": no other label is suggested"])
    )
    said = work.said[place] or (SKIPPED if work.put_off[place] else "")
    chip = element("span", correction_words(said), class_="chip correction") if said else None
    heading = element("h2", arrow, " ", chip)
    skip = element("button", "Skip", type="button", data_do="skip", class_="button", title="decide later (s)")
    accept = element(
        "button", "Accept", type="button", data_do="accept", class_="button main", title="accept (Enter)",
        disabled=not suggested,
    )  # fmt: skip
    others = [
        element("button", text, type="button", data_do=name, class_="button", title=f"{text} ({key})")
        for name, text, key in ACTS
    ]
    acts = element("p", accept, skip, *others, class_="acts", role="toolbar", aria_label="decide about this image")
    keys = (("Enter", "accept"), ("s", "skip"), ("r", "another label"), ("y", "right"), ("d", "drop"), ("u", "undo"))
    foot = element("p", join([element("kbd", key) + f" {word} " for key, word in keys]), class_="foot")
    name = element("p", str(data.names[row]), class_="called")
    inside = element("div", heading, name, _witnesses(work, row), acts, foot, class_="what")
    body = element("div", picture, inside, class_="body")
    return element(
        "section", head_html(work, place), body, class_="workcard", data_key=work.found.key, data_place=place,
        data_row=row,
    )  # fmt: skip


def _witnesses(work: Worklist, row: int) -> Html:
    """Write what the analysis found out about the label; the images that it looks like stand below the maps."""
    line = work.lines.get(row, {})
    facts = [
        (words, f"{probability(float(line[name]))} %" if name != "score" else significant(float(line[name])))
        for name, words in WORDS.items()
        if isinstance(line.get(name), float)
    ]
    if "issue" in line and SUGGESTED in line:
        facts.append(("confident learning", "names it too" if line["issue"] else "does not name it"))
    return element("dl", *(element("dt", name) + element("dd", value) for name, value in facts)) if facts else Html()
