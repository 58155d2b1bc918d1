"""The files of masks hold what was found, in a format that can hold it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.masks import MaskFolder, Prediction


@pytest.mark.parametrize("count, ending", [(65535, ".png"), (65536, ".tif")])
def test_numbers_that_a_png_cannot_hold_are_written_as_tiff(tmp_path: Path, count: int, ending: str) -> None:
    numbers = np.zeros((300, 301), np.int32)
    numbers.ravel()[:count] = np.arange(1, count + 1)
    folder = MaskFolder(tmp_path, [{"image": "cells.tif"}], {"1": "nucleus"})
    written = folder.write("cells.tif", Prediction((numbers > 0).astype(np.uint8), numbers))
    assert [path.name for path in written] == [f"cells_instances{ending}", "cells_seg.png"]
    read = tifffile.imread(written[0]) if ending == ".tif" else np.asarray(Image.open(written[0]))
    np.testing.assert_array_equal(read, numbers)
    folder.write("cells.tif", Prediction((numbers > 0).astype(np.uint8), numbers))
    for path in written:
        pixels = Image.open(path)
        changed = np.array(pixels)
        changed[0, 0] = 0
        notes = PngInfo()
        notes.add_text("Software", pixels.info.get("Software", ""))
        Image.fromarray(changed).save(path, pnginfo=notes)
        with pytest.raises(DataError, match="no mask of an earlier call, or was changed since"):
            folder.write("cells.tif", Prediction((numbers > 0).astype(np.uint8), numbers))
        path.unlink()
