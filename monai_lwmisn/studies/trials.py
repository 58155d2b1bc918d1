"""A trial of a comparison: one search or one training, whose result is kept in a small file."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_lwmisn.config import execute, read_configs, write_configs
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import ConfigError, LWMISNError, own_error, reason_of
from monai_lwmisn.files import read_json, write_json
from monai_lwmisn.networks import Genotype

DONE, FAILED = "done", "failed"

PLACES = ("bundle_root", "dataset_dir", "cache_dir")
"""Keys of a configuration that name places on this machine and have no effect on the result."""


@dataclass(frozen=True)
class Trial:
    """One search or training of the comparison in ``out``.

    Attributes:
        out: the folder of the comparison.
        model: name of the network.
        name: ``search``, ``rate_0.001`` for a pilot with that learning rate, or ``seed_0`` for a training.
    """

    out: Path
    model: str
    name: str

    @property
    def file(self) -> Path:
        """The file of the result. A comparison can go on with it alone, without the run folder."""
        return self.out / "trials" / self.model / f"{self.name}.json"

    @property
    def run(self) -> Path:
        """The run folder, with checkpoints and weights."""
        return self.out / "runs" / self.model / self.name

    def result(self) -> dict[str, Any] | None:
        """The result, or None if the trial has not ended.

        Raises:
            ConfigError: the file of the result cannot be read.
        """
        if not self.file.is_file():
            return None
        result = read_json(self.file, "remove it, and the trial is repeated")
        if result.get("status") not in (DONE, FAILED):
            raise ConfigError(f"{self.file} is not the result of a trial: remove it, and the trial is repeated.")
        return result

    def obtain(self, fingerprint: str, work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the kept result if it has this fingerprint; otherwise do the work, and keep its result.

        An exception in ``work`` gives the result ``{"status": "failed", "reason": a sentence}``. A failed trial is
        tried again the next time.
        """
        kept = self.result()
        if kept is not None and kept["fingerprint"] == fingerprint and kept["status"] == DONE:
            return kept
        try:
            result = {"status": DONE, **work()}
        except Exception as error:  # a network that fails must not end the comparison
            result = {"status": FAILED, "reason": reason_for(error)}
            gc.collect()
        result = {"fingerprint": fingerprint, **result}
        write_json(result, self.file, indent=1)
        return result

    def execute(
        self,
        workflow: str,
        configs: Mapping[str, Mapping[str, Any]],
        data: Path,
        datalist: Path,
        genotype: Genotype | None = None,
    ) -> float:
        """Run a search or training in the run folder. Resume from its checkpoint if it has these settings.

        Args:
            workflow: ``search`` or ``train``.
            configs: the configurations of all workflows of a run.
            data: the data set.
            datalist: the datalist file, which is copied into the run folder.
            genotype: of the network to train; None for a search or a baseline.

        Returns:
            The duration of all epochs in seconds.

        Raises:
            LWMISNError: the workflow raised it.
        """
        if self.run.exists() and not _has_settings(self.run, configs, genotype):
            shutil.rmtree(self.run)
        places = {
            "bundle_root": str(self.run.absolute()),
            "dataset_dir": str(data.absolute()),
            "cache_dir": str((self.out / "cache").absolute()),
        }
        write_configs(
            self.run,
            {
                name: {**config, **{key: place for key, place in places.items() if key in config}}
                for name, config in configs.items()
            },
        )
        shutil.copyfile(datalist, self.run / "datalist.json")
        if genotype is not None:
            genotype.save(self.run / "genotype.json")
        resume = (self.run / workflow / "checkpoint.pt").is_file()
        execute(self.run / "configs" / f"{workflow}.json", resume=resume)
        return sum(line["seconds"] for line in read_history(self.run / workflow / "history.jsonl"))


def read_trials(out: Path, model: str) -> dict[str, dict[str, Any]]:
    """Read the results of a network, by the names of the trials.

    Raises:
        ConfigError: a file cannot be read.
    """
    trials = [Trial(out, model, path.stem) for path in sorted((out / "trials" / model).glob("*.json"))]
    return {trial.name: result for trial in trials if (result := trial.result()) is not None}


def reason_for(error: Exception) -> str:
    """Return the reason of a failure: the sentence of this package, or the last line of a library."""
    return str(own_error(error) or reason_of(error))


def _has_settings(run: Path, configs: Mapping[str, Mapping[str, Any]], genotype: Genotype | None) -> bool:
    """Whether a run has these configurations and this genotype. Places are not compared."""
    try:
        before = read_configs(run)
        # Two networks can have weights of the same names and shapes.
        if genotype is not None and Genotype.load(run / "genotype.json") != genotype:
            return False
    except LWMISNError:
        return False
    for name, config in before.items():
        for key in PLACES:
            config.pop(key, None)
        config |= {key: value for key, value in configs[name].items() if key in PLACES}
    return before == json.loads(json.dumps(configs))
