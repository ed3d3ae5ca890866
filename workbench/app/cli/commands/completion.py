"""`workbench completion`: what a shell needs to complete the names of commands, options, runs and analyses."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from workbench.app.cli.options import Choice
from workbench.app.cli.program import command
from workbench.core.errors import WorkbenchError

SHELLS = ("bash", "zsh", "fish")


@command(
    examples=[
        ("completion bash", "print it; for good: workbench completion bash >> ~/.bashrc"),
        ("completion zsh", "for good: workbench completion zsh >> ~/.zshrc"),
        ("completion fish", "for good: into ~/.config/fish/completions/workbench.fish"),
    ]
)
@click.argument("shell", type=Choice("shell", SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete commands and options with the Tab key."""
    kind = get_completion_class(shell)
    if kind is None:
        raise WorkbenchError(f"Completion must be for one of {', '.join(SHELLS)}. Got {shell!r}.")
    root = click.get_current_context().find_root().command
    # Without a look at the installed shell, whose version click would ask for in a process of its own.
    made = kind(root, {}, "workbench", "_WORKBENCH_COMPLETE")
    click.echo(made.source_template % made.source_vars())
