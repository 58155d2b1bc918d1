"""The one error that is shown to the user."""


class SegmentationError(Exception):
    """What went wrong, where, and what to do, as one sentence."""
