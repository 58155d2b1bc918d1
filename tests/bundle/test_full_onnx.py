"""The ONNX file that takes raw intensities: each transform against MONAI's, and the whole against ``predict``."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import onnx
import onnx_ir
import pytest
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose
from PIL import Image

import monai_lwmisn.light
from monai_lwmisn.bundle.full_onnx import full_onnx, write_full_onnx
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.inference.translation import translate_intensity, translate_spatial
from monai_lwmisn.light.bundle_files import fingerprint
from monai_lwmisn.light.facts import KEY, Facts
from monai_lwmisn.light.normalisation import from_facts, statistics_of, to_facts
from monai_lwmisn.light.onnx_properties import read_properties
from monai_lwmisn.light.predictor import FILE, load
from tests.inference.bundles import write_bundle, write_onnx

NETWORK = """
<ir_version: 10, opset_import: ["" : 18]>
network (float[batch, 2, height, width] image) => (float[batch, 2, height, width] logits)
{ logits = Identity(image) }
"""
"""A network that gives what it gets, in two channels."""

PERCENTILES = {"_target_": "ScaleIntensityRangePercentilesd", "lower": 2, "upper": 99.5, "b_min": 0.0, "b_max": 1.0}
BRIGHT = {"_target_": "monai_lwmisn.inference.transforms.BrightForegroundd"}
INTENSITIES: dict[str, list[dict[str, Any]]] = {
    "window": [{"_target_": "ScaleIntensityRanged", "a_min": 20, "a_max": 90, "b_min": -1, "b_max": 1, "clip": True}],
    "percentiles": [PERCENTILES],
    "of each channel": [{**PERCENTILES, "channel_wise": True, "clip": True}],
    "relative": [{**PERCENTILES, "relative": True}],
    "extremes": [{"_target_": "ScaleIntensityd", "minv": -1.0, "maxv": 1.0}],
    "standard": [{"_target_": "NormalizeIntensityd", "channel_wise": True}],
    "without zeros": [{"_target_": "NormalizeIntensityd", "nonzero": True}],
    "constants": [{"_target_": "NormalizeIntensityd", "subtrahend": 30.0, "divisor": 7.0}],
    "two steps": [{**PERCENTILES, "clip": True}, {"_target_": "NormalizeIntensityd", "channel_wise": True}],
    "inverted": [{**PERCENTILES, "clip": True}, BRIGHT],
}


def facts(**others: Any) -> Facts:
    plain = {"modality": "MR", "in_channels": 2, "out_channels": 2, "label_names": {"1": "a"}}
    return Facts("name", "0", "free", **{**plain, **others})


def session(content: bytes) -> Any:
    return pytest.importorskip("onnxruntime").InferenceSession(content)


def around(found: Facts) -> Any:
    return session(full_onnx(onnx_ir.from_proto(onnx.parser.parse_model(NETWORK)), found))


@pytest.mark.parametrize("flat", [False, True], ids=["", "flat"])
@pytest.mark.parametrize("name", INTENSITIES)
def test_each_transform_of_values_is_that_of_monai(name: str, flat: bool) -> None:
    entries = [{**entry, "keys": "image"} for entry in INTENSITIES[name]]
    image = np.random.default_rng(1).integers(0, 100, (2, 23, 31)).astype(np.float32)
    image[image < 15] = 0
    image = np.full_like(image, 7) if flat else 99 - image if name == "inverted" else image
    transforms = Compose([ConfigParser({"it": entry}).get_parsed_content("it") for entry in entries])
    expected = np.asarray(transforms({"image": torch.as_tensor(image.copy())})["image"])
    steps = translate_intensity(entries)
    assert from_facts(to_facts(steps)) == steps
    picture = around(facts(volumetric=False, normalisation=to_facts(steps)))
    values = {"image": image.transpose(2, 1, 0)}
    np.testing.assert_allclose(picture.run(["logits"], values)[0].transpose(2, 1, 0), expected, atol=2e-5)
    numbers = statistics_of(image, steps)
    np.testing.assert_allclose(statistics_of(image.astype(np.int16), steps), numbers, rtol=1e-5)
    volume = around(facts(volumetric=True, normalisation=to_facts(steps)))
    inputs = {"slices": image[None], **({"statistics": numbers} if len(numbers) else {})}
    np.testing.assert_allclose(volume.run(["logits"], inputs)[0][0], expected, atol=2e-5)
    if len(numbers):  # a part of a picture, with the statistics of the whole
        part = {"image": values["image"][:9, :5], "statistics": numbers}
        np.testing.assert_allclose(picture.run(["logits"], part)[0].transpose(2, 1, 0), expected[:, :5, :9], atol=2e-5)


def test_mirror_images_are_averaged_and_slices_smoothed() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 2, 6, 7)).astype(np.float32)
    kernel = [0.25, 0.5, 0.25]
    found = around(facts(volumetric=True, flips=[0, 1], slice_kernel=kernel))
    labels, probabilities, raw = found.run(["labels", "probabilities", "logits"], {"slices": logits})
    np.testing.assert_allclose(raw, logits, atol=1e-6)  # the network gives what it gets, so each mirror image does
    near = np.pad(logits, ((1, 1), (0, 0), (0, 0), (0, 0)), mode="edge")
    smooth = sum(weight * near[place : place + 5] for place, weight in enumerate(kernel))
    np.testing.assert_allclose(probabilities, torch.as_tensor(smooth).softmax(dim=1).numpy(), atol=1e-6)
    np.testing.assert_array_equal(labels, smooth.argmax(axis=1))


@pytest.mark.parametrize(("size", "grid"), [([8, -1], (8, 17)), (10, (8, 10))])
def test_a_size_of_the_network_is_that_of_monai(size: Any, grid: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (2, 13, 17)).astype(np.float32)
    found = around(facts(volumetric=False, resize=size)).run(["logits"], {"image": image.transpose(2, 1, 0)})[0]
    smaller = torch.nn.functional.interpolate(torch.as_tensor(image)[None], grid, mode="bilinear")
    expected = torch.nn.functional.interpolate(smaller, (13, 17), mode="bilinear")[0].numpy()
    np.testing.assert_allclose(found.transpose(2, 1, 0), np.asarray(expected), atol=1e-3)


@pytest.mark.parametrize(
    "entry",
    [
        {"_target_": "monai_lwmisn.inference.transforms.CurvatureFlowd", "keys": "image"},
        {"_target_": "HistogramNormalized", "keys": "image"},
        {"_target_": "ScaleIntensityd", "keys": "image", "factor": 0.1},
    ],
)
def test_what_has_no_translation_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="cannot be part of an ONNX file"):
        translate_intensity([entry])


def test_a_change_of_the_grid_that_has_no_translation_is_refused() -> None:
    resized = {"_target_": "Resized", "keys": "image", "spatial_size": [8, 8, 8], "mode": "trilinear"}
    for entries in ([resized], [{**resized, "mode": "nearest"}], [{"_target_": "Zoomd", "keys": "image", "zoom": 2}]):
        with pytest.raises(ConfigError, match="cannot be part of an ONNX file"):
            translate_spatial(entries, True)
    spaced = {"_target_": "Spacingd", "keys": "image", "pixdim": [1, 1.5, -1], "mode": "bilinear"}
    assert translate_spatial([spaced], True) == ([1, 1.5, 0], None)


@pytest.mark.parametrize(("preset", "slices"), [("nuclei", 1), ("hippocampus_mr", 3), ("liver_ct", 1)])
def test_the_whole_file_gives_the_masks_of_predict_in_each_engine(tmp_path: Path, preset: str, slices: int) -> None:
    settings: dict[str, Any] = {"inference.postprocessing": [{"_target_": "FillHolesd", "keys": "pred"}]}
    if preset != "nuclei":
        settings["inference.slice_smoothing"] = 0.8
    bundle = write_bundle(tmp_path / "bundle", preset, settings, slices)
    file = tmp_path / "bundle" / "models" / "model_full.onnx"
    write_onnx(bundle, file)
    rng = np.random.default_rng(0)
    images: list[tuple[np.ndarray, np.ndarray | None]] = [
        (rng.integers(0, 255, (61, 45), np.uint8), None),
        (rng.integers(0, 5000, (30, 45, 3)).astype(np.uint16), None),
    ]
    if preset != "nuclei":
        turned = np.array([[0, -1.5, 0, 3], [0, 0, 1.5, 0], [2.0, 0, 0, 1], [0, 0, 0, 1]])
        images = [
            (rng.integers(-300, 300, (33, 29, 2)).astype(np.int16), np.diag([-1.0, 1, 4, 1])),
            (rng.normal(50, 80, (7, 29, 31)), turned),
        ]
    with load_bundle(bundle, device="cpu") as predictor:
        expected = [predictor(*image, quality=True) for image in images]
    for runtime in ("onnxruntime", "openvino"):
        pytest.importorskip(runtime)
        with load(bundle, runtime=runtime) as light:
            for image, wanted in zip(images, expected, strict=True):
                found = light(*image, quality=True)
                assert 0 < wanted.labels.mean() < 1.9
                assert (found.labels == wanted.labels).mean() >= 0.999
                assert found.warnings == wanted.warnings
                if preset != "liver_ct":  # of a network with a size of its own, the estimate is on another grid
                    assert found.quality == pytest.approx(wanted.quality, abs=1e-3)
                if wanted.affine is not None:
                    np.testing.assert_allclose(found.affine, wanted.affine)


def test_the_command_segments_without_torch_and_monai(prostate_bundle: Path, tmp_path: Path) -> None:
    write_full_onnx(prostate_bundle, tmp_path / "it.onnx")
    (tmp_path / "lwmisn_run").symlink_to(Path(monai_lwmisn.light.__file__).parent)
    rng = np.random.default_rng(0)
    nibabel.save(nibabel.Nifti1Image(rng.normal(100, 20, (30, 26, 3)), np.diag([-1.5, 2, 3, 1])), tmp_path / "a.nii.gz")
    (tmp_path / "b.nii.gz").write_bytes(b"nothing")
    blocked = "import sys; sys.modules |= dict.fromkeys(('torch', 'monai', 'monai_lwmisn', 'scipy', 'skimage'));"
    code = f"{blocked} sys.argv[0] = 'lwmisn-run'; from lwmisn_run.cli import main; sys.exit(main())"
    options = ["-o", "out", "--flag", "--flag-below", "1"]
    command = [sys.executable, "-c", code, "it.onnx", "a.nii.gz", "b.nii.gz", *options]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "Look at 1 of 2 images: a.nii.gz" in done.stdout
    assert "b.nii.gz cannot be read" in done.stderr and "1 of 2 inputs could not be segmented" in done.stderr
    with load_bundle(prostate_bundle, device="cpu") as predictor:
        expected = predictor(tmp_path / "a.nii.gz").labels
    np.testing.assert_array_equal(np.asarray(nibabel.load(tmp_path / "out" / "a_seg.nii.gz").dataobj), expected)


def test_facts_are_read_and_what_has_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.onnx").write_bytes(onnx.parser.parse_model(NETWORK).SerializeToString())
    with pytest.raises(ConfigError, match="is the network alone"):
        load(tmp_path / "plain.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"\x77nothing at all")
    with pytest.raises(ConfigError, match="cannot be read as an ONNX file"):
        load(tmp_path / "broken.onnx")
    content = full_onnx(onnx_ir.from_proto(onnx.parser.parse_model(NETWORK)), facts(volumetric=False))
    (tmp_path / "full.onnx").write_bytes(content)
    assert read_properties(tmp_path / "full.onnx")["licence"] == "free"
    later = {KEY: facts(volumetric=False, release=2).to_text()}
    with pytest.raises(ConfigError, match="install a newer lwmisn-run"):
        Facts.from_properties(later, "later.onnx")


def test_a_file_of_other_weights_or_another_configuration_than_the_bundle_around_it_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    bundle = write_bundle(tmp_path / "bundle", "nuclei")
    network = onnx_ir.from_proto(onnx.parser.parse_model(NETWORK))
    (bundle / FILE).write_bytes(full_onnx(network, facts(volumetric=False), fingerprint(bundle)))
    weights, config = bundle / "models/model.pt", bundle / "configs/inference.json"
    before = {path: path.read_bytes() for path in (weights, config)}
    config.write_bytes(before[config].replace(b"\n", b"\r\n"))
    load(bundle).close()
    for path, content in ((weights, before[weights] + b"0"), (config, before[config].replace(b"nuclei", b"nucleus"))):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="was made of other weights or another configuration: write it anew"):
            load(bundle)
        path.write_bytes(before[path])


def test_a_large_picture_goes_in_windows(tmp_path: Path) -> None:
    settings = {"inference.roi": [24, 32], "inference.postprocessing": [], "inference.test_time_flips": []}
    bundle = write_bundle(tmp_path / "bundle", "nuclei", settings)
    write_onnx(bundle, tmp_path / "it.onnx")
    values = np.random.default_rng(0).integers(0, 255, (70, 61), np.uint8)
    Image.fromarray(values).save(tmp_path / "picture.png")
    said: list[tuple[int, int]] = []
    with load(tmp_path / "it.onnx", progress=lambda *now: said.append(now)) as light:
        found = light(tmp_path / "picture.png").labels
    with load_bundle(bundle, device="cpu") as predictor:
        expected = predictor(tmp_path / "picture.png").labels
    assert said[-1][0] == said[-1][1] == len(said) > 4
    assert (found == expected).mean() > 0.9999
    assert 0.1 < expected.mean() / expected.max() < 0.9
