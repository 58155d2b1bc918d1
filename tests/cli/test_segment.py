"""`lwmisn segment` as a user calls it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn import cli
from tests.cli.commands import lwmisn
from tests.inference.volumes import AFFINE, save, volume


def test_a_line_for_each_input_and_a_summary(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(volume(), AFFINE, tmp_path / "in/a.nii.gz")
    save(volume() * 10 - 500, AFFINE, tmp_path / "in/ct.nii.gz")
    assert cli.main(["segment", str(bundle), str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"{tmp_path}/in/a.nii.gz: {tmp_path}/out/a_seg.nii.gz",
        f"{tmp_path}/in/ct.nii.gz: {tmp_path}/out/ct_seg.nii.gz",
        f"2 images segmented; masks are in {tmp_path}/out",
    ]
    (warning,) = [line for line in said.err.splitlines() if "warning" in line]
    assert warning.startswith("lwmisn: warning:") and "looks like CT" in warning


def test_a_bad_input_is_a_sentence_and_the_exit_code_is_2(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(np.full((5, 5, 2), np.nan), AFFINE, tmp_path / "in/bad.nii.gz")
    save(volume(), AFFINE, tmp_path / "in/good.nii.gz")
    assert cli.main(["segment", str(bundle), str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "good_seg.nii.gz" in said.out
    assert said.err.splitlines() == [
        f"lwmisn: {tmp_path}/in/bad.nii.gz has voxels that are NaN or infinite: repair it.",
        f"lwmisn: 1 of 2 inputs could not be segmented; masks are in {tmp_path}/out.",
    ]


def test_what_lies_beside_the_masks_is_said(bundle: Path, tmp_path: Path) -> None:
    for name in "ab":
        save(volume(), AFFINE, tmp_path / f"in/{name}.nii.gz")
    table = tmp_path / "results.csv"
    beside = ["--table", table, "--overlays", "--flag", "--next-free-name"]
    done = lwmisn("predict", bundle, tmp_path / "in", "-o", tmp_path / "out", *beside)
    assert done.code == 0, done.err
    *inputs, look, summary = done.out.splitlines()
    for name, line in zip("ab", inputs, strict=True):
        assert line.startswith(f"{tmp_path}/in/{name}.nii.gz: {tmp_path}/out/{name}_overlay.png, {tmp_path}/out/{name}")
        assert re.search(r"; quality 0\.\d\d, look at this$", line)  # the network is not trained
    assert look == "Look at 2 of 2 images: a.nii.gz, b.nii.gz"
    assert summary == f"2 images segmented; masks are in {tmp_path}/out; measures are in {table}"
    assert len(table.read_text().splitlines()) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_half_done(bundle: Path, tmp_path: Path, number: signal.Signals) -> None:
    inputs = [tmp_path / f"in/{index}.nii.gz" for index in range(60)]
    for path in inputs:
        save(volume(), AFFINE, path)
    command = [sys.executable, "-m", "monai_lwmisn", "segment", bundle, *inputs, "-o", tmp_path / "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and "0_seg.nii.gz" in process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 128 + number
    left = list((tmp_path / "out").iterdir())
    assert 1 <= len(left) < 60 and all(path.name.endswith("_seg.nii.gz") for path in left)
    said = re.fullmatch(
        rf"lwmisn: interrupted; the masks of (\d+) inputs? are in {tmp_path}/out, "
        r"the same command starts again with the first\.",
        errors.splitlines()[-1],
    )
    assert said and 0 <= len(left) - int(said[1]) <= 1  # it may end between a mask and its line


def test_where_no_input_could_be_segmented_no_masks_are_promised(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(bundle), str(tmp_path / "no.nii.gz"), "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "lwmisn: 1 of 1 input could not be segmented; there is no mask."
