"""Volumes of a real scene, through a real worker, to segments that are those of the command line."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import slicer
import vtk
from LWMISNLib.errors import SegmentationError
from LWMISNLib.logic import Options, SegmentationLogic, Status
from PIL import Image

from tests.slicer_module.scene import new_scene
from tests.slicer_module.volumes import DIRECTIONS, grey, image_of, load, rotation


@pytest.fixture(autouse=True)
def scene() -> None:
    new_scene()


@pytest.fixture(scope="module")
def shared_logic(python: str) -> Iterator[SegmentationLogic]:
    """By the light runtime."""
    logic = SegmentationLogic(python)
    yield logic
    logic.close()


@pytest.fixture(scope="module")
def torch_logic(torch_python: str) -> Iterator[SegmentationLogic]:
    logic = SegmentationLogic(torch_python)
    yield logic
    logic.close()


def run(logic: SegmentationLogic, volume: Any, bundle: Path, **more: Any) -> Status:
    logic.start(volume, bundle, **more)
    return wait(logic)


def wait(logic: SegmentationLogic) -> Status:
    end = time.monotonic() + 300
    while logic.poll().state == "running":
        assert time.monotonic() < end, logic.log
        time.sleep(0.05)
    return logic.status


class Reference:
    """Gives the label map (k, j, i) of the command line."""

    def __init__(self, python: str) -> None:
        command = [python, str(Path(__file__).parent / "reference.py")]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def __call__(self, bundle: Path, image: Path, output: Path, **options: str) -> np.ndarray:
        asked = {"bundle": str(bundle), "image": str(image), "output": str(output), "options": options}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        masks = json.loads(self.process.stdout.readline())
        (mask,) = (mask for mask in masks if "_seg." in mask)
        if mask.endswith(".png"):
            return (np.asarray(Image.open(mask))[None] > 0).astype(np.uint8)
        return sitk.GetArrayFromImage(sitk.ReadImage(mask))


@pytest.fixture(scope="module")
def by_command(torch_python: str) -> Iterator[Reference]:
    """By PyTorch."""
    reference = Reference(torch_python)
    yield reference
    reference.process.stdin.close()
    reference.process.wait()


def segments(node: Any, volume: Any) -> dict[str, np.ndarray]:
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    return {
        segmentation.GetSegment(i).GetName(): slicer.util.arrayFromSegmentBinaryLabelmap(node, i, volume) > 0
        for i in ids
    }


def saved(node: Any, file: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Write with Slicer's storage, read with pynrrd: segments (k, j, i), each on a grid of its own, and the header."""
    storage = slicer.vtkMRMLSegmentationStorageNode()
    slicer.mrmlScene.AddNode(storage)
    storage.SetFileName(str(file))
    assert storage.WriteData(node)
    data, header = nrrd.read(str(file))
    layers = data if data.ndim == 4 else data[None]
    found, index = {}, 0
    while f"Segment{index}_Name" in header:
        layer = layers[int(header[f"Segment{index}_Layer"])]
        mask = layer == int(header[f"Segment{index}_LabelValue"])
        found[header[f"Segment{index}_Name"]] = mask.transpose(2, 1, 0)
        index += 1
    return found, header


def on_grid(mask: np.ndarray, header: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    x, y, z = (int(number) for number in header["Segmentation_ReferenceImageExtentOffset"].split())
    full = np.zeros(shape, bool)
    full[z : z + mask.shape[0], y : y + mask.shape[1], x : x + mask.shape[2]] = mask
    return full


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("ending", ["nii.gz", "nrrd"])
def test_a_volume_file_as_the_command_line_segments_it(
    shared_logic: SegmentationLogic, by_command: Reference, bundles: Path, tmp_path: Path, ending: str, direction: str
) -> None:
    file = tmp_path / f"volume.{ending}"
    sitk.WriteImage(image_of(grey(), DIRECTIONS[direction]), str(file))
    volume = load(file)
    status = run(shared_logic, volume, bundles / "hippocampus_mr")
    assert status.state == "done", status.message
    expected = by_command(bundles / "hippocampus_mr", file, tmp_path / "out")
    # Slicer turns left-handed volumes round when it reads them.
    step = 1 if np.linalg.det(DIRECTIONS[direction]) > 0 else -1
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume), grey()[::step])
    expected = expected[::step]
    names = {"Anterior hippocampus": 1, "Posterior hippocampus": 2}
    for name, mask in segments(status.node, volume).items():
        np.testing.assert_array_equal(mask, expected == names[name])
        assert mask.any()
    written, header = saved(status.node, tmp_path / "result.seg.nrrd")
    assert list(written) == list(names)
    for name, mask in written.items():
        np.testing.assert_array_equal(on_grid(mask, header, expected.shape), expected == names[name])
    assert status.total == 6 == status.done or direction in ("oblique", "permuted")
    milliliters = [np.count_nonzero(expected == label) * 0.7 * 0.9 * 2.5 / 1000 for label in (1, 2)]
    assert [row.milliliters for row in status.measures] == pytest.approx(milliliters, rel=1e-5)
    assert [row.name for row in status.measures] == ["anterior hippocampus", "posterior hippocampus"]


def test_a_dicom_series(shared_logic: SegmentationLogic, by_command: Reference, bundles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    image, uid = image_of(grey(), rotation(5)), pydicom.uid.generate_uid()
    direction = np.reshape(image.GetDirection(), (3, 3)).T.ravel()
    for k in range(6):
        one = image[:, :, k : k + 1]
        position = image.TransformIndexToPhysicalPoint((0, 0, k))
        tags = {
            "0008|0060": "MR",
            "0020|000d": uid,
            "0020|000e": uid,
            "0020|0052": uid,
            "0020|0013": str(k + 1),
            "0008|0018": f"{uid}.{k + 1}",
            "0020|0032": "\\".join(f"{x:.10g}" for x in position),
            "0020|0037": "\\".join(f"{x:.10g}" for x in direction[:6]),
        }
        for tag, value in tags.items():
            one.SetMetaData(tag, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{k}.dcm"))
        writer.Execute(one)
    volume = load(folder / "0.dcm")
    status = run(shared_logic, volume, bundles / "prostate_mr")
    assert status.state == "done", status.message
    expected = by_command(bundles / "prostate_mr", folder, tmp_path / "out")
    (mask,) = segments(status.node, volume).values()
    np.testing.assert_array_equal(mask, expected == 1)


@pytest.mark.parametrize("kind", ["colours", "grey", "with opacity", "16 bits"])
def test_a_picture(
    shared_logic: SegmentationLogic, by_command: Reference, bundles: Path, tmp_path: Path, kind: str
) -> None:
    levels = np.random.default_rng(0).integers(0, 255, (40, 50, 4), np.uint8)
    levels[..., 3] = 255
    picture = {
        "colours": levels[..., :3],
        "grey": levels[..., 0],
        "with opacity": levels,
        "16 bits": levels[..., 0].astype(np.uint16) * 16,
    }[kind]
    Image.fromarray(picture).save(tmp_path / "picture.png")
    volume_class = "vtkMRMLScalarVolumeNode" if picture.ndim == 2 else "vtkMRMLVectorVolumeNode"
    volume = slicer.util.addVolumeFromArray(picture[None], name="Picture", nodeClassName=volume_class)
    status = run(shared_logic, volume, bundles / "nuclei")
    assert status.state == "done", status.message
    expected = by_command(bundles / "nuclei", tmp_path / "picture.png", tmp_path / "out")
    (mask,) = segments(status.node, volume).values()
    np.testing.assert_array_equal(mask, expected == 1)
    (row,) = status.measures
    objects = np.asarray(Image.open(tmp_path / "out/picture_instances.png"))
    assert row.objects == objects.max() > 0 and row.slices == 1


@pytest.mark.parametrize("options", [{}, {"largest_component": True, "smoothing": 1.5}], ids=["plain", "changed"])
@pytest.mark.parametrize("bundle", ["hippocampus_mr", "nuclei"])
def test_both_runtimes_give_the_same_segments_and_measures(
    shared_logic: SegmentationLogic, torch_logic: SegmentationLogic, bundles: Path, bundle: str, options: dict[str, Any]
) -> None:
    volume = slicer.util.addVolumeFromArray(grey((7, 40, 52)).astype(np.uint8))
    volume.SetSpacing(0.8, 0.9, 1.7)
    light = run(shared_logic, volume, bundles / bundle, options=Options(**options))
    torch = run(torch_logic, volume, bundles / bundle, options=Options(device="cpu", **options))
    assert torch.state == "done", torch.message
    assert light.measures == torch.measures and all(row.slices for row in light.measures)
    for name, mask in segments(torch.node, volume).items():
        np.testing.assert_array_equal(segments(light.node, volume)[name], mask)


def test_a_bundle_without_the_onnx_file_is_segmented_with_pytorch(
    torch_logic: SegmentationLogic, by_command: Reference, bundle_copy: Path, tmp_path: Path
) -> None:
    (bundle_copy / "models/model_full.onnx").unlink()
    sitk.WriteImage(image_of(grey()), str(tmp_path / "volume.nrrd"))
    volume = load(tmp_path / "volume.nrrd")
    status = run(torch_logic, volume, bundle_copy)
    assert status.state == "done", status.message
    (mask,) = segments(status.node, volume).values()
    np.testing.assert_array_equal(mask, by_command(bundle_copy, tmp_path / "volume.nrrd", tmp_path / "out") == 1)


def test_a_stack_of_pictures_is_done_one_by_one(shared_logic: SegmentationLogic, bundles: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (3, 40, 50, 3), np.uint8)
    volume = slicer.util.addVolumeFromArray(pictures, nodeClassName="vtkMRMLVectorVolumeNode")
    whole = run(shared_logic, volume, bundles / "nuclei")
    assert (whole.done, whole.total) == (3, 3)
    (mask,) = segments(whole.node, volume).values()
    for k in range(3):
        single = slicer.util.addVolumeFromArray(pictures[k : k + 1], nodeClassName="vtkMRMLVectorVolumeNode")
        status = run(shared_logic, single, bundles / "nuclei")
        np.testing.assert_array_equal(next(iter(segments(status.node, single).values()))[0], mask[k])


def test_under_a_transform_the_segments_go_with_the_volume(
    shared_logic: SegmentationLogic, by_command: Reference, bundles: Path, tmp_path: Path
) -> None:
    sitk.WriteImage(image_of(grey(), DIRECTIONS["oblique"]), str(tmp_path / "volume.nrrd"))
    volume = load(tmp_path / "volume.nrrd")
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    for row, values in enumerate(rotation(8)):
        for column, value in enumerate(values):
            matrix.SetElement(row, column, value)
        matrix.SetElement(row, 3, 10.0 * row)
    transform.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    status = run(shared_logic, volume, bundles / "prostate_mr")
    expected = by_command(bundles / "prostate_mr", tmp_path / "volume.nrrd", tmp_path / "out")
    assert status.node.GetTransformNodeID() == transform.GetID()
    (mask,) = segments(status.node, volume).values()
    np.testing.assert_array_equal(mask, expected == 1)


def test_one_slice(shared_logic: SegmentationLogic, by_command: Reference, bundles: Path, tmp_path: Path) -> None:
    sitk.WriteImage(image_of(grey((1, 17, 21))), str(tmp_path / "volume.nrrd"))
    volume = load(tmp_path / "volume.nrrd")
    status = run(shared_logic, volume, bundles / "prostate_mr")
    expected = by_command(bundles / "prostate_mr", tmp_path / "volume.nrrd", tmp_path / "out")
    (mask,) = segments(status.node, volume).values()
    np.testing.assert_array_equal(mask, expected == 1)
    assert status.measures[0].slices == 1


def test_the_axis_is_the_users_choice(
    shared_logic: SegmentationLogic, by_command: Reference, bundles: Path, tmp_path: Path
) -> None:
    sitk.WriteImage(image_of(grey()), str(tmp_path / "volume.nrrd"))
    volume = load(tmp_path / "volume.nrrd")
    status = run(shared_logic, volume, bundles / "prostate_mr", options=Options(slice_axis="coronal"))
    options = {"slice_axis": "coronal"}
    expected = by_command(bundles / "prostate_mr", tmp_path / "volume.nrrd", tmp_path / "out", **options)
    (mask,) = segments(status.node, volume).values()
    np.testing.assert_array_equal(mask, expected == 1)
    assert status.total == 17
    assert any("sliced along an axis" in warning and "Volume 1" in warning for warning in status.warnings)
    assert status.measures[0].slices == np.count_nonzero(expected.any(axis=(0, 2)))


def test_largest_component_and_smoothing(shared_logic: SegmentationLogic, bundles: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey((16, 30, 30)))
    plain = run(shared_logic, volume, bundles / "prostate_mr")
    largest = run(shared_logic, volume, bundles / "prostate_mr", options=Options(largest_component=True))
    smooth = run(shared_logic, volume, bundles / "prostate_mr", options=Options(smoothing=1.0))
    masks = [next(iter(segments(status.node, volume).values())) for status in (plain, largest, smooth)]
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(masks[0].astype(np.uint8)), True)
    sizes = np.bincount(sitk.GetArrayFromImage(parts).ravel())[1:]
    assert len(sizes) > 1
    np.testing.assert_array_equal(masks[1], sitk.GetArrayFromImage(parts) == sizes.argmax() + 1)
    blurred = sitk.GetArrayFromImage(sitk.DiscreteGaussian(sitk.GetImageFromArray(masks[0].astype(np.float32)), 1.0))
    inside = (slice(5, -5),) * 3  # borders are a matter of taste
    clear = np.abs(blurred[inside] - 0.5) > 0.1  # and so is what is nearly a tie
    np.testing.assert_array_equal(masks[2][inside][clear], blurred[inside][clear] > 0.5)
    assert clear.sum() > 500 and (masks[0] != masks[2])[inside].sum() > 100


def test_segments_have_names_colours_and_codes(shared_logic: SegmentationLogic, bundles: Path) -> None:
    status = run(shared_logic, slicer.util.addVolumeFromArray(grey()), bundles / "hippocampus_mr")
    segmentation = status.node.GetSegmentation()
    entries, colors = [], set()
    for index in range(2):
        segment = segmentation.GetNthSegment(index)
        text = vtk.mutable("")
        assert segment.GetTag(segment.GetTerminologyEntryTagName(), text)
        entries.append(str(text))
        colors.add(segment.GetColor())
    assert "SCT^5366008^Hippocampus~SCT^255549009^Anterior" in entries[0]
    assert "SCT^5366008^Hippocampus~SCT^255551008^Posterior" in entries[1]
    assert all(len(entry.split("~")) == 7 for entry in entries)
    assert len(colors) == 2


def test_an_existing_node_is_replaced_or_added_to(shared_logic: SegmentationLogic, bundles: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey())
    first = run(shared_logic, volume, bundles / "hippocampus_mr").node
    assert run(shared_logic, volume, bundles / "prostate_mr", output=first, replace=False).node is first
    assert list(segments(first, volume)) == ["Anterior hippocampus", "Posterior hippocampus", "Prostate"]
    run(shared_logic, volume, bundles / "prostate_mr", output=first)
    assert list(segments(first, volume)) == ["Prostate"]
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1


def test_a_worker_serves_again_without_being_started_anew(shared_logic: SegmentationLogic, bundles: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey())
    run(shared_logic, volume, bundles / "prostate_mr")
    worker = shared_logic._worker
    run(shared_logic, volume, bundles / "prostate_mr")
    assert shared_logic._worker is worker
    assert sorted(path.name for path in worker.folder.iterdir()) == ["events.jsonl", "log.txt"]


def nodes() -> list[str]:
    scene = slicer.mrmlScene
    return sorted(scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes()))


def test_what_cannot_be_segmented_is_refused_with_a_sentence(shared_logic: SegmentationLogic, bundles: Path) -> None:
    colours = slicer.util.addVolumeFromArray(
        np.zeros((2, 5, 5, 3), np.uint8), name="Photo", nodeClassName="vtkMRMLVectorVolumeNode"
    )
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    flat = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Flat")
    image = vtk.vtkImageData()
    image.SetDimensions(5, 0, 3)
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    flat.SetAndObserveImageData(image)
    before = nodes()
    for volume, sentence in (
        (colours, "Photo has 3 values a voxel and prostate_mr takes 1"),
        (empty, "Empty has no voxels"),
        (flat, "Flat has no voxels"),
    ):
        with pytest.raises(SegmentationError, match=sentence):
            shared_logic.start(volume, bundles / "prostate_mr")
    assert nodes() == before and shared_logic.status.state == "idle"
    with pytest.raises(SegmentationError, match="no bundle that this module can run"):
        shared_logic.start(slicer.util.addVolumeFromArray(grey()), bundles / "missing")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_of_pictures_in_fractions_only_grey_ones_are_taken(
    shared_logic: SegmentationLogic, bundles: Path, dtype: type[np.floating]
) -> None:
    picture = np.random.default_rng(0).random((1, 40, 50, 3)).astype(dtype)
    colours = slicer.util.addVolumeFromArray(picture, name="Photo", nodeClassName="vtkMRMLVectorVolumeNode")
    with pytest.raises(SegmentationError, match=f"Photo has colours of the type {dtype.__name__}: .* make it grey"):
        shared_logic.start(colours, bundles / "nuclei")
    assert shared_logic.status.state == "idle"
    status = run(shared_logic, slicer.util.addVolumeFromArray(picture[..., 0]), bundles / "nuclei")
    assert status.state == "done", status.message


def test_a_frame_of_a_sequence_is_refused(shared_logic: SegmentationLogic, bundles: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey(), name="Cine")
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode")
    sequence.SetDataNodeAtValue(volume, "0")
    browser.AddSynchronizedSequenceNode(sequence)
    browser.AddProxyNode(volume, sequence, False)
    with pytest.raises(SegmentationError, match="Cine is a frame of a sequence"):
        shared_logic.start(volume, bundles / "prostate_mr")
