"""Something done again and again beside other work, such as a heartbeat or the redrawing of a display."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def every(seconds: float, act: Callable[[], None], name: str) -> Iterator[None]:
    """Act from a thread of its own, first after `seconds`, until the block ends; the last act is waited for.

    Args:
        seconds: Pause before each act.
        act: Must not raise: an exception ends the thread.
        name: Of the thread.
    """
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True, name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
