"""The panel on a stand-in UI, with the real .ui file, the real scene and real workers."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer

from tests.slicer_module import stand_ins
from tests.slicer_module.code import carry_code
from tests.slicer_module.scene import new_scene
from tests.slicer_module.test_logic import segments
from tests.slicer_module.volumes import grey

stand_ins.install()

import LWMISN  # noqa: E402  needs the stand-ins
from LWMISNLib.bundles import BundleList  # noqa: E402


class Asked:
    """Answers questions, and remembers them."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.answer = True

    def __call__(self, question: str) -> bool:
        self.questions.append(question)
        return self.answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", asked)
    return asked


@pytest.fixture
def module(python: str, bundles: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module's widget as after it was opened."""
    new_scene()
    monkeypatch.setattr(LWMISN, "BundleList", lambda store: BundleList(tmp_path / "store", bundles))
    monkeypatch.setattr(LWMISN.installer, "missing", lambda *_: [])
    monkeypatch.setattr("LWMISNLib.processes.worker_python", lambda: python)
    widget = LWMISN.LWMISNWidget()
    widget.setup()
    yield widget
    widget.cleanup()


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        stand_ins.application.processEvents()
        time.sleep(0.01)


def choose(module: Any, volume: Any, bundle: str) -> Any:
    ui = module.panel.ui
    ui.volumeSelector.setCurrentNode(volume)
    names = [listed.path.name for listed in module.panel._listed]
    ui.bundleSelector.currentIndex = names.index(bundle)
    return ui


def finished(module: Any) -> bool:
    return module.logic.status.state != "running"


def test_apply_says_what_it_waits_for(module: Any) -> None:
    ui = module.panel.ui
    assert not ui.applyButton.enabled and ui.applyButton.toolTip == "Choose a volume first."
    ui.volumeSelector.setCurrentNode(slicer.util.addVolumeFromArray(grey(), name="MR"))
    assert ui.applyButton.enabled and not ui.cancelButton.enabled
    ui.volumeSelector.setCurrentNode(None)
    assert not ui.applyButton.enabled


def test_bundles_are_listed_with_what_they_are(module: Any) -> None:
    selector = module.panel.ui.bundleSelector.wrapped
    titles = [selector.itemText(index) for index in range(selector.count())]
    assert len(titles) == 3
    assert titles[0].startswith("hippocampus_mr (MR: anterior hippocampus, posterior hippocampus; ")
    assert titles[0].endswith(" MB)")


def test_a_segmentation_with_progress_and_a_table(module: Any, request: pytest.FixtureRequest) -> None:
    volume = slicer.util.addVolumeFromArray(grey((24, 256, 256)), name="MR")
    ui = choose(module, volume, "hippocampus_mr")
    module.window.show()
    seen = []
    ui.applyButton.click()
    assert ui.cancelButton.enabled and ui.applyButton.toolTip == "A segmentation is running."
    until(lambda: seen.append((ui.timeLabel.text, ui.progressBar.value)) or finished(module))
    assert module.logic.status.state == "done", module.logic.status.message
    assert any("of 24" in text for text, _ in seen)
    assert ui.applyButton.enabled and not ui.cancelButton.enabled and not ui.progressBar.visible
    node = ui.outputSelector.currentNode()
    assert set(segments(node, volume)) == {"Anterior hippocampus", "Posterior hippocampus"}
    table = ui.resultTable.wrapped
    cells = [[table.item(row, column).text() for column in range(3)] for row in range(table.rowCount())]
    for cell, mask in zip(cells, segments(node, volume).values(), strict=True):
        assert float(cell[1]) == pytest.approx(np.count_nonzero(mask) / 1000, rel=1e-3)
        assert int(cell[2]) == np.count_nonzero(mask.any(axis=(1, 2)))
    if folder := os.environ.get("LWMISN_SCREENSHOTS"):
        stand_ins.application.processEvents()
        module.window.resize(420, 820)
        module.window.grab().save(str(Path(folder) / "slicer_panel.png"))


def test_cancel_ends_it_and_leaves_the_scene(module: Any, temporary: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey((200, 256, 256)), name="MR")
    ui = choose(module, volume, "prostate_mr")
    ui.applyButton.click()
    until(lambda: module.logic.status.done > 0)
    before = slicer.mrmlScene.GetNumberOfNodes()
    process = module.logic._worker._process
    ui.cancelButton.click()
    assert process.poll() is not None and module.logic.status.state == "cancelled"
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert not list(temporary.iterdir())
    assert ui.applyButton.enabled and not ui.progressBar.visible and not ui.errorLabel.text


def test_an_error_is_shown_and_the_log_is_there(module: Any) -> None:
    noise = np.full((3, 9, 9), np.nan, np.float32)
    ui = choose(module, slicer.util.addVolumeFromArray(noise, name="Broken"), "prostate_mr")
    module.window.show()
    ui.applyButton.click()
    until(lambda: finished(module))
    assert ui.errorLabel.text == "Broken has voxels that are NaN or infinite: repair it."
    assert ui.errorLabel.visible and "Traceback" in ui.logView.plainText
    ui.volumeSelector.setCurrentNode(slicer.util.addVolumeFromArray(grey(), name="Whole"))
    ui.applyButton.click()
    assert not ui.errorLabel.text
    until(lambda: finished(module))
    assert module.logic.status.state == "done"


def test_a_saved_scene_has_it_all(
    module: Any, torch_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("LWMISNLib.processes.worker_python", lambda: torch_python)
    volume = slicer.util.addVolumeFromArray(grey(), name="MR")
    ui = choose(module, volume, "prostate_mr")
    ui.deviceSelector.currentIndex = 1
    ui.sliceAxisSelector.currentIndex = 2
    ui.largestComponentCheckBox.checked = True
    ui.smoothingSpinBox.value = 1.5
    ui.applyButton.click()
    until(lambda: finished(module))
    ui.replaceCheckBox.checked = False
    rows, output = module.panel.parameters.measures, ui.outputSelector.currentNode().GetName()
    assert module.logic.status.state == "done" and rows
    slicer.mrmlScene.SetURL(str(tmp_path / "scene.mrml"))
    assert slicer.mrmlScene.Commit()
    slicer.mrmlScene.Clear(0)
    module.on_scene_change()
    assert ui.volumeSelector.currentNode() is None and not ui.smoothingSpinBox.value
    assert not module.panel.parameters.measures
    assert slicer.mrmlScene.Import()
    module.on_scene_change()
    assert ui.volumeSelector.currentNode().GetName() == "MR"
    assert ui.outputSelector.currentNode().GetName() == output
    assert ui.deviceSelector.currentText == "Processor, with PyTorch"
    assert ui.sliceAxisSelector.currentText == "Coronal"
    assert ui.largestComponentCheckBox.checked and ui.smoothingSpinBox.value == 1.5
    assert not ui.replaceCheckBox.checked
    assert module.panel.bundle.path.name == "prostate_mr"
    assert module.panel.parameters.measures == rows


def test_a_bundle_is_added_only_when_it_is_trusted(
    module: Any, asked: Asked, bundle_copy: Path, tmp_path: Path
) -> None:
    carry_code(bundle_copy)
    archive = shutil.make_archive(str(tmp_path / "another"), "zip", bundle_copy.parent, bundle_copy.name)
    count = len(module.panel._listed)
    asked.answer = False
    module.panel.add_bundle(archive)
    assert len(module.panel._listed) == count and not list((tmp_path / "store").iterdir())
    (question,) = asked.questions
    assert "With PyTorch, bundles execute Python code. Add only bundles you trust." in question and archive in question
    assert "configs/inference.json" in question and "monai_lwmisn/inference/*.py (" in question
    asked.answer = True
    module.panel.add_bundle(archive)
    assert len(module.panel._listed) == count + 1
    assert module.panel.bundle.path == tmp_path / "store" / bundle_copy.name
    ui = module.panel.ui
    ui.volumeSelector.setCurrentNode(slicer.util.addVolumeFromArray(grey(), name="MR"))
    ui.applyButton.click()
    until(lambda: finished(module))
    assert module.logic.status.state == "done", module.logic.status.message


def test_packages_are_installed_on_apply_and_only_with_consent(
    module: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    required = LWMISN.installer.required
    monkeypatch.setattr(LWMISN.installer, "missing", lambda *what: required(*what)[:2])
    installed = []
    monkeypatch.setattr(slicer.util, "pip_install", installed.append, raising=False)
    monkeypatch.setattr(slicer.util, "WaitCursor", contextlib.nullcontext)
    ui = choose(module, slicer.util.addVolumeFromArray(grey(), name="MR"), "prostate_mr")
    assert not asked.questions  # not for choosing
    asked.answer = False
    ui.applyButton.click()
    assert "onnxruntime 1.32.0 (27.8 MB)" in asked.questions[0] and "torch" not in asked.questions[0]
    assert not installed and finished(module)
    ui.deviceSelector.currentIndex = 1
    ui.applyButton.click()
    assert "torch 2.6 (200 MB)" in asked.questions[1]
    assert not installed and finished(module)
    ui.deviceSelector.currentIndex = 0
    asked.answer = True
    ui.applyButton.click()
    assert installed == [["--no-deps", "onnxruntime==1.32.0", "flatbuffers==25.12.19"]]
    until(lambda: finished(module))
    assert module.logic.status.state == "done"


def test_a_bundle_that_needs_pytorch_says_how_to_ask_for_it(
    module: Any, asked: Asked, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Path(shutil.copytree(bundles / "prostate_mr", tmp_path / "store" / "old"))
    (bundle / "models/model_full.onnx").unlink()
    module.panel.list_bundles()
    monkeypatch.setattr(LWMISN.installer, "missing", lambda runtime, _: LWMISN.installer.required(runtime)[:1])
    ui = choose(module, slicer.util.addVolumeFromArray(grey(), name="MR"), "old")
    ui.applyButton.click()
    assert "old has no models/model_full.onnx, so that it needs PyTorch and MONAI" in ui.errorLabel.text
    assert not asked.questions and finished(module)
    asked.answer = False
    ui.deviceSelector.currentIndex = 1
    ui.applyButton.click()
    assert "torch" in asked.questions[0]


def test_closing_the_scene_ends_a_segmentation(module: Any) -> None:
    ui = choose(module, slicer.util.addVolumeFromArray(grey((200, 256, 256)), name="MR"), "prostate_mr")
    ui.applyButton.click()
    until(lambda: module.logic.status.done > 0)
    slicer.mrmlScene.Clear(0)
    assert module.logic.status.state == "cancelled"
    assert not ui.applyButton.enabled
