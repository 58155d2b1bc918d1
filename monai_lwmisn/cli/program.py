"""The program: commands, exit codes, and the sentence of an error instead of a traceback."""

from __future__ import annotations

import argparse
import errno
import logging
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
from monai_lwmisn.cli import bundles, comparisons, datasets, label, networks, runs
from monai_lwmisn.cli.arguments import Commands
from monai_lwmisn.errors import ComparisonError, LWMISNError, reason_of


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lwmisn` with the given arguments, those of the process by default.

    Returns:
        The exit code: 0 done, 2 wrong input (one sentence on stderr), 130 interrupted
        (143 by SIGTERM, as clusters do), 1 anything else that failed.
    """
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            if not arguments.debug:
                _quieten_libraries()
            with _interruptible():
                arguments.command(arguments)
    except ComparisonError as error:
        return _fail(arguments, str(error), code=1)
    except LWMISNError as error:
        return _fail(arguments, str(error), code=2)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to say when Python closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(arguments, _system_sentence(error), code=2)
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        return _fail(arguments, f"interrupted{arguments.way_on(arguments)}.", code=128 + number)
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="lwmisn-", suffix=".log", delete=False, encoding="utf-8") as log:
            log.write(traceback.format_exc())
        return _fail(arguments, f"stopped by {reason_of(error)}; the details are in {log.name}.", code=1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lwmisn", description="Search, train and measure light-weight medical image segmentation networks."
    )
    parser.add_argument("--version", action="version", version=f"lwmisn {__version__}")
    commands = Commands(parser)
    for module in (runs, bundles, label, networks, comparisons, datasets):
        module.add_commands(commands)
    return parser


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, whose number it holds, as a class of its own.

    MONAI evaluates the expressions of a workflow. When a plain KeyboardInterrupt leaves one, Python ends by a signal
    whatever code is returned; it looks for that very class.
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


def _quieten_libraries() -> None:
    """Keep remarks for programmers off the terminal of a user."""
    warnings.simplefilter("ignore")
    # MONAI tries a GPU decoder for every DICOM reader that it makes, and says each time that there is none.
    logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)
    # Ignite says of every error, Ctrl-C too, that it ends the run, before we say what it is.
    logging.getLogger("ignite.engine.engine").setLevel(logging.CRITICAL)


def _fail(arguments: argparse.Namespace, sentence: str, code: int) -> int:
    if arguments.debug:
        traceback.print_exc()
    print(f"lwmisn: {sentence}", file=sys.stderr)
    return code


def _system_sentence(error: OSError) -> str:
    file, reason = error.filename or "a file", error.strerror or error
    if error.filename is None or error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{file} cannot be written or read ({reason}): free some space or mend the permissions, then try again."
    return f"{file} cannot be read or written ({reason}): check its path and permissions, or give another."
