"""A trial is repeated only if its fingerprint changes or it failed."""

import json
from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn.errors import DataError
from monai_lwmisn.networks import Genotype
from monai_lwmisn.studies import trials as module
from monai_lwmisn.studies.trials import Trial
from tests.networks.small import small_genotype


def test_a_result_is_kept_until_what_determines_it_changes(tmp_path: Path) -> None:
    trial, done = Trial(tmp_path, "unet", "seed_0"), list[str]()

    def work() -> dict[str, int]:
        done.append("again")
        return {"number": len(done)}

    assert trial.result() is None
    first = trial.obtain("a", work)
    assert first == trial.obtain("a", work) == trial.result() == {"fingerprint": "a", "status": "done", "number": 1}
    assert trial.obtain("b", work)["number"] == 2
    assert Trial(tmp_path, "unet", "seed_1").result() is None


def test_a_failure_is_a_result_with_a_reason_and_is_tried_again(tmp_path: Path) -> None:
    trial = Trial(tmp_path, "unet", "seed_0")

    def fail() -> dict[str, int]:
        try:
            raise MemoryError("a traceback\nno room for 7 GB")
        except MemoryError as error:
            raise RuntimeError("wrapped by a library") from error

    def refuse() -> dict[str, int]:
        raise DataError("A sentence of ours.")

    assert trial.obtain("a", fail)["reason"] == "no room for 7 GB"
    assert trial.obtain("a", refuse)["reason"] == "A sentence of ours."
    assert trial.obtain("a", lambda: {"number": 1})["status"] == "done"


def another(genotype: Genotype) -> Genotype:
    """Return the genotype with pooling for the identity. Its weights have the same names and shapes."""
    return Genotype.from_dict(json.loads(json.dumps(genotype.to_dict()).replace('"identity"', '"max_pool_3x3"')))


def test_a_training_goes_on_from_its_checkpoint_only_for_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed: list[bool] = []

    def run(config: Path, resume: bool) -> None:
        resumed.append(resume)
        checkpoint = config.parents[1] / "train" / "checkpoint.pt"
        checkpoint.parent.mkdir(exist_ok=True)
        checkpoint.touch()

    monkeypatch.setattr(module, "execute", run)
    configs: dict[str, dict[str, Any]] = {name: {"data": {}, "epochs": 1} for name in ("search", "train", "evaluate")}
    (tmp_path / "datalist.json").write_text("{}")
    first = small_genotype()
    for genotype in (first, first, another(first), None):
        Trial(tmp_path, "lwmisn", "seed_0").execute("train", configs, tmp_path, tmp_path / "datalist.json", genotype)
    configs["train"]["epochs"] = 2
    Trial(tmp_path, "lwmisn", "seed_0").execute("train", configs, tmp_path, tmp_path / "datalist.json")
    assert resumed == [False, True, False, True, False]
