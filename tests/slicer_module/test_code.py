"""The code that runs a bundle is that of the extension, else of the source tree; with PyTorch, first of the bundle."""

import os
from pathlib import Path

import pytest
from LWMISNLib import code

from tests.slicer_module.code import carry_code


def test_the_places_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, extension, source = (tmp_path / name for name in ("bundle", "extension", "source"))
    monkeypatch.setattr(code, "PLACES", (extension, source))
    bundle.mkdir()
    assert code.code_folder(bundle, "torch") is None
    for place in (source, extension, bundle):
        carry_code(place)
        assert code.code_folder(bundle, "torch") == place
        assert code.code_folder(bundle, "light") == (extension if place == bundle else place)


def test_the_source_tree_is_found_beside_the_module() -> None:
    assert code.code_folder(Path("nowhere"), "light") == Path(__file__).parents[2]


def test_the_path_of_the_user_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_code(tmp_path)
    path = code.code_environment(tmp_path, "torch", {"PYTHONPATH": "mine", "HOME": "h"})
    assert path == {"PYTHONPATH": f"{tmp_path}{os.pathsep}mine", "HOME": "h"}
    monkeypatch.setattr(code, "PLACES", ())
    assert code.code_environment(Path("nowhere"), "torch", {"HOME": "h"}) == {"HOME": "h"}
