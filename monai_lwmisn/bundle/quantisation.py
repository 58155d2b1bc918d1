"""Quantises a network to 8 bits, for ``model_full.onnx``: static quantisation by ONNX Runtime's own tool.

Its calibration finds the range of every value in the network on some images. What is around the network, and the layer
that gives the logits, stay in float32: 256 steps of a logit would make many ties.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.light.engines import onnxruntime_session
from monai_lwmisn.light.libraries import check_installed
from monai_lwmisn.networks.export import IMAGE, LOGITS

IMAGES, SLICES = 32, 16
"""The most images that a network is calibrated on, and the most slices or windows of each."""

LEAST_SAME = 0.99
"""The least share of pixels that keep their class. Four shipped networks have at least 0.998 on their own data."""

Value = TypeVar("Value")

__all__ = ["calibration_batches", "quantise", "same_pixels"]


def calibration_batches(bundle: Path, images: Sequence[str]) -> list[np.ndarray]:
    """Return what the network gets of some images: for each a batch (B, C, x, y), float32.

    Args:
        bundle: the folder of a bundle.
        images: paths, of which at most ``IMAGES`` are taken, evenly spaced.

    Raises:
        DataError: an image cannot be read, or the network cannot take it.
    """
    batches = []
    with load_bundle(bundle, device="cpu") as predictor:
        for path in tqdm(_evenly(images, IMAGES), desc="Calibrating", unit="image", disable=None, leave=False):
            batch = predictor.network_inputs(path).numpy()
            batches.append(batch[_evenly(range(len(batch)), SLICES)])
    return batches


def quantise(model: Any, batches: Sequence[np.ndarray]) -> Any:
    """Return a network whose layers compute in 8 bits, but for the one that gives the logits.

    Weights have 7 bits and a scale for each channel: with 8, processors without VNNI could overflow.

    Args:
        model: the network from images (B, C, H, W) to logits, as ``onnx_ir.Model``.
        batches: see :func:`calibration_batches`.

    Raises:
        ConfigError: ONNX Runtime is not installed.
    """
    check_installed("onnxruntime", "A network in 8 bits")
    import onnx_ir
    from onnxruntime.quantization import QuantType, quantize_static

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        plain, quantised = Path(folder) / "plain.onnx", Path(folder) / "quantised.onnx"
        onnx_ir.save(model, plain)
        nodes = list(model.graph)
        last = max(place for place, node in enumerate(nodes) if node.op_type in ("Conv", "ConvTranspose"))
        quantize_static(
            str(plain),
            str(quantised),
            _Reader(batches),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in nodes[last:]],
        )
        return onnx_ir.load(quantised)


def same_pixels(model: Any, quantised: Any, batches: Sequence[np.ndarray]) -> float:
    """Return the share of pixels that have the same class by two networks, in ONNX Runtime.

    Args:
        model: see :func:`quantise`.
        quantised: another network of that form.
        batches: see :func:`calibration_batches`.
    """
    import onnx_ir

    sessions = [onnxruntime_session(onnx_ir.to_proto(one).SerializeToString()) for one in (model, quantised)]
    same = []
    for batch in batches:
        first, second = (_classes(session.run([LOGITS], {IMAGE: batch})[0]) for session in sessions)
        same.append(first == second)
    return float(np.concatenate([one.ravel() for one in same]).mean())


class _Reader:
    """Gives batches to the calibration one by one, then None, as ``CalibrationDataReader`` asks for."""

    def __init__(self, batches: Sequence[np.ndarray]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {IMAGE: batch}


def _classes(logits: np.ndarray) -> np.ndarray:
    return logits >= 0 if logits.shape[1] == 1 else logits.argmax(axis=1)


def _evenly(values: Sequence[Value], most: int) -> list[Value]:
    return [values[place] for place in np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)]


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep the advice off the terminal that ONNX Runtime's tool logs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
