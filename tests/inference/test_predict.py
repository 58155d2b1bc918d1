"""`predict` and `load_bundle`: arrays and files give one mask, in every runtime and by MONAI's own command."""

import json
import shutil
import warnings
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, create_workflow
from monai.transforms import KeepLargestConnectedComponentd, LoadImaged
from PIL import Image
from scipy.ndimage import label

import monai_lwmisn
from monai_lwmisn.errors import ConfigError, DataError, InputWarning
from monai_lwmisn.inference.predict import load_bundle, predict
from monai_lwmisn.inference.segment import segment
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_weights
from tests.inference.bundles import PLAIN, write_bundle
from tests.inference.volumes import AFFINE, save, volume


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {**PLAIN, "inference.test_time_flips": [1]}
    return write_bundle(tmp_path_factory.mktemp("nuclei"), "nuclei", settings)


def oblique() -> np.ndarray:
    affine = AFFINE.copy()
    affine[:3, :3] = np.array([[0, -1, 0.1], [1, 0, 0], [0, 0.1, 1]]) @ AFFINE[:3, :3]
    affine[:3, 3] = [-31.5, 12.25, 700]
    return affine


@pytest.mark.parametrize("axis", ["auto", "coronal"])
def test_an_array_and_its_file_give_one_mask(bundle: Path, tmp_path: Path, axis: str) -> None:
    save(volume(), oblique(), tmp_path / "in/a.nii.gz")
    array = predict(bundle, volume(), affine=oblique(), slice_axis=axis)
    file = predict(bundle, tmp_path / "in/a.nii.gz", slice_axis=axis)
    (outcome,) = segment(bundle, [tmp_path / "in"], tmp_path / "out", slice_axis=axis)
    written = nibabel.load(outcome.masks[0])
    assert array.dtype == np.uint8 and array.shape == volume().shape and set(np.unique(array)) == {0, 1}
    np.testing.assert_array_equal(array, file)
    np.testing.assert_array_equal(array, np.asarray(written.dataobj))
    np.testing.assert_allclose(written.affine, oblique(), atol=1e-4)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_other_runtimes_do_without_an_onnx_file(bundle: Path, runtime: str) -> None:
    assert not (bundle / "models" / "model.onnx").exists()
    before = sorted(bundle.rglob("*"))
    expected = predict(bundle, volume(), affine=AFFINE)
    np.testing.assert_array_equal(predict(bundle, volume(), affine=AFFINE, runtime=runtime), expected)
    assert sorted(bundle.rglob("*")) == before


def test_logits_are_those_of_the_network_and_weights_can_be_chosen(bundle: Path, tmp_path: Path) -> None:
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    torch.save({name: value * (0 if "head" in name else 1) for name, value in state.items()}, tmp_path / "zero.pt")
    with load_bundle(bundle, device="cpu") as predictor:
        logits = predictor.logits(volume(), AFFINE)
        mask = predictor(volume(), AFFINE).labels
    assert logits.shape[1:] == volume().shape and (logits[0] > 0).sum() == mask.sum()
    with load_bundle(bundle, device="cpu", weights=tmp_path / "zero.pt") as predictor:
        assert (predictor.logits(volume(), AFFINE) == 0).all()


def test_several_classes_have_their_values(bundle_of_two_classes: Path) -> None:
    assert set(np.unique(predict(bundle_of_two_classes, volume(), affine=AFFINE))) == {0, 1, 2}


def test_a_picture_has_its_mask_and_objects_row_by_row(nuclei: Path, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    with load_bundle(nuclei) as predictor:
        array, file = predictor(picture), predictor(tmp_path / "a.png")
    assert array.labels.shape == (37, 53) and set(np.unique(array.labels)) == {0, 1}
    assert array.instances is not None and array.affine is None
    np.testing.assert_array_equal(array.instances > 0, array.labels > 0)
    (outcome,) = segment(nuclei, [tmp_path / "a.png"], tmp_path / "out")
    for found, mask in zip((array.instances, array.labels * 255), outcome.masks, strict=True):
        np.testing.assert_array_equal(found, np.asarray(Image.open(mask)))
    np.testing.assert_array_equal(array.labels, file.labels)
    np.testing.assert_array_equal(predict(nuclei, picture), array.labels)


def test_further_postprocessing_follows_that_of_the_bundle(bundle: Path) -> None:
    plain = predict(bundle, volume(), affine=AFFINE)
    largest = predict(bundle, volume(), affine=AFFINE, postprocessing=[KeepLargestConnectedComponentd("pred")])
    parts, _ = label(plain, np.ones((3, 3, 3)))
    sizes = np.bincount(parts.ravel())[1:]
    assert len(sizes) > 1
    np.testing.assert_array_equal(largest > 0, parts == sizes.argmax() + 1)


def test_progress_and_warnings_are_given(bundle: Path) -> None:
    said: list[tuple[int, int]] = []
    with load_bundle(bundle, progress=lambda *now: said.append(now)) as predictor:
        prediction = predictor(volume() * 10 - 500, AFFINE, name="head")
    assert said[-1] == (6, 6)
    assert [sentence.startswith("head looks like CT") for sentence in prediction.warnings] == [True]
    with pytest.warns(InputWarning, match="The image looks like CT"):
        predict(bundle, volume() * 10 - 500, affine=AFFINE)
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        predict(bundle, volume(), affine=AFFINE)


def test_a_zip_is_unpacked_until_it_is_closed(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    archive = Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", bundle))
    with load_bundle(archive) as predictor:
        mask = predictor(volume(), AFFINE).labels
        assert [path for path in tmp_path.iterdir() if path.is_dir()]
    assert list(tmp_path.iterdir()) == [archive]
    np.testing.assert_array_equal(mask, predict(bundle, volume(), affine=AFFINE))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("models/model.pt", b"nothing")
    with pytest.raises(monai_lwmisn.errors.CheckpointError):
        load_bundle(archive)
    assert list(tmp_path.iterdir()) == [archive]
    archive = Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", bundle))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("configs/metadata.json", b"{")
    with pytest.raises(ConfigError, match="metadata.json cannot be read") as error:
        load_bundle(archive)
    assert list(tmp_path.iterdir()) == [archive], error


@pytest.mark.parametrize(
    ("image", "affine", "error", "sentence"),
    [
        (volume(), None, ConfigError, "without an affine"),
        (volume()[0], AFFINE, ConfigError, "2 axes"),
        (volume(), np.eye(3), ConfigError, r"an affine of the shape \(3, 3\): give one of \(4, 4\)"),
        (np.stack([volume()] * 4, axis=-1), AFFINE, DataError, "has 4 channels"),
        (volume()[:0], AFFINE, DataError, "The image has the shape 0x17x6: there is nothing in it"),
        (np.full((5, 5, 2), np.nan), AFFINE, DataError, "The image has voxels that are NaN"),
        ("missing.nii.gz", None, DataError, "missing.nii.gz cannot be read"),
    ],
)
def test_an_image_that_cannot_be_taken_is_said(
    bundle: Path, image: np.ndarray | str, affine: np.ndarray | None, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        predict(bundle, image, affine=affine)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 3, 3)])
def test_a_picture_without_pixels_is_refused(nuclei: Path, shape: tuple[int, ...]) -> None:
    with load_bundle(nuclei) as predictor, pytest.raises(DataError, match="there is nothing in it"):
        predictor(np.zeros(shape))


def test_pictures_have_no_slices_to_choose(nuclei: Path) -> None:
    with pytest.raises(ConfigError, match="has no slice axis to choose"):
        load_bundle(nuclei, slice_axis="coronal")


@pytest.mark.parametrize("kind", ["bundle", "nuclei"])
def test_the_configuration_has_what_monai_and_its_server_need(kind: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(kind)
    file = root / "configs/inference.json"
    versions = dict.fromkeys(("version", "monai_version", "pytorch_version", "numpy_version"), "1")
    formats = {"inputs": {"image": {}}, "outputs": {"pred": {}}}
    (root / "configs/metadata.json").write_text(json.dumps(versions | {"network_data_format": formats}))
    workflow = create_workflow(
        config_file=str(file),
        workflow_type="inference",
        meta_file=str(root / "configs/metadata.json"),
        bundle_root=str(root),
        logging_file=False,
    )
    assert workflow.check_properties() == []
    # The stock app of MONAI Label takes these three, and wraps LoadImaged.
    parser = ConfigParser(json.loads(file.read_text()) | {"bundle_root": str(root)})
    preprocessing, _, postprocessing = (
        parser.get_parsed_content(key) for key in ("preprocessing", "inferer", "postprocessing")
    )
    assert isinstance(preprocessing.transforms[0], LoadImaged) and callable(postprocessing)
    long = [text for text in _texts(json.loads(file.read_text())) if text.startswith("$") and text[1] != "@"]
    long += [text for text in _texts(json.loads(file.read_text())) if text.startswith("$@") and " " in text]
    assert len(long) <= 12 and not any("monai_lwmisn" in text for text in long)
    (root / "configs/metadata.json").unlink()


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for entry in value.values() for text in _texts(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in _texts(entry)]
    return [value] if isinstance(value, str) else []


def of_neighbours(network: torch.nn.Module, seen: np.ndarray, slices: int) -> np.ndarray:
    """The logits of a volume (x, y, z), slice by slice, where each is seen with its neighbours."""
    depth, logits = seen.shape[-1], []
    for index in range(depth):
        near = [min(max(index + step, 0), depth - 1) for step in range(-(slices // 2), slices // 2 + 1)]
        with torch.inference_mode():
            logits.append(network(torch.as_tensor(np.stack([seen[..., one] for one in near])[None])).numpy()[0])
    return np.stack(logits, axis=-1)


@pytest.mark.parametrize(("slices", "axis", "flips", "batch"), [(3, "auto", [], 8), (5, "coronal", [0], 3)])
def test_a_network_of_neighbouring_slices_sees_them_in_every_axis(
    tmp_path: Path, slices: int, axis: str, flips: list[int], batch: int
) -> None:
    settings = {**PLAIN, "inference.test_time_flips": flips, "inference.batch_size": batch, "data.intensity": []}
    bundle = write_bundle(tmp_path / "bundle", "prostate_mr", settings | {"inference.slice_smoothing": 0.0}, slices)
    network = LWMISN(Genotype.load(bundle / "genotype.json")).eval()
    load_weights(network, bundle / "models" / "model.pt")
    with load_bundle(bundle, device="cpu", slice_axis=axis) as predictor:
        found = predictor.logits(volume(), np.eye(4))
        mask = predictor(volume(), np.eye(4)).labels
    seen = volume().astype(np.float32)
    seen = seen if axis == "auto" else seen.transpose(0, 2, 1)  # sliced along y
    expected = of_neighbours(network, seen, slices)
    if flips:
        expected = (expected + of_neighbours(network, seen[::-1].copy(), slices)[:, ::-1]) / 2
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)
    expected = expected[0] if axis == "auto" else expected[0].transpose(0, 2, 1)
    assert np.count_nonzero(mask != (expected >= 0)) <= 2 and 0 < mask.sum() < mask.size
    wrong = np.stack([volume()] * slices, axis=-1)
    with pytest.raises(DataError, match=f"has {slices} channels .* and the network takes 1"):
        predict(bundle, wrong, affine=np.eye(4))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_other_runtimes_see_neighbouring_slices_too(tmp_path: Path, runtime: str) -> None:
    bundle = write_bundle(tmp_path / "bundle", "prostate_mr", slices=3)
    expected = predict(bundle, volume(), affine=AFFINE)
    np.testing.assert_array_equal(predict(bundle, volume(), affine=AFFINE, runtime=runtime), expected)


def test_a_bundle_of_pictures_whose_network_takes_neighbouring_slices_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "nuclei", slices=3)
    with pytest.raises(ConfigError, match="takes 3 neighbouring slices of a volume, and The image is a picture"):
        predict(bundle, np.zeros((20, 30, 3), np.uint8))
