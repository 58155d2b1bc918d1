"""Search where a network is searched, choose a learning rate, train and measure: for every network alike."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch

from monai_lwmisn.config import load_preset
from monai_lwmisn.data import write_datalist
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import ConfigError, LWMISNError
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.inference.runtimes import find_device
from monai_lwmisn.networks import Genotype
from monai_lwmisn.profiling import IMAGE_SIZE, multiply_accumulates
from monai_lwmisn.run import evaluate
from monai_lwmisn.studies.costs import obtain_costs
from monai_lwmisn.studies.images import find_datalist, fingerprint_images
from monai_lwmisn.studies.models import Entrant, build_network
from monai_lwmisn.studies.protocol import Protocol, search_fingerprint, training_fingerprint
from monai_lwmisn.studies.trials import DONE, Cell, in_a_sentence

SCHEMA_VERSION = 2

MOST_DIFFERENCES = 5
"""Between two protocols that are told one by one."""


@dataclass
class Comparison:
    """Networks under one protocol, in a folder.

    Args:
        out: the folder: ``comparison.json`` (the protocol), ``datalist.json``, ``cells`` (results), ``costs.json``,
            ``runs`` (checkpoints and weights) and ``cache`` (loaded images); the last two may be removed when all is
            done.
        protocol: what is the same for all.
        data: the data set as downloaded.
        test: whether the test part is looked at; without, networks are only trained and validated.
        say: is told what is begun, one line each.
    """

    out: Path
    protocol: Protocol
    data: Path
    test: bool = True
    say: Callable[[str], None] = print

    def __post_init__(self) -> None:
        preset = load_preset(self.protocol.preset, "light")
        self.in_channels, self.out_channels = preset["in_channels"], preset["out_channels"]

    def prepare(self, *, resume: bool) -> None:
        """Make the folder, or see that it is of the same protocol.

        Raises:
            ConfigError: it is not empty and not to be resumed, of another protocol, with what differs, or of other
                images; nothing in it is changed then.
            DataError: anything is wrong with the data.
        """
        file = self.out / "comparison.json"
        own = {"schema_version": SCHEMA_VERSION, **self.protocol.to_dict()}
        before = None
        if file.is_file() and resume:
            before = read_json(file, "give a new --out")
            _check_same(self.out, before, own)
        elif self.out.exists() and any(self.out.iterdir()):
            remedy = "add --resume to go on in it, or give a new --out" if file.is_file() else "give a new --out"
            raise ConfigError(f"{self.out} is not empty: {remedy}.")
        self.datalist = find_datalist(self.protocol, self.data, self.out / "datalist.json")
        own["images"] = fingerprint_images(self.protocol, self.datalist)
        if before is not None and before.get("images") != own["images"]:
            raise ConfigError(f"{self.out} is of other images than {self.data}: give those, or a new --out.")
        # The folder is known by this file, so it is the first, and what is missing then is made when it is resumed.
        write_json(own, file, indent=1)
        write_datalist(self.datalist, self.out / "datalist.json")

    def run(self, entrants: Sequence[Entrant]) -> dict[str, str]:
        """Do what is not done yet, for each network in turn, and measure what they cost.

        Returns:
            A sentence for each network that failed, by its name.
        """
        failures = {}
        for entrant in entrants:  # so that a report knows who is still to come
            (self.out / "cells" / entrant.name).mkdir(parents=True, exist_ok=True)
        for number, entrant in enumerate(entrants, start=1):
            self.say(f"[{number}/{len(entrants)}] {entrant.name}")
            try:
                self._run(entrant)
            except LWMISNError as error:
                failures[entrant.name] = str(error)
                self.say(f"{entrant.name} failed: {error}")
        obtain_costs(self.out, self.in_channels, self.out_channels, self.say)
        return failures

    def _run(self, entrant: Entrant) -> None:
        genotype = None if entrant.search is None else self._search(entrant)
        network = build_network(entrant, genotype, self.in_channels, self.out_channels)
        image = torch.zeros(1, self.in_channels, *IMAGE_SIZE, device="meta")
        seeds = self.protocol.seeds_of(multiply_accumulates(network.to("meta"), image))
        rate = self._choose_rate(entrant, genotype)
        failed = []
        for seed in range(seeds):
            result = self._train(Cell(self.out, entrant.name, f"seed_{seed}"), entrant, genotype, rate, seed)
            reason = result.get("reason") or result.get("test_failure")
            if reason:
                failed.append(f"seed {seed}: {reason}")
        if failed:
            raise LWMISNError("; ".join(failed))

    def _search(self, entrant: Entrant) -> Genotype:
        cell = Cell(self.out, entrant.name, "search")
        configs = self.protocol.search_configs(entrant)

        def work() -> dict[str, Any]:
            self.say(f"  {entrant.name}: search")
            seconds = cell.execute("search", configs, self.data, self.out / "datalist.json")
            return {"seconds": seconds, "genotype": Genotype.load(cell.run / "genotype.json").to_dict()}

        result = cell.obtain(search_fingerprint(configs, self.datalist), work)
        if result["status"] != DONE:
            raise LWMISNError(f"search: {result['reason']}")
        return Genotype.from_dict(result["genotype"])

    def _choose_rate(self, entrant: Entrant, genotype: Genotype | None) -> float:
        """The learning rate whose pilot does best on the validation part."""
        results = {}
        for rate in self.protocol.learning_rates:
            cell = Cell(self.out, entrant.name, f"rate_{rate:g}")
            results[rate] = self._train(cell, entrant, genotype, rate, 0, self.protocol.pilot_epochs)
        done = {rate: result["validation_dsc"] for rate, result in results.items() if result["status"] == DONE}
        if not done:
            raise LWMISNError("; ".join(f"learning rate {rate:g}: {results[rate]['reason']}" for rate in results))
        return max(done, key=lambda rate: done[rate])

    def _train(
        self, cell: Cell, entrant: Entrant, genotype: Genotype | None, rate: float, seed: int, epochs: int | None = None
    ) -> dict[str, Any]:
        configs = self.protocol.training_configs(entrant, genotype, rate, seed, epochs or self.protocol.epochs)

        def work() -> dict[str, Any]:
            self.say(f"  {entrant.name}: {cell.name}")
            seconds = cell.execute("train", configs, self.data, self.out / "datalist.json", genotype)
            history = read_history(cell.run / "train" / "history.jsonl")
            best = next((line["best_dsc"] for line in reversed(history) if "best_dsc" in line), None)
            if best is None:
                raise LWMISNError("Nothing was validated.")
            return {
                "learning_rate": rate,
                "epochs": history[-1]["epoch"],
                "seconds": seconds,
                "device": find_device(configs["train"]["device"]).type,
                "validation_dsc": best,
            }

        result = cell.obtain(training_fingerprint(configs, self.datalist, genotype), work)
        if epochs is None and self.test and result["status"] == DONE and "test" not in result:
            result = self._evaluate(cell, result)
        return result

    def _evaluate(self, cell: Cell, trained: dict[str, Any]) -> dict[str, Any]:
        """Measure on the test part; what goes wrong is kept beside what was trained, and tried anew the next time."""
        trained = {key: value for key, value in trained.items() if key != "test_failure"}
        try:
            if not (cell.run / "models" / "model.pt").is_file():
                raise LWMISNError(f"its weights are gone: remove {cell.file} to train it again.")
            shutil.copyfile(self.out / "datalist.json", cell.run / "datalist.json")  # images may have been moved
            metrics = evaluate(cell.run)
        except Exception as error:  # whatever ends one network must not end the others
            result = {**trained, "test_failure": in_a_sentence(error)}
        else:
            result = {**trained, "test": {"mean": metrics["mean"], "cases": metrics["cases"]}}
            for case in result["test"]["cases"]:
                del case["image"]  # a path of this machine
        write_json(result, cell.file, indent=1)
        return result


def _check_same(out: Path, before: dict[str, Any], own: dict[str, Any]) -> None:
    differences = list(_differences({key: value for key, value in before.items() if key != "images"}, own))
    if differences:
        more = f"; and {len(differences) - MOST_DIFFERENCES} more" if len(differences) > MOST_DIFFERENCES else ""
        told = "; ".join(differences[:MOST_DIFFERENCES])
        raise ConfigError(f"{out} is of another protocol ({told}{more}): give a new --out.")


def _differences(before: Any, now: Any, place: str = "") -> Any:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{place}{'.' if place else ''}{key}")
    elif before != now:
        was, is_now = (shorten(json.dumps(value), 60) for value in (before, now))
        yield f"{place} was {was} and is {is_now}"
