"""Tells the objects of a mask apart, touching nuclei too. Needs numpy, SciPy and scikit-image."""

from __future__ import annotations

import numpy as np

from .libraries import missing

LARGEST_WHOLE = 2**24
"""Pixels of a mask that is separated at once, which takes 130 bytes a pixel. A larger one goes in parts."""

NOT_NUMBERED = missing("skimage", "The masks are whole, but numbering their objects")
"""What is said where scikit-image is missing; of all images alike, so that a program can say it once."""

__all__ = ["NOT_NUMBERED", "separate_instances"]


def separate_instances(mask: np.ndarray, smoothing: float = 1.0, depth: float = 0.25) -> np.ndarray:
    """Number the objects of a mask by the watershed of the distance to the background. Touching objects are separated.

    Every pixel of the mask belongs to one object. Every connected region has at least one; pixels that touch by a
    corner are connected.

    Args:
        mask: boolean, of any number of dimensions.
        smoothing: standard deviation in pixels of the Gaussian that smooths the distances, so that a ragged border
            makes no objects.
        depth: pixels by which the distance must fall between the middles of two objects.

    Returns:
        int32 of the same shape: 0 is background, objects are 1, 2, ...
    """
    if mask.size <= LARGEST_WHOLE:
        return _separate(mask, smoothing, depth)
    from scipy.ndimage import find_objects, label

    # A region depends on what the smoothing of its distances reaches, and on nothing beyond that.
    margin = 2 * int(4 * smoothing + 1) + 2
    regions, _ = label(mask, np.ones((3,) * mask.ndim))
    rows = [box[0] for box in find_objects(regions)]
    objects = np.zeros(mask.shape, dtype=np.int32)
    first, count = 0, 0
    while first < len(rows):
        last = _end_of_part(rows, first, LARGEST_WHOLE * mask.shape[0] // mask.size // 2)
        part = slice(max(0, rows[first].start - margin), max(one.stop for one in rows[first:last]) + margin)
        own = (regions[part] > first) & (regions[part] <= last)
        separated = np.where(own, _separate(mask[part], smoothing, depth), 0)
        numbers = np.unique(separated[own], return_inverse=True)[1] + 1
        objects[part][own] = numbers.ravel() + count
        count += int(numbers.max())
        first = last
    return objects


def _end_of_part(rows: list[slice], first: int, most: int) -> int:
    """The end of the regions from ``first`` on that lie within ``most`` rows, and of one at least."""
    last = first + 1
    while last < len(rows) and rows[last].stop - rows[first].start <= most:
        last += 1
    return last


def _separate(mask: np.ndarray, smoothing: float, depth: float) -> np.ndarray:
    from scipy.ndimage import distance_transform_edt
    from skimage.filters import gaussian
    from skimage.measure import label
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import relabel_sequential, watershed

    distance = np.where(mask, gaussian(distance_transform_edt(mask), smoothing, preserve_range=True), 0)
    # skimage's h_maxima separates two middles of equal height, however small the fall between them is.
    middles = local_maxima(reconstruction(distance - depth, distance)) & mask
    markers = label(middles)
    # A region whose middle is not that deep is one object.
    regions = label(mask)
    unmarked = mask & ~np.isin(regions, regions[markers > 0])
    markers = np.where(unmarked, markers.max() + regions, markers)
    objects = watershed(-distance, markers, connectivity=mask.ndim, mask=mask)
    return relabel_sequential(objects)[0].astype(np.int32)
