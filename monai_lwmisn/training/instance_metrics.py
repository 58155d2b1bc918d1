"""Measures how well single objects are found: F1 at an IoU of 0.5, and the aggregated Jaccard index.

MONAI's ``PanopticQualityMetric`` (``rq``) is the same F1, but it holds a mask of the whole image for every object,
which takes gigabytes for a picture of a thousand nuclei, and its mean pools the objects of all images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric
from monai.metrics.utils import do_metric_reduction
from monai.utils import convert_to_numpy, optional_import

contingency_table, _ = optional_import("skimage.metrics", name="contingency_table")

__all__ = ["InstanceMetric", "aggregated_jaccard", "f1_at_half"]


class _Overlaps:
    """Holds the areas in pixels of the overlaps of true and predicted objects, which are numbered from 1 on."""

    def __init__(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        numbered = (np.unique(objects, return_inverse=True) for objects in (truth, prediction))
        (true_numbers, true_indices), (found_numbers, found_indices) = numbered
        table = contingency_table(true_indices.ravel(), found_indices.ravel(), sparse_type="array").tocoo()
        true, found = true_numbers[table.row] > 0, found_numbers[table.col] > 0
        both = true & found
        areas = table.data.astype(np.int64)
        true_areas = np.bincount(table.row, areas * true, len(true_numbers))
        found_areas = np.bincount(table.col, areas * found, len(found_numbers))
        self.true, self.found = table.row[both], table.col[both]
        """The true and the predicted object of each overlapping pair."""
        self.intersection = areas[both].astype(float)
        self.union = true_areas[self.true] + found_areas[self.found] - self.intersection
        self.true_areas, self.found_areas = true_areas, found_areas
        """Areas by object; the background has none."""

    @property
    def counts(self) -> tuple[int, int]:
        """Return the numbers of true and of predicted objects."""
        return int((self.true_areas > 0).sum()), int((self.found_areas > 0).sum())


def f1_at_half(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Return the F1 of objects, where a predicted and a true object match if their IoU is above 0.5.

    An object can match only one other, so no assignment is needed (Kirillov et al., "Panoptic Segmentation", CVPR
    2019). The result is 1 if neither image has objects.

    Args:
        prediction: numbered objects (H, W), 0 is background.
        truth: numbered objects of the same shape.
    """
    overlaps = _Overlaps(prediction, truth)
    matched = int((overlaps.intersection > 0.5 * overlaps.union).sum())
    objects = sum(overlaps.counts)
    return 2 * matched / objects if objects else 1.0


def aggregated_jaccard(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Return the aggregated Jaccard index: the sum of intersections over the sum of unions.

    Each true object is paired with the predicted object of the largest IoU. Objects without a partner add to the union.
    As published, one predicted object may be the partner of several true ones. The result is 1 if neither image has
    objects. Source: Kumar et al., "A Dataset and a Technique for Generalized Nuclear Segmentation for Computational
    Pathology", IEEE Transactions on Medical Imaging 36(7), 2017, algorithm 1.

    Args:
        prediction: numbered objects (H, W), 0 is background.
        truth: numbered objects of the same shape.
    """
    overlaps = _Overlaps(prediction, truth)
    # In the order of the IoU, the last pair of a true object is its best.
    order = np.lexsort((overlaps.intersection / overlaps.union, overlaps.true))
    true = overlaps.true[order]
    best = order[np.flatnonzero(np.diff(true, append=-1))]
    missed, spare = overlaps.true_areas.copy(), overlaps.found_areas.copy()
    missed[overlaps.true[best]] = 0
    spare[overlaps.found[best]] = 0
    union = overlaps.union[best].sum() + missed.sum() + spare.sum()
    return float(overlaps.intersection[best].sum() / union) if union else 1.0


class InstanceMetric(CumulativeIterationMetric):
    """Computes a score of objects for each image, and the mean over images.

    Args:
        score: function of predicted and true numbered objects, such as :func:`f1_at_half`.
        ignore_empty: whether images without true objects are left out (NaN).
    """

    def __init__(self, score: Callable[[np.ndarray, np.ndarray], float], ignore_empty: bool) -> None:
        super().__init__()
        self.score, self.ignore_empty = score, ignore_empty

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        """Return the scores (B, 1) of numbered objects (B, 1, H, W)."""
        images = zip(convert_to_numpy(y_pred), convert_to_numpy(y), strict=True)
        scores = [self._of_image(prediction, truth) for prediction, truth in images]
        return torch.tensor(scores)[:, None]

    def _of_image(self, prediction: np.ndarray, truth: np.ndarray) -> float:
        if self.ignore_empty and not truth.any():
            return float("nan")
        return self.score(prediction, truth)

    def aggregate(self) -> torch.Tensor:
        """Return the mean over images."""
        return do_metric_reduction(self.get_buffer(), "mean")[0]
