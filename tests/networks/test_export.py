"""Exported networks compute what the network does, and say nothing of the machine that exported them."""

import zipfile
from pathlib import Path

import pytest
import torch

import monai_lwmisn
from monai_lwmisn.networks import LWMISN
from monai_lwmisn.networks.export import IMAGE, LOGITS, export_onnx, export_torchscript
from tests.networks.small import small_genotype

PLACES = [Path(monai_lwmisn.__file__).parent, Path(torch.__file__).parents[1]]
"""Where the sources are that an export goes through: this package, and the folder of installed packages."""


@pytest.fixture(scope="module")
def network() -> LWMISN:
    torch.manual_seed(0)
    return LWMISN(small_genotype()).eval()


@pytest.fixture(scope="module")
def torchscript(network: LWMISN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torchscript") / "model.ts"
    export_torchscript(network, path)
    return path


@pytest.fixture(scope="module")
def onnx(network: LWMISN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(network, 3, path)
    return path


def contents(file: Path) -> bytes:
    """The bytes of a file, and of a zip also those of its members, unpacked."""
    content = file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            content += b"".join(archive.read(name) for name in archive.namelist())
    return content


@pytest.mark.parametrize("form", ["torchscript", "onnx"])
def test_no_path_of_this_machine_is_in_the_file(request: pytest.FixtureRequest, form: str) -> None:
    content = contents(request.getfixturevalue(form))
    assert not [place for place in PLACES if str(place).encode() in content]


def test_the_file_is_alone(onnx: Path) -> None:
    assert list(onnx.parent.iterdir()) == [onnx]


@pytest.mark.parametrize("place", [None, "cpu"])
def test_torchscript_gives_the_same_logits(network: LWMISN, torchscript: Path, place: str | None) -> None:
    images = torch.rand(2, 3, 37, 51)
    with torch.inference_mode():
        torch.testing.assert_close(torch.jit.load(torchscript, map_location=place)(images), network(images))


def test_onnx_gives_the_same_logits(network: LWMISN, onnx: Path) -> None:
    session = pytest.importorskip("onnxruntime").InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    images = torch.rand(1, 3, 37, 51)
    (logits,) = session.run([LOGITS], {IMAGE: images.numpy()})
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(logits), network(images), rtol=0, atol=1e-5)
