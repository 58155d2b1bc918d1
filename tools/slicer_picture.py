"""Draw the slice views and the 3D view of a segmentation of the Slicer module, with Slicer's classes and VTK.

.venv-slicer/bin/python tools/slicer_picture.py BUNDLE VOLUME.nii.gz PICTURE.png --python .venv/bin/python
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "slicer_module" / "LWMISN")]

from LWMISNLib.logic import Options, SegmentationLogic  # noqa: E402

from tests.slicer_module.scene import new_scene  # noqa: E402

SIZE = 420
VIEWS = {"axial": 0, "coronal": 1, "sagittal": 2}
"""The axis of (k, j, i) that each slice is perpendicular to, of an axial volume."""


def main() -> None:
    """Segment and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("volume", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the packages of the bundle")
    arguments = parser.parse_args()
    new_scene()
    volume = slicer.modules.volumes.logic().AddArchetypeVolume(str(arguments.volume), "CT", 0)
    logic = SegmentationLogic(os.path.abspath(arguments.python))
    logic.start(volume, arguments.bundle.resolve(), Options(largest_component=True))
    while logic.poll().state == "running":
        time.sleep(0.1)
    logic.close()
    if logic.status.state != "done":
        sys.exit(logic.status.message)
    draw(volume, logic.status.node, arguments.picture)


def draw(volume: Any, node: Any, picture: Path) -> None:
    """Three slices with the segments' outlines, and the segments in 3D."""
    node.CreateClosedSurfaceRepresentation()
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(8)
    window.SetSize(2 * SIZE, 2 * SIZE)
    corners = [(0, 0.5), (0.5, 0.5), (0, 0), (0.5, 0)]
    renderers = [_slice(volume, node, axis) for axis in VIEWS.values()] + [_surfaces(node)]
    for renderer, (x, y), name in zip(renderers, corners, [*VIEWS, "3D"], strict=True):
        renderer.SetViewport(x, y, x + 0.5, y + 0.5)
        text = vtk.vtkTextActor()
        text.SetInput(name)
        text.GetTextProperty().SetFontSize(18)
        text.SetPosition(10, 10)
        renderer.AddViewProp(text)
        window.AddRenderer(renderer)
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(picture))
    writer.SetInputConnection(grab.GetOutputPort())
    writer.Write()


def _slice(volume: Any, node: Any, axis: int) -> vtk.vtkRenderer:
    voxels = slicer.util.arrayFromVolume(volume)
    spacing = volume.GetSpacing()[::-1]
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    masks = [slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume) > 0 for segment_id in ids]
    # The slice with most of it.
    others = tuple(other for other in range(3) if other != axis)
    index = int(np.argmax(sum(mask.sum(axis=others) for mask in masks)))
    rows, columns = (spacing[other] for other in others)
    renderer = vtk.vtkRenderer()
    grey = np.clip((voxels.take(index, axis).astype(float) + 160) / 400, 0, 1) * 255
    actor = vtk.vtkImageActor()
    actor.SetInputData(_image(grey.astype(np.uint8), rows, columns))
    renderer.AddActor(actor)
    for segment_id, mask in zip(ids, masks, strict=True):
        contour = vtk.vtkContourFilter()
        contour.SetInputData(_image(mask.take(index, axis).astype(np.uint8) * 255, rows, columns))
        contour.SetValue(0, 127)
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputConnection(contour.GetOutputPort())
        mapper.ScalarVisibilityOff()
        outline = vtk.vtkActor()
        outline.SetMapper(mapper)
        outline.SetPosition(0, 0, -0.1 if axis == 0 else 0.1)  # on the side of the camera
        outline.GetProperty().SetColor(segmentation.GetSegment(segment_id).GetColor())
        outline.GetProperty().SetLineWidth(3)
        renderer.AddActor(outline)
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    # As Slicer shows it: anterior, or superior, is up, and the patient's right is on the left.
    camera.SetViewUp(0, -1 if axis == 0 else 1, 0)
    camera.SetPosition(0, 0, -1 if axis == 0 else 1)
    renderer.ResetCamera()
    camera.Zoom(1.4)
    return renderer


def _image(array: np.ndarray, rows: float, columns: float) -> vtk.vtkImageData:
    image = vtk.vtkImageData()
    image.SetDimensions(array.shape[1], array.shape[0], 1)
    image.SetSpacing(columns, rows, 1)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = array.ravel()
    return image


def _surfaces(node: Any) -> vtk.vtkRenderer:
    renderer = vtk.vtkRenderer()
    renderer.SetBackground(0.74, 0.76, 0.86)
    segmentation = node.GetSegmentation()
    for index in range(segmentation.GetNumberOfSegments()):
        surface = vtk.vtkPolyData()
        node.GetClosedSurfaceRepresentation(segmentation.GetNthSegmentID(index), surface)
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputData(surface)
        mapper.ScalarVisibilityOff()
        actor = vtk.vtkActor()
        actor.SetMapper(mapper)
        actor.GetProperty().SetColor(segmentation.GetNthSegment(index).GetColor())
        renderer.AddActor(actor)
    renderer.GetActiveCamera().SetPosition(0, 1, 0.25)  # from the front
    renderer.GetActiveCamera().SetViewUp(0, 0, 1)
    renderer.ResetCamera()
    return renderer


if __name__ == "__main__":
    main()
