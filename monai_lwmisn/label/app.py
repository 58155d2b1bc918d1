"""The app of the server: MONAI's app for bundles, with an uncertainty strategy, safe training and sentences.

It needs monailabel. The ``main.py`` that :func:`monai_lwmisn.label.folder.prepare` writes imports it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from fastapi import HTTPException
from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.exception import MONAILabelException
from monailabel.utils.others.class_utils import module_from_file

from monai_lwmisn.errors import explain, own_error
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.memory import keep_freed_memory
from monai_lwmisn.label.inference import PredictTask
from monai_lwmisn.label.training import SafeTrainTask
from monai_lwmisn.label.uncertainty import Uncertainty
from monai_lwmisn.light.quiet import quieten_libraries

quieten_libraries()
keep_freed_memory()

STOCK = Path(sys.prefix) / "monailabel" / "sample-apps" / "monaibundle" / "main.py"
"""MONAI's app, as the wheel of monailabel installs it."""

_BundleApp: Any = module_from_file("lwmisn_stock_app", str(STOCK)).MyApp


class LWMISNApp(_BundleApp, MONAILabelApp):  # named as a base again, since the server looks for a direct subclass
    """MONAI's app for bundles, which answers an error with a status code and a sentence."""

    def init_remote_datastore(self) -> Any:
        """Return the images of a DICOMweb server: those of the bundles' modality. They are kept in the app's folder."""
        given = settings.model_fields_set  # by variables of the environment
        if "MONAI_LABEL_DICOMWEB_CACHE_PATH" not in given:
            settings.MONAI_LABEL_DICOMWEB_CACHE_PATH = os.path.join(self.app_dir, "dicom")
        configs = [read_json(Path(path, "configs", "inference.json")) for path in self.models.values()]
        modalities = {config["data"]["modality"] for config in configs}
        if "MONAI_LABEL_DICOMWEB_SEARCH_FILTER" not in given and modalities in ({"CT"}, {"MR"}):
            settings.MONAI_LABEL_DICOMWEB_SEARCH_FILTER = {"Modality": modalities.pop()}
        return super().init_remote_datastore()

    def _download_dcmqi_tools(self) -> None:
        """Download nothing. Labels are written to DICOMweb where itkimage2segimage of dcmqi is on the PATH."""

    def init_infers(self) -> dict[str, Any]:
        """Return tasks that segment as every other program does."""
        return {name: PredictTask(path, self.conf) for name, path in self.models.items()}

    def init_trainers(self) -> dict[str, Any]:
        """Return tasks that leave the served weights alone until they are done."""
        return {name: SafeTrainTask(path, self.conf) for name, path in self.models.items()}

    def init_strategies(self) -> dict[str, Any]:
        """Return the strategies of MONAI's app, and our own."""
        return {**super().init_strategies(), "uncertainty": Uncertainty(self._infers)}

    def infer(self, request: dict[str, Any], datastore: Any = None) -> Any:
        """Segment an image."""
        image = request.get("image")
        if isinstance(image, str) and not os.path.exists(image) and image not in self.datastore().list_images():
            raise HTTPException(404, f"There is no image {image!r} among the studies: ask for one of /datastore/.")
        task, label = self._infers.get(request.get("model")), request.get("label")
        if task is not None and label and label not in task.labels:
            known = ", ".join(task.labels)
            raise HTTPException(404, f"{request['model']} has no label {label!r}: ask for {known}, or for none.")
        return self._answer(lambda: super(LWMISNApp, self).infer(request, datastore), request)

    def batch_infer(self, request: dict[str, Any], datastore: Any = None) -> Any:
        """Segment all images, or those without labels."""
        self._need_images()
        if not torch.cuda.is_available():
            request["multi_gpu"] = False  # it would divide by the number of GPUs
        return self._answer(lambda: super(LWMISNApp, self).batch_infer(request, datastore), request)

    def train(self, request: dict[str, Any]) -> Any:
        """Train on the images that have labels."""
        return self._answer(lambda: super(LWMISNApp, self).train(request), request)

    def next_sample(self, request: dict[str, Any]) -> Any:
        """Choose the image to label next."""
        self._need_images()

        def choose() -> Any:
            sample = super(LWMISNApp, self).next_sample(request)
            if sample:
                # A series of a DICOMweb server has the UID of its study, with which OHIF opens it, once it was read.
                self.datastore().get_image_uri(sample["id"])
            return sample

        return self._answer(choose, request)

    def _need_images(self) -> None:
        if not self.datastore().list_images():
            raise HTTPException(404, "There is no image among the studies: put some into their folder.")

    def _answer(self, work: Callable[[], Any], request: dict[str, Any]) -> Any:
        try:
            return work()
        except HTTPException:
            raise
        except MONAILabelException as error:
            raise HTTPException(404, f"{error.msg.rstrip('.')}.") from error
        except Exception as error:
            subject = request.get("image") or request.get("model") or "The request"
            code = 500 if own_error(error) is None else 400
            raise HTTPException(code, explain(error, subject, "see the log")) from error
