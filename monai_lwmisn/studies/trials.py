"""The cells of a comparison: one search or training each, kept as a small file that spares doing it again."""

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

PLACES = ("bundle_root", "dataset_dir", "cache", "cache_dir")
"""Keys of a configuration that say where things are, and nothing of what comes out."""


@dataclass(frozen=True)
class Cell:
    """One search or training of the comparison in ``out``.

    Attributes:
        out: the folder of the comparison.
        entrant: name of the network.
        name: ``search``, ``rate_0.001`` for a pilot, or ``seed_0`` for a training.
    """

    out: Path
    entrant: str
    name: str

    @property
    def file(self) -> Path:
        """What came of it: all that is needed to go on without its run folder."""
        return self.out / "cells" / self.entrant / f"{self.name}.json"

    @property
    def run(self) -> Path:
        """Its run folder, with checkpoints and weights."""
        return self.out / "runs" / self.entrant / self.name

    def result(self) -> dict[str, Any] | None:
        """What came of it; None when it has not ended.

        Raises:
            ConfigError: its file cannot be read.
        """
        if not self.file.is_file():
            return None
        result = read_json(self.file, "remove it, and it is done again")
        if result.get("status") not in (DONE, FAILED):
            raise ConfigError(f"{self.file} is no result of a comparison: remove it, and it is done again.")
        return result

    def obtain(self, fingerprint: str, work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Its result: the one kept if what determines it is the same, otherwise that of ``work``, which is kept.

        What goes wrong in ``work`` is a result too: ``{"status": "failed", "reason": a sentence}``. It is tried anew
        the next time.
        """
        kept = self.result()
        if kept is not None and kept["fingerprint"] == fingerprint and kept["status"] == DONE:
            return kept
        try:
            result = {"status": DONE, **work()}
        except Exception as error:  # whatever ends one network must not end the others
            result = {"status": FAILED, "reason": in_a_sentence(error)}
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
        """Run a search or training in its run folder, from its checkpoint where it was begun with these settings.

        Args:
            workflow: ``search`` or ``train``.
            configs: of all workflows of a run.
            data: the data set.
            datalist: the file that is copied to the run.
            genotype: of the network to be trained; None for a search, or a baseline.

        Returns:
            Seconds of its epochs.

        Raises:
            LWMISNError: what the workflow raises.
        """
        if self.run.exists() and not _begun_with(self.run, configs, genotype):
            shutil.rmtree(self.run)
        places = {
            "bundle_root": str(self.run.absolute()),
            "dataset_dir": str(data.absolute()),
            # Loaded and resized once for all networks.
            "cache": "disk",
            "cache_dir": str((self.out / "cache").absolute()),
        }
        write_configs(self.run, {name: {**config, **places} for name, config in configs.items()})
        shutil.copyfile(datalist, self.run / "datalist.json")
        if genotype is not None:
            genotype.save(self.run / "genotype.json")
        resume = (self.run / workflow / "checkpoint.pt").is_file()
        execute(self.run / "configs" / f"{workflow}.json", resume=resume)
        return sum(line["seconds"] for line in read_history(self.run / workflow / "history.jsonl"))


def read_cells(out: Path, entrant: str) -> dict[str, dict[str, Any]]:
    """What came of the cells of a network, by their names.

    Raises:
        ConfigError: a file cannot be read.
    """
    cells = [Cell(out, entrant, path.stem) for path in sorted((out / "cells" / entrant).glob("*.json"))]
    return {cell.name: result for cell in cells if (result := cell.result()) is not None}


def _begun_with(run: Path, configs: Mapping[str, Mapping[str, Any]], genotype: Genotype | None) -> bool:
    """Whether a run has these configurations and trains this network, wherever it and its data were then."""
    try:
        before = read_configs(run)
        # As another network may have weights of the same names and shapes.
        if genotype is not None and Genotype.load(run / "genotype.json") != genotype:
            return False
    except LWMISNError:
        return False
    for name, config in before.items():
        for key in PLACES:
            config.pop(key, None)
        config |= {key: value for key, value in configs[name].items() if key in PLACES}
    return before == json.loads(json.dumps(configs))


def in_a_sentence(error: Exception) -> str:
    """What went wrong."""
    return str(own_error(error) or reason_of(error))
