"""The ``.xtal`` accessors: every function of reflections as a method, and nothing else."""

from xrefl.accessors.dataarray import DataArrayAccessor
from xrefl.accessors.dataframe import DataFrameAccessor
from xrefl.accessors.dataset import DatasetAccessor

__all__ = ["DataArrayAccessor", "DataFrameAccessor", "DatasetAccessor"]
