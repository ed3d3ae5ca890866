"""The corrections at hand, a training on the corrected data, and what came of those that were begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page.html import link, options, problem, waiting
from workbench.app.page.retraining import DONE, ONCE, PROOF, RUNNING, STOPPED, Training, trainings
from workbench.core.wording import join_names, plural
from workbench.training.runs import runs_folder

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

SHOWN = 12
"""Trainings that are listed."""
KEY = "retrain-"
"""What the keys of progress begin with."""
WORDS = {"relabel": "relabelled", "drop": "dropped", "keep": "right as they are"}
COPIES = (
    ("", "keep copies of images"),
    ("exact", "leave equal copies out"),
    ("near", "leave near, mirrored and turned copies out too"),
)


def retrain_html(desk: Desk) -> Html:
    """Build the section."""
    run = desk.session.run
    heading = element("h2", "Retrain on corrected data")
    if run is None:
        why = "Only a run can be trained again, since its recipe is known. This page shows a model file or predictions."
        return heading + element("p", why, class_="empty")
    counts, corrections = _corrections(desk)
    begun = [each for each in trainings(runs_folder()) if each.order.run == str(run.path.resolve())][:SHOWN]
    busy = any(each.state == RUNNING for each in begun)
    form = _form(run.name, begun, busy=busy) if counts else None
    listed = element("ol", *(_training(each) for each in begun), class_="trainings") if begun else None
    return element("div", heading, corrections, form, class_="plan") + element("div", listed, class_="came")


def _corrections(desk: Desk) -> tuple[int, Html]:
    """Count the corrections that change something, and say them."""
    table = desk.session.workspace.corrections()
    trained = table[table["part"] != "test"]
    changing = int((trained["correction"] != "keep").sum())
    if not len(trained):
        labels = link("likely wrong labels", {"section": "label-issues"})
        sentence = join(["No training image was corrected yet. Begin with the ", labels, ", or relabel images."])
        return 0, element("p", sentence, class_="empty")
    said = [f"{count:,} {WORDS[str(name)]}" for name, count in trained["correction"].value_counts().items()]
    shown = link("Show them", {"section": "images", "part": "train", "where": "correction:*"})
    tested = len(table) - len(trained)
    untouched = f"; {plural(tested, 'correction')} of test images, which stay as they are" if tested else ""
    told = f"{plural(len(trained), 'training image')} looked at: {join_names(said)}{untouched}. "
    return changing, element("p", told, shown, class_="counts")


def _form(run: str, begun: list[Training], *, busy: bool) -> Html:
    taken = {each.order.name for each in begun}
    name = next(each for n in range(1, 1000) if (each := f"{run}-corrected{'' if n == 1 else f'-{n}'}") not in taken)
    kinds = (
        (ONCE, "Train once", "the same recipe and seed on the corrected data; then see what was fixed and broken"),
        (PROOF, "Prove it", "with and without the corrections, with several seeds: did they raise accuracy?"),
    )
    radios = [
        element(
            "label",
            element("input", type="radio", name="kind", value=value, checked=value == ONCE),
            element("span", element("b", title), element("small", words)),
            class_="kind",
        )
        for value, title, words in kinds
    ]
    fields = [
        _field("name", element("input", type="text", name="name", value=name, maxlength=80, required=True)),
        _field("copies", element("select", options(COPIES, ""), name="copies")),
        _field("seeds", element("input", type="number", name="seeds", value=3, min=2, max=20), proof=True),
        element(
            "label",
            element("input", type="checkbox", name="control"),
            element("span", "beside as many corrections of images drawn at random"),
            class_="check",
            data_proof=True,
        ),
    ]
    begin = element("button", "Begin", type="submit", class_="main", disabled=busy)
    how = "It is a process of its own: it goes on when this page is closed, and after a kill it can go on."
    return element(
        "form",
        element("fieldset", element("legend", "What to train"), *radios),
        *fields,
        element("p", begin, element("small", how), class_="run"),
        data_retrain=True,
        novalidate=True,
    )


def _field(words: str, inside: Html, *, proof: bool = False) -> Html:
    return element("label", element("span", words), inside, data_proof=proof)


def _training(each: Training) -> Html:
    order, said = each.order, each.said
    what = "proof" if order.kind == PROOF else "run"
    title = element("h3", order.name, " ", element("small", f"{what}, begun {order.begun[:16].replace('T', ' ')} UTC"))
    if each.state == RUNNING:
        stop = element("button", "Stop", type="button", data_retrain_stop=order.name, class_="button")
        body = waiting(f"{KEY}{order.name}", "Training …", said.what) + element("p", stop, class_="acts")
    elif each.state == DONE:
        more = [element("p", sentence) for sentence in said.others]
        where = {"section": "compare", "against": said.run}
        both = link("See what was fixed and broken →", where, class_="button main")
        body = join([element("p", element("b", said.sentence)), *more, element("p", both, class_="acts")])
    else:
        again = element("button", "Go on", type="button", data_retrain_again=order.name, class_="button main")
        sentence = said.sentence or "It was stopped. It can go on from its last epoch."
        words = element("p", sentence) if each.state == STOPPED else problem(sentence)
        body = words + element("p", again, class_="acts")
    return element("li", title, body, class_=each.state)
