"""What is broken and who has to bear it: the kinds of files, whole ones of each, and what reads them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from monai_lwmisn.cli import main
from monai_lwmisn.errors import LWMISNError, own_error
from monai_lwmisn.inference.labels import read_label
from monai_lwmisn.inference.predict import Predictor, load_bundle
from monai_lwmisn.networks import LWMISN, Genotype
from tests.inputs import dicom, pictures, volume_files
from tests.inputs.data_sets import dataset_json, plain, task
from tests.inputs.mutations import KINDS_OF_BYTES, KINDS_OF_TREE, Mutation, change_bytes, change_tree
from tests.inputs.outcomes import MOST_VOXELS, bundle_for, load

ROOT = Path(__file__).parent.parent.parent
PRESETS = ROOT / "monai_lwmisn" / "configs" / "presets"

Make = Callable[[Path], Path]

WHOLE: dict[str, list[Make]] = {
    "dicom": [
        partial(dicom.series, stored=dicom.STORED[:3]),
        dicom.enhanced,
        partial(
            dicom.series, stored=dicom.STORED[:3] + 100, signed=False, write=dicom.compressed(dicom.uid.RLELossless)
        ),
        partial(dicom.series, stored=dicom.STORED[:2], write=dicom.in_syntax(dicom.uid.ImplicitVRLittleEndian)),
    ],
    "nifti": [partial(volume_files.nifti, suffix=".nii"), volume_files.nifti, volume_files.pair],
    "nrrd": [
        volume_files.nrrd,
        partial(volume_files.nrrd, content=volume_files.TEXT, encoding="ascii"),
        volume_files.channels_first,
    ],
    "metaimage": [volume_files.meta, partial(volume_files.meta, suffix=".mhd")],
    "png": [
        partial(pictures.png, samples=pictures.GREY),
        partial(pictures.png, samples=pictures.DEEP_COLOURS, depth=16, colour=2),
        lambda folder: pictures.png(folder, pictures.INDEX, 4, 3, pictures.PLTE),
    ],
    "tiff": [
        partial(pictures.tiff, samples=pictures.DEEP),
        partial(pictures.tiff, samples=pictures.COLOURS, photometric="rgb", tile=(16, 16)),
        partial(pictures.tiff, samples=pictures.FLOAT, compression="zlib", predictor=True),
        partial(pictures.by_pillow, picture=pictures.GREY, compression="packbits"),
        partial(pictures.tiff, samples=pictures.GREY, name="picture.ome.tif", ome=True, metadata={"axes": "YX"}),
    ],
    "jpeg and bmp": [pictures.jpeg, partial(pictures.bmp, samples=pictures.COLOURS)],
    "genotype": [lambda folder: _copy(ROOT / "bundles/nuclei_microscopy_lwmisn/genotype.json", folder)],
    "bundle": [lambda folder: _zipped_bundle(folder)],
    "preset": [
        lambda folder: _copy(PRESETS / "nuclei_light.json", folder),
        lambda folder: _copy(PRESETS / "prostate_mr_light.json", folder),
    ],
    "dataset.json": [lambda folder: dataset_json(task())(folder) or folder / "dataset.json"],
}
"""By kind, makers of whole files."""

OF_TREE = ("genotype", "preset", "dataset.json")
OF_VOLUMES = ("dicom", "nifti", "nrrd", "metaimage")
MEMBERS = (
    "configs/inference.json",
    "configs/inference.json",
    "genotype.json",
    "models/model.pt",
    "configs/metadata.json",
)


def kinds_of_mutations(kind: str) -> Sequence[str]:
    """The kinds of mutations that a kind of file can have."""
    return (*KINDS_OF_TREE, *KINDS_OF_BYTES) if kind in (*OF_TREE, "bundle") else KINDS_OF_BYTES


def write_broken(kind: str, choice: int, mutations: Sequence[Mutation], folder: Path) -> Path:
    """Write a file of a kind that is broken by some mutations; returns the path to give to :func:`read`."""
    path = WHOLE[kind][choice % len(WHOLE[kind])](folder)
    file = path
    if path.is_dir():
        files = sorted(path.iterdir())
        file = files[choice % len(files)]
    if kind == "bundle":
        _break_bundle(path, choice, mutations)
    elif kind in OF_TREE:
        file.write_bytes(_broken_json(file.read_bytes(), mutations))
    else:
        file.write_bytes(change_bytes(file.read_bytes(), mutations))
    return path


def read(kind: str, path: Path, predictors: Predictors) -> str:
    """Do with a file what users do; returns its error, or an empty text where it was taken.

    Raises:
        Exception: any but the errors of this package: a fault.
    """
    try:
        _READ.get(kind, _read_image)(kind, path, predictors)
    except LWMISNError as error:
        return str(error)
    except Exception as error:
        own = own_error(error)
        if own is None:
            raise
        return str(own)
    return ""


class Predictors:
    """Bundles for pictures and volumes, built when they are first used."""

    def __init__(self, folder: Path) -> None:
        self.get: Callable[[bool], Predictor] = cache(partial(bundle_for, folder))


def _read_image(kind: str, path: Path, predictors: Predictors) -> None:
    image, _ = load(path, kind in OF_VOLUMES)
    if image.numel() <= MOST_VOXELS:
        predictors.get(kind in OF_VOLUMES)(path)
    if path.is_file():
        with contextlib.suppress(LWMISNError):  # such as that it has colours
            read_label([str(path)])


def _read_genotype(kind: str, path: Path, predictors: Predictors) -> None:
    genotype = Genotype.load(path)
    with torch.inference_mode():
        LWMISN(genotype).eval()(torch.zeros(1, genotype.architecture.input_channels, 32, 32))


def _read_preset(kind: str, path: Path, predictors: Predictors) -> None:
    data = path.parent / "data"
    if not data.exists():
        data.mkdir()
        plain(data)
    _command("check-data", "--preset", str(path), "--data", str(data), "--set", "data.dataset=folder")


def _read_data_set(kind: str, path: Path, predictors: Predictors) -> None:
    _command("check-data", "--preset", "hippocampus_mr", "--data", str(path.parent))


def _read_bundle(kind: str, path: Path, predictors: Predictors) -> None:
    with load_bundle(path, device="cpu") as predictor:
        if predictor.volumetric:
            predictor(np.zeros((8, 9, 3), np.float32), np.eye(4))
        else:
            predictor(np.zeros((8, 9), np.uint8))


def _command(*arguments: str) -> None:
    """Run a command of the command line, in this process."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(arguments)
    if code == 2:
        raise LWMISNError(said.getvalue().strip())
    if code != 0:
        raise RuntimeError(f"exit code {code}: {said.getvalue().strip()}")


_READ = {"genotype": _read_genotype, "preset": _read_preset, "dataset.json": _read_data_set, "bundle": _read_bundle}


def _copy(source: Path, folder: Path) -> Path:
    return Path(shutil.copy(source, folder / source.name))


@cache
def _bundle_members() -> dict[str, bytes]:
    root = ROOT / "bundles/nuclei_microscopy_lwmisn"
    return {name: (root / name).read_bytes() for name in dict.fromkeys(MEMBERS)}


def _zipped_bundle(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "bundle.zip", "w") as archive:
        for name, content in _bundle_members().items():
            archive.writestr(name, content)
    return folder / "bundle.zip"


def _broken_json(content: bytes, mutations: Sequence[Mutation]) -> bytes:
    tree = [mutation for mutation in mutations if mutation.kind in KINDS_OF_TREE]
    if tree:
        with contextlib.suppress(RecursionError):
            content = json.dumps(change_tree(json.loads(content), tree)).encode()
    return change_bytes(content, [mutation for mutation in mutations if mutation.kind not in KINDS_OF_TREE])


def _break_bundle(path: Path, choice: int, mutations: Sequence[Mutation]) -> None:
    """Break a member, or the archive: its bytes, or with members that lie."""
    first, value = mutations[0], mutations[0].value
    if first.kind == "cut" or (first.kind == "field" and value % 2):
        path.write_bytes(change_bytes(path.read_bytes(), mutations))
        return
    members = dict(_bundle_members())
    target = MEMBERS[choice % len(MEMBERS)]
    if target.endswith(".json"):
        members[target] = _broken_json(members[target], mutations)
    else:
        members[target] = change_bytes(members[target], mutations)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if first.kind == "field":
            outside = ("../outside", "/tmp/../outside", "configs/../../outside", "..\\outside", "C:\\outside")
            archive.writestr(outside[value // 2 % len(outside)], b"outside")
        if first.kind == "splice":
            link = zipfile.ZipInfo("configs/link")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, str(path.parent.parent))
            archive.writestr("configs/link/outside", b"outside")
