"""``Dataset.xtal``."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors._method import method
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.hkl import find, frame, original
from xrefl.io.mtz import write
from xrefl.io.refln_cif import write as write_cif

__all__ = ["DatasetAccessor"]


@xr.register_dataset_accessor("xtal")
class DatasetAccessor(ReflectionAccessor[xr.Dataset]):
    """Crystallography of reflections, merged or unmerged."""

    columns = method(find.columns)
    free_flag = method(find.free_flag)

    to_original_hkl = method(original.to_original_hkl)
    to_asu_hkl = method(original.to_asu_hkl)

    to_dataframe = method(frame.to_dataframe)
    to_mtz = method(write.to_mtz)
    to_refln_cif = method(write_cif.to_refln_cif)
