"""The pace is that of the slices of volumes, not of the volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monai_lwmisn.auto.decisions import Wishes, preset_of
from monai_lwmisn.auto.estimate import estimate, measure_pace
from monai_lwmisn.auto.fingerprint import take_fingerprint
from monai_lwmisn.auto.preset_file import write_preset
from monai_lwmisn.auto.rules import decide
from tests.auto.data import volumes
from tests.networks.small import small_genotype

SLICES = 6


def test_the_steps_of_volumes_are_those_of_their_slices(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels, images = [], []
    for _ in range(10):
        label = np.zeros((24, 24, SLICES), int)
        label[6:16, 8:18] = 1
        labels.append(label)
        images.append((60 * label + generator.normal(100, 10, label.shape)).astype(np.int16))
    data = volumes(tmp_path / "data", labels, images, [(1.0, 1.0, 3.0)] * 10)
    decisions = decide(take_fingerprint(data, progress=False), Wishes(folds=1))
    write_preset(decisions, tmp_path / "preset.json", "made")
    genotype = tmp_path / "genotype.json"
    small_genotype(in_channels=1).save(genotype)
    pace = measure_pace(tmp_path / "pace", tmp_path / "preset.json", data, genotype)
    assert sum(pace.items.values()) == 10
    assert pace.samples == {part: SLICES * count for part, count in pace.items.items()}
    preset = preset_of(decisions)
    per_epoch = pace.samples["training"] // preset["train"]["batch_size"]
    assert estimate(pace, preset, networks=2)["steps"] == 2 * preset["train"]["epochs"] * per_epoch
