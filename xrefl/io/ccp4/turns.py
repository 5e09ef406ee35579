"""Threads that do something one after the other, in the order of their numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Turns"]


class Turns:
    """Lets threads take turns: number 0, then 1, and so on.

    Whatever a thread does from the first number on goes into ``with turns.all():``, so that the
    others do not wait for one that has failed.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next = 0
        self._failed = False

    @contextmanager
    def all(self) -> Iterator[None]:
        """Let the others go if there is an error."""
        try:
            yield
        except BaseException:
            with self._changed:
                self._failed = True
                self._changed.notify_all()
            raise

    def wait(self, number: int) -> bool:
        """Wait for a turn; return whether it has come, rather than an error of another thread."""
        with self._changed:
            self._changed.wait_for(lambda: self._failed or self._next == number)
            return not self._failed

    def done(self) -> None:
        """Let the next one have its turn."""
        with self._changed:
            self._next += 1
            self._changed.notify_all()
