"""A cell is done once, and again when what determines it changes or it failed."""

from pathlib import Path

from monai_lwmisn.comparison.cells import Cell
from monai_lwmisn.errors import DataError


def test_a_result_is_kept_until_what_determines_it_changes(tmp_path: Path) -> None:
    cell, done = Cell(tmp_path, "unet", "seed_0"), list[str]()

    def work() -> dict[str, int]:
        done.append("again")
        return {"number": len(done)}

    assert cell.result() is None
    first = cell.obtain("a", work)
    assert first == cell.obtain("a", work) == cell.result() == {"fingerprint": "a", "status": "done", "number": 1}
    assert cell.obtain("b", work)["number"] == 2
    assert Cell(tmp_path, "unet", "seed_1").result() is None


def test_what_fails_is_a_result_with_a_sentence_and_is_tried_again(tmp_path: Path) -> None:
    cell = Cell(tmp_path, "unet", "seed_0")

    def fail() -> dict[str, int]:
        try:
            raise MemoryError("no room for 7 GB\nand a traceback")
        except MemoryError as error:
            raise RuntimeError("wrapped by a library") from error

    def refuse() -> dict[str, int]:
        raise DataError("A sentence of ours.")

    assert cell.obtain("a", fail)["reason"] == "MemoryError: no room for 7 GB"
    assert cell.obtain("a", refuse)["reason"] == "A sentence of ours."
    assert cell.obtain("a", lambda: {"number": 1})["status"] == "done"
