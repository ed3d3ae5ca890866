"""Every analysis as files: a figure, a `.json` with what made it, and a gallery of all."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.app.drawn_figure import drawn
from workbench.app.markdown import markdown, table_lines
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import write_file
from workbench.core.image_set import ImageSet
from workbench.core.locks import holding, sharing
from workbench.core.progress import Progress, report
from workbench.core.result import Result
from workbench.core.wording import plural, verb
from workbench.diagnosis import registry
from workbench.diagnosis.record import answered
from workbench.session.session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG = logging.getLogger("workbench.app.figure_files")
ROWS = 10
"""Rows of a table that the gallery shows."""
NAMED = 3
"""Images of a place of a scatter that are named; there are hundreds of places."""
ELSEWHERE = "Free some space, or choose another folder with `--out`."
PACKAGES = ("classifier-workbench", "keras", "tensorflow", "numpy", "pandas", "matplotlib", "tf-keras-vis")
SEVERITY = {"info": "", "mild": "**mild:** ", "serious": "**serious:** ", "critical": "**critical:** "}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one analysis.

    Attributes:
        name: CLI name.
        png, json: the files; None where there are none.
        seconds: computing and drawing.
        skipped: what the model or the data lacks for it; empty if nothing.
        failed: the error that it ended with, a fault of the workbench; empty if none.
    """

    name: str
    png: Path | None = None
    json: Path | None = None
    seconds: float = 0.0
    skipped: str = ""
    failed: str = ""


def write_figures(
    session: Session, out: Path, *, only: Sequence[str] = (), limit: int | None = None, progress: Progress = report
) -> list[Outcome]:
    """Write the figures of a session, and `index.md`, the gallery of every figure of its model and data in `out`.

    An analysis that fails does not keep the others from being written.

    Args:
        session: model and data.
        out: folder to write to; made if it is not there.
        only: CLI names of analyses; all if empty.
        limit: look at the first so many images only.
        progress: told after each analysis.

    Returns:
        One entry for each analysis, in the order of their names.

    Raises:
        WorkbenchError: if there is no analysis of a name, or `limit` is not positive.
        Unavailable: if the folder takes no file, or another process writes to it.
    """
    names = sorted({registry.analysis(name).name() for name in only} or registry.analyses())
    if limit is not None:
        if limit < 1:
            raise WorkbenchError(f"`limit` must be at least 1 image. Got {limit}.")
        session = session.subset(slice(0, min(limit, len(session.dataset))))
    with writing_to(out):
        try:
            written = []
            for done, name in enumerate(names):
                progress("Figures", done, len(names))
                written.append(_write(session, out, name))
            write_file(out / "index.md", _gallery(session, out, written))
        except OSError as error:
            raise _unwritable(out, error) from error
    progress("Figures", len(names), len(names))
    return written


@contextlib.contextmanager
def writing_to(out: Path | None) -> Iterator[None]:
    """Be the only command that writes figures and records to a folder; None is no folder.

    To be entered before what is written is computed, so that a folder that takes no file is told at once.

    Raises:
        Unavailable: if it takes no file, or another process writes to it.
    """
    if out is None:
        yield
        return
    with holding(out / "figures", f"The content of {out}", ELSEWHERE):
        yield


def _write(session: Session, out: Path, name: str) -> Outcome:
    """Compute, draw and save one analysis."""
    started = time.perf_counter()
    try:
        png, made = _save_figure(registry.compute(session, name), out)
    except OSError:
        raise
    except registry.Missing as error:
        return Outcome(name=name, skipped=error.reason)
    except WorkbenchError as error:
        return Outcome(name=name, skipped=str(error))
    except Exception as error:
        LOG.debug("%s failed", name, exc_info=True)
        return Outcome(name=name, failed=f"{type(error).__name__}: {error}")
    return Outcome(name=name, png=png, json=made, seconds=round(time.perf_counter() - started, 2))


def _save_figure(result: Result, out: Path) -> tuple[Path, Path]:
    """Draw a result, and write its figure and what made it."""
    figure = drawn(result.draw())
    files = out / f"{result.analysis}.png", out / f"{result.analysis}.json"
    write_file(files[0], figure.png)
    record = {**_record(result), "hot_spots": [_named(result, spot) for spot in figure.spots]}
    write_file(files[1], _as_json(record) + "\n")
    return files


def _named(result: Result, spot: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spot with the names of images and classes in place of their numbers."""
    address, names = dict(spot["address"]), result.class_names
    if "image" in address:
        address["image"] = result.image_name(int(address["image"]), address.get("part", "data"))
    if "rows" in address:
        rows = ImageSet(map(int, address.pop("rows").split(",")), part=address.get("part", "data"))
        address |= {"images": result.image_names(rows[:NAMED]), "count": len(rows)}
    for end in ("true", "predicted"):
        if end in address:
            address[end] = names[int(address[end])]
    return {**spot, "address": address}


def write_results(out: Path, results: Iterable[Result], records: Mapping[str, Any]) -> None:
    """Write the figures of some results, and records by the names of their files: text as it is, the rest as JSON.

    Raises:
        Unavailable: if the folder takes no file.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for result in results:
            _save_figure(result, out)
        for name, record in records.items():
            write_file(out / name, record if isinstance(record, str) else _as_json(record) + "\n")
    except OSError as error:
        raise _unwritable(out, error) from error


def write_figure(out: Path, name: str, figure: Figure, record: Mapping[str, Any]) -> Path:
    """Write a figure that is no analysis's, and what made it, as `<name>.png` and `<name>.json`; return the first.

    Raises:
        Unavailable: if the folder takes no file.
    """
    try:
        with sharing(out / name, name):
            out.mkdir(parents=True, exist_ok=True)
            write_file(out / f"{name}.png", drawn(figure).png)
            write_file(out / f"{name}.json", _as_json(record) + "\n")
    except OSError as error:
        raise _unwritable(out, error) from error
    return out / f"{name}.png"


def _unwritable(out: Path, error: OSError) -> Unavailable:
    return Unavailable(f"Cannot write to {out}: {error.strerror or error}. {ELSEWHERE}")


def _record(result: Result) -> dict[str, Any]:
    """Everything that the figure was made from and with, and the first rows of its answer."""
    tables = list(result.named.values())
    table = tables[0] if tables else None
    return {
        "analysis": result.analysis,
        "question": registry.analysis(result.analysis).question(),
        "params": dict(result.params),
        "context": dict(result.context),
        "findings": [answered(result, finding) for finding in result.findings],
        "table": {
            "columns": [] if table is None else [str(column) for column in table.columns],
            "rows": [] if table is None else json.loads(table.head(ROWS).to_json(orient="values", double_precision=6)),
            "of": 0 if table is None else len(table),
        },
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _as_json(value: Any, indent: str = "") -> str:
    """Write JSON that reads well: a line for each entry, but lists of numbers and table rows in one line."""
    deeper = indent + " "
    if isinstance(value, Mapping) and value:
        entries = [f"{json.dumps(key, ensure_ascii=False)}: {_as_json(each, deeper)}" for key, each in value.items()]
        return "{" + ",".join(f"\n{deeper}{entry}" for entry in entries) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping | list | tuple) for each in value):
        return "[" + ",".join(f"\n{deeper}{_as_json(each, deeper)}" for each in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, default=lambda scalar: scalar.tolist())


def _gallery(session: Session, out: Path, written: Iterable[Outcome]) -> str:
    """Return `index.md`: what was written now, and figures of the same model and data that were there before."""
    context, outcomes = session.context, {each.name: each for each in written}
    images, classes = plural(context["images"], "image"), plural(context["classes"], "class")
    seen = f"{images} of {markdown(context['dataset'])} in {classes}"
    made_of = f"{seen} · model `{context['model']}` · data `{context['data']}`"
    lines = [f"# Figures of {markdown(context['run'])}", "", made_of, ""]
    sections, left_out = [], []
    for name in registry.analyses():
        outcome = outcomes.get(name, Outcome(name=name))
        if outcome.skipped or outcome.failed:
            left_out.append(f"- **{name}**: {markdown(outcome.skipped or f'failed with {outcome.failed}')}")
        elif (record := _read(out / f"{name}.json", context)) is not None:
            sections.append(_section(name, record))
    lines += [*("".join(sections)).splitlines()]
    if left_out:
        lines += ["## Skipped", "", *left_out]
    return "\n".join(lines).rstrip() + "\n"


def _read(path: Path, context: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the record of a figure, if it is of this model and this data."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        same = all(record["context"][key] == context[key] for key in ("run", "model", "data"))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return record if same and path.with_suffix(".png").is_file() else None


def _section(name: str, record: Mapping[str, Any]) -> str:
    question = markdown(record["question"])
    lines = [f"## {question}", ""]
    for finding in record["findings"]:
        advice = f" *{markdown(finding['advice'])}*" if finding["advice"] else ""
        lines.append(f"- {SEVERITY.get(finding['severity'], '')}{markdown(finding['claim'])}{advice}")
    lines += ["", f"![{question}]({name}.png)", ""]
    table = record["table"]
    if table["rows"]:
        lines += table_lines(table["columns"], table["rows"])
        more = table["of"] - len(table["rows"])
        lines += ["", f"{plural(more, 'more row')} {verb(more, 'are')} not shown.", ""] if more else [""]
    lines += [f"`workbench analyze {name}` · [data and settings]({name}.json)", "", ""]
    return "\n".join(lines)
