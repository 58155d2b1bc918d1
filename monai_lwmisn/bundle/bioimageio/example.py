"""The example in a package of BioImage.IO: an artificial image, what the bundle finds in it, and the cover."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from scipy.special import softmax

from monai_lwmisn.bundle.bioimageio.network import shown_plane
from monai_lwmisn.data.phantom import abdomen_volume, nuclei_picture, pelvis_volume
from monai_lwmisn.inference.predict import Predictor, load_bundle
from monai_lwmisn.light.masks import Prediction
from monai_lwmisn.light.overlays import displayable, draw_overlay

HEIGHT, WIDTH, SLICES = 192, 160, 8
"""Pixels of the example. Height and width differ, so that none is taken for the other."""


@dataclass(frozen=True)
class Example:
    """An image and what the bundle finds in it.

    Attributes:
        image: as a package takes it, float32: (1, channel, height, width), or (1, channel, slice, height, width).
        probabilities: of background and classes, (1, 1 + class, ...), float32.
    """

    image: np.ndarray
    probabilities: np.ndarray

    @property
    def cover(self) -> np.ndarray:
        """A square picture (height, width, 3) with the contours of what was found, uint8."""
        image, labels = self.image[0], self.probabilities[0].argmax(axis=0).astype(np.uint8)
        if labels.ndim == 3:
            largest = int((labels > 0).sum(axis=(1, 2)).argmax())
            image, labels = image[:, largest], labels[largest]
        shown = displayable(image) if len(image) == 3 else displayable(image)[..., None]
        side = min(labels.shape)
        return draw_overlay(shown[:side, :side], Prediction(labels[:side, :side]))


def make_example(bundle: Path, modality: str, channels: int) -> Example:
    """Let a bundle segment an artificial image. No image of a patient goes into a package.

    Args:
        bundle: its folder.
        modality: of its images.
        channels: of an image.
    """
    with load_bundle(bundle, device="cpu") as predictor, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the phantom of another modality looks like what it is
        return _volume(predictor, modality, channels) if predictor.volumetric else _picture(predictor, channels)


def _picture(predictor: Predictor, channels: int) -> Example:
    colours, _ = nuclei_picture(HEIGHT, "purple", np.random.default_rng(0))
    picture = colours[:, :WIDTH] if channels == 3 else np.repeat(colours[:, :WIDTH, :1], channels, axis=2)
    logits = np.asarray(predictor.logits(picture))  # (class, x, y)
    return Example(_tensor(picture.transpose(2, 0, 1)), _probabilities(logits.transpose(0, 2, 1)))


def _volume(predictor: Predictor, modality: str, channels: int) -> Example:
    make = abdomen_volume if modality == "CT" else pelvis_volume
    voxels, _ = make(HEIGHT, SLICES, np.random.default_rng(0))
    volume = np.repeat(voxels[:WIDTH, ..., None], channels, axis=3)  # (width, height, slice, channel)
    (_, height), (_, width) = shown_plane(predictor.orientation)
    shown = axcodes2ornt(width + height + predictor.orientation[2])
    affine = np.eye(4)
    affine[:3, :3] = [[sign * (axis == row) for axis, sign in shown] for row in range(3)]
    turn = ornt_transform(axcodes2ornt(predictor.orientation), shown)
    logits = np.stack([apply_orientation(one, turn) for one in np.asarray(predictor.logits(volume, affine))])
    return Example(_tensor(volume.transpose(3, 2, 1, 0)), _probabilities(logits.transpose(0, 3, 2, 1)))


def _probabilities(logits: np.ndarray) -> np.ndarray:
    # One class has a sigmoid, which is the softmax beside a background of 0.
    return _tensor(softmax(np.concatenate([np.zeros_like(logits), logits]) if len(logits) == 1 else logits, axis=0))


def _tensor(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values[None], dtype=np.float32)
