"""Go on with a run whose data set has moved."""

from __future__ import annotations

import os
from pathlib import Path

from monai_lwmisn.data.datalist import PARTS, read_datalist, write_datalist
from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.archives import list_files, member_names, split_member


def relocate_datalist(file: Path, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> None:
    """Make the paths in a run's datalist lead into another folder or archive; the split stays.

    Args:
        file: the run's datalist.json.
        old: the folder or zip that the datalist was made from; it need not exist any more.
        new: the folder or zip with the same files; the datalist's paths may be ``ARCHIVE.zip!/MEMBER``.

    Raises:
        DataError: when the datalist cannot be read, has a path outside ``old``, or a file is missing in ``new``;
            nothing is changed then.
    """
    datalist = read_datalist(file)
    for part in PARTS:
        for item in datalist[part]:
            for key in ("image", "label"):
                moved = _inside(new) + _relative(item[key], old, file)
                if not _exists(moved):
                    raise DataError(
                        f"{moved} does not exist, which {file} needs in place of {item[key]}: "
                        "give the --data that the run was begun with, complete and in the same folders."
                    )
                item[key] = moved
    write_datalist(datalist, file)


def _relative(path: str, old: str | os.PathLike[str], file: Path) -> str:
    # Some layouts follow links, so the paths may lie in what `old` leads to.
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
        return os.path.exists(path)
    return member in member_names(archive) or bool(list_files(path))
