"""A comparison: search where a network is searched, choose a learning rate, train and evaluate, alike for all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
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
from monai_lwmisn.locks import is_empty
from monai_lwmisn.networks import Genotype
from monai_lwmisn.profiling import IMAGE_SIZE, multiply_accumulates
from monai_lwmisn.run import evaluate
from monai_lwmisn.studies.costs import obtain_costs
from monai_lwmisn.studies.images import find_datalist, fingerprint_images
from monai_lwmisn.studies.models import Model, build_network, input_channels
from monai_lwmisn.studies.protocol import Protocol, genotype_fingerprint, search_fingerprint, training_fingerprint
from monai_lwmisn.studies.trials import DONE, Trial, reason_for

SCHEMA_VERSION = 3

MOST_DIFFERENCES = 5
"""Differences of two protocols that an error message lists."""


@dataclass
class Comparison:
    """A comparison of networks under one protocol, in a folder.

    Args:
        out: the folder. It holds ``comparison.json`` (the protocol), ``datalist.json``, ``trials`` (results),
            ``costs.json``, ``runs`` (checkpoints and weights) and ``cache`` (loaded images). A finished comparison
            does not need the last two.
        protocol: the settings that all networks share.
        data: the data set as downloaded.
        test: whether to evaluate on the test part.
        say: receives progress messages, one line each.
    """

    out: Path
    protocol: Protocol
    data: Path
    test: bool = True
    say: Callable[[str], None] = print

    def __post_init__(self) -> None:
        data = load_preset(self.protocol.preset, "light")["data"]
        self.in_channels, self.out_channels = data["in_channels"], data["out_channels"]

    def prepare(self, *, resume: bool) -> None:
        """Make the folder, or check that it has the same protocol and images.

        Raises:
            ConfigError: the folder is not empty and ``resume`` is False, or it has another protocol or other images.
                Nothing in it is changed then.
            DataError: the data set cannot be used.
        """
        file = self.out / "comparison.json"
        own = {"schema_version": SCHEMA_VERSION, **self.protocol.to_dict()}
        before = None
        if file.is_file() and resume:
            before = read_json(file, "give a new --out")
            _check_same(self.out, before, own)
        elif self.out.exists() and not is_empty(self.out):
            remedy = "add --resume to resume it, or give a new --out" if file.is_file() else "give a new --out"
            raise ConfigError(f"{self.out} is not empty: {remedy}.")
        self.datalist = find_datalist(self.protocol, self.data, self.out / "datalist.json")
        own["images"] = fingerprint_images(self.protocol, self.datalist)
        if before is not None and before.get("images") != own["images"]:
            raise ConfigError(f"{self.out} was made with other images than {self.data}: give those, or a new --out.")
        # This file identifies the folder, so it is written first. A resumed comparison makes what is missing.
        write_json(own, file, indent=1)
        write_datalist(self.datalist, self.out / "datalist.json")

    def run(self, models: Sequence[Model]) -> dict[str, str]:
        """Run the trials that are not done yet, network by network. Then measure the costs of the networks.

        Returns:
            The reason of each failure, by the name of the network.
        """
        failures = {}
        for model in models:  # a report lists networks that have a folder and no result as not trained yet
            (self.out / "trials" / model.name).mkdir(parents=True, exist_ok=True)
        for number, model in enumerate(models, start=1):
            self.say(f"[{number}/{len(models)}] {model.name}")
            try:
                self._run(model)
            except LWMISNError as error:
                failures[model.name] = str(error)
                self.say(f"{model.name} failed: {error}")
        obtain_costs(self.out, self.in_channels, self.out_channels, self.say)
        return failures

    def _run(self, model: Model) -> None:
        genotype = None if model.search is None else self._search(model)
        with torch.device("meta"):
            network = build_network(model, genotype, self.in_channels, self.out_channels)
            image = torch.zeros(1, input_channels(genotype, self.in_channels), *IMAGE_SIZE)
        seeds = self.protocol.seeds_of(multiply_accumulates(network, image))
        rate = self._choose_rate(model, genotype)
        failed = []
        for seed in range(seeds):
            result = self._train(Trial(self.out, model.name, f"seed_{seed}"), model, genotype, rate, seed)
            reason = result.get("reason") or result.get("test_failure")
            if reason:
                failed.append(f"seed {seed}: {reason}")
        if failed:
            raise LWMISNError("; ".join(failed))

    def _search(self, model: Model) -> Genotype:
        trial = Trial(self.out, model.name, "search")
        if model.bundle is not None:
            genotype = model.shipped_genotype().to_dict()
            return Genotype.from_dict(
                trial.obtain(genotype_fingerprint(genotype), lambda: {"seconds": 0.0, "genotype": genotype})["genotype"]
            )
        configs = self.protocol.search_configs(model)

        def work() -> dict[str, Any]:
            self.say(f"  {model.name}: search")
            seconds = trial.execute("search", configs, self.data, self.out / "datalist.json")
            return {"seconds": seconds, "genotype": Genotype.load(trial.run / "genotype.json").to_dict()}

        result = trial.obtain(search_fingerprint(configs, self.datalist), work)
        if result["status"] != DONE:
            raise LWMISNError(f"search: {result['reason']}")
        return Genotype.from_dict(result["genotype"])

    def _choose_rate(self, model: Model, genotype: Genotype | None) -> float:
        """Return the learning rate whose pilot has the best validation DSC; the only one has no pilot."""
        if len(self.protocol.learning_rates) == 1:
            return self.protocol.learning_rates[0]
        results = {}
        for rate in self.protocol.learning_rates:
            trial = Trial(self.out, model.name, f"rate_{rate:g}")
            results[rate] = self._train(trial, model, genotype, rate, 0, self.protocol.pilot_epochs)
        done = {rate: result["validation_dsc"] for rate, result in results.items() if result["status"] == DONE}
        if not done:
            raise LWMISNError("; ".join(f"learning rate {rate:g}: {results[rate]['reason']}" for rate in results))
        return max(done, key=lambda rate: done[rate])

    def _train(
        self, trial: Trial, model: Model, genotype: Genotype | None, rate: float, seed: int, epochs: int | None = None
    ) -> dict[str, Any]:
        configs = self.protocol.training_configs(model, genotype, rate, seed, epochs or self.protocol.epochs)

        def work() -> dict[str, Any]:
            self.say(f"  {model.name}: {trial.name}")
            seconds = trial.execute("train", configs, self.data, self.out / "datalist.json", genotype)
            history = read_history(trial.run / "train" / "history.jsonl")
            best = next((line["best_dsc"] for line in reversed(history) if "best_dsc" in line), None)
            if best is None:
                raise LWMISNError("The training ended before its first validation.")
            return {
                "learning_rate": rate,
                "epochs": history[-1]["epoch"],
                "seconds": seconds,
                "device": find_device(configs["train"]["device"]).type,
                "validation_dsc": best,
            }

        result = trial.obtain(training_fingerprint(configs, self.datalist, genotype), work)
        if epochs is None and self.test and result["status"] == DONE and "test" not in result:
            result = self._evaluate(trial, result)
        return result

    def _evaluate(self, trial: Trial, trained: dict[str, Any]) -> dict[str, Any]:
        """Evaluate on the test part. A failure is kept with the result of the training, and tried again next time."""
        trained = {key: value for key, value in trained.items() if key != "test_failure"}
        try:
            if not (trial.run / "models" / "model.pt").is_file():
                raise LWMISNError(f"{trial.run} has no weights: remove {trial.file} to train the network again.")
            shutil.copyfile(self.out / "datalist.json", trial.run / "datalist.json")  # images may have been moved
            metrics = evaluate(trial.run)
        except Exception as error:  # a network that fails must not end the comparison
            result = {**trained, "test_failure": reason_for(error)}
        else:
            result = {**trained, "test": {"mean": metrics["mean"], "cases": metrics["cases"]}}
            for case in result["test"]["cases"]:
                del case["image"]  # a path of this machine
        write_json(result, trial.file, indent=1)
        return result


def _check_same(out: Path, before: dict[str, Any], own: dict[str, Any]) -> None:
    differences = list(_differences({key: value for key, value in before.items() if key != "images"}, own))
    if differences:
        more = f"; and {len(differences) - MOST_DIFFERENCES} more" if len(differences) > MOST_DIFFERENCES else ""
        listed = "; ".join(differences[:MOST_DIFFERENCES])
        raise ConfigError(f"{out} has another protocol ({listed}{more}): give a new --out.")


def _differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{place}{'.' if place else ''}{key}")
    elif before != now:
        was, is_now = (shorten(json.dumps(value), 60) for value in (before, now))
        yield f"{place} was {was} and is {is_now}"
