"""Loads the inputs of the table as every program does, and says what came of each."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose

from monai_lwmisn.cli import main
from monai_lwmisn.config import resolve
from monai_lwmisn.data.datasets import read_dataset
from monai_lwmisn.errors import InputWarning, LWMISNError, own_error
from monai_lwmisn.inference.predict import Predictor, load_bundle
from tests.inference.bundles import PLAIN, write_bundle
from tests.inputs import data_sets, dicom, packaged, pictures, volume_files
from tests.inputs.data_sets import DataSet
from tests.inputs.table import Refused, Row, Volume

ROWS = [*dicom.ROWS, *volume_files.ROWS, *pictures.ROWS, *packaged.ROWS]
DATA_SETS = data_sets.DATA_SETS
RIGHT, REMARK, REFUSED = "right", "right, with a remark", "refused"
MOST_VOXELS = 50_000
"""Of inputs that are also segmented, to save time."""
OF_VOLUMES = ("DICOM", "NIfTI", "NRRD", "MetaImage")


class Outcome(NamedTuple):
    """What came of an input.

    Attributes:
        result: :data:`RIGHT`, :data:`REMARK` or :data:`REFUSED`.
        said: the sentences.
    """

    result: str
    said: str


def bundle_for(folder: Path, volumetric: bool) -> Predictor:
    """A bundle whose network sees what was read, untouched."""
    preset = "prostate_mr" if volumetric else "nuclei"
    return load_bundle(write_bundle(folder / preset, preset, {**PLAIN, "data.spatial": []}), device="cpu")


@cache
def _loading(volumetric: bool, channels: int) -> Compose:
    overrides = {"data.in_channels": channels} if volumetric else {}
    config = resolve("prostate_mr" if volumetric else "nuclei", "light", overrides)["inference"]
    return Compose(ConfigParser(config).get_parsed_content("data::loading"))


def load(path: Path, volumetric: bool, channels: int = 1) -> tuple[Any, str]:
    """The image (channel, x, y[, z]), by the transforms that load images in every program, and what was said.

    Raises:
        LWMISNError: it is refused.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            image = _loading(volumetric, channels)({"image": str(path)})["image"]
        except Exception as error:
            own = own_error(error)
            if own is None:
                raise
            raise own from error
    said = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, InputWarning))
    return image, " ".join(said)


def outcome(row: Row, folder: Path, predictor: Predictor) -> Outcome:
    """Load an input and segment it, and compare both with what the table says.

    Args:
        row: of the table.
        folder: to write the input into.
        predictor: for pictures or volumes, as the input is one.

    Raises:
        AssertionError: the outcome is another one, or the values or positions are.
    """
    path = row.make(folder)
    try:
        image, said = load(path, predictor.volumetric, row.channels)
    except LWMISNError as error:
        sentence = str(error)
        assert isinstance(row.says, Refused), f"refused: {sentence}"
        assert re.search(row.says.words, sentence, re.IGNORECASE), f"refused for another reason: {sentence}"
        assert path.name in sentence, f"the sentence names no file: {sentence}"
        return Outcome(REFUSED, sentence)
    assert not isinstance(row.says, Refused), f"read as {tuple(image.shape)}, though it is to be refused"
    expected = row.says(path)
    if isinstance(expected, Volume):
        expected.check(image.numpy(), np.asarray(image.affine))
    else:
        expected.check(image.numpy())
    if row.channels == 1 and image.numel() <= MOST_VOXELS:
        prediction = predictor(path)
        assert " ".join(prediction.warnings) == said
        if isinstance(expected, Volume):
            assert prediction.affine is not None
            expected.check_places(prediction.labels.shape, prediction.affine)
        else:
            assert prediction.labels.shape == expected.values.shape[:2]
    if not row.remark:
        return Outcome(RIGHT, said)
    assert re.search(row.remark, said, re.IGNORECASE), f"no remark, but: {said}"
    return Outcome(REMARK, said)


def data_set_outcome(data_set: DataSet, folder: Path, capture: Callable[[], Any]) -> Outcome:
    """Check a data set by the command, and load its first label as training does where there is no problem.

    Args:
        data_set: of the table.
        folder: to write it into.
        capture: returns what was printed since it was called last, as (out, err).

    Raises:
        AssertionError: the outcome is another one, or the classes are.
    """
    data_set.make(folder)
    settings = {"data.dataset": "folder", **data_set.settings}
    arguments = [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
    capture()
    code = main(["check-data", "--preset", data_set.preset, "--data", str(folder), *arguments])
    out, err = capture()
    problems = [line for line in [*out.splitlines(), *err.splitlines()] if line.startswith(("problem: ", "lwmisn: "))]
    if problems:
        assert code == 2, f"exit code {code}: {problems}"
        assert isinstance(data_set.says, Refused), f"a problem: {problems}"
        assert re.search(data_set.says.words, problems[0], re.IGNORECASE), f"another problem: {problems}"
        return Outcome(REFUSED, problems[0].partition(": ")[2])
    assert code == 0
    assert not isinstance(data_set.says, Refused), "no problems, though there is one"
    config = resolve(data_set.preset, "light", settings)["train"]
    item = next(item for item in read_dataset(settings["data.dataset"], folder) if "case_0" in str(item["label"]))
    loaded: Any = Compose(ConfigParser(config).get_parsed_content("data::loading"))(item)
    label: torch.Tensor = loaded["label"]
    if data_set.says.ndim == 2:
        np.testing.assert_array_equal(label[0].numpy().T, data_set.says)
    else:
        Volume.of_grid(data_set.says, volume_files.AFFINE).check(label.numpy(), np.asarray(loaded["label"].affine))
    return Outcome(RIGHT, "")
