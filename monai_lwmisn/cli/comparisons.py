"""Commands that compare networks: compare, report."""

from __future__ import annotations

import argparse
from pathlib import Path

from monai_lwmisn.cli.arguments import DATA_HELP, Commands, add_set
from monai_lwmisn.cli.terminal import say
from monai_lwmisn.errors import ComparisonError


def add_commands(commands: Commands) -> None:
    """Add compare and report."""
    compare = commands.add(
        "compare",
        _compare,
        "search, train and measure networks under one protocol; a network that fails does not end the others",
        way_on=_way_on_to_compare,
    )
    compare.add_argument("--preset", required=True, help="nuclei, liver_ct or prostate_mr")
    compare.add_argument("--data", type=Path, metavar="PATH", required=True, help=DATA_HELP)
    compare.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="for all results, made anew")
    compare.add_argument(
        "--protocol",
        choices=("full", "small"),
        default="full",
        help="full: 256x256, 30 epochs, for a GPU; small: crops of 96x96 and 10 epochs, for all networks alike "
        "(default: %(default)s)",
    )
    compare.add_argument(
        "--models",
        metavar="NAMES",
        default="all",
        help="all, or names with commas between: those of lwmisn baselines, and lwmisn, lwmisn_fast, random_1 and "
        "others of ours (docs/comparison.md) (default: %(default)s)",
    )
    compare.add_argument("--epochs", type=int, metavar="N", help="of each training; the protocol's where left out")
    compare.add_argument(
        "--seeds", type=int, metavar="N", help="trainings of each network; the protocol's where left out"
    )
    compare.add_argument(
        "--budget-hours", type=float, metavar="H", help="each training ends with the epoch that goes beyond H hours"
    )
    compare.add_argument(
        "--validation-only",
        action="store_true",
        help="leave the test part alone, for a later call to look at",
    )
    add_set(compare)
    compare.add_argument(
        "--resume",
        action="store_true",
        help="go on in FOLDER; what is done with the same settings is not repeated",
    )

    report = commands.add("report", _report, "write the tables and figures of a comparison")
    report.add_argument("comparison", type=Path, metavar="FOLDER", help="a folder that `lwmisn compare` wrote")
    report.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help="the markdown file; the tables as CSV and the figures are written beside it",
    )


def _compare(arguments: argparse.Namespace) -> None:
    from monai_lwmisn import config
    from monai_lwmisn.studies.compare import Comparison
    from monai_lwmisn.studies.models import find_entrants
    from monai_lwmisn.studies.protocol import load_protocol

    entrants = find_entrants(arguments.models.split(","))
    protocol = load_protocol(
        arguments.preset,
        arguments.protocol,
        epochs=arguments.epochs,
        seeds=arguments.seeds,
        budget_hours=arguments.budget_hours,
        overrides=config.parse_overrides(arguments.set),
    )
    protocol.check_settings(entrants)
    comparison = Comparison(arguments.out, protocol, arguments.data, not arguments.validation_only, say)
    comparison.prepare(resume=arguments.resume)
    failures = comparison.run(entrants)
    say(f"The results: {arguments.out / 'cells'}\nTables and figures: lwmisn report {arguments.out} -o FILE.md")
    if failures:
        raise ComparisonError(f"{len(failures)} of {len(entrants)} networks failed: {', '.join(failures)}; see above.")


def _report(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.studies.report import write_report

    say("\n".join(map(str, write_report(arguments.comparison, arguments.output))))


def _way_on_to_compare(arguments: argparse.Namespace) -> str:
    if not (arguments.out / "comparison.json").exists():
        return ""
    return "; what is done is kept, go on with the same command and --resume"
