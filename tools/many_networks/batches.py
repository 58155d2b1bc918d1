"""Keeps a batch in buffers that stay in place, while the next one is drawn."""

from __future__ import annotations

import torch

from tools.many_networks.augment import Sampler
from tools.many_networks.trainer import Batch


class Batches:
    """The batches of a sampler, for all networks that learn from the same ones.

    On a GPU the sampler is a CUDA graph, and the present batch a copy of what it has drawn. So the networks read one
    batch while the graph draws the next.

    Args:
        sampler: draws the batches.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._graph: torch.cuda.CUDAGraph | None = None
        if sampler.store.device.type == "cuda":
            self._graph = self._capture()
        self.draw()
        self._now: Batch = self._drawn
        if self._graph is not None:
            image, hard, soft = self._drawn
            self._now = (image.clone(), hard.clone(), None if soft is None else soft.clone())

    def __call__(self) -> Batch:
        """Return the present batch."""
        return self._now

    def draw(self) -> None:
        """Draw the next batch. The present one stays."""
        if self._graph is None:
            self._drawn = self._sampler()
        else:
            self._graph.replay()

    def go_on(self) -> None:
        """Make the drawn batch the present one."""
        if self._graph is None:
            self._now = self._drawn
            return
        for present, drawn in zip(self._now, self._drawn, strict=True):
            if present is not None:
                present.copy_(drawn, non_blocking=True)

    def _capture(self) -> torch.cuda.CUDAGraph:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # warms up the kernels
            for _ in range(3):
                self._sampler()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._drawn = self._sampler()
        torch.cuda.synchronize()
        return graph
