"""The panel: what the user chooses goes to the parameter node, and what happens is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from LWMISNLib.bundles import WARNING, Bundle, BundleList, what_it_runs
from LWMISNLib.errors import SegmentationError
from LWMISNLib.logic import DEVICES, SLICE_AXES, Options, SegmentationLogic, Status
from LWMISNLib.parameters import Parameters

POLL_MILLISECONDS = 100

_DEVICE_TITLES = {
    "auto": "Light runtime, without PyTorch",
    "cpu": "Processor, with PyTorch",
    "cuda": "Graphics card (CUDA), with PyTorch",
}
_AXIS_TITLES = {"auto": "As trained", "axial": "Axial", "coronal": "Coronal", "sagittal": "Sagittal"}


class Panel:
    """
    Connects the widgets of LWMISN.ui with the logic.

    Args:
        ui: the widgets by their names.
        logic: segments.
        bundles: what there is to choose from.
        parameters: what is chosen.
        confirm: asks the user a question and returns whether the answer is yes.
        ensure_packages: returns whether the worker's packages are there for a bundle and a device; asks and installs
            when its last argument is true.
    """

    def __init__(
        self,
        ui: Any,
        logic: SegmentationLogic,
        bundles: BundleList,
        parameters: Parameters,
        confirm: Callable[[str], bool],
        ensure_packages: Callable[[Bundle, str, bool], bool],
    ) -> None:
        self.ui, self.logic, self.bundles, self.parameters = ui, logic, bundles, parameters
        self.confirm, self.ensure_packages = confirm, ensure_packages
        self._listed: list[Bundle] = []
        self._updating = False
        self._timer = qt.QTimer()
        self._timer.interval = POLL_MILLISECONDS
        self._timer.connect("timeout()", self.on_timer)
        for selector, titles, values in (
            (ui.deviceSelector, _DEVICE_TITLES, DEVICES),
            (ui.sliceAxisSelector, _AXIS_TITLES, SLICE_AXES),
        ):
            for value in values:
                selector.addItem(titles[value])
        self.list_bundles()
        self._connect()
        self.set_parameters(parameters)

    def set_parameters(self, parameters: Parameters) -> None:
        """Show what a parameter node says, as when a scene was loaded."""
        self.parameters = parameters
        ui, options = self.ui, parameters.options
        self._updating = True
        ui.volumeSelector.setCurrentNode(parameters.volume)
        ui.outputSelector.setCurrentNode(parameters.output)
        names = [bundle.path.name for bundle in self._listed]
        if parameters.bundle in names:
            ui.bundleSelector.currentIndex = names.index(parameters.bundle)
        ui.deviceSelector.currentIndex = list(DEVICES).index(options.device)
        ui.sliceAxisSelector.currentIndex = list(SLICE_AXES).index(options.slice_axis)
        ui.largestComponentCheckBox.checked = options.largest_component
        ui.smoothingSpinBox.value = options.smoothing
        ui.replaceCheckBox.checked = parameters.replace
        self._updating = False
        self._show_result()
        self.on_change()

    def list_bundles(self, chosen: str = "") -> None:
        """Look again at what bundles there are, and choose one by the name of its folder."""
        self._updating = True
        self._listed = list(self.bundles)
        self.ui.bundleSelector.clear()
        for bundle in self._listed:
            self.ui.bundleSelector.addItem(bundle.title)
        names = [bundle.path.name for bundle in self._listed]
        if chosen in names:
            self.ui.bundleSelector.currentIndex = names.index(chosen)
        self._updating = False

    @property
    def bundle(self) -> Bundle | None:
        """The chosen one."""
        index = self.ui.bundleSelector.currentIndex
        return self._listed[index] if 0 <= index < len(self._listed) else None

    def on_change(self, *_: Any) -> None:
        """Keep what has been chosen, and say whether it can be applied."""
        if self._updating:
            return
        ui, parameters = self.ui, self.parameters
        parameters.volume, parameters.output = ui.volumeSelector.currentNode(), ui.outputSelector.currentNode()
        parameters.bundle = self.bundle.path.name if self.bundle else ""
        parameters.replace = ui.replaceCheckBox.checked
        parameters.options = Options(
            device=list(DEVICES)[ui.deviceSelector.currentIndex],
            slice_axis=list(SLICE_AXES)[ui.sliceAxisSelector.currentIndex],
            largest_component=ui.largestComponentCheckBox.checked,
            smoothing=ui.smoothingSpinBox.value,
        )
        self._update_buttons()

    def on_bundle_chosen(self, *_: Any) -> None:
        """Get the worker ready while the user goes on choosing."""
        self.on_change()
        device = self.parameters.options.device
        if self._updating or self.bundle is None or not self.ensure_packages(self.bundle, device, False):
            return
        try:
            self.logic.warm_up(self.bundle.path, device)
        except SegmentationError as error:
            self._fail(str(error))

    def on_apply(self, *_: Any) -> None:
        """Begin to segment."""
        parameters = self.parameters
        self._fail("")
        try:
            if not self.ensure_packages(self.bundle, parameters.options.device, True):
                return
            self.logic.start(
                parameters.volume, self.bundle.path, parameters.options, parameters.output, parameters.replace
            )
        except SegmentationError as error:
            self._fail(str(error))
            return
        self._show(self.logic.status)
        self._timer.start()

    def on_timer(self) -> None:
        """Show how far it is."""
        status = self.logic.poll()
        if status.state != "running":
            self._finish(status)
        self._show(status)

    def on_cancel(self, *_: Any) -> None:
        """End it."""
        self.logic.cancel()
        self._finish(self.logic.status)
        self._show(self.logic.status)

    def on_add_folder(self, *_: Any) -> None:
        """Let the user choose the folder of a bundle."""
        self.add_bundle(qt.QFileDialog.getExistingDirectory(self.ui.addFolderButton, "Folder of a bundle"))

    def on_add_zip(self, *_: Any) -> None:
        """Let the user choose the zip of a bundle."""
        chosen = qt.QFileDialog.getOpenFileName(self.ui.addZipButton, "Zip of a bundle", "", "Zip files (*.zip)")
        self.add_bundle(chosen)

    def add_bundle(self, source: str) -> None:
        """Ask whether the bundle is trusted, naming what it runs, and take it into the list."""
        if not source:
            return
        self._fail("")
        try:
            with self.bundles.incoming(Path(source)) as incoming:
                files = "\n".join(f"  {line}" for line in what_it_runs(incoming))
                if not self.confirm(f"{WARNING}\n\nFrom {source} these would run:\n{files}\n\nAdd it?"):
                    return
                name = self.bundles.keep(incoming, incoming.name).path.name
        except SegmentationError as error:
            self._fail(str(error))
            return
        self.list_bundles(name)
        self.on_bundle_chosen()

    def on_show_3d(self, *_: Any) -> None:
        """Show or hide the segments in the 3D views."""
        node = self.parameters.output
        if node is None:
            return
        if self.ui.show3DCheckBox.checked:
            node.CreateClosedSurfaceRepresentation()
        else:
            node.RemoveClosedSurfaceRepresentation()

    def close(self) -> None:
        """End what is running, for good."""
        self._timer.stop()
        self.logic.close()

    def _connect(self) -> None:
        ui = self.ui
        for selector in (ui.volumeSelector, ui.outputSelector):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self.on_change)
        for selector in (ui.deviceSelector, ui.sliceAxisSelector):
            selector.connect("currentIndexChanged(int)", self.on_change)
        ui.bundleSelector.connect("currentIndexChanged(int)", self.on_bundle_chosen)
        for box in (ui.largestComponentCheckBox, ui.replaceCheckBox):
            box.connect("toggled(bool)", self.on_change)
        ui.smoothingSpinBox.connect("valueChanged(double)", self.on_change)
        ui.show3DCheckBox.connect("toggled(bool)", self.on_show_3d)
        for button, action in (
            (ui.applyButton, self.on_apply),
            (ui.cancelButton, self.on_cancel),
            (ui.addFolderButton, self.on_add_folder),
            (ui.addZipButton, self.on_add_zip),
        ):
            button.connect("clicked(bool)", action)

    def _update_buttons(self) -> None:
        running = self.logic.status.state == "running"
        reason = ""
        if running:
            reason = "A segmentation is running."
        elif self.parameters.volume is None:
            reason = "Choose a volume first."
        elif self.bundle is None:
            reason = "Add a bundle first."
        self.ui.applyButton.enabled = not reason
        self.ui.applyButton.toolTip = reason or "Segment the volume with the bundle."
        self.ui.cancelButton.enabled = running

    def _finish(self, status: Status) -> None:
        self._timer.stop()
        self.ui.logView.plainText = self.logic.log
        if status.state == "done":
            self._updating = True
            self.parameters.output = status.node
            self.ui.outputSelector.setCurrentNode(status.node)
            self._updating = False
            self.parameters.measures = status.measures
            self._fail(" ".join(status.warnings))
            self._show_result()
            self.on_show_3d()
        elif status.state == "failed":
            self._fail(status.message)

    def _fail(self, message: str) -> None:
        self.parameters.error = message
        self.ui.errorLabel.text = message
        self.ui.errorLabel.visible = bool(message)

    def _show(self, status: Status) -> None:
        ui = self.ui
        ui.progressBar.visible = ui.timeLabel.visible = status.state == "running"
        ui.progressBar.maximum, ui.progressBar.value = status.total, status.done
        text = "Starting ..."
        if status.total:
            text = f"Slice {status.done} of {status.total}"
        if status.seconds_left is not None:
            text += f", about {status.seconds_left:.0f} s left"
        ui.timeLabel.text = text
        self._update_buttons()

    def _show_result(self) -> None:
        table, rows = self.ui.resultTable, self.parameters.measures
        self.ui.errorLabel.text = self.parameters.error
        self.ui.errorLabel.visible = bool(self.parameters.error)
        counted = any(row.objects is not None for row in rows)
        titles = ["Segment", "Volume (ml)", "Slices", *(["Number"] if counted else [])]
        table.clear()
        table.setRowCount(len(rows))
        table.setColumnCount(len(titles))
        table.setHorizontalHeaderLabels(titles)
        for index, row in enumerate(rows):
            cells = [row.name, f"{row.milliliters:.4g}", str(row.slices), *([str(row.objects)] if counted else [])]
            for column, cell in enumerate(cells):
                table.setItem(index, column, qt.QTableWidgetItem(cell))
        table.visible = bool(rows)
