"""Networks in 8 bits: what is quantised, how near the masks stay, and what is said."""

import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import onnx_ir
import pytest
import torch
from PIL import Image

from monai_lwmisn.bundle import full_onnx
from monai_lwmisn.bundle.full_onnx import write_full_onnx
from monai_lwmisn.bundle.quantisation import calibration_batches, quantise, same_pixels
from monai_lwmisn.bundle.verify import check_full_onnx
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.light.facts import Facts
from monai_lwmisn.light.onnx_properties import read_properties
from monai_lwmisn.light.predictor import load
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import onnx_program
from monai_lwmisn.networks.weights import load_weights
from tests.inference.bundles import PLAIN, write_bundle

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two volumes."""
    folder = tmp_path_factory.mktemp("volumes")
    rng = np.random.default_rng(0)
    for number in range(2):
        values = rng.normal(100, 20, (30, 26, 3)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.5, 2, 3, 1])), folder / f"{number}.nii.gz")
    return folder


def network_of(bundle: Path) -> tuple[LWMISN, Any]:
    """The network of a bundle, in torch and in ONNX."""
    genotype = Genotype.load(bundle / "genotype.json")
    network = LWMISN(genotype)
    load_weights(network, bundle / "models" / "model.pt")
    return network.eval(), onnx_program(network, genotype.architecture.input_channels).model


def test_layers_are_in_8_bits_but_for_the_last_and_masks_stay_near_those_of_torch(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "nuclei")
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.png") for number in range(3)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (61, 45, 3), np.uint8)).save(path)
    batches = calibration_batches(bundle, paths)
    network, model = network_of(bundle)
    with torch.inference_mode():
        expected = [network(torch.as_tensor(batch)) for batch in batches]
    quantised = quantise(model, batches)
    kinds = [node.op_type for node in quantised.graph]
    assert kinds.index("QuantizeLinear") < kinds.index("Conv")
    layers = [node for node in quantised.graph if node.op_type in ("Conv", "ConvTranspose")]
    sources = [layer.inputs[1].producer() for layer in layers]
    assert all(source is not None and source.op_type == "DequantizeLinear" for source in sources[:-1])
    assert sources[-1] is None  # the weights of the last are float32
    weights = [source.inputs[0].const_value.numpy() for source in sources[:-1]]
    assert all(weight.dtype == np.int8 and np.abs(weight).max() <= 64 for weight in weights)
    session = pytest.importorskip("onnxruntime").InferenceSession(onnx_ir.to_proto(quantised).SerializeToString())
    near = []
    for batch, logits in zip(batches, expected, strict=True):
        found = session.run(["logits"], {"image": batch})[0]
        assert np.abs(found - logits.numpy()).mean() < 0.1 * logits.std()
        near.append((found >= 0) == (logits.numpy() >= 0))
    assert same_pixels(model, quantised, batches) == pytest.approx(np.mean(near), abs=1e-3)
    assert same_pixels(model, model, batches) == 1.0


def test_the_network_is_calibrated_on_what_it_gets(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "hippocampus_mr", {**PLAIN, "inference.slice_smoothing": 0.0}, slices=3)
    volume = np.random.default_rng(0).normal(50, 80, (17, 21, 40)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "it.nii.gz")
    network, _ = network_of(bundle)
    with load_bundle(bundle, device="cpu") as predictor, torch.inference_mode():
        logits = network(predictor.network_inputs(tmp_path / "it.nii.gz"))
        expected = predictor.logits(tmp_path / "it.nii.gz")
    np.testing.assert_allclose(np.moveaxis(logits.numpy(), 0, -1), np.asarray(expected), atol=1e-4)
    (batch,) = calibration_batches(bundle, [str(tmp_path / "it.nii.gz")])
    assert batch.shape == (16, 3, 17, 21)


def test_a_file_says_that_it_is_quantised(
    prostate_bundle: Path, volumes: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(full_onnx, "LEAST_SAME", 0.0)  # the network is not trained
    write_full_onnx(prostate_bundle, tmp_path / "int8.onnx", calibration=volumes / "0.nii.gz")
    assert read_properties(tmp_path / "int8.onnx")["precision"] == "int8, calibrated on 1 image"
    facts = write_full_onnx(prostate_bundle, tmp_path / "int8.onnx", calibration=volumes)
    write_full_onnx(prostate_bundle, tmp_path / "float.onnx")
    properties = read_properties(tmp_path / "int8.onnx")
    assert facts.quantised is not None and facts.quantised["images"] == 2
    assert Facts.from_properties(properties, "it").quantised == facts.quantised
    assert properties["precision"] == "int8, calibrated on 2 images"
    assert "quantised" not in read_properties(tmp_path / "float.onnx")["lwmisn"]
    for runtime in ("onnxruntime", "openvino"):
        pytest.importorskip(runtime)
        found, expected = (
            load(tmp_path / name, runtime=runtime)(volumes / "0.nii.gz", quality=True)
            for name in ("int8.onnx", "float.onnx")
        )
        assert (found.labels == expected.labels).mean() > 0.9
        assert found.quality == pytest.approx(expected.quality, abs=0.1)


def test_verify_says_what_it_does_not_compare(
    prostate_bundle: Path, volumes: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(full_onnx, "LEAST_SAME", 0.0)
    bundle = Path(shutil.copytree(prostate_bundle, tmp_path / "bundle"))
    write_full_onnx(bundle, bundle / "models" / "model_full.onnx", calibration=volumes)
    assert "in 8 bits" in check_full_onnx(bundle) and "2 images" in check_full_onnx(bundle)


def test_a_network_that_loses_too_much_is_refused(
    prostate_bundle: Path, volumes: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(full_onnx, "LEAST_SAME", 1.1)
    with pytest.raises(ConfigError, match="get another class: give images like .* or leave --int8 out"):
        write_full_onnx(prostate_bundle, tmp_path / "it.onnx", calibration=volumes)
    assert list(tmp_path.iterdir()) == []
