"""Methods that are functions of what an accessor holds, with their signatures and docstrings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import xarray as xr

from xrefl.hkl import frame

__all__ = ["frame_method", "frame_series", "frame_value", "method"]

P = ParamSpec("P")
R = TypeVar("R")


def method(function: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Return a method that calls the function with the object that the accessor holds."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(accessor._obj, *args, **kwargs)

    return call


def frame_method(
    function: Callable[Concatenate[xr.Dataset, P], xr.Dataset],
) -> Callable[Concatenate[Any, P], pd.DataFrame]:
    """Return a method of a DataFrame that calls a function from Dataset to Dataset."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        return frame.to_dataframe(function(accessor.to_dataset(), *args, **kwargs))

    return call


def frame_series(
    function: Callable[Concatenate[Any, P], xr.DataArray],
) -> Callable[Concatenate[Any, P], pd.Series[Any]]:
    """Return a method of a DataFrame whose function has one value for each row."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> pd.Series[Any]:
        result = function(accessor.to_dataset(), *args, **kwargs)
        series = pd.Series(result.values, index=accessor._df.index, name=result.name)
        series.attrs = dict(result.attrs)
        return series

    return call


def frame_value(
    function: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """Return a method of a DataFrame whose function has a result of its own kind."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(accessor.to_dataset(), *args, **kwargs)

    return call
