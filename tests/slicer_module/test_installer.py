"""Which packages are missing, what they measure, and that installing them touches no part of Slicer."""

from importlib.metadata import distribution, requires, version

import pytest
from LWMISNLib import installer
from LWMISNLib.errors import SegmentationError
from packaging.requirements import Requirement

IN_SLICER = {
    "numpy": "2.4.6",
    "packaging": "26.2",
    "pillow": "12.2.0",
    "pydicom": "3.0.2",
    "scipy": "1.17.1",
    "typing-extensions": "4.15.0",
}
"""Of the packages that come with Slicer, see SuperBuild/External_python-*.cmake in its repository (August 2026)."""


def test_nothing_of_slicer_is_required() -> None:
    names = {package.name.lower() for package in installer.required("torch")}
    assert "torch" in names and "monai" in names
    assert not names & {name.lower() for name in installer.PROTECTED}


def test_the_light_runtime_is_installed_small_and_touches_nothing_that_slicer_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installer, "_installed", IN_SLICER.get)
    packages = installer.missing("light")
    assert [package.name for package in packages] == ["onnxruntime", "flatbuffers", "protobuf", "nibabel"]
    assert sum(package.installed_megabytes for package in packages) < 100
    with_torch = {package.name for package in installer.missing("torch")}
    assert not with_torch & set(IN_SLICER) and "onnxruntime" not in with_torch


@pytest.mark.parametrize("objects", [False, True])
def test_it_is_all_that_is_required_by_what_is_required(objects: bool) -> None:
    """They are installed without dependencies, so that each must be in the list, in a version that is asked for."""
    packages = {package.name: package for package in installer.required("light", objects)}
    environment = {"extra": "", "python_version": "3.12", "python_full_version": "3.12.0"}  # of Slicer
    for name in packages:
        assert version(name) == packages[name].version, "what is installed is what is tested here"
        for line in map(Requirement, requires(name) or []):
            if line.name == "numpy" or (line.marker is not None and not line.marker.evaluate(environment)):
                continue
            needed = packages[line.name.lower().replace("_", "-")]
            assert needed.least in line.specifier and needed.version in line.specifier, (name, str(line))


def test_the_megabytes_on_the_disk_are_those_of_the_files() -> None:
    for package in installer.required("light", objects=True):
        files = [file.locate() for file in distribution(package.name).files or []]
        megabytes = sum(file.stat().st_size for file in files if file.exists()) / 1e6
        assert package.installed_megabytes == pytest.approx(megabytes, rel=0.1, abs=0.5), package.name


def test_missing_are_those_not_there_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    have = {package.name: package.least for package in installer.required("torch") + installer.required("light")}
    monkeypatch.setattr(installer, "_installed", lambda name: have.get(name))
    assert not installer.missing("torch")
    have["monai"], have["torch"] = "1.4.99", "2.13.0+cpu"
    del have["nibabel"]
    assert [package.name for package in installer.missing("torch")] == ["nibabel", "monai"]
    assert [package.name for package in installer.missing("light", objects=True)] == ["nibabel"]


def test_the_question_names_each_package_and_its_size() -> None:
    packages = installer.required("light")
    text = installer.question(packages)
    for package in packages:
        assert f"{package.name} {package.version} ({package.megabytes:g} MB)" in text
    assert f"and {sum(package.installed_megabytes for package in packages):.0f} MB on the disk" in text
    assert "torch" not in text and "2 to 3 GB" in installer.question(installer.required("torch"))


def test_torch_is_installed_by_its_extension_where_there_is_one() -> None:
    calls = []
    installer.install(installer.required("torch"), calls.append, lambda: calls.append("torch"))
    (first, second) = calls
    assert first == "torch" and second[0] == "--no-deps"
    assert len(second) == len(installer.required("torch"))
    assert all("==" in requirement for requirement in second[1:])


def test_torch_from_the_index_leaves_slicer_as_it_is() -> None:
    calls = []

    def pip(arguments: list[str]) -> None:
        calls.append((arguments, open(arguments[-1]).read()))  # noqa: SIM115  it is removed afterwards

    installer.install([installer.TORCH], pip)
    ((arguments, constraints),) = calls
    assert arguments[:2] == [f"torch>={installer.TORCH.version}", "--constraint"]
    assert f"numpy=={version('numpy')}" in constraints.splitlines()


def test_a_failure_says_what_to_do_without_internet() -> None:
    def pip(arguments: list[str]) -> None:
        raise RuntimeError("no route to host")

    with pytest.raises(SegmentationError) as caught:
        installer.install(installer.required("light"), pip)
    message = str(caught.value)
    assert "no route to host" in message and "--no-index" in message and "torch" not in message
    assert all(f"{package.name}==" in message for package in installer.required("light"))
