"""Makes an item of each page where images and labels are TIFF of many pages, as the stacks of electron microscopes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from monai_lwmisn.data.datasets.base import Item, Scan
from monai_lwmisn.errors import InputWarning, counted
from monai_lwmisn.light.tiff_stacks import page_path, pages_of

FEWEST_STACKS, BLOCKS = 3, 5
"""Of fewer stacks than the former, each is cut into so many blocks of neighbouring pages, which are its cases."""


def pages_as_items(scan: Scan) -> Scan:
    """Return a scan in which each page is an item. The pages of a stack, or of a block of it, are a group.

    Images with channels in several files stay as they are, and so does a stack whose label has one page: its pages
    are channels or slices, of which the reader says what to do.
    """
    pages = [_pages_in_both(item, scan.problems) for item in scan.items]
    stacks = sum(count > 1 for count in pages)
    if not stacks:
        return scan
    blocks = 1 if stacks >= FEWEST_STACKS else BLOCKS
    _say(pages, blocks)
    items: list[Item] = []
    for item, count in zip(scan.items, pages, strict=True):
        for number in range(1, count + 1) if count > 1 else ():
            block = (number - 1) * min(blocks, count) // count + 1
            items.append(
                {
                    **item,
                    "image": page_path(item["image"], number),
                    "label": page_path(item["label"], number),
                    "case": f"{item['case']}_page{number:04d}",
                    "group": item["case"] if blocks == 1 else f"{item['case']}_block{block}",
                }
            )
        if count == 1:
            items.append(item)
    return Scan(items, scan.problems)


def _pages_in_both(item: Item, problems: list[str]) -> int:
    image, label = item["image"], item["label"]
    if not isinstance(image, str) or not isinstance(label, str):
        return 1
    found = pages_of(image), pages_of(label)
    if min(found) > 1 and found[0] != found[1]:
        problems.append(
            f"The image {image} has {found[0]} pages and its label {label} has {found[1]}: save both with the same "
            "number of pages, a page for each slice."
        )
    return found[0] if found[0] == found[1] else 1


def _say(pages: Sequence[int], blocks: int) -> None:
    stacks = [count for count in pages if count > 1]
    sentence = f"Read {counted(sum(stacks), 'page')} of {counted(len(stacks), 'TIFF')} as a picture each"
    rest = "; the pages of each TIFF are a case."
    if blocks > 1:
        rest = (
            f", and {blocks} blocks of neighbouring pages of each TIFF as its cases: where two blocks meet, pages that "
            "are alike are in two parts, so the scores may be somewhat too good."
        )
    warnings.warn(sentence + rest, InputWarning, stacklevel=4)
