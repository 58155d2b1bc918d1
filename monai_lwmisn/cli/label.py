"""Adds `lwmisn label` and its actions."""

from __future__ import annotations

import argparse
from pathlib import Path

from monai_lwmisn.cli.arguments import MORE, Commands
from monai_lwmisn.cli.terminal import say, sleep_early
from monai_lwmisn.errors import LWMISNError


def add_commands(commands: Commands) -> None:
    """Add label with its actions."""
    with commands.heading(MORE):
        label = commands.add(
            "label", None, "MONAI Label: serve bundles to annotators, and train them on what they label"
        )
    actions = Commands(label, metavar="ACTION")
    serve = actions.add(
        "serve", _serve, "start a server for 3D Slicer, OHIF and other clients", way_on=_way_on_to_serve
    )
    serve.add_argument(
        "--studies",
        metavar="FOLDER",
        required=True,
        help="the images; labels are written there too; for OHIF the address of a DICOMweb server",
    )
    serve.add_argument(
        "--bundle",
        type=Path,
        nargs="+",
        metavar="BUNDLE",
        default=[],
        help="folders of bundles, which are copied; may be left out if the app's folder has some already",
    )
    serve.add_argument(
        "--app",
        type=Path,
        metavar="FOLDER",
        default=Path("label-app"),
        help="the app's folder, which holds the copies of the bundles and their new weights (default: %(default)s)",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    serve.add_argument(
        "--runtime",
        choices=("torch", "onnxruntime", "openvino"),
        default="torch",
        help="what executes the networks for masks; trainings are of torch (default: %(default)s)",
    )
    restore = actions.add("restore", _restore, "undo the learning of a bundle: serve its original weights again")
    restore.add_argument("name", metavar="NAME", help="the bundle's name")
    restore.add_argument(
        "--app", type=Path, metavar="FOLDER", default=Path("label-app"), help="the app's folder (default: %(default)s)"
    )


def _serve(arguments: argparse.Namespace) -> None:
    sleep_early()  # the server inherits it, and segments beside its own training
    from monai_lwmisn.label.server import serve

    def started() -> None:
        say(f"The server starts at http://{arguments.host}:{arguments.port}, in about a minute; Ctrl-C ends it.")

    place = arguments.host, arguments.port
    if serve(arguments.studies, arguments.bundle, arguments.app, *place, arguments.runtime, started):
        raise LWMISNError("The server stopped by itself: see its messages above.")


def _way_on_to_serve(arguments: argparse.Namespace) -> str:
    return (
        f"; labels are in {arguments.studies}, the bundles with what they learned in {arguments.app}, "
        "the same command starts the server again"
    )


def _restore(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.label.folder import restore

    restore(arguments.app, arguments.name)
    say(f"{arguments.name} has its original weights again.")
