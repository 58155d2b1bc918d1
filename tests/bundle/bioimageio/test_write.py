"""Tests of packages of BioImage.IO, by BioImage.IO's own library; those are skipped where it is not installed."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from monai_lwmisn.bundle.bioimageio import write
from monai_lwmisn.bundle.bioimageio.example import make_example
from monai_lwmisn.bundle.bioimageio.write import write_bioimageio
from monai_lwmisn.bundle.card import CARDS, data_license
from monai_lwmisn.bundle.write import write_bundle
from monai_lwmisn.config import RUN_STAGES, resolve, write_configs
from monai_lwmisn.data.phantom import nuclei_picture, pelvis_volume
from monai_lwmisn.data.phantom.nuclei import STAINS
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.networks import LWMISN
from tests.networks.small import small_genotype

NO_CLEANING = {"inference.postprocessing": []}


def prepared_images(channels: int) -> torch.Tensor:
    """What the networks see: (B, channels, x, y) from 0 to 1, with dark backgrounds."""
    generator = np.random.default_rng(0)
    if channels == 3:
        values = np.stack([nuclei_picture(64, stain, generator)[0].transpose(2, 1, 0) for stain in STAINS])
    else:
        values = pelvis_volume(64, 8, generator)[0].transpose(2, 0, 1)[:, None]
    images = torch.from_numpy(values.astype(np.float32)) / float(values.max())
    return torch.where(images.flatten(1).median(dim=1).values[:, None, None, None] > 0.5, 1 - images, images)


def make_bundle(folder: Path, preset: str, channels: int) -> Path:
    """A bundle of a network with random weights, whose masks are neither empty nor full."""
    run, genotype = folder / "run", small_genotype(in_channels=channels, stem_stride=1)
    configs = resolve(preset, overrides={"device": "cpu", "train.epochs": 1, **NO_CLEANING})
    write_configs(run, {stage: configs[stage] for stage in RUN_STAGES})
    genotype.save(run / "genotype.json")
    torch.manual_seed(0)
    network = LWMISN(genotype)
    with torch.no_grad():
        images = prepared_images(channels)
        for _ in range(20):
            network(images)
        network.body.head.bias -= network.eval()(images).median()
    (run / "models").mkdir()
    torch.save(network.state_dict(), run / "models" / "model.pt")
    write_bundle(run, folder / preset)
    return folder / preset


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("nuclei"), "nuclei", 3)


@pytest.fixture(scope="module")
def prostate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("prostate"), "prostate_mr", 1)


def package(bundle: Path) -> Path:
    pytest.importorskip("bioimageio.core")
    archive = bundle.parent / "package.zip"
    write_bioimageio(bundle, archive)
    return archive


@pytest.fixture(scope="module")
def of_pictures(nuclei: Path) -> Path:
    return package(nuclei)


@pytest.fixture(scope="module")
def of_volumes(prostate: Path) -> Path:
    return package(prostate)


def classes(archive: Path, image: np.ndarray) -> np.ndarray:
    """What BioImage.IO's library finds with a package in an image (1, channel, ...)."""
    from bioimageio.core import predict

    (found,) = predict(model=archive, inputs=image).members.values()
    return found.data.values[0].argmax(axis=0)


def differing(found: np.ndarray, expected: np.ndarray) -> float:
    assert 0.01 < (expected > 0).mean() < 0.99
    return float((found != expected).mean())


def test_a_package_passes_the_librarys_own_test_and_has_all_that_it_asks_for(of_pictures: Path, nuclei: Path) -> None:
    from bioimageio.core import load_description
    from bioimageio.spec import InvalidDescr

    found = load_description(of_pictures, perform_io_checks=True)
    assert not isinstance(found, InvalidDescr), found.validation_summary.format()
    assert found.name == "Nuclei in microscopy" and found.license == "Apache-2.0"
    assert found.weights.torchscript and found.weights.onnx and found.weights.onnx.parent == "torchscript"
    assert [channel for axis in found.outputs[0].axes for channel in getattr(axis, "channel_names", [])] == [
        "background",
        "nucleus",
    ]
    with zipfile.ZipFile(of_pictures) as archive:
        page = " ".join(archive.read("README.md").decode().split())
        with Image.open(archive.open("cover.png")) as cover:
            assert cover.width == cover.height
    assert "## Validation" in page and "separation of touching objects" in page


def test_what_qupath_and_deepimagej_cannot_read_is_not_in_a_package(of_pictures: Path) -> None:
    from ruyaml import YAML

    with zipfile.ZipFile(of_pictures) as archive:
        content: Any = YAML(typ="safe").load(archive.read("rdf.yaml"))
    # Both read these as texts.
    for key in ("format_version", "name", "description", "documentation", "license", "version"):
        assert isinstance(content[key], str), key
    assert content["covers"] == ["cover.png"] and len(content["inputs"]) == len(content["outputs"]) == 1
    steps = content["inputs"][0]["preprocessing"]
    assert {step["id"] for step in steps} <= {"scale_range", "scale_linear", "clip", "zero_mean_unit_variance"}
    assert "postprocessing" not in content["outputs"][0]
    # QuPath takes a percentile that is not said for another one.
    assert {"min_percentile", "max_percentile"} < set(steps[0]["kwargs"])


@pytest.mark.parametrize("stain", ["fluorescence", "brightfield", "purple"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_pictures_get_the_classes_of_the_bundle(of_pictures: Path, nuclei: Path, stain: str, depth: type) -> None:
    picture, _ = nuclei_picture(170, stain, np.random.default_rng(1))
    picture = picture[:, :150].astype(depth) * (1 if depth is np.uint8 else 257)
    with load_bundle(nuclei) as predictor:
        expected = predictor(picture).labels
    found = classes(of_pictures, picture.transpose(2, 0, 1)[None].astype(np.float32))
    assert differing(found, expected) <= 1e-4  # but for ties


def test_volumes_get_the_classes_of_the_bundle(of_volumes: Path, prostate: Path) -> None:
    volume, _ = pelvis_volume(70, 6, np.random.default_rng(1))
    volume = volume[:60]  # x to the left, y to the back, z to the head
    with load_bundle(prostate) as predictor:
        expected = predictor(volume, np.diag([-1.0, -1, 2, 1])).labels
    found = classes(of_volumes, volume.transpose(2, 1, 0)[None, None].astype(np.float32))
    assert differing(found.transpose(2, 1, 0), expected) <= 1e-4


def test_the_example_is_what_the_bundle_finds(nuclei: Path, prostate: Path) -> None:
    example = make_example(nuclei, "microscopy", 3)
    picture = example.image[0].transpose(1, 2, 0).astype(np.uint8)
    with load_bundle(nuclei) as predictor:
        expected = predictor(picture).labels
    assert differing(example.probabilities[0].argmax(axis=0), expected) <= 1e-4
    volume = make_example(prostate, "MR", 1)
    with load_bundle(prostate) as predictor:
        expected = predictor(volume.image[0, 0].transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1])).labels
    assert differing(volume.probabilities[0].argmax(axis=0).transpose(2, 1, 0), expected) <= 1e-4
    assert volume.cover.shape[0] == volume.cover.shape[1]


def test_a_package_that_finds_something_else_is_not_given_out(
    of_pictures: Path, nuclei: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def members_of_another_network(bundle: Path, name: Path, members: Path) -> None:
        with zipfile.ZipFile(of_pictures) as archive:
            archive.extractall(members)
        found = np.load(members / "test_output.npy")
        np.save(members / "test_output.npy", found[:, ::-1])

    monkeypatch.setattr(write, "_write_members", members_of_another_network)
    (tmp_path / "old.zip").write_bytes(b"PK rdf.yaml")
    with pytest.raises(ConfigError, match=r"failed the test of BioImage.IO's library \(.*test outputs"):
        write_bioimageio(nuclei, tmp_path / "old.zip")
    assert (tmp_path / "old.zip").read_bytes() == b"PK rdf.yaml"


def test_another_grid_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("bioimageio.core")
    liver = make_bundle(tmp_path, "liver_ct", 1)
    with pytest.raises(ConfigError, match=r"changes the grid of its images \(Resized\)"):
        write_bioimageio(liver, tmp_path / "liver.zip")
    (liver / "docs" / "data_license.txt").unlink()
    with pytest.raises(ConfigError, match=r"has no docs/data_license.txt, which a package needs"):
        write_bioimageio(liver, tmp_path / "liver.zip")
    assert not (tmp_path / "liver.zip").exists()


def test_names_and_files_of_others_are_refused(nuclei: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install -e .\[bioimageio\]"):
        write_bioimageio(nuclei, tmp_path / "file.zip")
    monkeypatch.setattr(write, "find_spec", lambda name: name)
    with pytest.raises(ConfigError, match="ends with .zip"):
        write_bioimageio(nuclei, tmp_path / "file")
    (tmp_path / "file.zip").write_bytes(b"an archive of somebody")
    with pytest.raises(ConfigError, match="holds something else than this command writes"):
        write_bioimageio(nuclei, tmp_path / "file.zip")


@pytest.mark.parametrize(
    ("preset", "licence"),
    [("nuclei", "Apache-2.0"), ("hippocampus_mr", "CC-BY-SA-4.0"), ("prostate_mr", None), ("liver_ct", None)],
)
def test_the_licence_is_that_of_the_weights_and_not_of_the_code(preset: str, licence: str | None) -> None:
    pytest.importorskip("bioimageio.core")
    assert write._spdx(data_license(read_json(CARDS / f"{preset}.json"))) == licence


def test_the_licence_of_an_own_bundle_is_named_where_it_has_a_known_name() -> None:
    pytest.importorskip("bioimageio.core")
    assert write._spdx("mine\n\nThe terms of the weights: CC-BY-4.0.\n") == "CC-BY-4.0"
    assert write._spdx("mine\n\nThe terms of the weights: ask.\n") is None
    assert write._spdx("mine\n\nThe terms of the weights: ask me first.\n") is None
