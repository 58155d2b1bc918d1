"""Adds the command that shows a network: show."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from monai_lwmisn.cli.arguments import LOOK, Commands
from monai_lwmisn.cli.terminal import say
from monai_lwmisn.files import check_writable


def add_commands(commands: Commands) -> None:
    """Add show."""
    with commands.heading(LOOK):
        show = commands.add("show", _show, "show a network: parameters, multiply-accumulates, time, memory and cells")
    show.add_argument("genotype", type=Path, metavar="GENOTYPE_OR_RUN", help="a genotype.json, or a run folder")
    show.add_argument(
        "--json", action="store_true", help="print JSON: counts as plain numbers, latency_ms, peak_memory_mb"
    )
    show.add_argument("-o", "--output", type=Path, metavar="FILE", help="draw the network to FILE (.svg, .png or .pdf)")
    show.add_argument("--threads", type=_threads, default=2, help="CPU threads for the latency (default: %(default)s)")


def _threads(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of threads: give a whole number from 1 on")
    return int(text)


def _show(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.cli.text import format_network
    from monai_lwmisn.networks import Genotype
    from monai_lwmisn.profiling import network_report

    if arguments.output:
        check_writable(arguments.output, lambda content: b"Matplotlib" in content)
    path = arguments.genotype
    genotype = Genotype.load(path / "genotype.json" if path.is_dir() else path)
    if arguments.output:
        from monai_lwmisn.figures.network import draw_network

        draw_network(genotype, arguments.output)
    report = network_report(genotype, threads=arguments.threads)
    say(json.dumps(report, indent=2) if arguments.json else format_network(report))
