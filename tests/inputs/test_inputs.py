"""Every input of the table is right or refused with a sentence: none is wrong without a word."""

from pathlib import Path

import pytest

from monai_lwmisn.inference.predict import Predictor
from tests.inputs.data_sets import DataSet
from tests.inputs.outcomes import DATA_SETS, OF_VOLUMES, ROWS, bundle_for, data_set_outcome, outcome
from tests.inputs.table import Row


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Predictor]:
    folder = tmp_path_factory.mktemp("bundles")
    return {volumetric: bundle_for(folder, volumetric) for volumetric in (False, True)}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_input_is_right_or_refused(row: Row, predictors: dict[bool, Predictor], tmp_path: Path) -> None:
    outcome(row, tmp_path, predictors[row.kind in OF_VOLUMES])


@pytest.mark.parametrize("data_set", DATA_SETS, ids=str)
def test_a_data_set_is_right_or_has_a_problem(
    data_set: DataSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_set_outcome(data_set, tmp_path, capsys.readouterr)


def test_no_two_inputs_have_one_name() -> None:
    names = [str(row) for row in [*ROWS, *DATA_SETS]]
    assert len(names) == len(set(names)) >= 120
