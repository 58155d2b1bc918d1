"""Tests of the plug-in in napari itself, without a screen. They are skipped where napari is not installed."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_lwmisn.inference.predict import predict
from monai_lwmisn.shipped import shipped_bundles
from tests.inference.bundles import write_bundle

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("napari")
pytest.importorskip("pytestqt")

MANIFEST = Path(__file__).parents[2] / "monai_lwmisn" / "napari" / "napari.yaml"
MILLISECONDS = 120_000
GL_EXTENSIONS = 7939


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "nuclei", "nuclei")


@pytest.fixture(scope="module")
def hippocampus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "hippocampus", "hippocampus_mr")


@pytest.fixture
def viewer(make_napari_viewer: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    # Without a screen there is no OpenGL. napari asks it for its limits, and draws nothing that is not shown.
    monkeypatch.setattr("vispy.gloo.gl.glGetParameter", lambda name: "" if name == GL_EXTENSIONS else 4096)
    return make_napari_viewer()


@pytest.fixture
def widget(viewer: Any, npe2pm: Any) -> Any:
    """The widget as napari's menu opens it."""
    with npe2pm.tmp_plugin(manifest=MANIFEST):
        _, widget = viewer.window.add_plugin_dock_widget("monai-lwmisn", "Segment with a bundle")
        yield widget


def choose(widget: Any, bundle: Path) -> None:
    widget.bundle.value = ""
    widget.other.value = bundle


def wait(qtbot: Any, widget: Any) -> None:
    qtbot.waitUntil(lambda: widget.start.enabled, timeout=MILLISECONDS)


def test_the_manifest_is_valid_and_the_bundles_of_the_package_are_offered(widget: Any) -> None:
    from npe2 import PluginManifest

    PluginManifest.from_file(MANIFEST).validate_imports()
    assert [path.name for path in widget.bundle.choices if path] == [path.name for path in shipped_bundles()]


def test_a_picture_becomes_a_layer_of_labels(viewer: Any, widget: Any, nuclei: Path, qtbot: Any) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    viewer.add_image(picture, name="cells", rgb=True, scale=(0.5, 0.5), translate=(3, 4))
    choose(widget, nuclei)
    widget.start.native.click()
    assert not widget.start.enabled and widget.cancel.enabled  # it goes on beside the widgets
    wait(qtbot, widget)
    labels, objects = viewer.layers["cells: nucleus"], viewer.layers["cells: objects"]
    np.testing.assert_array_equal(labels.data, predict(nuclei, picture))
    np.testing.assert_array_equal(objects.data > 0, labels.data > 0)
    np.testing.assert_array_equal((*labels.scale, *labels.translate), (0.5, 0.5, 3, 4))
    assert list(labels.features["class"]) == ["background", "nucleus"]
    np.testing.assert_allclose(labels.get_color(1)[:3], np.array([0x00, 0xC2, 0xA8]) / 255, atol=1e-6)
    assert widget.message.value == "Segmented cells, by nuclei."


def test_a_volume_takes_the_scale_of_its_layer_as_spacing(
    viewer: Any, widget: Any, hippocampus: Path, qtbot: Any
) -> None:
    volume = np.random.default_rng(0).normal(100, 20, (5, 30, 26)).astype(np.float32)
    viewer.add_image(volume, name="head", scale=(3000, 2000, 1500), units=("um",) * 3)
    choose(widget, hippocampus)
    widget.start.native.click()
    wait(qtbot, widget)
    affine = np.diag([-1.5, -2, 3, 1])  # z, y and x lead to head, back and left
    expected = predict(hippocampus, volume.transpose(2, 1, 0), affine=affine).transpose(2, 1, 0)
    (labels,) = (layer for layer in viewer.layers if layer.name.startswith("head:"))
    np.testing.assert_array_equal(labels.data, expected)
    assert widget.message.value == "Segmented head with 3 x 2 x 1.5 mm, by hippocampus."


def test_an_error_is_a_sentence_and_no_layer(viewer: Any, widget: Any, hippocampus: Path, qtbot: Any) -> None:
    widget.start.native.click()
    assert widget.message.value == "Choose a bundle and an image layer."
    viewer.add_image(np.zeros((40, 50)), name="cells")
    choose(widget, hippocampus)
    widget.start.native.click()
    wait(qtbot, widget)
    assert widget.message.value.startswith("The layer cells has 2 axes, and the bundle hippocampus segments volumes")
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_a_widget_that_is_closed_stops_its_work(viewer: Any, widget: Any, hippocampus: Path, qtbot: Any) -> None:
    from napari.qt.threading import FunctionWorker

    viewer.add_image(np.random.default_rng(0).normal(100, 20, (40, 30, 26)), name="head")
    choose(widget, hippocampus)
    widget.start.native.click()
    worker = widget._worker
    assert isinstance(worker, FunctionWorker)
    widget._abandon()
    with qtbot.waitSignal(worker.finished, timeout=MILLISECONDS):
        pass
    assert [layer.name for layer in viewer.layers] == ["head"] and not widget.start.enabled


def test_cancelling_leaves_no_layer(
    viewer: Any, widget: Any, hippocampus: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, steps = threading.Event(), threading.Event(), []
    advance = type(widget)._advance_from_thread

    def slowly(self: Any, done: int, total: int) -> None:
        steps.append((done, total))
        begun.set()
        assert go_on.wait(60)
        advance(self, done, total)

    monkeypatch.setattr(type(widget), "_advance_from_thread", slowly)
    viewer.add_image(np.random.default_rng(0).normal(100, 20, (40, 30, 26)), name="head")
    choose(widget, hippocampus)
    widget.start.native.click()
    qtbot.waitUntil(begun.is_set, timeout=MILLISECONDS)
    widget.cancel.native.click()
    go_on.set()
    wait(qtbot, widget)
    assert steps == [(8, 40)]  # nothing was computed after the first batch of slices
    assert widget.message.value == "Cancelled." and [layer.name for layer in viewer.layers] == ["head"]
