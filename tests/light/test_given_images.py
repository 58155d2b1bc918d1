"""What is no path and no array is refused by both predictors in one sentence, without what is in it."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import monai_lwmisn
from monai_lwmisn.errors import DataError
from monai_lwmisn.inference import predict as with_torch
from monai_lwmisn.light import predictor as light

BUNDLE = Path(monai_lwmisn.__file__).parents[1] / "bundles" / "prostate_mr_lwmisn"


@pytest.mark.parametrize("predict", [light.predict, with_torch.predict], ids=["light", "torch"])
@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (nibabel.Nifti1Image(np.zeros((9, 9, 3), np.int16), np.eye(4)), "Nifti1Image"),
        ([[1, 2]], "list"),
        (None, "NoneT"),
    ],
)
def test_another_type_is_named(predict: Any, image: Any, kind: str) -> None:
    with pytest.raises(DataError) as refused:
        predict(BUNDLE, image)
    sentence = str(refused.value)
    assert sentence.startswith(f"An image is a path or a numpy array, not of the type {kind}") and "\n" not in sentence
