"""Trains the networks of a plan side by side on one GPU, by the clock.

    python -m tools.many_networks.train PLAN --caches CACHES --out OUT --seconds 375 --processes 3

CACHES has the files of ``python -m tools.many_networks.prepare``. OUT gets NAME.pt and NAME_genotype.json of each
network, and results.json. The weights so far are written at each tenth of the time from the half on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from monai_lwmisn.errors import ConfigError, LWMISNError, counted
from monai_lwmisn.files import write_json
from monai_lwmisn.inference.runtimes import find_device
from tools.many_networks.clock import train_by_clock
from tools.many_networks.plan import Entry, read_plan
from tools.many_networks.side_by_side import SideBySide


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="a JSON list of networks, see plan.py")
    parser.add_argument("--caches", type=Path, required=True, help="the folder of the caches and soft labels")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--seconds", type=float, required=True, help="how long the networks are trained")
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="share the networks out over N processes, by their `process` in the plan (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        train(
            arguments.plan,
            caches=arguments.caches,
            out=arguments.out,
            seconds=arguments.seconds,
            processes=arguments.processes,
            device=arguments.device,
        )
    except LWMISNError as error:
        sys.exit(str(error))


def train(plan: Path, *, caches: Path, out: Path, seconds: float, processes: int = 1, device: str = "auto") -> None:
    """Train the networks of a plan, and write their weights and results.

    Args:
        plan: see :func:`tools.many_networks.plan.read_plan`.
        caches: the folder of the caches and soft labels.
        out: the folder to write into.
        seconds: how long the networks are trained. Reading, building and scoring come on top.
        processes: number of processes that share the device.
        device: auto, cpu or cuda.

    Raises:
        ConfigError, DataError, GenotypeError: a number, the plan or one of its files cannot be used.
        TrainingError: a loss is not finite.
    """
    if processes < 1 or not seconds > 0:
        raise ConfigError(f"{processes} processes for {seconds:g} s train nothing: give numbers above 0.")
    entries = read_plan(plan)
    groups = [[entry for entry in entries if entry.process % processes == number] for number in range(processes)]
    work = [(group, caches, out, seconds, device) for group in groups if group]
    records: dict[str, Any] = {}
    failed: BaseException | None = None
    if len(work) == 1:
        records = train_group(*work[0])
    else:
        with ProcessPoolExecutor(len(work), mp_context=multiprocessing.get_context("spawn")) as pool:
            futures = [pool.submit(train_group, *one) for one in work]
        for future in futures:  # one that has failed does not take the results of the others with it
            failed = failed or future.exception()
            records |= {} if future.exception() else future.result()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    about = {"plan": plan.name, "commit": commit, "torch": torch.__version__, "device": _name(device)}
    ordered = {entry.name: records[entry.name] for entry in entries if entry.name in records}
    if ordered:
        write_json({**about, "processes": len(work), "networks": ordered}, out / "results.json")
    if failed is not None:
        raise failed


def train_group(entries: Sequence[Entry], caches: Path, out: Path, seconds: float, device: str) -> dict[str, Any]:
    """Train networks in this process, and write their weights.

    Returns:
        By name the entry, ``parameters``, ``steps``, ``seconds``, the ``losses`` after each tenth of the time, and the
        scores of :meth:`SideBySide.scores`.
    """
    # Without it, streams share eight queues.
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:6.1f} s] {text}", flush=True)

    together = SideBySide(entries, caches, find_device(device))
    say(f"{counted(len(entries), 'network')}, {entries[0].name} to {entries[-1].name}")
    together.save_genotypes(out)
    history: list[dict[str, Any]] = []

    def at_tenth(elapsed: float, steps: int, losses: dict[str, float]) -> None:
        history.append({"seconds": round(elapsed, 1), "steps": steps, "losses": losses})
        say(f"{steps} steps, mean loss {sum(losses.values()) / len(losses):.4f}")
        if elapsed > seconds / 2:
            together.save_weights(out)

    steps, took = train_by_clock(together.step, together.trainers, seconds, at_tenth)
    together.save_weights(out)
    say(f"{steps} steps in {took:.1f} s")
    records = {}
    for entry in entries:
        record: dict[str, Any] = {"entry": {**asdict(entry), "genotype": Path(entry.genotype).name}}
        record["parameters"] = sum(each.numel() for each in together.trainers[entry.name].network.parameters())
        record |= {"steps": steps, "seconds": round(took, 1)}
        record["losses"] = [
            {"seconds": past["seconds"], "steps": past["steps"], "loss": round(past["losses"][entry.name], 4)}
            for past in history
        ]
        scores = together.scores(entry)
        records[entry.name] = {**record, **scores}
        say(" ".join([entry.name, *(f"{part} {found['dice']}" for part, found in scores.items())]))
    return records


def _name(device: str) -> str:
    found = find_device(device)
    return torch.cuda.get_device_name(found) if found.type == "cuda" else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
