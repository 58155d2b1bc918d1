"""NIfTI, NRRD and MetaImage inputs; independent are nibabel, and headers written by hand as their formats define."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from tests.inputs.table import Refused, Row, Volume

VOXELS = (np.arange(4 * 5 * 6).reshape(4, 5, 6) * 7 % 830 - 100).astype(np.int16)
"""(x, y, z): no two voxels are alike."""

TURN = np.array([[0.936293, 0.120123, 0.330154], [0.0, 0.939693, -0.342020], [-0.351228, 0.320229, 0.879823]])
AFFINE = np.eye(4)
AFFINE[:3, :3], AFFINE[:3, 3] = TURN * (0.75, 1.5, 5), (-20, 15, 100)
OTHER = np.diag([0.75, 1.5, 5, 1.0])
OTHER[:3, 3] = (7, 8, 9)

# NIfTI.


def nifti(
    folder: Path,
    voxels: np.ndarray = VOXELS,
    affine: np.ndarray = AFFINE,
    edit: Callable[[Any], None] | None = None,
    suffix: str = ".nii.gz",
    **header: Any,
) -> Path:
    """Write a NIfTI file.

    Args:
        folder: for the file.
        voxels: (x, y, z[, ...]).
        affine: of both the sform and the qform.
        edit: changes the image.
        suffix: of the file.
        header: fields to set after all others.
    """
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    if edit is not None:
        edit(image)
    path = folder / f"volume{suffix}"
    nibabel.save(image, folder / "made.nii")
    content = bytearray((folder / "made.nii").read_bytes())
    (folder / "made.nii").unlink()
    made = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in header.items():
        made[name] = value
    content[:348] = made.binaryblock
    path.write_bytes(gzip.compress(bytes(content)) if suffix.endswith(".gz") else bytes(content))
    return path


def saved(folder: Path, image: Any, name: str = "volume.nii.gz") -> Path:
    nibabel.save(image, folder / name)
    return folder / name


def pair(folder: Path, suffix: str = ".hdr") -> Path:
    nibabel.save(nibabel.Nifti1Pair(VOXELS, AFFINE), folder / "volume.hdr")
    return folder / f"volume{suffix}"


def analyze(folder: Path) -> Path:
    image = nibabel.AnalyzeImage(VOXELS, None)
    image.header.set_zooms((0.75, 1.5, 5))
    nibabel.save(image, folder / "volume.img")
    return folder / "volume.hdr"


def by_nibabel(path: Path) -> Volume:
    image: Any = nibabel.load(path)
    return Volume.of_grid(np.asarray(image.get_fdata()), image.affine)


def in_millimetres(factor: float) -> Callable[[Path], Volume]:
    """By nibabel, which leaves the unit of the header to its users."""

    def read(path: Path) -> Volume:
        image: Any = nibabel.load(path)
        return Volume.of_grid(image.get_fdata(), np.diag([factor, factor, factor, 1]) @ image.affine)

    return read


def forms(sform: tuple[np.ndarray | None, int], qform: tuple[np.ndarray | None, int]) -> Callable[[Any], None]:
    def edit(image: Any) -> None:
        image.set_sform(*sform)
        image.set_qform(*qform)

    return edit


def units(name: str) -> Callable[[Any], None]:
    return lambda image: image.header.set_xyzt_units(name)


def scaling(slope: float, intercept: float) -> Callable[[Any], None]:
    return lambda image: image.header.set_slope_inter(slope, intercept)


def colour_voxels() -> np.ndarray:
    voxels = np.zeros((4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    voxels["R"] = 7
    return voxels


def with_nan() -> np.ndarray:
    voxels = VOXELS.astype(np.float32)
    voxels[1, 2, 3] = np.nan
    return voxels


def big_endian(folder: Path) -> Path:
    return saved(folder, nibabel.Nifti1Image(VOXELS, AFFINE, header=nibabel.Nifti1Header(endianness=">")))


def renamed(make: Callable[[Path], Path], name: str) -> Callable[[Path], Path]:
    return lambda folder: make(folder).rename(folder / name)


def cut(make: Callable[[Path], Path], share: float = 0.8) -> Callable[[Path], Path]:
    """What is left of a download that was interrupted."""

    def write(folder: Path) -> Path:
        path = make(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        return path

    return write


def left_handed(image: Any) -> None:
    affine = AFFINE @ np.diag([-1, 1, 1, 1])
    image.set_sform(None, 0)
    image.set_qform(affine, 1)
    assert image.header["pixdim"][0] == -1


ZERO_ROW, SHEARED = AFFINE.copy(), AFFINE.copy()
ZERO_ROW[1] = 0
SHEARED[:3, 2] += (0, 1.3, 0)
TALL = VOXELS.astype(np.int64) * 10_000_000_000

NIFTI: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("both forms alike", nifti, by_nibabel, ""),
    ("sform alone", partial(nifti, edit=forms((AFFINE, 1), (None, 0))), by_nibabel, ""),
    ("qform alone", partial(nifti, edit=forms((None, 0), (AFFINE, 1))), by_nibabel, ""),
    ("qform left-handed", partial(nifti, edit=left_handed), by_nibabel, ""),
    ("sform and qform differ", partial(nifti, edit=forms((AFFINE, 1), (OTHER, 2))), by_nibabel, ""),
    ("neither form", partial(nifti, edit=forms((None, 0), (None, 0))), by_nibabel, "no orientation"),
    ("sform sheared", partial(nifti, edit=forms((SHEARED, 1), (AFFINE, 1))), by_nibabel, ""),
    ("sform other spacing than pixdim", partial(nifti, pixdim=[1, 3, 3, 3, 0, 0, 0, 0]), by_nibabel, ""),
    ("pixdim zero beside an sform", partial(nifti, pixdim=[1, 0, 0, 0, 0, 0, 0, 0]), by_nibabel, ""),
    ("sform row NaN", partial(nifti, qform_code=0, srow_y=[np.nan] * 4), Refused("NaN"), ""),
    ("sform row NaN, qform whole", partial(nifti, srow_y=[np.nan] * 4), Refused("."), ""),
    ("sform row of zeros", partial(nifti, edit=forms((ZERO_ROW, 1), (None, 0))), Refused("."), ""),
    ("sform of zeros, qform whole", partial(nifti, srow_x=[0] * 4, srow_y=[0] * 4, srow_z=[0] * 4), Refused("."), ""),
    ("quaternion NaN", partial(nifti, sform_code=0, quatern_b=np.nan), Refused("."), ""),
    (
        "in metres",
        partial(nifti, affine=np.diag([1e-3, 1e-3, 1e-3, 1]) @ AFFINE, edit=units("meter")),
        in_millimetres(1000),
        "met",
    ),
    (
        "in micrometres",
        partial(nifti, affine=np.diag([1e3, 1e3, 1e3, 1]) @ AFFINE, edit=units("micron")),
        in_millimetres(0.001),
        "mic",
    ),
    ("unit not given", partial(nifti, edit=units("unknown")), by_nibabel, ""),
    ("slope and intercept", partial(nifti, edit=scaling(0.37, -12)), by_nibabel, ""),
    ("slope zero", partial(nifti, scl_slope=0, scl_inter=5), by_nibabel, ""),
    ("slope NaN", partial(nifti, scl_slope=np.nan), by_nibabel, ""),
    ("slope infinite", partial(nifti, scl_slope=np.inf), by_nibabel, ""),
    ("intercept NaN", partial(nifti, scl_slope=2, scl_inter=np.nan), Refused("."), ""),
    *(
        (f"{dtype}", partial(nifti, voxels=(VOXELS + 100).astype(dtype)), by_nibabel, "")
        for dtype in ("uint8", "int8", "uint16", "int32", "uint32", "float32", "float64")
    ),
    ("int64", lambda folder: saved(folder, nibabel.Nifti1Image(TALL, AFFINE, dtype=np.int64)), by_nibabel, ""),
    ("big-endian", big_endian, by_nibabel, ""),
    ("NIfTI-2", lambda folder: saved(folder, nibabel.Nifti2Image(VOXELS, AFFINE)), by_nibabel, ""),
    (".nii", partial(nifti, suffix=".nii"), by_nibabel, ""),
    (".NII.GZ", renamed(nifti, "volume.NII.GZ"), lambda path: Volume.of_grid(VOXELS, AFFINE), ""),
    ("not packed, but named .nii.gz", renamed(partial(nifti, suffix=".nii"), "volume.nii.gz"), Refused("."), ""),
    ("packed, but named .nii", renamed(nifti, "volume.nii"), Refused("."), ""),
    (".hdr and .img, given by .hdr", pair, by_nibabel, ""),
    (".hdr and .img, given by .img", partial(pair, suffix=".img"), by_nibabel, ""),
    ("Analyze", analyze, Refused("."), ""),
    ("one moment", partial(nifti, voxels=VOXELS[..., None]), lambda path: Volume.of_grid(VOXELS, AFFINE), ""),
    ("three moments", partial(nifti, voxels=np.stack([VOXELS] * 3, -1)), Refused("3 channels"), ""),
    ("vectors", partial(nifti, voxels=np.stack([VOXELS] * 3, -1)[..., None, :]), Refused("channels|axes|5"), ""),
    ("one slice", partial(nifti, voxels=VOXELS[..., :1]), by_nibabel, ""),
    ("two axes", partial(nifti, voxels=VOXELS[..., 0]), Refused("2 axes"), ""),
    ("colours", partial(nifti, voxels=colour_voxels()), Refused("colour"), ""),
    ("complex", partial(nifti, voxels=VOXELS.astype(np.complex64) * (1 + 2j)), Refused("complex|imaginary"), ""),
    ("a voxel NaN", partial(nifti, voxels=with_nan()), Refused("NaN"), ""),
    ("a voxel infinite", partial(nifti, voxels=np.where(VOXELS == 5, np.inf, VOXELS)), Refused("infinite"), ""),
    ("cut short", cut(partial(nifti, suffix=".nii")), Refused("."), ""),
    ("packed and cut short", cut(nifti), Refused("."), ""),
    ("nothing", renamed(lambda folder: cut(nifti, 0)(folder), "empty.nii.gz"), Refused("."), ""),
    (
        "extent of 32767 in each axis",
        partial(nifti, suffix=".nii", dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]),
        Refused("."),
        "",
    ),
    ("extent negative", partial(nifti, dim=[3, 4, -5, 6, 1, 1, 1, 1]), Refused("."), ""),
]

# NRRD and MetaImage: files of a text header and raw voxels, x fastest.

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def raw(voxels: np.ndarray, order: str = "<") -> bytes:
    return voxels.astype(voxels.dtype.newbyteorder(order)).tobytes(order="F")


def vectors(affine: np.ndarray) -> str:
    return " ".join("(" + ",".join(f"{value:.9g}" for value in column) + ")" for column in affine[:3, :3].T)


def nrrd(
    folder: Path,
    affine: np.ndarray = AFFINE,
    space: str | None = "right-anterior-superior",
    content: bytes = raw(VOXELS),
    suffix: str = ".nrrd",
    data_file: str | None = None,
    **fields: Any,
) -> Path:
    """Write a NRRD file by its definition, without a library.

    Args:
        folder: for the file.
        affine: in the axes of the space.
        space: its name.
        content: the data, after encoding.
        suffix: of the file.
        data_file: the name of a file of its own for the data.
        fields: further fields of the header, with _ for blanks; None leaves one out.
    """
    header: dict[str, Any] = {
        "type": "short",
        "dimension": 3,
        "space": space,
        "sizes": "4 5 6",
        "space_directions": vectors(affine),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space_origin": "(" + ",".join(f"{value:.9g}" for value in affine[:3, 3]) + ")",
        "data_file": data_file,
    }
    header |= fields
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in header.items() if value is not None]
    text = "\n".join(["NRRD0004", *lines]).encode() + b"\n\n"
    path = folder / f"volume{suffix}"
    path.write_bytes(text + (b"" if data_file else content))
    if data_file:
        (folder / data_file).write_bytes(content)
    return path


def as_made(path: Path) -> Volume:
    """The voxels and the affine that were written; SimpleITK has to agree where it can."""
    return Volume.of_grid(VOXELS, AFFINE)


def channels_first(folder: Path) -> Path:
    two = np.stack([VOXELS, VOXELS + 1000])
    return nrrd(
        folder,
        content=raw(two),
        dimension=4,
        sizes="2 4 5 6",
        kinds="vector domain domain domain",
        space_directions="none " + vectors(AFFINE),
    )


def channels_last(folder: Path) -> Path:
    two = np.stack([VOXELS, VOXELS + 1000], axis=-1)
    return nrrd(
        folder,
        content=raw(two),
        dimension=4,
        sizes="4 5 6 2",
        kinds="domain domain domain list",
        space_directions=vectors(AFFINE) + " none",
    )


def two_channels(path: Path) -> Volume:
    return Volume.of_grid(np.stack([VOXELS, VOXELS + 1000], axis=-1), AFFINE)


TEXT = " ".join(map(str, VOXELS.ravel(order="F"))).encode()
NO_SPACE = {"space": None, "space_directions": None, "space_origin": None}
FLAT = np.diag([0.75, 1.5, 5, 1.0])

NRRD: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("right-anterior-superior", nrrd, as_made, ""),
    ("left-posterior-superior", partial(nrrd, affine=LPS @ AFFINE, space="left-posterior-superior"), as_made, ""),
    (
        "left-anterior-superior",
        partial(nrrd, affine=np.diag([-1, 1, 1, 1]) @ AFFINE, space="left-anterior-superior"),
        as_made,
        "",
    ),
    ("LPS in short", partial(nrrd, affine=LPS @ AFFINE, space="LPS"), as_made, ""),
    ("packed", partial(nrrd, content=gzip.compress(raw(VOXELS)), encoding="gzip"), as_made, ""),
    ("as text", partial(nrrd, content=TEXT, encoding="ascii"), as_made, ""),
    ("as hexadecimals", partial(nrrd, content=raw(VOXELS).hex().encode(), encoding="hex"), as_made, ""),
    ("big-endian", partial(nrrd, content=raw(VOXELS, ">"), endian="big"), as_made, ""),
    ("data in a file of its own", partial(nrrd, data_file="volume.raw"), as_made, ""),
    ("data in a file of its own, named .nhdr", partial(nrrd, suffix=".nhdr", data_file="volume.raw"), as_made, ""),
    ("data in a file that is missing", partial(nrrd, data_file="volume.raw", content=b""), Refused("."), ""),
    ("data in a file above its folder", partial(nrrd, data_file="../volume.raw"), as_made, ""),
    ("float", partial(nrrd, content=raw(VOXELS.astype(np.float32)), type="float"), as_made, ""),
    ("double", partial(nrrd, content=raw(VOXELS.astype(np.float64)), type="double"), as_made, ""),
    (
        "signed bytes",
        partial(nrrd, content=raw((VOXELS % 100 - 50).astype(np.int8)), type="signed char"),
        lambda path: Volume.of_grid(VOXELS % 100 - 50, AFFINE),
        "",
    ),
    ("64 bits", partial(nrrd, content=raw(VOXELS.astype(np.int64)), type="int64"), as_made, ""),
    (
        "spacings without a space",
        partial(nrrd, spacings="0.75 1.5 5", **NO_SPACE),
        lambda path: Volume.of_grid(VOXELS, LPS @ FLAT),
        "no anatomical axes",
    ),
    ("no spacing at all", partial(nrrd, **NO_SPACE), lambda path: Volume.of_grid(VOXELS, LPS), "no spacing"),
    (
        "3D-right-handed space",
        partial(nrrd, space="3D-right-handed"),
        lambda path: Volume.of_grid(VOXELS, LPS @ AFFINE),
        "no anatomical axes",
    ),
    ("two channels, first axis", channels_first, two_channels, ""),
    ("two channels, last axis", channels_last, two_channels, ""),
    (
        "time as a fourth axis",
        partial(
            nrrd,
            content=raw(np.stack([VOXELS] * 2, -1)),
            dimension=4,
            sizes="4 5 6 2",
            kinds="domain domain domain time",
            space_directions=vectors(AFFINE) + " none",
        ),
        Refused("."),
        "",
    ),
    (
        "two axes",
        partial(
            nrrd,
            content=raw(VOXELS[..., 0]),
            dimension=2,
            sizes="4 5",
            kinds="domain domain",
            space=None,
            space_directions=None,
            space_origin=None,
            spacings="1 1",
        ),
        Refused("2 axes"),
        "",
    ),
    ("sheared", partial(nrrd, affine=SHEARED), lambda path: Volume.of_grid(VOXELS, SHEARED), ""),
    (
        "direction infinite",
        partial(nrrd, space_directions="(1e308,0,0) (0,1,0) (0,0,1)"),
        Refused("space directions"),
        "",
    ),
    ("origin NaN", partial(nrrd, space_origin="(nan,0,0)"), Refused("."), ""),
    ("direction of zeros", partial(nrrd, space_directions="(1,0,0) (0,0,0) (0,0,1)"), Refused("."), ""),
    ("cut short", cut(nrrd), Refused("."), ""),
    ("packed and cut short", cut(partial(nrrd, content=gzip.compress(raw(VOXELS)), encoding="gzip")), Refused("."), ""),
    ("sizes of 2^31", partial(nrrd, sizes="2147483648 2147483648 6"), Refused("."), ""),
]

COLUMNS = " ".join(f"{value:.9g}" for value in (LPS @ AFFINE)[:3, :3].T.ravel() / np.repeat((0.75, 1.5, 5), 3))


def meta(
    folder: Path, content: bytes = raw(VOXELS), suffix: str = ".mha", data: str = "volume.raw", **fields: Any
) -> Path:
    """Write a MetaImage by its definition, without a library; ``data`` is the file of a ``.mhd``."""
    header: dict[str, Any] = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": False,
        "CompressedData": False,
        "TransformMatrix": COLUMNS,
        "Offset": " ".join(f"{value:.9g}" for value in (LPS @ AFFINE)[:3, 3]),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": "0.75 1.5 5",
        "DimSize": "4 5 6",
        "ElementType": "MET_SHORT",
    }
    header |= fields
    alone = suffix == ".mhd"
    lines = [f"{name} = {value}" for name, value in header.items() if value is not None]
    text = "\n".join([*lines, f"ElementDataFile = {data if alone else 'LOCAL'}"]).encode() + b"\n"
    path = folder / f"volume{suffix}"
    path.write_bytes(text + (b"" if alone else content))
    if alone and "%" not in data and content:
        (folder / data).write_bytes(content)
    return path


def slice_files(folder: Path) -> Path:
    """A file for each slice, named by a pattern."""
    for index in range(6):
        (folder / f"slice{index + 1}.raw").write_bytes(raw(VOXELS[..., index]))
    return meta(folder, suffix=".mhd", data="slice%d.raw 1 6 1")


def as_itk_assumes(path: Path) -> Volume:
    """Axes to the left, to the back and upwards."""
    return Volume.of_grid(VOXELS, np.c_[LPS @ FLAT[:, :3], AFFINE[:, 3]])


PACKED = zlib.compress(raw(VOXELS))

META: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    (".mha", meta, as_made, ""),
    (".mhd and .raw", partial(meta, suffix=".mhd"), as_made, ""),
    ("packed", partial(meta, content=PACKED, CompressedData=True, CompressedDataSize=len(PACKED)), as_made, ""),
    (
        "packed, .mhd",
        partial(
            meta, content=PACKED, suffix=".mhd", data="volume.zraw", CompressedData=True, CompressedDataSize=len(PACKED)
        ),
        as_made,
        "",
    ),
    ("big-endian", partial(meta, content=raw(VOXELS, ">"), BinaryDataByteOrderMSB=True), as_made, ""),
    ("as text", partial(meta, content=TEXT + b"\n", BinaryData=False), as_made, ""),
    ("AnatomicalOrientation contradicts", partial(meta, AnatomicalOrientation="RAI"), as_made, ""),
    ("no matrix", partial(meta, TransformMatrix=None), as_itk_assumes, "no anatomical axes"),
    (
        "AnatomicalOrientation and no matrix",
        partial(meta, TransformMatrix=None, AnatomicalOrientation="LPI"),
        as_itk_assumes,
        "no anatomical axes",
    ),
    ("matrix of zeros", partial(meta, TransformMatrix="0 0 0 0 0 0 0 0 0"), Refused("."), ""),
    ("Position in place of Offset", partial(meta, Offset=None, Position="20 -15 100"), as_made, ""),
    ("Origin in place of Offset", partial(meta, Offset=None, Origin="20 -15 100"), as_made, ""),
    (
        "spacing missing",
        partial(meta, ElementSpacing=None),
        lambda path: Volume.of_grid(VOXELS, AFFINE @ np.diag([1 / 0.75, 1 / 1.5, 1 / 5, 1])),
        "no ElementSpacing",
    ),
    (
        "spacing negative",
        partial(meta, ElementSpacing="0.75 1.5 -5"),
        lambda path: Volume.of_grid(VOXELS, AFFINE @ np.diag([1, 1, -1, 1])),
        "",
    ),
    ("matrix infinite", partial(meta, TransformMatrix="1e308 0 0 0 1e308 0 0 0 1e308"), Refused("transformmatrix"), ""),
    ("matrix of letters", partial(meta, TransformMatrix="1 0 0 x 1 0 0 0 1"), Refused("transformmatrix"), ""),
    ("number of axes negative", partial(meta, NDims=-1), Refused("NDims"), ""),
    ("spacing zero", partial(meta, ElementSpacing="0.75 1.5 0"), Refused("."), ""),
    ("three channels", partial(meta, content=raw(np.stack([VOXELS] * 3)), ElementNumberOfChannels=3), Refused("."), ""),
    ("float", partial(meta, content=raw(VOXELS.astype(np.float32)), ElementType="MET_FLOAT"), as_made, ""),
    (
        "unsigned",
        partial(meta, content=raw((VOXELS.astype(int) + 60000).astype(np.uint16)), ElementType="MET_USHORT"),
        lambda path: Volume.of_grid(VOXELS.astype(int) + 60000, AFFINE),
        "",
    ),
    ("a file for each slice", slice_files, as_made, ""),
    (
        "a header before the voxels",
        partial(meta, content=b"#" * 64 + raw(VOXELS), suffix=".mhd", HeaderSize=64),
        as_made,
        "",
    ),
    (
        "two axes",
        partial(
            meta,
            content=raw(VOXELS[..., 0]),
            NDims=2,
            DimSize="4 5",
            TransformMatrix="1 0 0 1",
            Offset="0 0",
            CenterOfRotation="0 0",
            ElementSpacing="1 1",
        ),
        Refused("2 axes"),
        "",
    ),
    (
        "four axes",
        partial(
            meta,
            NDims=4,
            DimSize="4 5 3 2",
            TransformMatrix=" ".join(map(str, np.eye(4).ravel())),
            Offset="0 0 0 0",
            CenterOfRotation="0 0 0 0",
            ElementSpacing="1 1 1 1",
        ),
        Refused("."),
        "",
    ),
    ("the .raw missing", partial(meta, content=b"", suffix=".mhd"), Refused("."), ""),
    ("cut short", cut(meta), Refused("."), ""),
    (
        "packed and cut short",
        cut(partial(meta, content=PACKED, CompressedData=True, CompressedDataSize=len(PACKED))),
        Refused("."),
        "",
    ),
    ("no fields", lambda folder: cut(meta, 0.05)(folder), Refused("."), ""),
]

ROWS = [Row("NIfTI", *row) for row in NIFTI]
ROWS += [Row("NRRD", *row, channels=2 if "two channels" in row[0] else 1) for row in NRRD]
ROWS += [Row("MetaImage", *row) for row in META]
