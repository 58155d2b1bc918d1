"""One sentence for any error, whatever wraps it."""

import pytest
from monai.transforms import Compose

from monai_lwmisn.errors import DataError, explain, own_error, reason_of


def raising(error: Exception) -> Exception:
    """The error as MONAI's Compose raises it again."""

    def fail(_: object) -> None:
        raise error

    with pytest.raises(Exception) as caught:
        Compose([fail])("image")
    return caught.value


def test_an_error_of_the_package_is_its_own_sentence_however_deep_it_is() -> None:
    own = DataError("a.nii has no voxels: repair it.")
    for error in (own, raising(own), raising(raising(own))):
        assert own_error(error) is own
        assert explain(error, "The image", "look at it") == "a.nii has no voxels: repair it."


def test_an_error_of_a_library_is_the_last_line_of_the_first_cause() -> None:
    error = raising(KeyError("Traceback:\n  in a file\nno channel"))
    assert own_error(error) is None
    assert explain(ValueError("first\nthe last"), "a.nii") == "a.nii cannot be used (the last)."
    assert explain(raising(OSError("no room")), "a.nii", "see") == "a.nii cannot be used (no room): see."
    assert reason_of(raising(RuntimeError())) == "runtime error"
    assert reason_of(raising(IndexError("3"))) == "index error: 3"
    assert reason_of(FileNotFoundError(2, "No such file or directory", "a.nii")) == "No such file or directory"
