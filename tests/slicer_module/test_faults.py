"""What goes wrong is said in a sentence, the scene stays as it was, and nothing is left: no process, no file."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer
from LWMISNLib.bundles import BundleList
from LWMISNLib.errors import SegmentationError
from LWMISNLib.logic import Options, SegmentationLogic

from tests.slicer_module.code import carry_code
from tests.slicer_module.scene import new_scene
from tests.slicer_module.test_logic import nodes, segments, wait
from tests.slicer_module.volumes import grey


@pytest.fixture(autouse=True)
def scene(temporary: Path) -> None:
    new_scene()


@pytest.fixture
def logic(python: str) -> Iterator[SegmentationLogic]:
    logic = SegmentationLogic(python)
    yield logic
    logic.close()


def failed(logic: SegmentationLogic, before: list[str], temporary: Path) -> str:
    """Wait for the failure and check what it leaves; return its message."""
    process = logic._worker._process
    status = wait(logic)
    assert status.state == "failed"
    assert nodes() == before
    assert process.poll() is not None
    assert not list(temporary.iterdir())
    return status.message


def wrapper(python: str, folder: Path, line: str) -> str:
    """An interpreter that does something else first."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\n{line}\nexec "{python}" "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_a_killed_worker(logic: SegmentationLogic, bundles: Path, temporary: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey((200, 256, 256)))
    before = nodes()
    logic.start(volume, bundles / "prostate_mr")
    while not logic.poll().done:
        time.sleep(0.02)
    os.kill(logic._worker._process.pid, signal.SIGKILL)
    assert "The worker ended before it was done: killed by signal 9" in failed(logic, before, temporary)
    logic.start(volume, bundles / "prostate_mr")  # and it can be tried again
    logic.cancel()


def test_a_bundle_that_is_deleted_meanwhile(logic: SegmentationLogic, bundle_copy: Path, temporary: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey())
    before = nodes()
    logic.start(volume, bundle_copy)
    shutil.rmtree(bundle_copy)
    assert "does not exist: give a bundle" in failed(logic, before, temporary)
    with pytest.raises(SegmentationError, match="no bundle that this module can run"):
        logic.start(volume, bundle_copy)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_weights_that_do_not_fit(
    python: str, torch_python: str, bundles: Path, bundle_copy: Path, temporary: Path, device: str
) -> None:
    shutil.copy(bundles / "hippocampus_mr/models/model.pt", bundle_copy / "models/model.pt")
    volume = slicer.util.addVolumeFromArray(grey())
    before = nodes()
    logic = SegmentationLogic(torch_python if device == "cpu" else python)
    logic.start(volume, bundle_copy, Options(device=device))
    message = failed(logic, before, temporary)
    if device == "cpu":
        assert "model.pt" in message and "fit" in message
    else:
        assert "model_full.onnx of" in message and "was made of other weights" in message


def test_a_bundle_for_torch_alone_where_there_is_none(
    logic: SegmentationLogic, bundle_copy: Path, temporary: Path
) -> None:
    (bundle_copy / "models/model_full.onnx").unlink()
    volume = slicer.util.addVolumeFromArray(grey())
    before = nodes()
    logic.start(volume, bundle_copy)
    assert "The Python package torch is not installed: apply in the panel" in failed(logic, before, temporary)


def test_paths_with_spaces_and_other_letters(logic: SegmentationLogic, bundle_copy: Path, temporary: Path) -> None:
    volume = slicer.util.addVolumeFromArray(grey(), name="Schädel, µ/2")
    logic.start(volume, bundle_copy)
    assert logic._worker.folder.parent == temporary
    assert wait(logic).state == "done", logic.status.message
    logic.close()
    assert not list(temporary.iterdir())


def test_no_room_for_the_volume(
    logic: SegmentationLogic, bundles: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    volume = slicer.util.addVolumeFromArray(grey())
    monkeypatch.setattr(np, "save", full)
    with pytest.raises(SegmentationError, match="cannot be handed over .No space left on device.: free space there"):
        logic.start(volume, bundles / "prostate_mr")
    assert not list(temporary.iterdir())


def test_no_room_for_the_result(python: str, bundles: Path, temporary: Path, tmp_path: Path) -> None:
    logic = SegmentationLogic(wrapper(python, tmp_path, "ulimit -f 300"))
    volume = slicer.util.addVolumeFromArray(grey((200, 64, 64)).astype(np.int8))
    before = nodes()
    logic.start(volume, bundles / "prostate_mr")
    assert "The segmentation cannot be handed over" in failed(logic, before, temporary)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_what_the_worker_does_without(
    python: str, torch_python: str, bundles: Path, tmp_path: Path, device: str
) -> None:
    """Slicer itself, the libraries that pip would replace in Slicer, what only training needs; and torch, if light."""
    absent = ["slicer", "vtk", "itk", "SimpleITK", "ignite", "pydicom"]
    absent += ["torch", "monai"] if device == "auto" else []
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, *rest):\n"
        f"        if name.partition('.')[0] in {absent}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    interpreter = torch_python if device == "cpu" else python
    logic = SegmentationLogic(wrapper(interpreter, tmp_path, f'export PYTHONPATH="{tmp_path}:$PYTHONPATH"'))
    try:
        for bundle in ("hippocampus_mr", "nuclei"):
            volume = slicer.util.addVolumeFromArray(grey().astype(np.uint8))
            logic.start(volume, bundles / bundle, Options(device=device))
            assert wait(logic).state == "done", logic.status.message
    finally:
        logic.close()


def test_a_full_graphics_card_is_left_for_the_processor(torch_python: str, bundle_copy: Path) -> None:
    carry_code(bundle_copy)
    devices = bundle_copy / "monai_lwmisn/inference/runtimes.py"
    code = devices.read_text()
    start = code.index("def find_device(")
    body = code.index('"""', code.index('"""', start) + 3) + 3
    raising = "\n    if name == 'cuda':\n        raise torch.OutOfMemoryError('CUDA out of memory')\n"
    devices.write_text(code[:body] + raising + code[body:])
    volume = slicer.util.addVolumeFromArray(grey())
    logic = SegmentationLogic(torch_python)
    logic.start(volume, bundle_copy, Options(device="cuda"))
    status = wait(logic)
    logic.close()
    assert status.state == "done", status.message
    assert "The memory of the graphics card is full" in status.warnings[0]
    assert next(iter(segments(status.node, volume).values())).any()


def test_when_slicer_dies_the_worker_ends_and_cleans_up(python: str, bundles: Path, temporary: Path) -> None:
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from LWMISNLib.processes import Worker\n"
        "worker = Worker(Path(sys.argv[1]), 'light', sys.argv[2])\n"
        "while not worker.events():\n"
        "    time.sleep(0.05)\n"
        "print(worker._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    module = str(Path(__file__).parents[2] / "slicer_module" / "LWMISN")
    environment = {**os.environ, "PYTHONPATH": module}
    command = [sys.executable, "-c", code, str(bundles / "prostate_mr"), python]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    end = time.monotonic() + 20
    while list(temporary.iterdir()) or Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "..\\outside.txt", "C:\\x.txt"]
)
def test_a_zip_that_climbs_out_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, "text")
    refused(archive, tmp_path, "out of")


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(link, "/etc")
    refused(archive, tmp_path, "out of")


def test_a_zip_of_something_else_or_of_nothing_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("folder/text.txt", "text")
    refused(archive, tmp_path, "no bundle that this module can run")
    archive.write_bytes(archive.read_bytes()[:20])
    refused(archive, tmp_path, "neither a folder nor a readable zip")
    refused(tmp_path / "missing", tmp_path, "neither a folder nor a readable zip")


def test_a_bundle_that_cannot_replace_another_leaves_it(bundles: Path, tmp_path: Path) -> None:
    source, store = bundles / "prostate_mr", tmp_path / "store"
    bundle_list = BundleList(store, tmp_path / "shipped")
    with bundle_list.incoming(source) as incoming:
        kept = bundle_list.keep(incoming, "mine")
    (kept.path / "old").touch()
    before = sorted(store.rglob("*"))
    with pytest.raises(SegmentationError, match="cannot be added"), bundle_list.incoming(source) as incoming:
        shutil.rmtree(incoming)
        bundle_list.keep(incoming, "mine")
    assert sorted(store.rglob("*")) == before
    with bundle_list.incoming(source) as incoming:
        bundle_list.keep(incoming, "mine")
    assert sorted(store.rglob("*")) == [path for path in before if path.name != "old"]


def refused(source: Path, tmp_path: Path, sentence: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    store = tmp_path / "store"
    with pytest.raises(SegmentationError, match=sentence), BundleList(store).incoming(source):
        pytest.fail("taken in")
    assert not list(store.iterdir())
    store.rmdir()
    assert sorted(tmp_path.rglob("*")) == before
