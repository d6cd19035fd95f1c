"""What is posted to the demo's server, and the queue in which it waits for the one who works on it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


class Refusal(Exception):
    """What a request gets instead of an answer: a status and a sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


class Queue:
    """One worker: first come, first served, and only so many at once."""

    def __init__(self, places: int):
        self.places = places
        self._free = threading.BoundedSemaphore(places)
        self._worker = ThreadPoolExecutor(1, "numser-demo")

    def __enter__(self) -> "Queue":
        """Take a place.

        Raises      Refusal: there is none
        """
        if not self._free.acquire(blocking=False):
            raise Refusal(503, f"numser is busy with {self.places} requests already; try again in a moment")
        return self

    def __exit__(self, *_) -> None:
        self._free.release()

    def do(self, work: Callable[[bytes], Any], body: bytes) -> Any:
        """Work when all who came before are served."""
        return self._worker.submit(work, body).result()


@dataclass(frozen=True)
class Post:
    """What becomes of something that is posted: the work's result is sent as JSON."""

    work: Callable[[bytes], Any]
    most_bytes: int
    queue: Queue
