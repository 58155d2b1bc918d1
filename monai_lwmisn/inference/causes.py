"""What to say of an error that a library raised from another one."""

from __future__ import annotations

from monai_lwmisn.errors import LWMISNError

__all__ = ["is_named", "own_error", "reason", "sentence_of"]


def own_error(error: BaseException) -> BaseException | None:
    """The error raised on purpose, by this package or by a bundle's copy of it, among those it was raised from."""
    cause: BaseException | None = error
    while cause is not None and not is_named(type(cause), LWMISNError):
        cause = cause.__cause__
    return cause


def is_named(kind: type, ours: type) -> bool:
    """Whether a class is one of ours, or has its name: a bundle's copy has classes of its own."""
    return any(base.__name__ == ours.__name__ for base in kind.__mro__)


def reason(error: BaseException) -> str:
    """The kind and the last line of the first cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    # MONAI's SaveImage has the traceback in its message, whose last line says what it was.
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__


def sentence_of(error: BaseException, image: object) -> str:
    """Why an image could not be segmented."""
    own = own_error(error)
    return str(own) if own is not None else f"{image} cannot be segmented ({reason(error)})."
