"""Functions that are imported when they are needed."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

__all__ = ["Later", "LaterMethod", "also_later"]

Maker = TypeVar("Maker", bound=Callable[..., Any])


class Later(NamedTuple):
    """A function that has not been imported."""

    module: str
    name: str

    def imported(self) -> Callable[..., Any]:
        """Import the function."""
        function: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
        return function


class LaterMethod:
    """A method that is made when it is first looked at, and then takes this one's place."""

    def __init__(self, make: Callable[[Any], Callable[..., Any]], function: Later) -> None:
        self._make = make
        self._function = function

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self._name = name

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        made = self._make(self._function.imported())
        setattr(self._owner, self._name, made)
        return made.__get__(obj, owner)


def also_later(make: Maker) -> Maker:
    """Return what makes a method of a function, or later on of one that has not been imported."""

    @functools.wraps(make)
    def maker(function: Any) -> Any:
        return LaterMethod(make, function) if isinstance(function, Later) else make(function)

    return cast(Maker, maker)
