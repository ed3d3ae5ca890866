"""The program around the commands: help with examples, errors in one line, exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from workbench.app.cli.quiet import quiet_tensorflow
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.files import disk_trouble

USER_ERROR, BUG, FOUND, INTERRUPTED, CUT_OFF = 2, 1, 3, 130, 141
"""Exit codes: `FOUND` where a finding or a rule says no; `CUT_OFF`, a shell's own, where nobody reads, `| head`."""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass
class Run:
    """What one call of the program remembers."""

    traceback: bool = False


class Command(click.Command):
    """A command with examples below its options, and with `--traceback`."""

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **settings: Any) -> None:
        settings.setdefault("context_settings", CONTEXT)
        super().__init__(*args, **settings)
        self.examples = tuple(examples)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Put `--traceback` before `--help`."""
        *own, asks_help = super().get_params(ctx)
        return [*own, _traceback_option(), asks_help]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """A group that offers the nearest names for a mistyped one."""

    command_class = Command

    def __init__(
        self,
        *args: Any,
        kind: str = "command",
        kinds: str = "commands",
        examples: Sequence[tuple[str, str]] = (),
        **settings: Any,
    ) -> None:
        settings.setdefault("context_settings", CONTEXT)
        settings.setdefault("subcommand_metavar", f"{kind.upper()} …")
        super().__init__(*args, **settings)
        self.kind, self.kinds = kind, kinds
        self.examples = tuple(examples)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Put `--traceback` before `--help`."""
        *own, asks_help = super().get_params(ctx)
        return [*own, _traceback_option(), asks_help]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under the name of what they are, each with its whole first sentence."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section(self.kinds.capitalize()):
            formatter.write_dl([(name, _first_sentence(each)) for name, each in found if each is not None])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command.

        Raises:
            WorkbenchError: if there is none of this name.
        """
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown(self.kind, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class Program(Group):
    """The whole program; every error leaves as one line on stderr and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command and exit: 0 done, 2 wrong input, 1 a bug of ours, 130 interrupted, 141 nobody reads."""
        prog_name = prog_name or "workbench"
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        run = Run()
        quiet_tensorflow()
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, obj=run, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            code = _cut_off()
        except SystemExit as error:  # click's and rich's answer to a broken pipe, which both hide
            code = _cut_off() if error.code == BUG else error.code
        except click.Abort:
            code = _say("Stopped.", INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the last surface: whatever it is, the user gets a sentence
            code = _said(error, run)
        sys.exit(code if isinstance(code, int) else 0)


def plain(text: object) -> str:
    """Return `text` on one line with every control character shown as an escape, so that it stays text."""
    return "".join(
        each if each.isprintable() else " " if each == "\n" else each.encode("unicode_escape").decode()
        for each in str(text)
    )


def _fail(message: str, code: int, run: Run, *, keep_lines: bool = False) -> int:
    if run.traceback:
        traceback.print_exc()
    lines = message.split("\n") if keep_lines else [message]
    click.echo(click.style("Error: ", fg="red", bold=True) + "\n".join(map(plain, lines)), err=True)
    return code


def _said(error: Exception, run: Run) -> int:
    """Say in one line what is wrong; return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return 0
    if isinstance(error, click.UsageError):
        said = error.format_message()
        where = f" See `{error.ctx.command_path} --help`." if error.ctx else ""
        return _fail(f"{said}{'' if said.endswith(('.', '?')) else '.'}{where}", USER_ERROR, run)
    if isinstance(error, click.ClickException):
        return _fail(error.format_message(), USER_ERROR, run)
    if isinstance(error, WorkbenchError):  # what is unavailable may list every place that was tried
        return _fail(str(error), USER_ERROR, run, keep_lines=isinstance(error, Unavailable))
    if isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename else ""
        return _fail(f"{named}{error.strerror or error}.", USER_ERROR, run)
    return _unforeseen(error, run)


def _cut_off() -> int:
    """End quietly, since nobody reads what is written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
    return CUT_OFF


def _unforeseen(error: Exception, run: Run) -> int:
    """Say what a disk refused, whichever library tells it; anything else is a fault of ours."""
    if said := disk_trouble(error):
        return _fail(f"The disk did not take a file: {said}. Make room, or choose another place.", USER_ERROR, run)
    hint = "" if run.traceback else " Run it again with --traceback for details."
    what = f"{type(error).__name__}: {error}".rstrip(".")
    return _fail(f"This is a bug in the workbench, not in what you did. {what}.{hint}", BUG, run)


def _say(message: str, code: int) -> int:
    click.secho(message, err=True, dim=True)
    return code


def _traceback_option() -> click.Option:
    def remember(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        run = ctx.find_object(Run)
        if wanted and run is not None:
            run.traceback = True

    return click.Option(
        ["--traceback"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=remember,
        help="Show the traceback of an error.",
    )


def _first_sentence(command: click.Command) -> str:
    return (command.short_help or (command.help or "").partition("\n\n")[0]).replace("\n", " ")


def _write_examples(examples: Sequence[tuple[str, str]], formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for line, meaning in examples:
                formatter.write(f"{'':{formatter.current_indent}}# {meaning}\n")
                formatter.write(f"{'':{formatter.current_indent}}workbench {line}\n")


def command(*, examples: Sequence[tuple[str, str]], **settings: Any) -> Callable[[Callable[..., Any]], Command]:
    """Make a `Command`; `examples` are pairs of a command line without `workbench` and what it does."""
    return click.command(cls=Command, examples=examples, **settings)
