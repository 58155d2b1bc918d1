"""A stand-in of a DICOMweb server: it lists series and gives their files, by DICOM PS3.18."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from urllib.parse import parse_qs, urlparse

from pydicom import Dataset, FileDataset, dcmwrite

LISTED = ("StudyInstanceUID", "SeriesInstanceUID", "Modality", "PatientID", "StudyDate", "StudyTime")


@contextmanager
def dicomweb(files: Sequence[FileDataset]) -> Iterator[str]:
    """Serve some files on the loopback address, and give the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlparse(self.path)
            if address.path.endswith("/series"):  # QIDO-RS
                wanted = {key: values[0] for key, values in parse_qs(address.query).items() if key in LISTED}
                found = {file.SeriesInstanceUID: file for file in files if matches(file, wanted)}
                listed = [Dataset({e.tag: e for e in file if e.keyword in LISTED}) for file in found.values()]
                self._answer("application/dicom+json", json.dumps([one.to_json_dict() for one in listed]).encode())
            else:  # WADO-RS
                uid = address.path.rpartition("/")[2]
                bodies = [file_of(file) for file in files if file.SeriesInstanceUID == uid]
                head = b"\r\n--limit\r\nContent-Type: application/dicom\r\n\r\n"
                body = b"".join(head + one for one in bodies) + b"\r\n--limit--\r\n"
                self._answer('multipart/related; type="application/dicom"; boundary=limit', body)

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dicom-web"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def matches(file: FileDataset, wanted: dict[str, str]) -> bool:
    return all(str(file[key].value) == value for key, value in wanted.items())


def file_of(dataset: FileDataset) -> bytes:
    """The content of a DICOM file."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset, write_like_original=False)
    return buffer.getvalue()
