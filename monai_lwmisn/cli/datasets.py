"""Adds the commands about data sets: check-data, phantom."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_lwmisn.cli.arguments import DATA_HELP, MORE, PRESET_HELP, VARIANT_HELP, YOUR_DATA, Commands, add_set
from monai_lwmisn.cli.terminal import say
from monai_lwmisn.errors import DataError, counted

if TYPE_CHECKING:
    from monai_lwmisn.data.data_report import DataReport


def add_commands(commands: Commands) -> None:
    """Add check-data and phantom."""
    with commands.heading(YOUR_DATA):
        check = commands.add("check-data", _check_data, "report the content of a data set and its problems")
    check.add_argument("--preset", help=f"{PRESET_HELP} (default: as `lwmisn auto` reads the data)")
    check.add_argument("--variant", default="light", help=VARIANT_HELP)
    check.add_argument("--data", type=Path, metavar="PATH", required=True, help=DATA_HELP)
    check.add_argument("--json", action="store_true", help="print JSON")
    add_set(check)

    with commands.heading(MORE):
        phantom = commands.add("phantom", _phantom, "make a data set of artificial images, in the format of a real one")
    phantom.add_argument("out", type=Path, metavar="OUT", help="the folder to make")
    phantom.add_argument(
        "--kind",
        choices=("nuclei", "ct", "mr"),
        default="nuclei",
        help="which real data to imitate (default: %(default)s)",
    )
    phantom.add_argument(
        "--cases", type=int, metavar="N", default=12, help="number of images or volumes (default: %(default)s)"
    )
    phantom.add_argument(
        "--size", type=int, metavar="PIXELS", help="width and height (default: 256 for nuclei, 128 for volumes)"
    )
    phantom.add_argument(
        "--seed", type=_seed, metavar="S", default=0, help="the same seed gives the same images (default: %(default)s)"
    )


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a seed: give a whole number from 0 on")
    return int(text)


def _check_data(arguments: argparse.Namespace) -> None:
    from monai_lwmisn import config
    from monai_lwmisn.data import check_data
    from monai_lwmisn.run import resolve_for

    overrides = config.parse_overrides(arguments.set)
    if arguments.preset is None:
        from monai_lwmisn.auto.decisions import Wishes
        from monai_lwmisn.auto.fingerprint import check_own_data

        report, data = check_own_data(arguments.data, Wishes(settings=overrides).settings)
    else:
        data = resolve_for(arguments.data, arguments.preset, arguments.variant, overrides)["evaluate"]["data"]
        report = check_data(data["dataset"], arguments.data, data)
    _add_parts(report, data)
    say(json.dumps(dataclasses.asdict(report), indent=2) if arguments.json else report.to_text())
    if report.problems:
        raise DataError(f"{arguments.data} has {counted(len(report.problems), 'problem')}: see above.")


def _add_parts(report: DataReport, data: Mapping[str, Any]) -> None:
    """Add the sizes of the parts that a search would split the data into."""
    if not report.items:
        return
    from monai_lwmisn.data import split_datalist
    from monai_lwmisn.data.part_sizes import part_sizes, warn_of_few_cases
    from monai_lwmisn.errors import SplitError

    names = ("test_fraction", "validation_fraction", "seed", "folds", "fold")
    try:
        datalist = split_datalist(report.items, data["split_by"], **{name: data[name] for name in names})
    except SplitError as error:
        report.few = str(error)
    else:
        report.parts, report.few = part_sizes(datalist), warn_of_few_cases(datalist)


def _phantom(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.data.phantom import write_phantom

    folder = write_phantom(arguments.out, arguments.kind, arguments.cases, arguments.seed, arguments.size)
    say(f"Made the data set {folder}, number of cases: {arguments.cases}")
