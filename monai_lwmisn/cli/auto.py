"""Adds the commands for data of one's own: auto does everything, init only looks and decides."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from monai_lwmisn.cli.arguments import YOUR_DATA, Commands, add_owner, add_set, owner_of
from monai_lwmisn.cli.terminal import say, sleep_early
from monai_lwmisn.errors import BudgetError, ConfigError

if TYPE_CHECKING:
    from monai_lwmisn.auto.decisions import Wishes

OWN_DATA_HELP = "folder of images and labels, or a CSV table of them; see docs/inputs.md for the forms"
EXAMPLES = {"--time": "30m", "--latency": "5ms", "--size": "0.1M"}
MORE = "some hours, and tell what more labels would bring"


def add_commands(commands: Commands) -> None:
    """Add auto and init."""
    with commands.heading(YOUR_DATA):
        _add_auto(commands)
        init = commands.add("init", _init, "look at a data set, and write a preset with the reason for each setting")
    init.add_argument("data", type=Path, metavar="DATA", help=OWN_DATA_HELP)
    init.add_argument("-o", "--output", type=Path, metavar="PRESET.json", required=True, help="the preset to make")
    add_wishes(init)


def _add_auto(commands: Commands) -> None:
    parser = commands.add(
        "auto",
        _auto,
        "look at a data set, decide, train and measure; a bundle and a report of your own",
        epilog="It asks nothing. The same command resumes after an interruption.",
        way_on=lambda arguments: f"; resume with the same command, all that is finished is in {arguments.output}",
    )
    parser.add_argument("data", type=Path, metavar="DATA", help=OWN_DATA_HELP)
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="the folder to make")
    parser.add_argument("--test", type=Path, metavar="TESTDATA", help="other images with labels, to measure on as well")
    add_wishes(parser)
    parser.add_argument(
        "--compare", action="store_true", help="also train MONAI's BasicUNet for the same time, to compare with"
    )
    add_owner(parser)


def add_wishes(parser: argparse.ArgumentParser) -> None:
    """Add the options about time, latency, size, effort, folds and single settings."""
    parser.add_argument(
        "--time", metavar=EXAMPLES["--time"], help="time for search and training, in s, m or h (default: by effort)"
    )
    parser.add_argument(
        "--latency", metavar=EXAMPLES["--latency"], help="upper limit for the time of a 256x256 image (default: none)"
    )
    parser.add_argument("--size", metavar=EXAMPLES["--size"], help="upper limit for parameters (default: 0.15M)")
    parser.add_argument(
        "--folds", type=int, metavar="N", help="folds of a cross-validation, 1 for one split (default: by the cases)"
    )
    efforts = parser.add_mutually_exclusive_group()
    for effort, words in (
        ("quick", "minutes"),
        ("normal", "under an hour"),
        ("thorough", MORE),
    ):
        note = " (default)" if effort == "normal" else ""
        efforts.add_argument(
            f"--{effort}", dest="effort", action="store_const", const=effort, help=f"take {words}{note}"
        )
    parser.set_defaults(effort="normal")
    add_set(parser)


def wishes_of(arguments: argparse.Namespace, test: bool = False) -> Wishes:
    """Return what the options of :func:`add_wishes` ask for.

    Args:
        arguments: of a command.
        test: whether other data are there to test on.

    Raises:
        ConfigError: a time, limit or setting cannot be read, or a value is out of range.
    """
    from monai_lwmisn.auto.decisions import Wishes, parse_time
    from monai_lwmisn.config import parse_budget, parse_overrides

    limits: dict[str, float] = {}
    for name, option, text in (("params", "--size", arguments.size), ("latency", "--latency", arguments.latency)):
        if text is None:
            continue
        try:
            limits |= parse_budget(f"{name}={text}")
        except BudgetError as error:
            raise ConfigError(f"{option} {text} is not understood: write for example {EXAMPLES[option]}.") from error
    return Wishes(
        time=None if arguments.time is None else parse_time(arguments.time),
        latency_ms=limits.get("search.budget_latency_ms"),
        size=limits.get("search.budget_params"),
        effort=arguments.effort,
        folds=arguments.folds,
        test=test,
        settings=parse_overrides(arguments.set),
    )


def _auto(arguments: argparse.Namespace) -> None:
    sleep_early()
    from monai_lwmisn.auto.pipeline import auto

    wishes = replace(wishes_of(arguments, test=arguments.test is not None), compare=arguments.compare)
    auto(arguments.data, arguments.output, wishes, test=arguments.test, owner=owner_of(arguments), say=say)


def _init(arguments: argparse.Namespace) -> None:
    output = arguments.output
    if output.suffix != ".json":
        raise ConfigError(f"{output} is no name of a preset: end it with .json.")
    if output.exists():
        raise ConfigError(f"{output} exists, and may have been changed by hand: give another name, or remove it.")
    from monai_lwmisn.auto.fingerprint import take_fingerprint
    from monai_lwmisn.auto.page import decisions_text, summary
    from monai_lwmisn.auto.plan import make_plan, planned
    from monai_lwmisn.auto.preset_file import write_preset
    from monai_lwmisn.auto.rules import decide

    wishes = wishes_of(arguments)
    fingerprint = take_fingerprint(arguments.data, wishes.settings)
    plan = make_plan(fingerprint, decide(fingerprint, wishes), wishes)
    decisions = planned(fingerprint, wishes, plan, pace=None)
    write_preset(decisions, output, f"Made from {fingerprint.path}: {summary(fingerprint)}")
    say("\n".join([fingerprint.to_text(), *plan.sentences(), "", decisions_text(decisions)]))
    say(f"Made {output}. Change it by hand where you want to, then:")
    say(f"  lwmisn search --preset {output} --data {arguments.data} --out RUN")
