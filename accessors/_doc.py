"""Give a method the docstring of the function it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Method = TypeVar("Method", bound=Callable[..., object])


def doc_of(function: Callable[..., object]) -> Callable[[Method], Method]:
    """Return a decorator that copies the docstring of ``function``."""

    def decorate(method: Method) -> Method:
        method.__doc__ = function.__doc__
        return method

    return decorate
