"""How commands are added to `lwmisn`, and the arguments that several of them have.

The modules of commands import libraries where they use them, so that --help answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

PRESET_HELP = "nuclei, liver_ct, prostate_mr, hippocampus_mr, or the path of a preset of your own (JSON)"
DATA_HELP = "the data set as downloaded: a folder, or for dsb2018 (nuclei) also its zip"
SET_HELP = (
    "change a setting, as in train.epochs=10; the value is JSON; may be repeated; all settings are in docs/settings.md"
)


def no_way_on(arguments: argparse.Namespace) -> str:
    """What to say after an interruption of a command that keeps nothing: nothing."""
    return ""


class Commands:
    """The commands of a parser, to which modules add theirs.

    Args:
        parser: the parser of `lwmisn`, or of a command that has actions.
        metavar: what the help calls one of them.
    """

    def __init__(self, parser: argparse.ArgumentParser, metavar: str = "COMMAND") -> None:
        self._parsers = parser.add_subparsers(metavar=metavar, required=True)
        parser.set_defaults(debug=False)

    def add(
        self,
        name: str,
        command: Callable[[argparse.Namespace], None] | None,
        summary: str,
        epilog: str | None = None,
        way_on: Callable[[argparse.Namespace], str] = no_way_on,
    ) -> argparse.ArgumentParser:
        """Add one command.

        Args:
            name: what a user types.
            command: what it does; None for a command that has actions, which do it.
            summary: a phrase for the list of commands, and the description of its own help.
            epilog: what its help ends with.
            way_on: how to go on after an interruption, as the rest of a sentence.

        Returns:
            Its parser, for its arguments.
        """
        parser = self._parsers.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,  # a default would undo what stands before the name of an action
            help="show where an error comes from, not only its sentence",
        )
        parser.set_defaults(command=command, way_on=way_on)
        return parser


def add_set(parser: argparse.ArgumentParser) -> None:
    """Let the values of a configuration be set."""
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", default=[], help=SET_HELP)


def add_resume(parser: argparse.ArgumentParser, settings: str) -> None:
    """Let an interrupted run go on; `settings` says with which settings, as the rest of a sentence."""
    parser.add_argument(
        "--resume", action="store_true", help=f"go on from the last finished epoch of an interrupted run{settings}"
    )
