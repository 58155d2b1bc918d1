"""The requests of 3D Slicer's plug-in and of OHIF in their own form, and what they read of the answers.

Each method names its source in MONAILabel 0.8.5: ``client.py`` and ``MONAILabel.py`` are in plugins/slicer/MONAILabel,
``MonaiLabelClient.js`` is in plugins/ohifv3/extensions/monai-label/src/services, and for the second version of OHIF in
plugins/ohif/monai-label/src/services.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import numpy as np
import requests
from requests_toolbelt import MultipartDecoder

from tests.label.session import Session

CLIENT_ID = "user-xyz"
"""What the plug-in calls its user by default."""


class SlicerPlugin:
    """The plug-in of 3D Slicer.

    Args:
        session: the server.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, method: str, path: str, **content: Any) -> requests.Response:
        """Ask whether there are passwords, then what is wanted: MONAILabel.py, MONAILabelLogic._client."""
        asked = self._session.ask("GET", "/auth/")
        assert asked.status_code != 200 or not asked.json().get("enabled", False)
        return self._session.ask(method, path, **content)

    def read(self, method: str, path: str, **content: Any) -> Any:
        """Return the JSON of an answer, which must have the status 200."""
        answer = self.ask(method, path, **content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def info(self) -> dict[str, Any]:
        """client.py, info."""
        return dict(self.read("GET", "/info/"))

    def parameters(self, section: str, name: str) -> dict[str, Any]:
        """The first of each list of choices: MONAILabel.py, getParamsFromConfig."""
        config = self.info()[section][name].get("config", {})
        return {key: value[0] if isinstance(value, list) else value for key, value in config.items()}

    def next_sample(self, strategy: str) -> dict[str, Any]:
        """client.py, next_sample."""
        parameters = {**self.parameters("strategies", strategy), "client_id": CLIENT_ID}
        return dict(self.read("POST", f"/activelearning/{strategy}", json=parameters))

    def infer(self, model: str, image: str, session_id: str = "") -> tuple[str, bytes, dict[str, Any]]:
        """Return the name and the content of a mask, and what is said of it.

        MONAILabel.py, MONAILabelLogic.infer; client.py, infer. No ``output`` is asked for, so that the answer has
        parts: those with a file name are files, the others are fields.
        """
        asked = {"result_extension": ".nrrd", "result_dtype": "uint8", "client_id": CLIENT_ID}
        fields = {"params": json.dumps(self.parameters("models", model) | asked)}
        path = f"/infer/{quote_plus(model)}?image={quote_plus(image)}"
        path += f"&session_id={quote_plus(session_id)}" if session_id else ""
        answer = self.ask("POST", path, **multipart(fields, {}))
        assert answer.status_code == 200, answer.text
        assert "multipart" in answer.headers["content-type"]
        (mask,) = (part for part in parts(answer) if "filename" in part[0])
        (said,) = (content for header, content in parts(answer) if "filename" not in header)
        return mask[0]["filename"], mask[1], json.loads(said)

    def upload(self, image: str, file: Path) -> dict[str, Any]:
        """client.py, upload_image."""
        content = multipart({"params": json.dumps({"client_id": CLIENT_ID})}, {"file": file})
        return dict(self.read("PUT", f"/datastore/?image={quote_plus(image)}", **content))

    def save_label(self, image: str, file: Path, label_info: Sequence[Mapping[str, Any]], model: str) -> dict[str, Any]:
        """MONAILabel.py, onSaveLabel; client.py, save_label."""
        parameters = {"label_info": label_info, "model": model, "client_id": CLIENT_ID}
        content = multipart({"params": json.dumps(parameters)}, {"label": file})
        return dict(self.read("PUT", f"/datastore/label?image={quote_plus(image)}", **content))

    def create_session(self, file: Path) -> str:
        """client.py, create_session."""
        with file.open("rb") as opened:
            files = [("files", (file.name, opened))]
            answer = self.read("PUT", "/session/", files=files, data={"client_id": CLIENT_ID})
        return str(answer["session_id"])

    def train(self, model: str, **changed: Any) -> dict[str, Any]:
        """MONAILabel.py, onTraining, where ``changed`` is what the user edited; client.py, train_start."""
        parameters = self.parameters("trainers", model) | changed | {"client_id": CLIENT_ID}
        return dict(self.read("POST", f"/train/{quote_plus(model)}", json=parameters))

    def is_training(self) -> bool:
        """client.py, train_status."""
        return self.ask("GET", "/train/?check_if_running=true").status_code == 200


class OHIF:
    """OHIF's extension, of its third version or the second.

    Args:
        session: the server.
    """

    HEADERS = {"accept": "application/json,multipart/form-data"}

    def __init__(self, session: Session) -> None:
        self._session = session

    def infer(self, model: str, image: str, version: int = 3) -> np.ndarray:
        """Return a mask (z, y, x) as its bytes have it: MonaiLabelClient.js, infer; SegmentationReader.js."""
        asked = {"result_extension": ".nrrd", "result_compress": False}
        asked |= {"result_dtype": "uint8", "restore_label_idx": False} if version == 3 else {"result_dtype": "uint16"}
        answer = self._session.post(
            f"/infer/{model}?image={image}&output=image",
            files={"params": (None, json.dumps(asked))},
            headers=self.HEADERS,
        )
        assert answer.status_code == 200, answer.text
        return raw_nrrd(answer.content)

    def next_sample(self, strategy: str) -> dict[str, Any]:
        """MonaiLabelClient.js, next_sample."""
        answer = self._session.post(f"/activelearning/{strategy}", json={}, headers=self.HEADERS)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def train(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Start the trainings of all bundles: MonaiLabelClient.js, run_train."""
        answer = self._session.post("/train/", json=parameters, headers=self.HEADERS)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def is_training(self) -> bool:
        """MonaiLabelClient.js, is_train_running."""
        answer = self._session.ask("GET", "/train/?check_if_running=true")
        return answer.status_code == 200 and answer.json()["status"] == "RUNNING"

    def stop(self) -> None:
        """MonaiLabelClient.js, stop_train."""
        self._session.ask("DELETE", "/train/").raise_for_status()


def multipart(fields: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, Any]:
    """The body of a request with fields and files, whose whole path is sent: client.py, encode_multipart_formdata."""
    limit = "----------lImIt_of_THE_fIle_eW_$"
    body = b""
    for name, text in fields.items():
        body += f'--{limit}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
    for name, path in files.items():
        head = f'--{limit}\r\nContent-Disposition: form-data; name="{name}"; filename="{path}"\r\n'
        body += head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + path.read_bytes() + b"\r\n"
    body += f"--{limit}--\r\n\r\n".encode()
    return {"data": body, "headers": {"content-type": f"multipart/form-data; boundary={limit}"}}


def parts(answer: requests.Response) -> list[tuple[dict[str, str], bytes]]:
    """The parts of an answer: what their disposition says, and their content."""
    found = []
    for part in MultipartDecoder.from_response(answer).parts:
        words = part.headers[b"Content-Disposition"].decode().split("; ")[1:]
        found.append(({key: value.strip('"') for key, value in (word.split("=", 1) for word in words)}, part.content))
    return found


def raw_nrrd(content: bytes) -> np.ndarray:
    """The voxels (z, y, x) of an NRRD file that is not compressed, as OHIF takes them: all bytes after the header."""
    header, voxels = content.split(b"\n\n", 1)
    fields = dict(line.split(": ", 1) for line in header.decode().splitlines() if ": " in line)
    assert fields["encoding"] == "raw"
    types = {"unsigned char": "u1", "uint8": "u1", "unsigned short": "<u2", "uint16": "<u2"}
    return np.frombuffer(voxels, types[fields["type"]]).reshape([int(size) for size in fields["sizes"].split()][::-1])
