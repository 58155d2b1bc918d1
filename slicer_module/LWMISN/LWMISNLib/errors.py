"""The one error that is shown to the user."""


class SegmentationError(Exception):
    """An error whose message is one sentence: what went wrong, where, and what to do."""
