"""Processes of their own for tests: to be killed without warning, or to train as a group."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import torch

# A fork of a process that has used threads may hang or die; a process that starts from nothing does not.
_SPAWN = multiprocessing.get_context("spawn")


def run_process(target: Callable[..., None], *arguments: Any, **keywords: Any) -> int | None:
    """Call a function of a module in a process; give its exit code, negative for a signal."""
    return _finish([_start(target, *arguments, **keywords)])[0]


def run_group(target: Callable[..., None], size: int, *arguments: Any) -> list[int | None]:
    """Call a function in ``size`` processes with the environment that torchrun gives them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return _finish([_start(_as_rank, rank, size, port, target, *arguments) for rank in range(size)])


def _as_rank(rank: int, size: int, port: int, target: Callable[..., None], *arguments: Any) -> None:
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    os.environ.update(places, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size))
    target(*arguments)


def _start(target: Callable[..., None], *arguments: Any, **keywords: Any) -> BaseProcess:
    process = _SPAWN.Process(target=target, args=arguments, kwargs=keywords)
    process.start()
    return process


def _finish(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(timeout=300)
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode for process in processes]
