"""The registry as commands. Only what a command needs is imported, and only when it runs: `--help` must be quick."""

from __future__ import annotations

import click

from workbench import __version__
from workbench.app.cli.commands.advise import advise
from workbench.app.cli.commands.analyses import analyses
from workbench.app.cli.commands.analyze import analyze
from workbench.app.cli.commands.check import check
from workbench.app.cli.commands.compare import compare
from workbench.app.cli.commands.compare_recipes import compare_recipes
from workbench.app.cli.commands.completion import completion
from workbench.app.cli.commands.data import data
from workbench.app.cli.commands.diagnose import diagnose
from workbench.app.cli.commands.evaluate import evaluate, runs
from workbench.app.cli.commands.explain import explain
from workbench.app.cli.commands.export import export
from workbench.app.cli.commands.figures import figures
from workbench.app.cli.commands.images import images
from workbench.app.cli.commands.label_next import label_next
from workbench.app.cli.commands.maps import maps
from workbench.app.cli.commands.plugin_check import plugin_check
from workbench.app.cli.commands.prove import prove
from workbench.app.cli.commands.report import report
from workbench.app.cli.commands.selftest import selftest
from workbench.app.cli.commands.shell import shell
from workbench.app.cli.commands.start import page, start
from workbench.app.cli.commands.train import train
from workbench.app.cli.commands.truth import truth
from workbench.app.cli.commands.workspace import workspace
from workbench.app.cli.program import Program
from workbench.core.plugins import folders, naming

COMMANDS = (
    start,
    page,
    data,
    train,
    compare_recipes,
    prove,
    runs,
    evaluate,
    compare,
    diagnose,
    report,
    check,
    analyses,
    analyze,
    figures,
    advise,
    explain,
    maps,
    images,
    label_next,
    workspace,
    export,
    selftest,
    truth,
    plugin_check,
    shell,
    completion,
)


class _InOrder(Program):
    """Lists the commands in the order in which one meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _with_plugins(ctx: click.Context, _: click.Parameter, given: tuple[str, ...]) -> None:
    """Put the folders before those of the environment, for this program and those that it starts."""
    if given:
        ctx.with_resource(naming(*given, alone=False))
        folders()  # what is wrong with them is said before anything is done


@click.group(
    cls=_InOrder,
    examples=[
        ("start", "everything: data, baseline, page"),
        ("diagnose --fast", "what is wrong with the baseline, worst first"),
        ("analyze most-confused --top 5", "the classes it confuses most, in the terminal"),
        ("explain 0 17 --method integrated-gradients", "attribution maps of two test images"),
        ("figures mine --out report/", "every analysis of your own run, as files"),
    ],
)
@click.version_option(__version__, prog_name="workbench")
@click.option(
    "--plugins",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    metavar="DIR",
    is_eager=True,
    expose_value=False,
    callback=_with_plugins,
    help="Folder with analyses, methods, measures, … of your own, whose code is run; repeatable. Also in "
    "WORKBENCH_PLUGINS.",
)
def main() -> None:
    """Where is my image classifier wrong, why, and may I believe the picture?

    Error analysis for Keras 3 classifiers: start with the trained baseline on Fashion-MNIST, or use your own
    model and data. See COMMAND --help for details and examples.
    """


for _command in COMMANDS:
    main.add_command(_command)
