"""A stand-in UI: qt, ctk and qMRML as Slicer's Python has them, over PySide6 without a screen.

The scene is Slicer's own. What this does not prove is said in docs/slicer.md.
"""

import sys
import types
from pathlib import Path
from typing import Any

import shiboken6
import slicer
import slicer.util
from PySide6 import QtCore, QtUiTools, QtWidgets

application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["LWMISN"])


class PythonQt:
    """A Qt object as PythonQt shows it: properties are attributes, signals are connected by their signature."""

    def __init__(self, wrapped: QtCore.QObject) -> None:
        object.__setattr__(self, "wrapped", wrapped)

    def __getattr__(self, name: str) -> Any:
        if self.wrapped.metaObject().indexOfProperty(name) >= 0:
            return self.wrapped.property(name)
        found = getattr(self.wrapped, name)
        return lambda *arguments: found(*(plain(argument) for argument in arguments))

    def __setattr__(self, name: str, value: Any) -> None:
        if self.wrapped.metaObject().indexOfProperty(name) < 0:
            raise AttributeError(f"{type(self.wrapped).__name__} has no property {name}")
        assert self.wrapped.setProperty(name, value), name

    def connect(self, signature: str, function: Any) -> None:
        name = signature.partition("(")[0]
        signals = [self.wrapped.metaObject().method(i) for i in range(self.wrapped.metaObject().methodCount())]
        known = {bytes(signal.methodSignature()).decode() for signal in signals}
        assert signature in known or name == "currentNodeChanged", signature
        getattr(self.wrapped, name).connect(function)


def plain(value: Any) -> Any:
    return value.wrapped if isinstance(value, PythonQt) else value


class CollapsibleButton(QtWidgets.QGroupBox):
    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.DynamicPropertyChange and bytes(event.propertyName()).decode() == "text":
            self.setTitle(self.property("text"))
        return super().event(event)


class NodeComboBox(QtWidgets.QComboBox):
    """Lists the nodes of the real scene."""

    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._nodes: list[Any] = [None]
        self.currentIndexChanged.connect(lambda _: self.currentNodeChanged.emit(self.currentNode()))

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent, scene.EndCloseEvent):
            scene.AddObserver(event, lambda *_: shiboken6.isValid(self) and self._list())
        self._list()

    def currentNode(self) -> Any:
        return self._nodes[self.currentIndex()] if self.currentIndex() >= 0 else None

    def setCurrentNode(self, node: Any) -> None:
        self._list()
        self.setCurrentIndex(self._nodes.index(node))

    def _list(self) -> None:
        kept = self.currentNode()
        found = {}
        for kind in self.property("nodeTypes"):
            for index in range(self._scene.GetNumberOfNodesByClass(kind)):
                node = self._scene.GetNthNodeByClass(index, kind)
                found[node.GetID()] = node
        self.blockSignals(True)
        self._nodes = [None, *found.values()]
        self.clear()
        self.addItems(["None", *(node.GetName() for node in found.values())])
        self.setCurrentIndex(self._nodes.index(kept) if kept in self._nodes else 0)
        self.blockSignals(False)
        if self.currentNode() is not kept:
            self.currentNodeChanged.emit(self.currentNode())


class Loader(QtUiTools.QUiLoader):
    def createWidget(self, kind: str, parent: QtWidgets.QWidget | None = None, name: str = "") -> QtWidgets.QWidget:
        ours = {"ctkCollapsibleButton": CollapsibleButton, "qMRMLNodeComboBox": NodeComboBox}
        if kind in ours:
            widget = ours[kind](parent)
        else:
            assert kind == "qMRMLWidget" or kind in self.availableWidgets(), kind
            widget = super().createWidget("QWidget" if kind == "qMRMLWidget" else kind, parent, name)
        widget.setObjectName(name)
        return widget


class Root(PythonQt):
    def setMRMLScene(self, scene: Any) -> None:
        for selector in self.wrapped.findChildren(NodeComboBox):
            selector.setMRMLScene(scene)


def load_ui(path: str) -> Root:
    # The connections are between Slicer's own classes; setMRMLScene does what they do.
    text = Path(path).read_text(encoding="utf-8")
    text = text[: text.index("<connections>")] + text[text.index("</connections>") + len("</connections>") :]
    buffer = QtCore.QBuffer()
    buffer.setData(text.encode())
    buffer.open(QtCore.QIODevice.ReadOnly)
    return Root(Loader().load(buffer))


def child_widgets(root: Root) -> types.SimpleNamespace:
    children = root.wrapped.findChildren(QtWidgets.QWidget)
    return types.SimpleNamespace(**{child.objectName(): PythonQt(child) for child in children if child.objectName()})


class ModuleWidget:
    def __init__(self, parent: Any = None) -> None:
        self.window = QtWidgets.QWidget()
        self.layout = types.SimpleNamespace(
            addWidget=lambda widget: QtWidgets.QVBoxLayout(self.window).addWidget(plain(widget))
        )

    def setup(self) -> None:
        pass

    def resourcePath(self, name: str) -> str:
        return str(Path(__file__).parents[2] / "slicer_module" / "LWMISN" / "Resources" / name)


class ModuleLogic:
    def __init__(self) -> None:
        pass

    def getParameterNode(self) -> Any:
        node = slicer.mrmlScene.GetSingletonNode("LWMISN", "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag("LWMISN")
            node.SetModuleName("LWMISN")
            node = slicer.mrmlScene.AddNode(node)
        return node


def install() -> None:
    """Make ``import qt`` and the rest of Slicer's Python importable."""
    qt = types.ModuleType("qt")
    qt.QTimer = lambda: PythonQt(QtCore.QTimer())
    qt.QTableWidgetItem = QtWidgets.QTableWidgetItem
    qt.QFileDialog = types.SimpleNamespace(getExistingDirectory=lambda *_: "", getOpenFileName=lambda *_: "")
    qt.QStandardPaths = QtCore.QStandardPaths
    base = types.ModuleType("slicer.ScriptedLoadableModule")
    base.ScriptedLoadableModule = base.ScriptedLoadableModuleTest = type(
        "Base", (), {"__init__": lambda self, *_: None}
    )
    base.ScriptedLoadableModuleWidget, base.ScriptedLoadableModuleLogic = ModuleWidget, ModuleLogic
    sys.modules.update({"qt": qt, "slicer.ScriptedLoadableModule": base})
    slicer.util.loadUI, slicer.util.childWidgetVariables = load_ui, child_widgets
