"""Slicer's own scene and logics, as the application would have them, without the application."""

import types

import slicer


def new_scene() -> None:
    """Give ``slicer`` an empty scene and the logics that the module asks for."""
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    application.GetColorLogic().SetMRMLScene(scene)
    application.GetColorLogic().AddDefaultColorNodes()
    application.SetModuleLogic("Colors", application.GetColorLogic())
    logics = {"volumes": slicer.vtkSlicerVolumesLogic(), "segmentations": slicer.vtkSlicerSegmentationsModuleLogic()}
    for logic in logics.values():
        logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
    scene.RegisterNodeClass(slicer.vtkMRMLSequenceBrowserNode())
    scene.AddNode(slicer.vtkMRMLSubjectHierarchyNode())
    slicer.modules = types.SimpleNamespace(
        **{name: types.SimpleNamespace(logic=lambda logic=logic: logic) for name, logic in logics.items()}
    )
    slicer.modules.keep = application
