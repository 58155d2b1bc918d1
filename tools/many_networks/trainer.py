"""Trains one network: on a GPU its step is a CUDA graph on a stream of its own."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable

import torch
from torch import nn

from tools.many_networks.flat import flatten, views

DECAY = 0.01
"""Weight decay of matrices and kernels; other parameters have none."""

KEPT = 0.995
"""Share of the average of weights that a step keeps."""

LARGEST_GRADIENT = 5.0
"""Norm of all gradients together beyond which they are scaled down."""

MOMENTS = (0.9, 0.999)
"""AdamW's shares of its two averages that a step keeps."""

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]


class Trainer:
    """A network with the state of its training: AdamW, and an exponential average of its weights.

    torch's optimisers have one tensor per parameter. Here all parameters are one, so that the step of a small network
    is not the launch of hundreds of kernels. ``torch.optim.AdamW`` gives the same weights.

    Args:
        network: to be trained, on its device.
        batch: returns images and hard and soft labels, in the same tensors each time where there is a GPU.
        loss: of the network's output, hard and soft labels.
        learning_rate: the highest.
        stream: where a GPU does the steps; None on a CPU.

    Attributes:
        average: the network with the average of the weights, in evaluation mode.
        steps: number of steps so far.
    """

    def __init__(
        self,
        network: nn.Module,
        batch: Callable[[], Batch],
        loss: Callable[..., torch.Tensor],
        learning_rate: float,
        stream: torch.cuda.Stream | None = None,
    ) -> None:
        self.network, self.steps = network.train(), 0
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self._batch, self._loss, self._highest, self.stream = batch, loss, learning_rate, stream
        self._flat, self._flat_average = flatten(network), flatten(self.average)
        self._gradient, self._first, self._second, self._decay = (torch.zeros_like(self._flat) for _ in range(4))
        for parameter, view in views(network, self._decay):
            view.fill_(DECAY if parameter.ndim > 1 else 0.0)
        for parameter, view in views(network, self._gradient):
            parameter.grad = view
        pairs = zip(self.average.buffers(), network.buffers(), strict=True)
        floating = [(averaged, current) for averaged, current in pairs if averaged.is_floating_point()]
        self._averaged, self._current = [pair[0] for pair in floating], [pair[1] for pair in floating]
        device = self._flat.device
        self._rate, self._loss_sum = (torch.zeros((), device=device) for _ in range(2))
        # The shares to the power of the steps, on the device because a graph reads them anew at each step.
        self._powers = tuple(torch.ones((), device=device) for _ in MOMENTS)
        self._read_at = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        if stream is not None:
            stream.wait_stream(torch.cuda.current_stream())
            self._capture(stream)

    def set_rate(self, factor: float) -> None:
        """Set the learning rate to a share of the highest."""
        with self._on_stream():
            self._rate.fill_(self._highest * factor)

    def step(self) -> None:
        """Learn from one batch."""
        with self._on_stream():
            if self._graph is None:
                self._learn()
            else:
                self._graph.replay()
        self.steps += 1

    def restart_average(self) -> None:
        """Set the average to the present weights."""
        with self._on_stream(), torch.no_grad():
            self._flat_average.copy_(self._flat)
            torch._foreach_copy_(self._averaged, self._current)

    def mean_loss(self) -> float:
        """Return the mean loss of the steps since the last call. It waits for the device."""
        with self._on_stream():
            value = float(self._loss_sum) / max(1, self.steps - self._read_at)
            self._loss_sum.zero_()
        self._read_at = self.steps
        return value

    def _on_stream(self) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def _capture(self, stream: torch.cuda.Stream) -> None:
        """Record a step as a graph. The steps before warm up the kernels, at a learning rate of 0."""
        with torch.cuda.stream(stream):
            for _ in range(4):
                self._learn()
        torch.cuda.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=stream):
            self._learn()
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            self._loss_sum.zero_()
        self.restart_average()
        torch.cuda.synchronize()

    def _learn(self) -> None:
        self._gradient.zero_()
        image, hard, soft = self._batch()
        cuda = image.is_cuda
        if cuda:
            image = image.contiguous(memory_format=torch.channels_last)
        # A cast that were cached in one graph would be missing in the next.
        with torch.autocast(image.device.type, torch.bfloat16, enabled=cuda, cache_enabled=False):
            output = self.network(image)
        loss = self._loss(output, hard, soft)
        loss.backward()
        with torch.no_grad():
            self._update()
            self._flat_average.lerp_(self._flat, 1 - KEPT)
            torch._foreach_lerp_(self._averaged, self._current, 1 - KEPT)
            self._loss_sum.add_(loss.detach())

    def _update(self) -> None:
        """Change the weights by AdamW (Loshchilov and Hutter 2019)."""
        gradient = self._gradient
        gradient.mul_((LARGEST_GRADIENT / (torch.linalg.vector_norm(gradient) + 1e-6)).clamp(max=1.0))
        for power, kept in zip(self._powers, MOMENTS, strict=True):
            power.mul_(kept)
        self._first.lerp_(gradient, 1 - MOMENTS[0])
        self._second.mul_(MOMENTS[1]).addcmul_(gradient, gradient, value=1 - MOMENTS[1])
        mean = self._first / (1 - self._powers[0])
        scale = (self._second / (1 - self._powers[1])).sqrt_().add_(1e-8)
        self._flat.sub_((mean.div_(scale) + self._decay * self._flat).mul_(self._rate))
