"""The settings of a recipe as options, and recipes by name or file, for the commands that train."""

from __future__ import annotations

from collections.abc import Iterator

import click

from workbench.app.cli.options import Choice, param_options
from workbench.app.cli.program import Command


class RecipeCommand(Command):
    """A command with an option for each setting of a recipe, made when they are first needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Put the settings after the command's own options."""
        *own, traceback, asks_help = super().get_params(ctx)
        return [*own, *self.settings(), traceback, asks_help]

    def settings(self) -> list[click.Option]:
        """One option for each field of `Recipe`, the same ones at each call."""
        if "_settings" not in self.__dict__:
            from workbench.training.recipes import Recipe

            taken = frozenset(str(param.name) for param in self.params)
            self._settings = param_options(Recipe, taken, defaults=False)
        return self._settings

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the settings in a section of their own."""
        settings = self.settings()
        own = [param for param in self.get_params(ctx) if isinstance(param, click.Option) and param not in settings]
        with formatter.section("Options"):
            formatter.write_dl([record for param in own if (record := param.get_help_record(ctx)) is not None])
        with formatter.section("Recipe settings (override the recipe's own)"):
            formatter.write_dl([record for param in settings if (record := param.get_help_record(ctx)) is not None])


def architectures() -> Iterator[str]:
    """Return the name of every network."""
    from workbench.training.architectures import architectures as found

    return iter(found())


architecture = click.option(
    "--architecture",
    type=Choice("architecture", architectures, "NAME"),
    help="Network architecture.  [default: baseline]",
)
weights = click.option(
    "--weights", metavar="imagenet|none|FILE", help="Initial weights of a pretrained backbone.  [default: imagenet]"
)


def check_weights(architecture: str | None, weights: str | None) -> None:
    """Refuse `--weights` that have no effect, before anything starts.

    Raises:
        WorkbenchError: if the network takes none.
        Unavailable: if there is no such file.
    """
    if weights is None:
        return
    from workbench.training.architectures import architectures as found
    from workbench.training.compiling import refuse_weights

    name = architecture or "baseline"
    refuse_weights(name, found()[name], weights)


def usual_recipe(name: str | None) -> str:
    """Return the recipe for an architecture where none is asked for: its own, if it names one, else `tuned`."""
    import sys

    from workbench.training.architectures import architectures as found

    build = found().get(name or "baseline")
    module = sys.modules.get(getattr(build, "__module__", ""))
    return str(getattr(module, "RECIPE", "tuned"))
