"""A report as Markdown, for a pull request: the same words without the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from workbench.app.markdown import markdown, markdown_table, table_lines
from workbench.app.report.words import limits, methods

if TYPE_CHECKING:
    from workbench.app.report.content import Explained, Picture, Problem, Report, Versus


def as_markdown(report: Report, written: Callable[[str], str]) -> str:
    """Write a report as Markdown.

    Args:
        report: what it says.
        written: what the whole text goes through, see `without_folders`.
    """
    return written("\n".join(_lines(report)).rstrip() + "\n")


def _lines(report: Report) -> Iterator[str]:
    yield from (f"# Report on {markdown(report.name)}", "", f"{markdown(report.data)} · {markdown(report.made)}", "")
    yield from (f"**{markdown(report.summary)}**", "")
    for each in report.assumed:
        yield from (f"> {markdown(each)}", "")
    yield from table_lines(["", "value", ""], [(each.title, each.value, each.note) for each in report.cards])
    yield ""
    if report.versus is not None:
        yield from _versus(report.versus)
    yield from ("## Problems, worst first", "")
    if not report.problems:
        yield from ("No problems found.", "")
    for problem in report.problems:
        yield from _problem(problem)
    yield from ("## Chosen images, explained", "")
    if report.no_maps:
        yield from (report.no_maps, "")
    else:
        yield from (report.advised, "") if report.advised else ()
        yield from _maps(report.explained)
        yield ""
    yield from _folded("What was studied", table_lines(["", ""], report.studied))
    yield from _folded("Methods and limits", _words(report))
    yield from ("## How to reproduce it", "", "```sh")
    yield from (f"{command}  # {what}" for command, what in report.commands)
    yield from ("```", "", ", ".join(f"{name} `{value}`" for name, value in report.versions))


def _problem(each: Problem) -> Iterator[str]:
    yield f"{each.rank}. **{each.severity}: {markdown(each.kind)}.** {markdown(each.claim)}"
    numbers = [each.affects, f"effect {each.effect}" if each.effect else "", each.images and f"shown by {each.images}"]
    said = "; ".join(filter(None, numbers))
    for words in (said, each.advice, each.confirm and f"Check: {each.confirm}"):
        if words:
            yield f"   {markdown(words)}"
    if each.shown:
        yield f"   Images: {_names(each.shown)}"
    yield ""


def _names(pictures: tuple[Picture, ...]) -> str:
    return ", ".join(f"{markdown(each.name)} ({markdown(each.said)})" for each in pictures)


def _versus(both: Versus) -> Iterator[str]:
    yield from (f"## Compared with {markdown(both.names[1])}", "", f"**{markdown(both.sentence)}**", "")
    yield from (f"{markdown(each)}  " for each in both.notes)
    yield from table_lines(["", ""], both.facts)
    yield ""
    for title, count, pictures in both.groups:
        yield f"- {markdown(title)}: {count}" + (f", first {_names(pictures)}" if pictures else "")
    yield ""
    yield from _folded("Each class", [markdown_table(both.classes)])
    if both.said:
        yield from (markdown(both.said), "")
    if both.explained:
        yield from _maps(both.explained)
        yield ""
    if len(both.pairs):
        yield from _folded("Confusions that changed most", [markdown_table(both.pairs)])


def _maps(explained: tuple[Explained, ...]) -> Iterator[str]:
    rows = [
        (each.picture.name, each.true, each.second or each.predicted, one.method, one.verdict, one.grounds)
        for each in explained
        for one in each.maps
        if one.verdict
    ]
    yield from table_lines(["image", "true", "predicted", "map", "verdict", "it rests on"], rows)


def _words(report: Report) -> Iterator[str]:
    for each in methods(report):
        yield from (markdown(each), "")
    asked = ", ".join(title for title, _, _ in report.asked)
    yield from (f"Asked: {markdown(asked)}.", "")
    yield from (f"- {markdown(title)}: {markdown(why)}" for title, why in report.left_out)
    yield ""
    yield from (f"- {markdown(each)}" for each in limits(report))


def _folded(title: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield from ("<details>", f"<summary>{title}</summary>", "")
    yield from lines
    yield from ("", "</details>", "")
