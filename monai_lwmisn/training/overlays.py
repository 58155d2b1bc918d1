"""Draws image, truth and prediction of the best, the median and the worst case, and the errors of the worst ones."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from monai.engines import Evaluator
from PIL import Image

from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.files import write_atomically
from monai_lwmisn.light.colours import class_colour
from monai_lwmisn.light.overlays import displayable
from monai_lwmisn.training.error_pictures import draw_errors

__all__ = ["Example", "OverlayFigure", "blend", "draw_overlays"]

MOST_PICTURES = 24
"""Cases whose errors are drawn, the worst ones."""


@dataclass(frozen=True)
class Example:
    """Holds one row of the figure.

    Attributes:
        title: text left of the row.
        image: grey (height, width) or RGB (height, width, 3), values 0 to 1.
        truth: class of each pixel (height, width).
        prediction: class of each pixel (height, width).
    """

    title: str
    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


def draw_overlays(examples: Sequence[Example], label_names: Sequence[str], path: str | os.PathLike) -> None:
    """Draw one row per example: the image, the image with the truth, the image with the prediction.

    Args:
        examples: the rows.
        label_names: names of the classes 1, 2, ...
        path: the file; matplotlib takes the format from its suffix.
    """
    figure = Figure(figsize=(9.3, 3.05 * len(examples) + 0.45), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(examples), 3, squeeze=False)
    for row, example in zip(axes, examples, strict=True):
        pictures = (
            example.image,
            blend(example.image, example.truth),
            blend(example.image, example.prediction),
        )
        for axis, picture, classes in zip(row, pictures, (None, example.truth, example.prediction), strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(False)
            for value in range(1, len(label_names) + 1):
                if classes is not None and (classes == value).any() and (classes != value).any():
                    axis.contour(classes == value, levels=[0.5], colors=[class_colour(value)], linewidths=1.1)
        row[0].set_ylabel(example.title, fontsize=10)
    for axis, title in zip(axes[0], ("image", "truth", "prediction"), strict=True):
        axis.set_title(title, fontsize=11)
    handles = [Patch(color=class_colour(value), label=name) for value, name in enumerate(label_names, start=1)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    drawing = io.BytesIO()
    figure.savefig(drawing, format=Path(path).suffix[1:])
    write_atomically(drawing.getvalue(), path)


class OverlayFigure:
    """Collects a picture of every case while an evaluator runs, then draws the best, the median and the worst by DSC.

    The DSC is that of the whole volume if it is measured, otherwise the mean over the images of the case. The picture
    of a volume is the slice with the most true foreground, seen from the feet, anterior up.

    The errors of the worst cases are drawn too, see :func:`.error_pictures.draw_errors`: in the folder ``cases``, each
    file named by the place of its case in metrics.json, as in ``0007.jpg``.

    MONAI's ``TensorBoardImageHandler`` draws every case at full size, and does not know which case is best or worst.

    Args:
        folder: folder of overlays.png; it is made if missing.
        items: the evaluated items, in the order of the loader.
        label_names: name of each class by its number as a text.
        volumetric: whether the items are volumes, in RAS orientation.

    Attributes:
        pictures: for each case the image (values 0 to 255) and the classes of truth and prediction (height, width).
    """

    def __init__(
        self, folder: str | os.PathLike, items: Sequence[Item], label_names: Mapping[str, str], volumetric: bool
    ) -> None:
        self.path = Path(folder) / "overlays.png"
        self.items = list(items)
        self.label_names = [label_names[number] for number in sorted(label_names, key=int)]
        self.volumetric = volumetric
        self.pictures: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._images_of_case: list[int] = []

    def attach(self, engine: Engine) -> None:
        """Register with the evaluator, whose batches must have the image as loaded under ``picture``."""
        self.collect_from(engine)
        engine.add_event_handler(Events.COMPLETED, self._draw)

    def collect_from(self, engine: Engine) -> None:
        """Register with an evaluator to collect its pictures without drawing."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)

    def _start(self, engine: Engine) -> None:
        self.pictures, self._images_of_case = [], []

    def _collect(self, engine: Evaluator) -> None:
        for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
            truth, prediction = _classes(output["label"]), _classes(output["pred"])
            picture = torch.as_tensor(batch["picture"]).cpu().numpy()
            self._images_of_case.append(truth.shape[-1] if self.volumetric else 1)
            if self.volumetric:
                index = int((truth > 0).sum(axis=(0, 1)).argmax())
                truth, prediction, picture = truth[..., index], prediction[..., index], picture[..., index]
            self.pictures.append((self._upright(displayable(picture)), self._upright(truth), self._upright(prediction)))

    def _upright(self, picture: np.ndarray) -> np.ndarray:
        """Turn a picture from (x, y[, colour]) to (height, width[, colour])."""
        picture = picture.swapaxes(0, 1)
        return picture[::-1, ::-1] if self.volumetric else picture

    def _scores(self, details: Mapping[str, torch.Tensor]) -> np.ndarray:
        if "dsc_3d" in details:
            return details["dsc_3d"].nanmean(dim=1).cpu().numpy()
        images = details["dsc"].nanmean(dim=1).split(self._images_of_case)
        return torch.stack([scores.nanmean() for scores in images]).cpu().numpy()

    def _draw(self, engine: Evaluator) -> None:
        scores = self._scores(engine.state.metric_details)
        ranked = [int(index) for index in np.argsort(-scores) if not np.isnan(scores[index])]
        if not ranked:
            return
        chosen = {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}
        examples = []
        # A single case would be drawn three times, and two cases have no median.
        for name in {1: ["best"], 2: ["best", "worst"]}.get(len(ranked), list(chosen)):
            index = chosen[name]
            image, truth, prediction = self.pictures[index]
            title = f"{name}: DSC {scores[index]:.3f}\n{_shortened(str(self.items[index]['case']))}"
            examples.append(Example(title, image.astype(np.float32) / 255, truth, prediction))
        draw_overlays(examples, self.label_names, self.path)
        self._draw_errors(ranked[-MOST_PICTURES:])

    def _draw_errors(self, cases: Sequence[int]) -> None:
        folder = self.path.parent / "cases"
        shutil.rmtree(folder, ignore_errors=True)
        for index in cases:
            drawing = io.BytesIO()
            Image.fromarray(draw_errors(*self.pictures[index])).save(drawing, "JPEG", quality=90, subsampling=0)
            write_atomically(drawing.getvalue(), folder / f"{index:04d}.jpg")


def _classes(one_hot: Any) -> np.ndarray:
    values = torch.as_tensor(one_hot)
    classes = values[0] > 0 if len(values) == 1 else values.argmax(dim=0)
    return classes.to(torch.uint8).cpu().numpy()


def blend(image: np.ndarray, classes: np.ndarray, opacity: float = 0.35) -> np.ndarray:
    """Return an image (grey or RGB, values 0 to 1) with the classes (height, width) over it in their colours."""
    colored = np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image.copy()
    for value in np.unique(classes[classes > 0]):
        here = classes == value
        colored[here] = (1 - opacity) * colored[here] + opacity * np.array(to_rgb(class_colour(int(value))))
    return colored


def _shortened(name: str, length: int = 16) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
