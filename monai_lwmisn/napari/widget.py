"""The widget of the plug-in. The work is done in a thread, so that napari goes on answering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, Container, FileEdit, Label, ProgressBar, PushButton, create_widget
from napari.layers import Image
from napari.qt.threading import create_worker
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.notifications import show_error, show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from monai_lwmisn.errors import LWMISNError, explain
from monai_lwmisn.files import read_json
from monai_lwmisn.light.colours import class_colour
from monai_lwmisn.napari.layers import DIRECTIONS, LayerImage, LayerLabels, segment_layer
from monai_lwmisn.shipped import shipped_bundles

OTHER = "another, below"


class _Cancelled(BaseException):
    """The user cancelled. It is no ``Exception``, which the prediction would make an error of the image."""


class _Progress(QObject):
    """Brings progress from the thread of the work to that of the widgets."""

    advanced = Signal(int, int)


class SegmentWidget(Container):
    """Chooses a bundle and a layer, and adds what the bundle finds as a layer of labels.

    Args:
        napari_viewer: which napari gives to the parameter of this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        self._viewer = napari_viewer
        self._worker: Any = None
        shipped = [(str(read_json(path / "configs" / "metadata.json")["name"]), path) for path in shipped_bundles()]
        self.bundle = ComboBox(label="bundle", choices=[*shipped, (OTHER, "")])
        self.other = FileEdit(label="another", mode="d", nullable=True, value=None)
        self.layer = create_widget(label="image", annotation=Image)
        self.directions = ComboBox(label="z, y, x lead to", choices=list(DIRECTIONS), tooltip="of volumes")
        self.start = PushButton(text="Segment")
        self.cancel = PushButton(text="Cancel", enabled=False)
        self.bar = ProgressBar(value=0, max=1, visible=False)
        self.message = Label(value="")
        super().__init__(
            widgets=[
                *(self.bundle, self.other, self.layer, self.directions),
                *(self.start, self.cancel, self.bar, self.message),
            ]
        )
        self._progress = _Progress()
        self._progress.advanced.connect(self._advance)
        self.start.changed.connect(self._start)
        self.cancel.changed.connect(self._cancel)
        self.native.destroyed.connect(self._abandon)

    def _start(self) -> None:
        bundle, layer = self.bundle.value or self.other.value, self.layer.value
        if layer is None or bundle is None:
            self.message.value = "Choose a bundle and an image layer."
            return
        self._worker = create_worker(
            _work, bundle, _image(layer, DIRECTIONS[self.directions.value]), self._advance_from_thread,
            _ignore_errors=True, _start_thread=False,
            _connect={"returned": lambda found: self._show(layer, found), "finished": self._finish},
        )  # fmt: skip
        self.start.enabled, self.cancel.enabled, self.bar.visible = False, True, True
        self.bar.value, self.bar.max = 0, 0  # not known yet how much there is to do
        self.message.value = f"Segmenting {layer.name} ..."
        self._worker.start()

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.quit()

    def _abandon(self) -> None:
        """Cancel where the widget is no more, and nothing is to be shown in it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.finished.disconnect(self._finish)
            worker.quit()

    def _advance_from_thread(self, done: int, total: int) -> None:
        if self._worker is None or self._worker.abort_requested:
            raise _Cancelled
        self._progress.advanced.emit(done, total)

    def _advance(self, done: int, total: int) -> None:
        self.bar.max, self.bar.value = total, done

    def _finish(self) -> None:
        cancelled = self._worker.abort_requested
        self._worker = None
        self.start.enabled, self.cancel.enabled, self.bar.visible = True, False, False
        if cancelled:
            self.message.value = "Cancelled."

    def _show(self, layer: Image, found: LayerLabels | str) -> None:
        if isinstance(found, str):
            self.message.value = found
            show_error(found)
            return
        for remark in found.remarks:
            show_warning(remark)
        place = {key: getattr(layer, key) for key in ("scale", "translate", "rotate", "shear", "units", "axis_labels")}
        place["affine"] = layer.affine.affine_matrix
        colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
        colours |= {value: class_colour(value) for value in found.names if value}
        self._viewer.add_labels(
            found.classes,
            name=f"{layer.name}: {', '.join(list(found.names.values())[1:])}",
            features={"index": list(found.names), "class": list(found.names.values())},
            colormap=DirectLabelColormap(color_dict=colours),
            **place,
        )
        if found.objects is not None:
            self._viewer.add_labels(found.objects, name=f"{layer.name}: objects", **place)
        grid = "" if found.classes.ndim == 2 else f" with {' x '.join(f'{mm:g}' for mm in _spacing(layer))} mm"
        self.message.value = f"Segmented {layer.name}{grid}, by {found.name}."


def _work(bundle: Path, image: LayerImage, progress: Any) -> LayerLabels | str | None:
    """What was found; or a sentence, where the bundle or the image cannot be used; or nothing, where cancelled."""
    try:
        return segment_layer(bundle, image, progress)
    except _Cancelled:
        return None
    except LWMISNError as error:
        return str(error)
    except Exception as error:
        return explain(error, f"The layer {image.name}")


def _image(layer: Image, directions: str) -> LayerImage:
    values = layer.data[0] if layer.multiscale else layer.data
    return LayerImage(layer.name, values, layer.rgb, _spacing(layer), directions)


def _spacing(layer: Image) -> list[float]:
    """The spacing of a layer in mm. Without a unit of length, the scale is taken as mm."""
    lengths = [float(scale) * unit for scale, unit in zip(layer.scale, layer.units, strict=True)]
    return [float((one.to("mm") if one.check("[length]") else one).magnitude) for one in lengths]
