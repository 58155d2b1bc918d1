"""Keeps the user's choices in a node of the scene, so that a saved scene has them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from LWMISNLib.logic import Options
from LWMISNLib.segments import Measure

_VOLUME, _OUTPUT = "InputVolume", "OutputSegmentation"


class Parameters:
    """
    Reads and writes a parameter node.

    Args:
        node: a vtkMRMLScriptedModuleNode.
    """

    def __init__(self, node: Any) -> None:
        self.node = node

    @property
    def volume(self) -> Any:
        """The volume node to segment, or None."""
        return self.node.GetNodeReference(_VOLUME)

    @volume.setter
    def volume(self, volume: Any) -> None:
        self.node.SetNodeReferenceID(_VOLUME, volume.GetID() if volume else None)

    @property
    def output(self) -> Any:
        """The segmentation node for the result, or None for a new one."""
        return self.node.GetNodeReference(_OUTPUT)

    @output.setter
    def output(self, output: Any) -> None:
        self.node.SetNodeReferenceID(_OUTPUT, output.GetID() if output else None)

    @property
    def bundle(self) -> str:
        """The name of the bundle's folder, which is the same on other machines; empty for none."""
        return self.node.GetParameter("Bundle")

    @bundle.setter
    def bundle(self, name: str) -> None:
        self.node.SetParameter("Bundle", name)

    @property
    def replace(self) -> bool:
        """Whether existing segments of the output are removed."""
        return self._get("Replace", True)

    @replace.setter
    def replace(self, replace: bool) -> None:
        self._set("Replace", replace)

    @property
    def options(self) -> Options:
        """The options of the segmentation."""
        return Options(**self._get("Options", {}))

    @options.setter
    def options(self, options: Options) -> None:
        self._set("Options", asdict(options))

    @property
    def error(self) -> str:
        """The last error; empty for none."""
        return self.node.GetParameter("Error")

    @error.setter
    def error(self, message: str) -> None:
        self.node.SetParameter("Error", message)

    @property
    def measures(self) -> list[Measure]:
        """The table of the last result."""
        return [Measure(**row) for row in self._get("Measures", [])]

    @measures.setter
    def measures(self, rows: list[Measure]) -> None:
        self._set("Measures", [asdict(row) for row in rows])

    def _get(self, name: str, default: Any) -> Any:
        text = self.node.GetParameter(name)
        return json.loads(text) if text else default

    def _set(self, name: str, value: Any) -> None:
        self.node.SetParameter(name, json.dumps(value))
