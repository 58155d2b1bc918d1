"""Keeps what libraries say to programmers away from users. Needs the standard library alone."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .errors import FigureWarning, InputWarning

__all__ = ["quieten_libraries", "without_native_messages"]

_OWN = (InputWarning, FigureWarning)
_LOUD = {
    "nibabel.global": logging.CRITICAL,  # it has a handler of its own
    "monai.data.nvimgcodec_pydicom_plugin": logging.ERROR,  # for every reader, that there is no decoder on a GPU
    "monai.networks.utils": logging.WARNING,  # how many weights were copied
    "ignite.engine.engine": logging.CRITICAL,  # every error, even Ctrl-C, before the one sentence about it
    "torch.onnx": logging.ERROR,
}


def quieten_libraries(program: str = "lwmisn") -> None:
    """Hide warnings and log messages of libraries. Of our own, each sentence is printed once, as a line.

    A program calls it once, where it begins.

    Args:
        program: its name, which is before each sentence.
    """
    warnings.simplefilter("ignore")
    for category in _OWN:
        warnings.simplefilter("always", category)
    warnings.showwarning = _printer(program)  # some libraries change the filters
    logging.getLogger().addHandler(logging.NullHandler())  # Python's handler of last resort prints otherwise
    for name, level in _LOUD.items():
        logging.getLogger(name).setLevel(level)


def _printer(program: str) -> Callable[..., None]:
    printed: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, _OWN) and str(message) not in printed and int(os.environ.get("RANK", 0)) == 0:
            printed.add(str(message))
            sys.stderr.write(f"{program}: warning: {message}\n")
            sys.stderr.flush()

    return show


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Keep what a C++ library prints by itself off the terminal; what it raises has the reason too."""
    with ExitStack() as stack:
        try:
            kept = os.dup(2)
        except OSError:  # a program without a terminal
            yield
            return
        stack.callback(os.close, kept)
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        stack.callback(os.dup2, kept, 2)
        yield
