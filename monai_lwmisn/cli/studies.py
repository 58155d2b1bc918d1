"""The commands of the study: compare, report, baselines, table1."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from monai_lwmisn.cli.arguments import DATA_HELP, Commands, add_set
from monai_lwmisn.cli.terminal import say
from monai_lwmisn.errors import ComparisonError
from monai_lwmisn.locks import only_writer

JSON_HELP = "print JSON: parameters and multiply-accumulates as plain numbers"


def add_commands(commands: Commands) -> None:
    """Add the commands of the study, under a heading of their own."""
    with commands.heading("study (the networks of the paper, compared)"):
        _add_compare(commands)
        report = commands.add("report", _report, "write the tables and figures of a comparison")
        report.add_argument("comparison", type=Path, metavar="FOLDER", help="a folder that `lwmisn compare` wrote")
        report.add_argument(
            "-o",
            "--output",
            type=Path,
            metavar="FILE",
            required=True,
            help="the Markdown file; the tables as CSV and the figures are written beside it",
        )
        baselines = commands.add("baselines", _baselines, "list the baseline networks: their costs and their sources")
        baselines.add_argument("--json", action="store_true", help=JSON_HELP)
        table1 = commands.add(
            "table1", _table1, "count the cost of each candidate operation, beside table 1 of the paper"
        )
        table1.add_argument("--json", action="store_true", help=JSON_HELP)


def _add_compare(commands: Commands) -> None:
    compare = commands.add(
        "compare",
        _compare,
        "search, train and evaluate networks under one protocol; if one fails, the others go on",
        way_on=_way_on_to_compare,
    )
    compare.add_argument("--preset", required=True, help="nuclei, liver_ct, prostate_mr or hippocampus_mr")
    compare.add_argument("--data", type=Path, metavar="PATH", required=True, help=DATA_HELP)
    compare.add_argument("-o", "--out", type=Path, metavar="FOLDER", required=True, help="a new folder for all results")
    compare.add_argument(
        "--protocol",
        choices=("full", "small", "paper"),
        default="full",
        help="full: 256x256, 30 epochs, for a GPU; small: crops of 96x96 and 10 epochs; paper: the published training "
        "and split, for a GPU (default: %(default)s)",
    )
    compare.add_argument(
        "--models",
        metavar="NAMES",
        default="all",
        help="all, or names separated by commas: those that `lwmisn baselines` lists, and lwmisn, lwmisn_fast, "
        "random_1 and more (docs/comparison.md) (default: %(default)s)",
    )
    compare.add_argument("--epochs", type=int, metavar="N", help="of each training (default: the protocol's)")
    compare.add_argument("--seeds", type=int, metavar="N", help="trainings of each network (default: the protocol's)")
    compare.add_argument(
        "--budget-hours", type=float, metavar="H", help="each training ends with the epoch that exceeds H hours"
    )
    compare.add_argument(
        "--validation-only",
        action="store_true",
        help="do not evaluate on the test part; a later call without this option does",
    )
    add_set(compare)
    compare.add_argument(
        "--resume",
        action="store_true",
        help="resume in FOLDER; trials that are finished with the same settings are skipped",
    )


def _compare(arguments: argparse.Namespace) -> None:
    from monai_lwmisn import config
    from monai_lwmisn.studies.compare import Comparison
    from monai_lwmisn.studies.models import find_models
    from monai_lwmisn.studies.protocol import load_protocol

    protocol = load_protocol(
        arguments.preset,
        arguments.protocol,
        epochs=arguments.epochs,
        seeds=arguments.seeds,
        budget_hours=arguments.budget_hours,
        overrides=config.parse_overrides(arguments.set),
    )
    models = find_models(arguments.models.split(","), arguments.preset)
    protocol.check_settings(models)
    comparison = Comparison(arguments.out, protocol, arguments.data, not arguments.validation_only, say)
    with only_writer(arguments.out) as killed:
        comparison.prepare(resume=arguments.resume or killed)
        failures = comparison.run(models)
    say(f"Results: {arguments.out / 'trials'}\nTables and figures: lwmisn report {arguments.out} -o FILE.md")
    if failures:
        raise ComparisonError(
            f"{len(failures)} of {len(models)} networks failed: {', '.join(failures)}; see above for the reasons, mend "
            "them, then resume with the same command and --resume."
        )


def _way_on_to_compare(arguments: argparse.Namespace) -> str:
    if not (arguments.out / "comparison.json").exists():
        return ""
    return "; finished trials are kept, resume with the same command and --resume"


def _report(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.studies.report import write_report

    say("\n".join(map(str, write_report(arguments.comparison, arguments.output))))


def _baselines(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.studies.baseline_table import baseline_rows, format_baselines

    rows = baseline_rows()
    say(json.dumps(rows, indent=2) if arguments.json else format_baselines(rows))


def _table1(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.studies.table1 import format_table1, table1

    rows = table1()
    say(json.dumps(rows, indent=2) if arguments.json else format_table1(rows))
