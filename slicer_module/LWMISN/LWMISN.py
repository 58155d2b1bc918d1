"""The module as Slicer loads it: its description, its panel, and its self-test. All else is in LWMISNLib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from LWMISNLib import installer
from LWMISNLib.bundles import LIGHT_FILE, Bundle, BundleList, runtime_of
from LWMISNLib.errors import SegmentationError
from LWMISNLib.logic import SegmentationLogic
from LWMISNLib.parameters import Parameters
from LWMISNLib.widget import Panel
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class LWMISN(ScriptedLoadableModule):
    """Describes the module to Slicer."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "LWMISN Segmentation"
        parent.categories = ["Segmentation"]
        parent.dependencies = []
        parent.contributors = ["The monai_lwmisn authors"]
        parent.helpText = (
            "Segments a volume slice by slice with a light-weight network, packaged as a MONAI Bundle. For research, "
            "not for diagnosis."
        )
        parent.acknowledgementText = (
            'The method follows Zhang, Zhong, Mao: "Neural Architecture Search for Light-weight Medical Image '
            'Segmentation Network", Computer Science 49(10), 2022, 183-190.'
        )


class LWMISNLogic(ScriptedLoadableModuleLogic, SegmentationLogic):
    """:class:`SegmentationLogic` under the name that Slicer and other modules look for."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        SegmentationLogic.__init__(self)


class LWMISNWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Builds the panel and keeps it in step with the scene."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self) -> None:
        """Called by Slicer when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/LWMISN.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = LWMISNLogic()
        store = Path(qt.QStandardPaths.writableLocation(qt.QStandardPaths.AppDataLocation)) / "LWMISN" / "Bundles"
        self.panel = Panel(
            slicer.util.childWidgetVariables(widget),
            self.logic,
            BundleList(store),
            Parameters(self.logic.getParameterNode()),
            slicer.util.confirmOkCancelDisplay,
            ensure_packages,
        )
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.on_scene_close)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.on_scene_change)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.on_scene_change)

    def cleanup(self) -> None:
        """Called by Slicer when it ends."""
        self.panel.close()
        self.removeObservers()

    def on_scene_close(self, *_: Any) -> None:
        """End a segmentation whose volume is about to go."""
        self.panel.on_cancel()

    def on_scene_change(self, *_: Any) -> None:
        """Show what the parameter node of the new scene says."""
        self.panel.set_parameters(Parameters(self.logic.getParameterNode()))


def ensure_packages(bundle: Bundle, device: str, ask: bool) -> bool:
    """Return whether the worker's packages are installed; with ``ask``, offer the user to install them.

    Raises:
        SegmentationError: the bundle needs PyTorch, which the user has not asked for; or the installation failed.
    """
    missing = installer.missing(runtime_of(bundle, device), bundle.objects)
    if not missing:
        return True
    if ask and device == "auto" and {"torch", "monai"} & {package.name for package in missing}:
        raise SegmentationError(
            f"{bundle.path.name} has no {LIGHT_FILE.as_posix()}, so that it needs PyTorch and MONAI, which are not "
            "installed: add a bundle of 'lwmisn bundle --standalone', or choose a device with PyTorch under Advanced."
        )
    if not ask or not slicer.util.confirmOkCancelDisplay(installer.question(missing)):
        return False
    try:
        import PyTorchUtils

        def install_torch() -> None:
            if PyTorchUtils.PyTorchUtilsLogic().installTorch() is None:
                raise SegmentationError("the PyTorch extension could not install torch")
    except ImportError:
        install_torch = None
    with slicer.util.WaitCursor():
        installer.install(missing, slicer.util.pip_install, install_torch)
    return True


class LWMISNTest(ScriptedLoadableModuleTest):
    """Runs in Slicer, from the module's "Reload & Test", with the packages of the worker installed."""

    def runTest(self) -> None:
        """Segment a volume with the first bundle that takes grey volumes."""
        import numpy as np

        slicer.mrmlScene.Clear(0)
        self.delayDisplay("Making a volume")
        voxels = (100 * np.random.default_rng(0).normal(size=(5, 64, 64))).astype(np.int16)
        volume = slicer.util.addVolumeFromArray(voxels, name="Noise")
        bundle = next(bundle for bundle in BundleList(Path()) if bundle.volumetric)
        logic = LWMISNLogic()
        try:
            self.delayDisplay(f"Segmenting with {bundle.path.name}")
            logic.start(volume, bundle.path)
            while logic.poll().state == "running":
                slicer.app.processEvents()
            self.assertEqual(logic.status.state, "done", logic.status.message)
            self.assertEqual(logic.status.node.GetSegmentation().GetNumberOfSegments(), len(bundle.labels))
            self.assertEqual(logic.status.done, 5)
            logic.start(volume, bundle.path)
            logic.cancel()
            self.assertEqual(logic.status.state, "cancelled")
        finally:
            logic.close()
        self.delayDisplay("Test passed")
