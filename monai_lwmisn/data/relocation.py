"""Changes the paths of a datalist after its data set has moved."""

from __future__ import annotations

import os
from pathlib import Path

from monai.utils import ensure_tuple

from monai_lwmisn.data.datalist import PARTS, read_datalist, write_datalist
from monai_lwmisn.errors import DataError
from monai_lwmisn.light.archives import list_files, member_names, split_member
from monai_lwmisn.light.tiff_stacks import split_page


def relocate_datalist(file: Path, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> None:
    """Replace the data set's folder or zip in all paths of a run's datalist; the split stays.

    Args:
        file: the run's datalist.json.
        old: the folder or zip that the datalist was made from; it may be gone.
        new: the folder or zip with the same files. A path in a zip is written ``ARCHIVE.zip!/MEMBER``.

    Raises:
        DataError: the datalist cannot be read, has a path outside ``old``, or a file is missing in ``new``; nothing is
            changed then.
    """
    datalist = read_datalist(file)
    for part in PARTS:
        for item in datalist[part]:
            for key in ("image", "label"):
                moved = [_moved(path, old, new, file) for path in ensure_tuple(item[key])]
                item[key] = moved[0] if isinstance(item[key], str) else moved
    write_datalist(datalist, file)


def _moved(path: str, old: str | os.PathLike[str], new: str | os.PathLike[str], file: Path) -> str:
    moved = _inside(new) + _relative(path, old, file)
    if not _exists(moved):
        raise DataError(
            f"{moved} does not exist, but {file} needs it in place of {path}: "
            "give the complete data set of the run, with its folders unchanged, as --data."
        )
    return moved


def _relative(path: str, old: str | os.PathLike[str], file: Path) -> str:
    # Some formats resolve links, so the paths may be in the folder that the link `old` leads to.
    for root in (os.path.abspath(old), os.path.realpath(old)):
        for prefix in (f"{root}!/", f"{root}/"):
            if path.startswith(prefix):
                return path[len(prefix) :]
    raise DataError(f"{file} has {path}, which is not in {old}, the run's data set: start a new search with --data.")


def _inside(root: str | os.PathLike[str]) -> str:
    absolute = os.path.abspath(root)
    return f"{absolute}!/" if os.path.isfile(absolute) else f"{absolute}/"


def _exists(path: str) -> bool:
    archive, member = split_member(path)
    if member is None:
        return os.path.exists(split_page(path)[0])
    return member in member_names(archive) or bool(list_files(path))
