"""Adds commands to `lwmisn`, and the arguments that several commands share.

The modules of commands import libraries inside functions, so that --help answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monai_lwmisn.bundle.card import Owner

YOUR_DATA, LOOK, MORE = "your data", "look", "more"
"""Headings of the help."""

PRESET_HELP = (
    "nuclei, liver_ct, liver_ct_slices, lung_ct, prostate_mr, hippocampus_mr, or the path of a preset of your own "
    "(JSON)"
)
VARIANT_HELP = "light: this project's settings (recommended); paper: the published settings (default: light)"
DATA_HELP = "the data set as downloaded: a folder, or for dsb2018 (nuclei) also its zip"
SET_HELP = (
    "change a setting, as in train.epochs=10; the value is JSON; may be repeated; all settings are in docs/settings.md"
)


def no_way_on(arguments: argparse.Namespace) -> str:
    """Return an empty text: a command that saves nothing cannot be resumed."""
    return ""


class Commands:
    """Collects the commands of a parser, to which each module adds its own.

    Args:
        parser: the parser of `lwmisn`, or of a command with actions.
        metavar: the word for a command in the help.
        meaning: a phrase for that word in the help.
    """

    def __init__(self, parser: argparse.ArgumentParser, metavar: str = "COMMAND", meaning: str | None = None) -> None:
        self._parser = parser
        self._parsers = parser.add_subparsers(title="commands", metavar=metavar, help=meaning, required=True)
        self._headings: dict[str, argparse._ArgumentGroup] = {}
        parser.set_defaults(debug=False)

    @contextmanager
    def heading(self, title: str) -> Iterator[None]:
        """List the commands that are added inside the ``with`` block under a heading, which may be used again.

        argparse allows one list of commands, so this moves their lines of the help into a group of arguments.
        """
        lines = self._parsers._choices_actions
        before = len(lines)
        yield
        if title not in self._headings:
            self._headings[title] = self._parser.add_argument_group(title)
        self._headings[title]._group_actions.extend(lines[before:])
        del lines[before:]

    def add(
        self,
        name: str,
        command: Callable[[argparse.Namespace], None] | None,
        summary: str,
        epilog: str | None = None,
        way_on: Callable[[argparse.Namespace], str] = no_way_on,
        aliases: Sequence[str] = (),
    ) -> argparse.ArgumentParser:
        """Add one command.

        Args:
            name: the name that a user types.
            command: the function that runs the command; None for a command with actions.
            summary: a phrase for the list of commands and for the command's own help.
            epilog: text at the end of the command's help.
            way_on: returns how to resume after an interruption, as the rest of a sentence.
            aliases: other names of the command.

        Returns:
            The parser of the command, to which its arguments are added.
        """
        parser = self._parsers.add_parser(
            name,
            aliases=aliases,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,  # a default would overwrite --debug before the name of an action
            help="print the traceback of an error too, not only its sentence",
        )
        parser.set_defaults(command=command, way_on=way_on)
        return parser


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add --set, which changes values of a configuration."""
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", default=[], help=SET_HELP)


def add_shorthands(parser: argparse.ArgumentParser, stage: str) -> None:
    """Add --epochs, --batch and --device, which are short for --set; call it behind :func:`add_set`."""
    for option, key, metavar, meaning in (
        ("--epochs", f"{stage}.epochs", "N", "epochs"),
        ("--batch", f"{stage}.batch_size", "N", "images or slices at a time"),
        ("--device", "device", "NAME", "where to compute: auto, cpu or cuda"),
    ):
        parser.add_argument(
            option,
            action="append",
            dest="set",
            default=argparse.SUPPRESS,
            type=f"{key}={{}}".format,
            metavar=metavar,
            help=f"{meaning}; short for --set {key}={metavar}",
        )


def add_owner(parser: argparse.ArgumentParser) -> None:
    """Add what the owner of a bundle says of it; :func:`owner_of` reads it."""
    for option, metavar, words in (
        ("name", "TITLE", "title of the bundle"),
        ("author", "NAME", "who made it"),
        ("licence", "TERMS", "terms of its weights, such as CC-BY-4.0"),
        ("description", "SENTENCE", "what it segments"),
    ):
        parser.add_argument(f"--{option}", metavar=metavar, help=f"{words}, for the model card and the metadata")
    parser.add_argument(
        "--card",
        type=Path,
        metavar="FILE.json",
        help="all that the model card says of the data, the terms and the limits; the form is in docs/commands.md",
    )


def owner_of(arguments: argparse.Namespace) -> Owner:
    """Return what the options of :func:`add_owner` say."""
    from monai_lwmisn.bundle.card import Owner

    return Owner(arguments.name, arguments.author, arguments.licence, arguments.description, card=arguments.card)


def add_resume(parser: argparse.ArgumentParser, settings: str) -> None:
    """Add --resume; `settings` says which settings the resumed run uses, as the rest of a sentence."""
    parser.add_argument(
        "--resume", action="store_true", help=f"resume an interrupted run after its last finished epoch{settings}"
    )
