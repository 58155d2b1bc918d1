"""Times whole networks, in turns with a reference, so that a slow moment of the machine does not matter."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cached_property

import torch
from torch import nn

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import THREADS, example_image, inference, interleaved_times, use_threads

ROUNDS = 5
"""Rounds of a measurement, see :func:`monai_lwmisn.profiling.interleaved_times`."""

ATTEMPTS = 10
"""How often a network is measured until no other program disturbs it."""

FAR_OVER = 1.3
"""A network is measured only once if its first time is so many times the limit."""


class NetworkClock:
    """Measures the milliseconds of networks for an image of 256x256.

    Args:
        in_channels: channels of the image that the reference takes.
        runtime: ``torch``, ``onnxruntime`` or ``openvino``.
        threads: CPU threads. With one, processor time is measured, which other programs hardly change.
        reference: makes the network that every other one is measured in turns with; None for none.
    """

    def __init__(
        self,
        in_channels: int,
        runtime: str = "torch",
        threads: int = THREADS,
        reference: Callable[[], nn.Module] | None = None,
    ) -> None:
        self.in_channels, self.runtime, self.threads, self.reference = in_channels, runtime, threads, reference

    def of_reference(self) -> float | None:
        """The milliseconds of the reference; None where other programs do not leave it alone."""
        for _ in range(ATTEMPTS):
            milliseconds, reliable = self._measure({"reference": self._reference_call}, ROUNDS)
            if reliable:
                return milliseconds["reference"]
        return None

    def __call__(self, genotype: Genotype, limit: float = math.inf, reference_ms: float | None = None) -> float | None:
        """The milliseconds of a network; None where other programs do not leave it alone.

        Args:
            genotype: of the network.
            limit: in milliseconds.
            reference_ms: time of the reference. The result is in proportion to it, if there is a reference.
        """
        calls = {"network": self._call(LWMISN(genotype), genotype.architecture.input_channels)}
        if reference_ms is not None and self.reference is not None:
            calls["reference"] = self._reference_call
        for rounds in (1, *[ROUNDS] * ATTEMPTS):
            milliseconds, reliable = self._measure(calls, rounds)
            own = milliseconds["network"]
            if reference_ms is not None and "reference" in calls:
                own *= reference_ms / milliseconds["reference"]
            if own > FAR_OVER * limit or (reliable and rounds == ROUNDS):
                return own
        return None

    def _call(self, network: nn.Module, in_channels: int) -> Callable[[], object]:
        with use_threads(self.threads):
            return inference(network.eval(), example_image(in_channels), self.runtime)

    @cached_property
    def _reference_call(self) -> Callable[[], object]:
        assert self.reference is not None
        return self._call(self.reference(), self.in_channels)

    def _measure(self, calls: dict[str, Callable[[], object]], rounds: int) -> tuple[dict[str, float], bool]:
        clock = time.process_time if self.threads == 1 else None
        with use_threads(self.threads), torch.inference_mode():
            timings = interleaved_times(calls, rounds, clock)
        return {name: timing.milliseconds for name, timing in timings.items()}, all(
            timing.reliable for timing in timings.values()
        )
