"""Methods that are functions of what an accessor holds, with their signatures and docstrings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import xarray as xr

from xrefl.accessors._later import also_later
from xrefl.hkl import frame

__all__ = ["frame_method", "frame_series", "frame_value", "method"]

P = ParamSpec("P")
R = TypeVar("R")


@also_later
def method(function: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Return a method that calls the function with the object that the accessor holds."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(accessor._obj, *args, **kwargs)

    return call


def _converted(df: pd.DataFrame, value: Any) -> Any:
    """Return an argument with DataFrames as Datasets, and Series like those of df as DataArrays."""
    if isinstance(value, pd.DataFrame):
        return frame.to_dataset(value)
    if isinstance(value, pd.Series) and value.index.equals(df.index):
        dim = "hkl" if df.attrs.get("merged", True) else "obs"
        return xr.DataArray(value.to_numpy(), dims=dim, name=value.name, attrs=value.attrs)
    if isinstance(value, pd.Series):
        column = value.to_frame(value.name or "column")
        column.attrs = dict(df.attrs)
        return frame.to_dataset(column)[value.name or "column"].assign_attrs(value.attrs)
    if isinstance(value, list | tuple):
        return type(value)(_converted(df, one) for one in value)
    return value


def _call(accessor: Any, function: Callable[..., R], args: Any, kwargs: Any) -> R:
    df = accessor._df
    named = {name: _converted(df, value) for name, value in kwargs.items()}
    return function(accessor.to_dataset(), *(_converted(df, value) for value in args), **named)


@also_later
def frame_method(
    function: Callable[Concatenate[xr.Dataset, P], xr.Dataset],
) -> Callable[Concatenate[Any, P], pd.DataFrame]:
    """Return a method of a DataFrame that calls a function from Dataset to Dataset."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        return frame.to_dataframe(_call(accessor, function, args, kwargs))

    return call


@also_later
def frame_series(
    function: Callable[Concatenate[Any, P], xr.DataArray],
) -> Callable[Concatenate[Any, P], pd.Series[Any]]:
    """Return a method of a DataFrame whose function has one value for each row."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> pd.Series[Any]:
        result = _call(accessor, function, args, kwargs)
        series = pd.Series(result.values, index=accessor._df.index, name=result.name)
        series.attrs = dict(result.attrs)
        return series

    return call


@also_later
def frame_value(
    function: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """Return a method of a DataFrame whose function has a result of its own kind."""

    @functools.wraps(function)
    def call(accessor: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return _call(accessor, function, args, kwargs)

    return call
