"""Runs `lwmisn`: parses the command, turns errors into one sentence, and returns the exit code."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from monai_lwmisn import __version__
from monai_lwmisn.cli import auto, bundles, datasets, label, networks, runs, studies
from monai_lwmisn.cli.arguments import LOOK, MORE, YOUR_DATA, Commands
from monai_lwmisn.errors import ComparisonError, LWMISNError, reason_of
from monai_lwmisn.inference.memory import keep_freed_memory
from monai_lwmisn.light.quiet import quieten_libraries

EXAMPLE = """\
From a folder of images and labels to a small segmentation network, and to masks of other images:

  lwmisn auto DATA -o OUT
  lwmisn segment OUT/bundle IMAGES -o MASKS --table results.csv --overlays

OUT/report.html says how good it is. `lwmisn phantom DATA` makes artificial images to try it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lwmisn`.

    Args:
        argv: the arguments; those of the process by default.

    Returns:
        The exit code: 0 for success, 2 for wrong input (one sentence on stderr), 130 for Ctrl-C, 143 for SIGTERM (as
        clusters send it), 1 for any other failure.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file may have a name that the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            keep_freed_memory()
            if not arguments.debug:
                quieten_libraries()
            with _interruptible():
                arguments.command(arguments)
    except ComparisonError as error:
        return _fail(arguments, str(error), code=1)
    except LWMISNError as error:
        return _fail(arguments, str(error), code=2)
    except BrokenPipeError:
        # The reader of the output has closed it, so Python must not write to it at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(arguments, _system_sentence(error), code=2)
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        return _fail(arguments, f"interrupted{arguments.way_on(arguments)}.", code=128 + number)
    except Exception as error:
        with tempfile.NamedTemporaryFile(prefix="lwmisn-", suffix=".log", delete=False) as log:
            log.write(traceback.format_exc().encode("utf-8", "backslashreplace"))
        return _fail(arguments, f"unexpected error ({reason_of(error)}): report it with {log.name}.", code=1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lwmisn", description=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"lwmisn {__version__}")
    commands = Commands(parser, meaning="one of those below; `lwmisn COMMAND --help` lists its options")
    for title in (YOUR_DATA, LOOK, MORE):  # in this order, whichever module is first
        with commands.heading(title):
            pass
    for module in (auto, datasets, runs, bundles, networks, label, studies):
        module.add_commands(commands)
    return parser


class _Interrupted(KeyboardInterrupt):
    """Signals Ctrl-C or SIGTERM; its argument is the number of the signal.

    MONAI evaluates expressions of a workflow with ``eval``. If exactly a KeyboardInterrupt leaves ``eval``, Python ends
    by a signal, whatever exit code is returned. A class of its own avoids that.
    """


@contextmanager
def _interruptible() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _Interrupted(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _fail(arguments: argparse.Namespace, sentence: str, code: int) -> int:
    if arguments.debug:
        traceback.print_exc()
    print(f"lwmisn: {sentence}", file=sys.stderr)
    return code


def _system_sentence(error: OSError) -> str:
    # Of a copy, the second file is the one that is written.
    file, reason = error.filename2 or error.filename or "a file", error.strerror or reason_of(error)
    if error.filename is None or error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{file} cannot be written or read ({reason}): free some space or change the permissions, then try again."
        )
    return f"{file} cannot be read or written ({reason}): check its path and permissions, or give another."
