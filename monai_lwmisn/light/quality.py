"""Estimates how good a mask is, without a label, from how sure the network is of each pixel. Needs numpy alone."""

from __future__ import annotations

import numpy as np

__all__ = ["QualityEstimate"]


class QualityEstimate:
    """Adds up the logits of an image part by part, see :func:`monai_lwmisn.inference.quality.estimate_quality`."""

    def __init__(self) -> None:
        self._sums = np.zeros((4, 0))

    def add(self, logits: np.ndarray) -> None:
        """Add a part of the image.

        Args:
            logits: (class, ...). One channel is foreground, several are background and classes.
        """
        if len(logits) == 1:
            probabilities, masks = 1 / (1 + np.exp(-logits.astype(np.float32))), logits >= 0
        else:
            powers = np.exp(logits - logits.max(axis=0))
            probabilities = (powers / powers.sum(axis=0))[1:]
            masks = logits.argmax(axis=0) == np.arange(1, len(logits)).reshape(-1, *[1] * (logits.ndim - 1))
        found = np.array(
            [
                (one[mask].sum(dtype=float), one.sum(dtype=float), np.count_nonzero(mask), one.max(initial=0))
                for one, mask in zip(probabilities, masks, strict=True)
            ]
        ).T
        self.add_sums(found)

    @property
    def sums(self) -> np.ndarray:
        """What was added up, (4, class)."""
        return self._sums

    def add_sums(self, sums: np.ndarray) -> None:
        """Add the :attr:`sums` of another estimate, which has seen other parts of the image."""
        before = self._sums if self._sums.size else np.zeros_like(sums)
        self._sums = np.concatenate([before[:3] + sums[:3], np.maximum(before[3:], sums[3:])])

    def __call__(self) -> float:
        """The estimate, from 0 to 1: the mean over the classes."""
        inside, total, pixels, highest = self._sums
        estimates = np.where(pixels > 0, 2 * inside / np.maximum(total + pixels, 1e-30), 1 - highest)
        return float(estimates.mean())
