"""Processes of their own for tests: to be killed without warning, or to train as a group."""

import multiprocessing
import os
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch.distributed import TCPStore

# A fork of a process that has used threads may hang or die. The server that these are forked from has used none, and
# has imported what they need.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["monai_lwmisn.nas", "monai_lwmisn.run", "monai.engines"])


def run_process(target: Callable[..., None], *arguments: Any, **keywords: Any) -> int | None:
    """Call a function of a module in a process; give its exit code, negative for a signal."""
    return _finish([_start(target, *arguments, **keywords)])[0]


def run_group(target: Callable[..., None], size: int, *arguments: Any) -> list[int | None]:
    """Call a function in ``size`` processes with the environment that torchrun gives them; as there, the store by which
    they meet is not one of theirs."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(minutes=2))
    return _finish([_start(_as_rank, rank, size, store.port, target, *arguments) for rank in range(size)])


def _as_rank(rank: int, size: int, port: int, target: Callable[..., None], *arguments: Any) -> None:
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(size),
        TORCHELASTIC_USE_AGENT_STORE="True",
        TORCHELASTIC_RESTART_COUNT="0",
    )
    target(*arguments)


def _start(target: Callable[..., None], *arguments: Any, **keywords: Any) -> BaseProcess:
    process = _CONTEXT.Process(target=_begin, args=(target, *arguments), kwargs=keywords)
    process.start()
    return process


def _begin(target: Callable[..., None], *arguments: Any, **keywords: Any) -> None:
    multiprocessing.set_start_method("fork", force=True)  # of the workers of its data loaders, as everywhere
    target(*arguments, **keywords)


def _finish(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(timeout=300)
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode for process in processes]
