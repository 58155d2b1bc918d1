"""Commands that make and measure a run: search, train, evaluate."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from monai_lwmisn.cli.arguments import DATA_HELP, PRESET_HELP, Commands, add_resume, add_set
from monai_lwmisn.cli.terminal import say
from monai_lwmisn.cli.threads import sleep_early
from monai_lwmisn.files import check_writable, write_json
from monai_lwmisn.settings import describe_settings


def add_commands(commands: Commands) -> None:
    """Add search, train and evaluate."""
    search = commands.add(
        "search",
        _search,
        "search a network on a data set; makes a run folder with its genotype.json",
        describe_settings("search"),
        way_on=_way_on_to_search,
    )
    search.add_argument("--preset", help=PRESET_HELP)
    search.add_argument(
        "--variant",
        help="light: smaller, faster, better; paper: the published hyper-parameters (default: light)",
    )
    search.add_argument("--data", type=Path, metavar="PATH", help=f"{DATA_HELP}; with --resume only if it has moved")
    search.add_argument("--out", type=Path, metavar="RUN", required=True, help="the run folder, made anew")
    search.add_argument(
        "--strategy", choices=("differentiable", "random"), help="how to search; the preset's where left out"
    )
    search.add_argument(
        "--genotype",
        type=Path,
        metavar="FILE",
        help="search nothing: make the run with this genotype.json, to train it",
    )
    search.add_argument(
        "--budget",
        metavar="LIMITS",
        help="limits that the network keeps, as in params=0.1M,macs=0.5G,latency=20ms: parameters (k, M), "
        "multiply-accumulates (M, G) and milliseconds per 256x256 image; any of the three; the preset's where left out",
    )
    add_set(search)
    add_resume(
        search,
        "; preset, variant, strategy and settings are those of the run, and --set, --budget and --data change them",
    )

    train = commands.add(
        "train",
        _train,
        "train the network that a search found; makes RUN/models/model.pt",
        describe_settings("train"),
        way_on=_way_on_to_train,
    )
    train.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    add_set(train)
    add_resume(train, "; settings are those of the run, and --set changes them")

    evaluate = commands.add(
        "evaluate",
        _evaluate,
        "measure a trained network; makes RUN/evaluation with metrics.json and pictures",
        describe_settings("evaluate"),
    )
    evaluate.add_argument("run", type=Path, metavar="RUN", help="a run folder, or a bundle")
    evaluate.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="another data set than the run's, in the same layout, all of which is measured",
    )
    evaluate.add_argument(
        "--split",
        choices=("test", "validation", "training", "all"),
        default="test",
        help="the part of the run's own images to measure on, not for --data (default: %(default)s)",
    )
    evaluate.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="also write the figures to FILE: Dice and IoU from 0 to 1, hd95 in mm, latency in ms, memory in MB",
    )
    add_set(evaluate)


def _search(arguments: argparse.Namespace) -> None:
    sleep_early()
    from monai_lwmisn import config, search

    settings = config.parse_overrides(arguments.set)
    if arguments.budget:
        settings |= config.parse_budget(arguments.budget)
    if arguments.strategy:
        settings["search.strategy"] = arguments.strategy
    if arguments.genotype:
        settings |= {"search.strategy": "given", "search.genotype": os.path.abspath(arguments.genotype)}
    search(
        arguments.out,
        preset=arguments.preset,
        variant=arguments.variant,
        data=arguments.data,
        settings=settings,
        resume=arguments.resume,
    )
    found = arguments.out / "genotype.json"
    made = f"Run folder {arguments.out} made with the given network; no search was needed."
    say(f"{made if arguments.genotype else f'The network found: {found}'}\nTrain it: lwmisn train {arguments.out}")


def _train(arguments: argparse.Namespace) -> None:
    sleep_early()
    from monai_lwmisn import config, train

    weights = train(arguments.run, settings=config.parse_overrides(arguments.set), resume=arguments.resume)
    say(f"The weights: {weights}\nMeasure them: lwmisn evaluate {arguments.run}")


def _evaluate(arguments: argparse.Namespace) -> None:
    sleep_early()
    from monai_lwmisn import config, evaluate
    from monai_lwmisn.cli.text import format_metrics
    from monai_lwmisn.run import evaluation_folder

    if arguments.json:
        check_writable(arguments.json)
    metrics = evaluate(
        arguments.run,
        data=arguments.data,
        split=arguments.split,
        settings=config.parse_overrides(arguments.set),
    )
    if arguments.json:
        write_json(metrics, arguments.json)
    folder = evaluation_folder(arguments.run, data=arguments.data, split=arguments.split)
    say(f"{format_metrics(metrics)}\nThe figures of each case, and pictures: {folder}")


def _way_on_to_search(arguments: argparse.Namespace) -> str:
    if not (arguments.out / "search" / "checkpoint.pt").exists():
        return ""
    return f"; the last finished epoch is kept, go on with: lwmisn search --out {arguments.out} --resume"


def _way_on_to_train(arguments: argparse.Namespace) -> str:
    if not (arguments.run / "train" / "checkpoint.pt").exists():
        return ""
    return f"; the last finished epoch is kept, go on with: lwmisn train {arguments.run} --resume"
