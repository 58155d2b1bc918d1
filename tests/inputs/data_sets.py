"""Data sets with labels of each kind, as `lwmisn check-data` and training see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.inputs.pictures import COLOURS, orientation
from tests.inputs.table import Refused
from tests.inputs.volume_files import AFFINE, VOXELS, meta, nifti, nrrd, raw

OBJECTS = np.kron(np.arange(1, 7, dtype=np.uint16).reshape(2, 3), np.pad(np.ones((6, 7), np.uint16), ((2, 2), (2, 1))))
"""(height, width): six numbered objects."""
ONE = (OBJECTS > 0).astype(np.uint8)
"""A class."""
TWO = ONE + (OBJECTS > 3)
"""Two classes."""
BODY = (VOXELS > 300).astype(np.uint8)
"""(x, y, z): a class."""
ORGANS = np.digitize(VOXELS, (200, 500)).astype(np.uint8)
ORGAN_NAMES = {"data.label_names": {"1": "a", "2": "b"}}
NAMES = {"data.instances": False, **ORGAN_NAMES}


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Args:
        name: what is special about it.
        make: writes it into an empty folder.
        says: the classes of the label named ``case_0``, (height, width) or (x, y, z); or the words of the problem.
        preset: that reads it.
        settings: of the preset.
    """

    name: str
    make: Callable[[Path], Any]
    says: np.ndarray | Refused
    preset: str = "nuclei"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"data set: {self.name}"


def pictures(
    folder: Path,
    label: Callable[[Path], Any] | np.ndarray,
    image: Callable[[Path], Any] | np.ndarray = COLOURS,
    suffix: str = ".png",
    image_suffix: str = ".png",
    cases: int = 2,
) -> None:
    """Write images and labels that all have one content; a function gets the path to write."""
    for place, content, ending in (("images", image, image_suffix), ("labels", label, suffix)):
        (folder / place).mkdir()
        for case in range(cases):
            path = folder / place / f"case_{case}{ending}"
            content(path) if callable(content) else Image.fromarray(content).save(path)


def volumes(folder: Path, label: np.ndarray | Callable[[Path], Path], **image: Any) -> None:
    """Write volumes and labels of the same content by :func:`nifti`; a function writes a label of its own."""
    for place, make in (
        ("images", partial(nifti, **image)),
        ("labels", label if callable(label) else partial(nifti, voxels=label)),
    ):
        (folder / place).mkdir()
        for case in range(2):
            made = make(folder / place)
            made.rename(made.with_name(made.name.replace("volume", f"case_{case}")))


def with_palette(indices: np.ndarray, *table: tuple[int, int, int]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        image = Image.fromarray(indices.astype(np.uint8)).convert("P")
        image.putdata(indices.ravel().tolist())
        image.putpalette([value for colour in table for value in colour])
        image.save(path)

    return write


def coloured(classes: np.ndarray, *table: tuple[int, ...]) -> np.ndarray:
    return np.asarray(table, np.uint8)[classes]


def as_tiff(values: np.ndarray, **options: Any) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, values, **options)


def as_jpeg(path: Path) -> None:
    Image.fromarray(ONE * 255).save(path)


def with_orientation(values: np.ndarray) -> Callable[[Path], None]:
    return as_tiff(values, extratags=orientation(6), metadata=None)


def then(make: Callable[[Path], Any], change: Callable[[Path], Any]) -> Callable[[Path], None]:
    """Make a data set, and change something in its folder."""

    def write(folder: Path) -> None:
        make(folder)
        change(folder)

    return write


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


plain = partial(pictures, label=ONE * 255)
bodies = partial(volumes, label=BODY)


def moved(millimetres: float) -> Callable[[Path], Path]:
    affine = AFFINE.copy()
    affine[:3, 3] += millimetres
    return partial(nifti, voxels=BODY, affine=affine)


def from_the_other_side(folder: Path) -> Path:
    """The same voxels at the same places, stored from right to left."""
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = BODY.shape[0] - 1
    return nifti(folder, BODY[::-1], AFFINE @ flip)


def scaled_label(folder: Path) -> Path:
    return nifti(folder, BODY * np.uint8(2), edit=lambda image: image.header.set_slope_inter(0.5, 0))


def dataset_json(content: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        volumes(folder, ORGANS)
        (folder / "images").rename(folder / "imagesTr")
        (folder / "labels").rename(folder / "labelsTr")
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "dataset.json").write_text(text)

    return write


def task(name: str = "case_{}") -> dict[str, Any]:
    pairs = [
        {"image": f"./imagesTr/{name.format(case)}.nii.gz", "label": f"./labelsTr/{name.format(case)}.nii.gz"}
        for case in range(2)
    ]
    return {"labels": {"0": "background", "1": "a", "2": "b"}, "training": pairs}


MR: dict[str, Any] = {"preset": "prostate_mr"}
TASK: dict[str, Any] = {"preset": "hippocampus_mr", "settings": {"data.dataset": "msd"}}
WRONG_AFFINE = np.diag([1.0, 1, 1, 1])
NAN_LABEL = np.where(BODY, np.nan, 0).astype(np.float32)

DATA_SETS = [
    # Pictures of a class.
    DataSet("black and white", plain, ONE),
    DataSet("values 0 and 1", partial(pictures, label=ONE), ONE),
    DataSet("1 bit", partial(pictures, label=ONE > 0), ONE),
    DataSet("numbered objects of 16 bits", partial(pictures, label=OBJECTS * 1000), ONE),
    DataSet(
        "numbered objects of 32 bits",
        partial(pictures, label=as_tiff(OBJECTS.astype(np.uint32) * 70_000), suffix=".tif"),
        ONE,
    ),
    DataSet("float 0 and 1", partial(pictures, label=as_tiff(ONE.astype(np.float32)), suffix=".tif"), ONE),
    DataSet(
        "black and white in three channels", partial(pictures, label=coloured(ONE, (0, 0, 0), (255, 255, 255))), ONE
    ),
    DataSet("blue on black", partial(pictures, label=coloured(ONE, (0, 0, 0), (0, 0, 255))), ONE),
    DataSet("blue on black, with alpha", partial(pictures, label=coloured(ONE, (0, 0, 0, 255), (0, 0, 255, 255))), ONE),
    DataSet("palette of black and red", partial(pictures, label=with_palette(ONE, (0, 0, 0), (200, 0, 0))), ONE),
    DataSet(
        "palette whose first colour is white",
        partial(pictures, label=with_palette(1 - ONE, (255, 255, 255), (0, 0, 0))),
        ONE,
    ),
    DataSet("BMP", partial(pictures, label=ONE * 255, suffix=".bmp"), ONE),
    DataSet(
        "a TIFF with white as 0",
        partial(pictures, label=as_tiff(255 - ONE * 255, photometric="miniswhite"), suffix=".tif"),
        Refused("white"),
    ),
    DataSet("JPEG", partial(pictures, label=as_jpeg, suffix=".jpg"), Refused("JPEG")),
    DataSet(
        "JPEG named .png",
        partial(pictures, label=lambda path: Image.fromarray(ONE * 255).save(path, "JPEG")),
        Refused("JPEG"),
    ),
    DataSet(
        "several pages",
        partial(pictures, label=as_tiff(np.stack([ONE, ONE]), photometric="minisblack"), suffix=".tif"),
        Refused("pages"),
    ),
    DataSet("nothing but background", partial(pictures, label=ONE * 0), Refused("foreground")),
    DataSet("another size", partial(pictures, label=ONE[:-2]), Refused("30x20.*30x18")),
    DataSet(
        "turned by EXIF, image and label",
        partial(
            pictures, label=with_orientation(ONE), image=with_orientation(COLOURS), suffix=".tif", image_suffix=".tif"
        ),
        np.rot90(ONE, -1),
    ),
    DataSet(
        "turned by EXIF, image alone",
        partial(pictures, label=ONE, image=with_orientation(COLOURS), image_suffix=".tif"),
        Refused("20x30"),
    ),
    DataSet("label cut short", then(plain, lambda folder: cut_short(folder / "labels/case_0.png")), Refused("case_0")),
    DataSet("image cut short", then(plain, lambda folder: cut_short(folder / "images/case_0.png")), Refused("case_0")),
    # Pictures of classes.
    DataSet("two classes", partial(pictures, label=TWO), TWO, settings=NAMES),
    DataSet(
        "two classes in a palette",
        partial(pictures, label=with_palette(TWO, (0, 0, 0), (200, 0, 0), (0, 200, 0))),
        TWO,
        settings=NAMES,
    ),
    DataSet(
        "two classes as colours",
        partial(pictures, label=coloured(TWO, (0, 0, 0), (200, 0, 0), (0, 200, 0))),
        Refused("colour"),
        settings=NAMES,
    ),
    DataSet("a class without a name", partial(pictures, label=TWO * 3), Refused("3|6"), settings=NAMES),
    DataSet(
        "a half class",
        partial(pictures, label=as_tiff(TWO / np.float32(2)), suffix=".tif"),
        Refused("0.5"),
        settings=NAMES,
    ),
    # Names.
    DataSet(
        "a label missing",
        then(plain, lambda folder: (folder / "labels/case_0.png").unlink()),
        Refused("case_0.*no label"),
    ),
    DataSet(
        "an image missing",
        then(plain, lambda folder: (folder / "images/case_0.png").unlink()),
        Refused("case_0.*no image"),
    ),
    DataSet(
        "two images of a name",
        then(plain, lambda folder: Image.fromarray(COLOURS).save(folder / "images/case_0.tif")),
        Refused("case_0"),
    ),
    DataSet(
        "two labels of a name",
        then(plain, lambda folder: Image.fromarray(ONE).save(folder / "labels/case_0.tif")),
        Refused("case_0"),
    ),
    DataSet("an empty folder", lambda folder: None, Refused("empty")),
    DataSet(
        "no folder named labels",
        then(plain, lambda folder: (folder / "labels").rename(folder / "somewhere")),
        Refused("label"),
    ),
    # Volumes.
    DataSet("volumes", bodies, BODY, **MR),
    DataSet("volumes, float 0 and 1", partial(volumes, label=BODY.astype(np.float32)), BODY, **MR),
    DataSet("volumes, label with a slope", partial(volumes, label=scaled_label), BODY, **MR),
    DataSet("volumes, label NRRD", partial(volumes, label=partial(nrrd, content=raw(BODY), type="uchar")), BODY, **MR),
    DataSet(
        "volumes, label MetaImage",
        partial(volumes, label=partial(meta, content=raw(BODY), ElementType="MET_UCHAR")),
        BODY,
        **MR,
    ),
    DataSet("volumes, label with a fourth axis", partial(volumes, label=BODY[..., None]), BODY, **MR),
    DataSet("volumes, label moved by 0.001 mm", partial(volumes, label=moved(1e-3)), BODY, **MR),
    DataSet(
        "volumes, label moved by 10 mm", partial(volumes, label=moved(10)), Refused("grid|affine|mm|position"), **MR
    ),
    DataSet(
        "volumes, label of another spacing",
        partial(volumes, label=partial(nifti, voxels=BODY, affine=WRONG_AFFINE)),
        Refused("grid|affine|mm|position"),
        **MR,
    ),
    DataSet("volumes, label stored from the other side", partial(volumes, label=from_the_other_side), BODY, **MR),
    DataSet("volumes, label of another size", partial(volumes, label=BODY[..., :5]), Refused("4x5x6.*4x5x5"), **MR),
    DataSet("volumes, label NaN", partial(volumes, label=NAN_LABEL), Refused("NaN|value"), **MR),
    DataSet("volumes, label 255", partial(volumes, label=BODY * np.uint8(255)), Refused("255"), **MR),
    DataSet("volumes, label -1", partial(volumes, label=-BODY.astype(np.int16)), Refused("-1"), **MR),
    DataSet("volumes, label 257", partial(volumes, label=BODY.astype(np.int16) * 257), Refused("257"), **MR),
    DataSet("volumes, label 0.5", partial(volumes, label=BODY * np.float32(0.5)), Refused("0.5"), **MR),
    DataSet(
        "volumes, image NaN",
        partial(volumes, label=BODY, voxels=np.where(BODY, np.nan, 0).astype(np.float32)),
        Refused("NaN"),
        **MR,
    ),
    DataSet(
        "volumes of two channels",
        partial(volumes, label=BODY, voxels=np.stack([VOXELS] * 2, -1)),
        Refused("channels"),
        **MR,
    ),
    DataSet("volumes, two classes", partial(volumes, label=ORGANS), ORGANS, "prostate_mr", ORGAN_NAMES),
    DataSet("volumes, classes without a name", partial(volumes, label=ORGANS), Refused("2"), **MR),
    # Decathlon.
    DataSet("dataset.json", dataset_json(task()), ORGANS, **TASK),
    DataSet("dataset.json names what is missing", dataset_json(task("other_{}")), Refused("other_0"), **TASK),
    DataSet("dataset.json of no JSON", dataset_json('{"training": ['), Refused("dataset.json"), **TASK),
    DataSet("dataset.json of another kind", dataset_json([1, 2]), Refused("dataset.json"), **TASK),
    DataSet("dataset.json points out of its folder", dataset_json(task("../../../case_{}")), Refused("case_0"), **TASK),
]
