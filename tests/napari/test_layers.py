"""Tests of what the plug-in for napari does with the image of a layer. They need no napari."""

from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.predict import predict
from monai_lwmisn.napari.layers import DIRECTIONS, LayerImage, segment_layer
from tests.inference.bundles import PLAIN, write_bundle


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "nuclei", "nuclei")


@pytest.fixture(scope="module")
def hippocampus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "hippocampus", "hippocampus_mr", PLAIN)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 20, (5, 30, 26)).astype(np.float32)


def test_a_picture_gives_what_predict_gives(nuclei: Path, picture: np.ndarray) -> None:
    steps = []
    found = segment_layer(nuclei, LayerImage("cells", picture, True, (1, 1), "SPL"), lambda *step: steps.append(step))
    expected = predict(nuclei, picture)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(found.classes, expected)
    assert found.names == {0: "background", 1: "nucleus"} and found.objects is not None
    np.testing.assert_array_equal(found.objects > 0, expected > 0)
    assert steps[-1] == (1, 1)
    grey = segment_layer(nuclei, LayerImage("cells", picture[..., 0], False, (1, 1), "SPL"))
    np.testing.assert_array_equal(grey.classes, predict(nuclei, picture[..., 0]))


@pytest.mark.parametrize("directions", DIRECTIONS.values())
def test_a_volume_is_turned_as_its_axes_lead(hippocampus: Path, volume: np.ndarray, directions: str) -> None:
    found = segment_layer(hippocampus, LayerImage("case", volume, False, (3, 2, 1.5), directions))
    # The same voxels in the order of the network: x to the right, y to the front, z to the head.
    _, second, third = directions
    turn = (slice(None), slice(None, None, 1 if second == "A" else -1), slice(None, None, 1 if third == "R" else -1))
    expected = predict(hippocampus, volume[turn].transpose(2, 1, 0), affine=np.diag([1.5, 2, 3, 1]))
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(found.classes[turn].transpose(2, 1, 0), expected)
    assert found.names == {0: "background", 1: "anterior hippocampus", 2: "posterior hippocampus"}
    assert found.objects is None


def test_what_cannot_be_segmented_is_refused_with_a_sentence(
    nuclei: Path, hippocampus: Path, picture: np.ndarray, volume: np.ndarray
) -> None:
    with pytest.raises(DataError, match="The layer stack has 3 axes, and the bundle nuclei segments pictures"):
        segment_layer(nuclei, LayerImage("stack", volume, False, (1, 1, 1), "SPL"))
    with pytest.raises(DataError, match="The layer cells has 2 axes and colours, and .* three axes and no colours"):
        segment_layer(hippocampus, LayerImage("cells", picture, True, (1, 1), "SPL"))
    damaged = volume.copy()
    damaged[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="case has voxels that are NaN"):
        segment_layer(hippocampus, LayerImage("case", damaged, False, (1, 1, 1), "SPL"))


def test_a_layer_on_disk_that_cannot_be_read_is_named(nuclei: Path) -> None:
    class Broken:
        shape = (40, 50)

        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match=r"The layer cells cannot be used \(Input/output error\)"):
        segment_layer(nuclei, LayerImage("cells", Broken(), False, (1, 1), "SPL"))
