"""``DataFrame.xtal``."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from xrefl.accessors import _functions as functions
from xrefl.accessors._doc import doc_of
from xrefl.accessors._method import frame_method, frame_series, frame_value
from xrefl.accessors._shown import shown_html, shown_text
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl import (
    adding,
    asu,
    crystal,
    expand,
    extend_flags,
    find,
    frame,
    free_flags,
    original,
    reflections,
    reindexing,
    select,
    sorting,
    values,
)

__all__ = ["DataFrameAccessor"]


@pd.api.extensions.register_dataframe_accessor("xtal")
class DataFrameAccessor:
    """Crystallography of reflections in a DataFrame, with the methods of ``Dataset.xtal``.

    Those that need a further dimension, such as ``stack_friedel``, are left to Datasets.
    Results are DataFrames, or Series with the index of the DataFrame; statistics are those of
    Datasets. Arguments may be DataFrames and Series, too.
    """

    def __init__(self, df: pd.DataFrame) -> None:
        self._df = df

    def __repr__(self) -> str:
        return shown_text(self.to_dataset())

    def _repr_html_(self) -> str:
        return shown_html(self.to_dataset())

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name != "_df"]

    @doc_of(frame.to_dataset)
    def to_dataset(
        self,
        *,
        cell: UnitCell | Sequence[float] | None = None,
        spacegroup: SpaceGroup | str | int | None = None,
        merged: bool | None = None,
    ) -> xr.Dataset:
        return frame.to_dataset(self._df, cell=cell, spacegroup=spacegroup, merged=merged)

    @property
    def cell(self) -> UnitCell:
        """Unit cell; see `xrefl.UnitCell`."""
        return frame.frame_crystal(self._df).cell

    @property
    def spacegroup(self) -> SpaceGroup:
        """Space group; see `xrefl.SpaceGroup`."""
        return frame.frame_crystal(self._df).spacegroup

    @property
    def is_merged(self) -> bool:
        """Whether rows are merged reflections or unmerged observations."""
        return bool(self._df.attrs.get("merged", True))

    @property
    def resolution(self) -> tuple[float, float]:
        """Low and high resolution limit in Å."""
        return reflections.resolution(self.to_dataset())

    d = frame_series(reflections.d)
    inv_d2 = frame_series(reflections.inv_d2)
    centric = frame_series(reflections.centric)
    epsilon = frame_series(reflections.epsilon)
    absent = frame_series(reflections.absent)

    columns = frame_value(find.columns)
    free_flag = frame_series(find.free_flag)
    make_free_flags = frame_series(free_flags.make_free_flags)
    extend_free_flags = frame_series(extend_flags.extend_free_flags)

    shells = frame_value(functions.shells)
    mean = frame_value(functions.mean)
    i_over_sigma = frame_value(functions.i_over_sigma)
    r_factor = frame_value(functions.r_factor)
    correlation = frame_value(functions.correlation)
    completeness = frame_value(functions.completeness)
    multiplicity = frame_value(functions.multiplicity)
    merging_statistics = frame_value(functions.merging_statistics)
    batch_statistics = frame_value(functions.batch_statistics)
    dose_statistics = frame_value(functions.dose_statistics)
    wilson = frame_value(functions.wilson)
    normalize = frame_series(functions.normalize)
    moments = frame_value(functions.moments)
    report = frame_value(functions.report)

    to_asu = frame_method(asu.to_asu)
    reindex = frame_method(reindexing.reindex)
    expand_to_p1 = frame_method(expand.expand_to_p1)
    sort_hkl = frame_method(sorting.sort_hkl)
    drop_absent = frame_method(select.drop_absent)
    sel_resolution = frame_method(select.sel_resolution)
    add = frame_method(adding.add)
    value_sigma = frame_method(values.value_sigma)
    structure_factor = frame_series(values.structure_factor)
    to_original_hkl = frame_method(original.to_original_hkl)
    to_asu_hkl = frame_method(original.to_asu_hkl)
    merge = frame_method(functions.merge)
    outliers = frame_method(functions.outliers)
    fit_error_model = frame_value(functions.fit_error_model)

    grid_size = frame_value(functions.grid_size)
    fits_into = frame_value(functions.fits_into)
    to_grid = frame_value(functions.to_grid)
    to_map = frame_value(functions.to_map)
    to_patterson = frame_value(functions.to_patterson)
    map_coefficients = frame_value(functions.map_coefficients)

    @doc_of(crystal.assign_crystal)
    def assign_crystal(
        self,
        *,
        cell: UnitCell | Sequence[float] | None = None,
        spacegroup: SpaceGroup | str | int | None = None,
    ) -> pd.DataFrame:
        return frame.to_dataframe(self.to_dataset(cell=cell, spacegroup=spacegroup))

    to_mtz = frame_value(functions.to_mtz)
    to_refln_cif = frame_value(functions.to_refln_cif)
    to_zarr = frame_value(functions.to_zarr)
    to_parquet = frame_value(functions.to_parquet)
