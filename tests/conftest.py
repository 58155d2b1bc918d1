"""Made data sets that all tests may read; each is made once per test session. Copy one before changing it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_lwmisn.data.phantom import write_phantom
from monai_lwmisn.studies.trials import Trial
from tests.studies.small import NAMES, comparison, run


@pytest.fixture(scope="session")
def nuclei_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images of 64x64 in the form of ``dsb2018``: four fluorescence, two purple, two brightfield."""
    return write_phantom(tmp_path_factory.mktemp("nuclei") / "data", "nuclei", cases=8, size=64)


@pytest.fixture(scope="session")
def ct_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three volumes of 48x48x12 in the form of ``chaos_ct``."""
    return write_phantom(tmp_path_factory.mktemp("ct") / "data", "ct", cases=3, size=48)


@pytest.fixture(scope="session")
def mr_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three volumes of 48x48x12 in the form of ``promise12``."""
    return write_phantom(tmp_path_factory.mktemp("mr") / "data", "mr", cases=3, size=48)


@pytest.fixture(scope="session")
def msd_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four volumes of about 20x24x10 with the labels 1 and 2 in the form of ``msd``."""
    folder = tmp_path_factory.mktemp("msd") / "data"
    generator = np.random.default_rng(0)
    entries = []
    for index in range(4):
        shape = (20 + index, 24, 10)
        label = np.zeros(shape, dtype=np.uint8)
        label[6:14, 6:12, 2:8] = 1
        label[6:14, 12:18, 2:8] = 2
        volume = (50 * label + generator.normal(100, 20, shape)).astype(np.float32)
        name = f"hippocampus_{index:03d}.nii.gz"
        for kind, array in (("imagesTr", volume), ("labelsTr", label)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, np.diag([1.0, 1.0, 1.5, 1.0])), folder / kind / name)
        entries.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "training": entries}))
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_process() -> Iterator[None]:
    """Augment in the process of the tests. It is large, so that forking it takes longer than a few small images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monai_lwmisn.engines.loaders.CPU_WORKERS", 0)
        yield


@pytest.fixture(scope="session")
def finished_comparison(nuclei_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks, first trained and validated, then tested. ONNX, which takes most of the time, is left out."""
    out = tmp_path_factory.mktemp("comparison") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monai_lwmisn.studies.costs.is_installed", lambda runtime: False)
        assert run(comparison(out, nuclei_phantom, test=False), resume=False) == {}
    assert not any("test" in (Trial(out, name, "seed_0").result() or {}) for name in NAMES)
    assert not list(out.rglob("metrics.json"))
    assert run(comparison(out, nuclei_phantom)) == {}
    return out
