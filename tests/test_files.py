"""Files are written whole or not at all; what cannot be written or read is said in a sentence."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monai_lwmisn.errors import CheckpointError, ConfigError
from monai_lwmisn.files import check_writable, read_json, write_atomically, write_json, write_named


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    write_atomically(b"old", file)
    (tmp_path / "figures.json.partial").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match="figures.json cannot be written .No space left on device.; .* intact"):
        write_atomically(b"new", file)
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("path", ["file/figures.json", "file/run/figures.json"])
def test_a_file_in_the_place_of_a_folder_is_no_matter_of_permissions(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"figures.json cannot be written \(.*\): give another place, then"):
        write_atomically(b"new", tmp_path / path)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def is_report(content: bytes) -> bool:
    return content.startswith(b"report")


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder .*missing: make it"):
        check_writable(tmp_path / "missing" / "figures.json", is_report)
    with pytest.raises(ConfigError, match="is a folder: give the name of a file"):
        check_writable(tmp_path, is_report)
    check_writable(tmp_path / "figures.json", is_report)
    assert not list(tmp_path.iterdir())


def test_only_what_the_command_wrote_is_replaced_also_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"an image")
    (tmp_path / "link").symlink_to("precious")
    for name in ("precious", "link"):
        with pytest.raises(ConfigError, match=f"{name} holds something else than this command writes"):
            check_writable(tmp_path / name, is_report)
    for content in (b"", b"report of an earlier call"):
        (tmp_path / "precious").write_bytes(content)
        check_writable(tmp_path / "link", is_report)
    write_named(b"report", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "precious").read_bytes() == b"report"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are those of POSIX")
def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as reader:
        read = reader.submit((tmp_path / "pipe").read_bytes)
        check_writable(tmp_path / "pipe", is_report)
        write_named(b"report", tmp_path / "pipe")
        assert read.result(timeout=60) == b"report"
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs the device of the terminal's output")
def test_what_is_written_to_the_output_follows_what_was_printed(tmp_path: Path) -> None:
    code = (
        "from monai_lwmisn.files import check_writable, write_named; print('before')\n"
        "check_writable('/dev/stdout', lambda content: False)\n"
        "write_named(b'report\\n', '/dev/stdout'); print('after')"
    )
    for place in (tmp_path / "file", subprocess.PIPE):
        output = place.open("wb") if isinstance(place, Path) else place
        ended = subprocess.run([sys.executable, "-c", code], stdout=output, check=True)
        assert (ended.stdout or (tmp_path / "file").read_bytes()) == b"before\nreport\nafter\n"


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    content = {"metric": 0.1, "cases": ["Zürich", None]}
    write_json(content, tmp_path / "new" / "figures.json")
    assert read_json(tmp_path / "new" / "figures.json") == content
    assert (tmp_path / "new" / "figures.json").read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[1]", "is not a JSON object"),
        ("\xff", "cannot be read"),
        ('{"a": ' + 60 * "[" + 60 * "]" + "}", r"cannot be read \(it is nested too deeply\)"),
        (100_000 * "[", r"cannot be read \(it is nested too deeply\)"),
    ],
)
def test_what_is_no_json_object_is_named_with_a_remedy(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "figures.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=rf"figures.json {sentence}.*: measure it anew\."):
        read_json(tmp_path / "figures.json", "measure it anew")
