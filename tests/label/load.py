"""Many requests to a server at once, good and broken ones in a random order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil
import requests

from tests.label.session import PLUGIN, Session, expected_masks, read_mask


@dataclass(frozen=True)
class Answer:
    """What a request got.

    Args:
        kind: the name of the image, or what was broken.
        right: the mask is that of `lwmisn segment`; the answer to a broken request is a sentence.
        seconds: from the request to the answer.
        memory_mb: of the server after the answer: its resident memory, without that of a training.
    """

    kind: str
    right: bool
    seconds: float
    memory_mb: float


def broken_requests(session: Session) -> dict[str, Callable[[], requests.Response]]:
    """Return requests that must get a sentence, by what is broken."""
    name, image = session.bundle.name, next(iter(session.truths))
    damaged = ("damaged.nii.gz" if session.data["volumetric"] else "damaged.png", b"nothing")
    return {
        "unknown image": lambda: session.infer("unknown"),
        "unknown label": lambda: session.infer(image, label="unknown"),
        "unknown model": lambda: session.post(f"/infer/unknown?image={image}&output=image", data={"params": "{}"}),
        "damaged file": lambda: session.post(
            f"/infer/{name}?output=image", data={"params": "{}"}, files={"file": damaged}
        ),
        "unknown strategy": lambda: session.post("/activelearning/unknown", json={}),
    }


def is_sentence(answer: requests.Response) -> bool:
    """Return whether a server refused with a sentence."""
    return answer.status_code >= 400 and str(answer.json().get("detail", "")).endswith(".")


def ask_at_once(session: Session, clients: int, count: int, seed: int = 0) -> list[Answer]:
    """Send requests from several clients, a fifth of them broken; each client waits for its answer.

    Args:
        session: the server.
        clients: how many ask at once.
        count: requests of all clients together.
        seed: of their order.

    Returns:
        The answers in the order in which they came.
    """
    expected, broken = expected_masks(session), broken_requests(session)
    kinds = [[*broken][index // 5 % len(broken)] if index % 5 == 0 else "" for index in range(count)]
    kinds = [kind or [*expected][index % len(expected)] for index, kind in enumerate(kinds)]
    random.Random(seed).shuffle(kinds)
    server = psutil.Process(session.process)
    answers: list[Answer] = []

    def ask(kind: str) -> None:
        began = time.perf_counter()
        parameters = PLUGIN if session.data["volumetric"] else {}
        answer = broken[kind]() if kind in broken else session.infer(kind, **parameters)
        seconds = time.perf_counter() - began
        if kind in broken:
            right = is_sentence(answer)
        else:
            right = answer.status_code == 200 and np.array_equal(
                read_mask(answer.content, session)[0], expected[kind][0]
            )
        answers.append(Answer(kind, bool(right), seconds, server.memory_info().rss / 2**20))

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, kinds))
    return answers
