"""Which packages are missing, and that installing them touches no part of Slicer."""

from importlib.metadata import requires, version

import pytest
from LWMISNLib import installer
from LWMISNLib.errors import SegmentationError
from packaging.requirements import Requirement


def test_nothing_of_slicer_is_required() -> None:
    names = {package.name.lower() for package in installer.required()}
    assert "torch" in names and "monai" in names
    assert not names & {name.lower() for name in installer.PROTECTED}


def test_it_is_all_that_is_required_by_what_is_required() -> None:
    """They are installed without dependencies, so that each must be in the list, but for those that Slicer has."""
    names = {package.name.lower() for package in installer.required()}
    for package in installer.required():
        try:
            asked = requires(package.name) or []
        except installer.PackageNotFoundError:
            continue  # where there is no MONAI
        if package is installer.TORCH:
            continue  # pip looks after those
        asked = [Requirement(line) for line in asked]
        needed = {one.name.lower() for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})}
        assert needed - {"numpy"} <= names, package.name


def test_missing_are_those_not_there_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    have = {package.name: package.version for package in installer.required()}
    monkeypatch.setattr(installer, "_installed", lambda name: have.get(name))
    assert not installer.missing()
    have["monai"], have["torch"] = "1.5.99", "2.13.0+cpu"
    del have["nibabel"]
    assert [package.name for package in installer.missing()] == ["monai", "nibabel"]


def test_the_question_names_each_package_and_its_size() -> None:
    text = installer.question(installer.required())
    for package in installer.required():
        assert f"{package.name} {package.version} ({package.megabytes:g} MB)" in text


def test_torch_is_installed_by_its_extension_where_there_is_one() -> None:
    calls = []
    installer.install(installer.required(), calls.append, lambda: calls.append("torch"))
    (first, second) = calls
    assert first == "torch" and second[0] == "--no-deps"
    assert len(second) == len(installer.required())
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
        installer.install(installer.required(), pip, lambda: None)
    message = str(caught.value)
    assert "no route to host" in message and "--no-index" in message
    assert all(f"{package.name}==" in message for package in installer.required() if package.name != "torch")
