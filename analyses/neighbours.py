"""The nearest training images of an image, and those that influenced its prediction."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import columns
from workbench.core.finding import Finding, Severity
from workbench.core.image_names import PART_OF, ImageNames
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, probability, verb
from workbench.data.sampling import surest_error
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import place_spot, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, interval_bars, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.held_out import trained_images
from workbench.session.neighbours import Witnesses, unit, witnesses
from workbench.session.spots import images_spot
from workbench.statistics.credibility import agreement, credibility, offered
from workbench.statistics.influence import influence, residuals
from workbench.statistics.rates import rate
from workbench.statistics.significance import mean_with_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

COLUMNS = 8
"""Images in a row of the figure."""
CELL = 1.22
"""Width of an image in inches."""
LEAST = 0.1
"""Share of the predictions that is reported as least credible."""
MOST_ROWS = 1000
"""Images that a table lists."""
GROUPS = ("correct predictions", "errors")


class NeighboursParams(Params):
    """Which image to explain, and with how many neighbours."""

    row: int = Field(-1, ge=-1, description="image to explain, by name or row; -1 for the most confident error")
    k: int = Field(50, ge=1, le=500, description="nearest neighbours to use")


class Neighbours(Analysis[NeighboursParams]):
    """Which training images are nearest to an image, and which ones influenced its prediction?

    Distance is the angle between embeddings of the last layer. Influence is the effect of one training step on each
    image through the last layer, at the final weights (TracIn), on the cross-entropy of the softmax. Credibility is the
    share of held-out images whose neighbours disagree with their label at least as often as these disagree with the
    prediction.
    """

    group = "Explanations"
    title = "Nearest training images"
    Params = NeighboursParams
    needs_model = True
    names_training: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"k": 20})

    def compute(self, session: Session, params: NeighboursParams) -> Result:
        """Find the neighbours of every evaluated image, and explain one image."""
        predictions, names, seen = session.predictions, session.class_names, witnesses(session)
        row = int(session.dataset.rows([params.row])[0]) if params.row >= 0 else surest_error(predictions)
        everyone = np.arange(len(predictions))
        apart, found = seen.by_embedding(session, params.k, everyone)
        near = seen.dataset.labels[found]
        if not near.shape[1]:
            alone = Finding("There is only one image, so it has no neighbours.")
            return Result({"neighbours": _near(seen, found[row], apart[row], predictions, row)}, findings=(alone,))
        offers, own = seen.dataset.labels, seen.own >= 0
        as_label = offered(offers, predictions.labels, own)
        as_predicted = offered(offers, predictions.predicted, own & predictions.correct)
        agree = agreement(near, predictions.predicted, as_predicted)
        belief = credibility(
            near, predictions.predicted, near, predictions.labels, inside=True, most=as_predicted, held_most=as_label
        )
        counted = int(min(as_label[row], as_predicted[row], near.shape[1]))
        groups = _groups(predictions, agree, belief)
        tables = {"neighbours": _near(seen, found[row], apart[row], predictions, row)}
        findings = [_about(session, row, (near[row], counted), float(belief[row]), seen)]
        arrays, shown = {"image": thumbnails_of(session.dataset, [row])}, {"nearest": found[row, :COLUMNS]}
        if seen.part == "train":
            tables["influence"] = _pushes(session, seen, row, names)
            table = tables["influence"]
            shown |= {
                way: table[table["pushed"] == way]["train_row"].to_numpy()[:COLUMNS] for way in ("for", "against")
            }
            findings.append(_influence(table, session.image_names, row))
        else:
            findings.append(Finding("Influence was not computed: the training images are not available."))
        for name, rows in shown.items():
            arrays[f"{name} images"] = thumbnails_of(seen.dataset, rows)
        findings.append(_overall(predictions, belief))
        order = np.argsort(belief, kind="stable")[:MOST_ROWS]
        tables |= {"groups": groups, "images": _images(predictions, agree, belief, order, names)}
        arrays |= {"credibility": belief, "wrong": ~predictions.correct}
        notes = {
            "row": row,
            "true": names[predictions.labels[row]],
            "predicted": names[predictions.predicted[row]],
            "confidence": float(predictions.confidence[row]),
            "agreement": float((near[row, :counted] == predictions.predicted[row]).mean()),
            "credibility": float(belief[row]),
            "neighbours": counted,
            "title": seen.title,
        }
        return Result(tables, arrays=arrays, findings=tuple(findings), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw the image with its neighbours and the most influential images, and all images below."""
        notes, arrays = result.notes, result.arrays
        if "credibility" not in arrays:
            return say(new_figure(result, self.question(), height=2.0), "There is only one image.")
        strips = _strips(result)
        tall = [tiles_height(pictures, COLUMNS, CELL) + 0.32 for _, pictures in strips]
        said = (
            "Teal: true class; orange: predicted class; grey: another class. Under the nearest images: label, name, "
            "distance between unit-length embeddings. Under the others: how much a training step on each lowers (+) or "
            "raises (−) the loss of the predicted class, in nats per unit of learning rate. Lines: 95 % intervals."
        )
        figure = new_figure(result, self.question(), width=COLUMNS * CELL + 2.4, height=sum(tall) + 2.4, note=said)
        above, below = figure.subfigures(2, 1, height_ratios=[sum(tall), 2.4], squeeze=False)[:, 0]
        left, right = above.subfigures(1, 2, width_ratios=[2.2, COLUMNS * CELL], squeeze=False)[0]
        itself = [
            image_name(result, notes["row"]),
            (f"true: {text(notes['true'], 18)}", TRUE_COLOUR),
            (f"predicted: {text(notes['predicted'], 18)}", PREDICTED_COLOUR),
            (f"confidence {probability(notes['confidence'], 1)} %", PREDICTED_COLOUR),
            (f"{percent(notes['agreement'])} of {notes['neighbours']} agree", INK),
            (f"credibility {notes['credibility']:.3f}", INK),
        ]
        axes = left.subplots()
        picture = Tile(arrays["image"][0], below=itself, spot=spot_of(result, notes["row"]))
        tiles(axes, [picture], columns=1, cell=2.0)
        axes.set_anchor("N")
        rows = right.subplots(len(strips), 1, height_ratios=tall, squeeze=False)[:, 0]
        for axes, (title, pictures) in zip(rows, strips, strict=True):
            blank = Tile(np.full((*pictures[0].image.shape[:2], 3), 255, np.uint8), below=[("", QUIET)], blank=True)
            tiles(axes, [*pictures, *[blank] * (COLUMNS - len(pictures))], columns=COLUMNS, cell=CELL)
            heading(axes, title)
        one, other = below.subplots(1, 2, width_ratios=[1, 1])
        _bars(one, result.tables["groups"])
        _histogram(other, arrays["credibility"], arrays["wrong"])
        return figure


def _near(seen: Witnesses, rows: Array, apart: Array, predictions: Predictions, row: int) -> pd.DataFrame:
    """List the neighbours of one image, nearest first."""
    import pandas as pd

    labels = seen.dataset.labels[rows]
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            seen.column: rows,
            "distance": apart,
            "label": [seen.dataset.class_names[c] for c in labels],
            "has_true_class": labels == predictions.labels[row],
            "has_predicted_class": labels == predictions.predicted[row],
        }
    )


def _pushes(session: Session, seen: Witnesses, row: int, names: tuple[str, ...]) -> pd.DataFrame:
    """List the training images with the largest influence, for and against the prediction."""
    import pandas as pd

    predictions, learned, trained = session.predictions, seen.session.predictions, trained_images(session)
    labels, fitted = (learned.labels, np.arange(len(learned))) if trained is None else (trained.labels, trained.fitted)
    own = residuals(predictions.probabilities[row : row + 1], predictions.predicted[row : row + 1])
    theirs, embeddings = residuals(learned.probabilities[fitted], labels[fitted]), seen.session.embeddings[fitted]
    if predictions.one_unit:
        own, theirs = own[:, 1:], theirs[:, 1:]  # the logit of class 0 is no output
    pushes = influence(own[0], session.embeddings[row], theirs, embeddings)
    pushes[fitted == seen.own[row]] = 0.0  # the influence of an image on itself is not informative
    order = np.argsort(-pushes, kind="stable")
    ahead, behind = order[pushes[order] > 0][:50], order[::-1][pushes[order[::-1]] < 0][:50]
    places = np.concatenate([ahead, behind])
    rows = fitted[places]
    return pd.DataFrame(
        {
            "pushed": ["for"] * len(ahead) + ["against"] * len(behind),
            "train_row": rows,
            "influence": pushes[places],
            "share_of_all": np.abs(pushes[places]) / max(float(np.abs(pushes).sum()), 1e-300),
            "label": [names[c] for c in labels[rows]],
            "probability_of_label": learned.probabilities[rows, labels[rows]],
            "cosine": unit(embeddings[places]) @ unit(session.embeddings[row : row + 1])[0],
        }
    )


def _groups(predictions: Predictions, agree: Array, belief: Array) -> pd.DataFrame:
    """Mean agreement and credibility of correct predictions and of errors, with 95 % intervals."""
    import pandas as pd

    lines = []
    for name, own in zip(GROUPS, (predictions.correct, ~predictions.correct), strict=True):
        line: dict[str, Any] = {"group": name, "images": int(own.sum())}
        for column, values in (("agreement", agree[own]), ("credibility", belief[own])):
            line |= columns(column, mean_with_interval(values, within=(0, 1)))
        lines.append(line)
    return pd.DataFrame(lines)


def _images(predictions: Predictions, agree: Array, belief: Array, rows: Array, names: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "row": rows,
            "label": [names[c] for c in predictions.labels[rows]],
            "predicted": [names[c] for c in predictions.predicted[rows]],
            "confidence": predictions.confidence[rows],
            "agreement": agree[rows],
            "credibility": belief[rows],
        }
    )


def _about(session: Session, row: int, nearest: tuple[Array, int], belief: float, seen: Witnesses) -> Finding:
    """Report how far the neighbours agree with the prediction: as many, of all labels in `nearest`, as it says."""
    every, counted = nearest
    predictions, image = session.predictions, session.dataset.names[row]
    near = every[:counted]
    label, predicted, names = predictions.labels[row], predictions.predicted[row], seen.dataset.class_names
    with_predicted, with_label = int((near == predicted).sum()), int((near == label).sum())
    share, sure = rate(with_predicted, len(near)), probability(float(predictions.confidence[row]), 1)
    wrong = label != predicted
    whose = "the smaller of both classes" if wrong else "the class"
    few = "" if counted == len(every) else f" (as many as {whose} has)"
    claim = (
        f"{image} ({names[label]}) is misclassified as {names[predicted]}"
        if wrong
        else f"{image} is correctly classified as {names[label]}"
    )
    claim += (
        f" (confidence {sure} %); of its {len(near)} nearest {seen.title}{few}, {with_predicted} "
        f"{verb(with_predicted, 'are')} {names[predicted]}, {share}"
    )
    claim += f", and {with_label} {verb(with_label, 'are')} {names[label]}" if wrong else ""
    return Finding(
        f"{claim}. Credibility {belief:.3f}.", severity=Severity.INFO, effect=share, evidence=ImageSet([row])
    )


def _influence(table: pd.DataFrame, images: ImageNames, row: int) -> Finding:
    """Report the most influential training images."""
    supporting, opposing = (table[table["pushed"] == way] for way in ("for", "against"))
    claims = []
    for did, part in (("supported", supporting), ("opposed", opposing)):
        if len(part):
            first = part.iloc[0]
            p = probability(float(first["probability_of_label"]), 1)
            image = images.one(first["train_row"], "train")
            claims.append(f"training image {image} ({first['label']}, p = {p} %) {did} it most")
    if not claims:
        return Finding(
            f"No training image still influences the prediction of {images.one(row)} through the last layer."
        )
    rows = [*supporting["train_row"].tolist()[:20], *opposing["train_row"].tolist()[:20]]
    claim = f"Influence on the prediction of {images.one(row)}: {'; '.join(claims)}."
    return Finding(claim, evidence=ImageSet(rows), part="train")


def _overall(predictions: Predictions, belief: Array) -> Finding:
    """Report the error rate of the least credible predictions, and of the others."""
    limit = float(np.quantile(belief, LEAST))
    least = belief <= limit
    hits = rate(int((least & ~predictions.correct).sum()), int(least.sum()))
    claim = f"Of the {plural(int(least.sum()), 'prediction')} with credibility of at most {limit:.3f}, {hits} are wrong"
    if not least.all():
        others = rate(int((~least & ~predictions.correct).sum()), int((~least).sum()))
        claim += f"; of the other {int((~least).sum()):,}, {others}"
    rows = np.flatnonzero(least)
    rows = rows[np.lexsort((-predictions.confidence[rows], belief[rows]))]
    return Finding(f"{claim}.", severity=Severity.INFO, effect=hits, evidence=ImageSet(rows))


def _strips(result: Result) -> list[tuple[str, list[Tile]]]:
    notes, arrays = result.notes, result.arrays

    def colour(label: str) -> str:
        return TRUE_COLOUR if label == notes["true"] else PREDICTED_COLOUR if label == notes["predicted"] else QUIET

    table = result.tables["neighbours"]
    column = table.columns[1]
    strips = [
        (
            f"Nearest {notes['title']}",
            [
                Tile(
                    image,
                    below=[
                        (text(each["label"], 15), colour(each["label"])),
                        image_name(result, each[column], PART_OF[column]),
                        (f"{each['distance']:.2f}", QUIET),
                    ],
                    spot=spot_of(result, each[column], PART_OF[column]),
                )
                for image, (_, each) in zip(arrays["nearest images"], table.iterrows(), strict=False)
            ],
        )
    ]
    for way in ("for", "against") if "influence" in result.tables else ():
        table = result.tables["influence"]
        lines = table[table["pushed"] == way].head(COLUMNS)
        influences = [f"{each:+.3g}".replace("-", "−") for each in lines["influence"]]
        pictures = [
            Tile(
                image,
                below=[(text(label, 15), colour(label)), image_name(result, row, "train"), (value, QUIET)],
                spot=spot_of(result, row, "train"),
            )
            for image, label, row, value in zip(
                arrays[f"{way} images"], lines["label"], lines["train_row"], influences, strict=True
            )
        ]
        if pictures:
            strips.append((f"Largest influence {way} the prediction", pictures))
    return strips


def _bars(axes: Axes, groups: pd.DataFrame) -> None:
    """Draw mean agreement and credibility of correct predictions and errors."""
    heading(axes, "Correct predictions and errors")
    plain(axes, grid="x")
    place = 0.0
    for column, title in (("agreement", "share of neighbours that agree"), ("credibility", "credibility")):
        for (_, each), colour in zip(groups.iterrows(), (TRUE_COLOUR, PREDICTED_COLOUR), strict=True):
            values = (np.array([each[f"{column}{end}"]], float) for end in ("", "_low", "_high"))
            interval_bars(axes, np.array([place]), *values, colour=colour, height=0.62)
            words = f"{title}, {each['group']} ({each['images']:,})"
            axes.text(0, place - 0.4, words, fontsize=SMALL, color=INK, va="bottom")
            spot = images_spot(
                each["group"],
                int(each["images"]),
                "correct:yes" if each["group"] == GROUPS[0] else "correct:no",
                more=f"mean {title} {each[column]:.3f}",
            )
            place_spot(axes, (-np.inf, np.inf, place - 0.62, place + 0.4), spot)
            place += 1.3
    axes.set_yticks([])
    axes.set_ylim(place - 0.7, -0.95)
    axes.set_xlim(0, 1)
    axes.set_xlabel("mean")


def _histogram(axes: Axes, belief: Array, wrong: Array) -> None:
    """Draw the credibility of correct predictions and errors."""
    heading(axes, "Credibility of all images")
    plain(axes, grid="y")
    for own, name, colour in ((~wrong, GROUPS[0], TRUE_COLOUR), (wrong, GROUPS[1], PREDICTED_COLOUR)):
        if own.any():
            share = np.full(int(own.sum()), 100 / own.sum())
            bins = np.linspace(0, 1, 21).tolist()
            axes.hist(belief[own], bins, weights=share, histtype="stepfilled", color=colour, alpha=0.3)
            axes.hist(belief[own], bins, weights=share, histtype="step", color=colour, linewidth=1.2, label=name)
    axes.set(xlabel="credibility of the prediction", ylabel="share of each, %", xlim=(0, 1))
    axes.legend(frameon=False, fontsize=SMALL, loc="upper center")
