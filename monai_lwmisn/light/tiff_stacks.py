"""Names the pages of a TIFF that is a stack of pictures. The path of a page is ``STACK.tif!/page_0001.tif``."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from itertools import islice

TIFF_SUFFIXES = (".tif", ".tiff")
SUBFILE_REDUCED = 1
MOST_PAGES = 100_000

_PAGE = re.compile(r"^(?P<stack>.+\.tiff?)!/page_(?P<number>\d+)\.tif$", re.IGNORECASE | re.DOTALL)

__all__ = ["TIFF_SUFFIXES", "page_path", "pages_of", "split_page"]


def page_path(stack: str, number: int) -> str:
    """Return the path of a page, counted from 1 on."""
    return f"{stack}!/page_{number:04d}.tif"


def split_page(path: str | os.PathLike[str]) -> tuple[str, int | None]:
    """Return the file and the number of a page from 1 on; the number is None for any other path."""
    found = _PAGE.match(os.fspath(path))
    return (found["stack"], int(found["number"])) if found else (os.fspath(path), None)


def pages_of(path: str) -> int:
    """Return how many pictures a file has: the pages of a TIFF on disk that are as large as the first, otherwise 1."""
    if not path.lower().endswith(TIFF_SUFFIXES) or not os.path.isfile(path):
        return 1
    return _pages_of(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=4096)
def _pages_of(path: str, modified: int) -> int:
    try:
        import tifffile

        with tifffile.TiffFile(path) as file:
            pages = [page.aspage() for page in islice(file.pages, MOST_PAGES)]
    except Exception:  # the library raises whatever it meets; what reads the picture says what is wrong
        return 1
    return max(1, sum(page.shape == pages[0].shape and not page.subfiletype & SUBFILE_REDUCED for page in pages))
