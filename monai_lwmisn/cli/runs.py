"""Adds the commands that make and measure a run: search, train, evaluate."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from monai_lwmisn.cli.arguments import (
    DATA_HELP,
    PRESET_HELP,
    VARIANT_HELP,
    YOUR_DATA,
    Commands,
    add_resume,
    add_set,
    add_shorthands,
)
from monai_lwmisn.cli.terminal import say, sleep_early
from monai_lwmisn.files import check_writable, parse_json, read_json, write_named
from monai_lwmisn.settings import describe_settings

NOTHING_KEPT = "; no epoch was finished, so that nothing is kept: run the command again"


def add_commands(commands: Commands) -> None:
    """Add search, train and evaluate."""
    with commands.heading(YOUR_DATA):
        _add_search(commands)
        _add_train(commands)
        _add_evaluate(commands)


def _add_search(commands: Commands) -> None:
    search = commands.add(
        "search",
        _search,
        "search for a network on a data set; write a run folder with its genotype.json",
        describe_settings("search"),
        way_on=_way_on_to_search,
    )
    search.add_argument("--preset", help=PRESET_HELP)
    search.add_argument(
        "--variant",
        help=VARIANT_HELP,
    )
    search.add_argument("--data", type=Path, metavar="PATH", help=f"{DATA_HELP}; with --resume only if it has moved")
    search.add_argument(
        "-o", "--out", type=Path, metavar="RUN", required=True, help="the run folder; without --resume it is made"
    )
    search.add_argument(
        "--strategy", choices=("evolve", "differentiable", "random"), help="how to search (default: the preset's)"
    )
    search.add_argument(
        "--genotype",
        type=Path,
        metavar="FILE",
        help="make the run with the network of this genotype.json, without a search",
    )
    search.add_argument(
        "--budget",
        metavar="LIMITS",
        help="upper limits for the network, as in params=0.1M,macs=0.5G,latency=20ms: parameters (k, M), "
        "multiply-accumulates (M, G) and milliseconds per 256x256 image; any of the three (default: the preset's)",
    )
    add_set(search)
    add_shorthands(search, "search")
    add_resume(
        search,
        " with the run's preset, variant, strategy and settings; --set, --budget and --data change them",
    )


def _add_train(commands: Commands) -> None:
    train = commands.add(
        "train",
        _train,
        "train the network that a search found; write RUN/models/model.pt",
        describe_settings("train"),
        way_on=_way_on_to_train,
    )
    train.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    add_set(train)
    add_shorthands(train, "train")
    add_resume(train, " with the run's settings; --set changes them")


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add(
        "evaluate",
        _evaluate,
        "measure a trained network; write RUN/evaluation with metrics.json and pictures",
        describe_settings("evaluate"),
        way_on=lambda _: "; no new metrics were written: run the command again",
    )
    evaluate.add_argument("run", type=Path, metavar="RUN", help="a run folder, or a bundle")
    evaluate.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="another data set, to be measured as a whole; of another format with --set data.dataset=...",
    )
    evaluate.add_argument(
        "--split",
        choices=("test", "validation", "training", "all"),
        default="test",
        help="the part of the run's own data to measure; not with --data (default: %(default)s)",
    )
    evaluate.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="also write the metrics to FILE: Dice and IoU from 0 to 1, hd95 in mm, latency in ms, memory in MB",
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
    found = f"The network that was found: {arguments.out / 'genotype.json'}"
    if (tried := arguments.out / "search" / "trials.png").is_file():
        found += f"\nThe networks that were tried: {tried}, {tried.with_suffix('.csv')}"
    made = f"Run folder {arguments.out} made with the given network; no search was needed."
    say(f"{made if arguments.genotype else found}\nTrain it: lwmisn train {arguments.out}")


def _train(arguments: argparse.Namespace) -> None:
    sleep_early()
    from monai_lwmisn import config, train
    from monai_lwmisn.cli.text import format_choice

    weights = train(arguments.run, settings=config.parse_overrides(arguments.set), resume=arguments.resume)
    choice = arguments.run / "train" / "postprocessing.json"
    chosen = f"{format_choice(read_json(choice))}\n" if choice.is_file() and read_json(choice)["steps"] else ""
    say(f"The weights: {weights}\n{chosen}Measure them: lwmisn evaluate {arguments.run}")


def _evaluate(arguments: argparse.Namespace) -> None:
    sleep_early()
    from monai_lwmisn import config, evaluate
    from monai_lwmisn.cli.text import format_metrics
    from monai_lwmisn.run import evaluation_folder

    if arguments.json:
        check_writable(arguments.json, lambda content: not _is_of_a_run(arguments.json) and _is_report(content))
    metrics = evaluate(
        arguments.run,
        data=arguments.data,
        split=arguments.split,
        settings=config.parse_overrides(arguments.set),
    )
    if arguments.json:
        write_named((json.dumps(metrics, indent=2) + "\n").encode(), arguments.json)
    folder = evaluation_folder(arguments.run, data=arguments.data, split=arguments.split)
    say(f"{format_metrics(metrics)}\nThe metrics of each case, and pictures: {folder}")


def _is_report(content: bytes) -> bool:
    try:
        report = parse_json(content.decode())
    except ValueError:
        return False
    return isinstance(report, dict) and {"mean", "cases", "split"} <= set(report)


def _is_of_a_run(path: Path) -> bool:
    """Return whether a file is the metrics that an evaluation keeps in its run folder, where a bundle takes them."""
    place = path.resolve()
    return place.name == "metrics.json" and any((folder / "genotype.json").is_file() for folder in place.parents)


def _way_on_to_search(arguments: argparse.Namespace) -> str:
    from monai_lwmisn.rollback import find_state

    if find_state(arguments.out, "search") is None:
        return NOTHING_KEPT
    return f"; the last finished epoch is saved, resume with: lwmisn search --out {arguments.out} --resume"


def _way_on_to_train(arguments: argparse.Namespace) -> str:
    from monai_lwmisn.rollback import find_state

    if find_state(arguments.run, "train") is None:
        return NOTHING_KEPT
    return f"; the last finished epoch is saved, resume with: lwmisn train {arguments.run} --resume"
