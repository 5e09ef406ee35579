"""Proof that nothing is computed: a dask scheduler that raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("a dask array was computed behind the caller's back")


@contextmanager
def nothing_computed() -> Iterator[None]:
    with dask.config.set(scheduler=_refuse):
        yield
