"""A user's script with types: ``mypy --strict`` checks it, with the plugin that knows ``.xtal``."""

from __future__ import annotations

import contextlib
from typing import assert_type

import pandas as pd
import xarray as xr

import xrefl
from xrefl.accessors import DataArrayAccessor, DataFrameAccessor, DatasetAccessor


def strong_reflections(ds: xr.Dataset, *, lowest: float) -> pd.DataFrame:
    """Return reflections above an amplitude, with their resolution."""
    strong = ds.assign(d=ds.xtal.d()).where(lowest <= ds.FP)
    return strong.xtal.to_dataframe().dropna(subset="FP")


def main() -> tuple[int, float]:
    """Go through the kinds of accessors and of results."""
    ds = xrefl.tutorial.open("5wkd")
    assert_type(ds.xtal, DatasetAccessor)
    assert_type(ds["FP"].xtal, DataArrayAccessor)
    assert_type(ds.xtal.to_asu(), xr.Dataset)
    assert_type(ds.xtal.centric(), xr.DataArray)
    assert_type(ds.xtal.cell.volume, float)
    assert_type(ds.xtal.to_map("FWT", "PHWT", sample_rate=2).xtal.normalize(), xr.DataArray)
    assert_type(ds.xtal.shells(4), xrefl.Shells)
    frame = strong_reflections(ds, lowest=200)
    assert_type(frame.xtal, DataFrameAccessor)
    assert_type(frame.xtal.to_asu(), pd.DataFrame)
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    unmerged = xrefl.simulate_unmerged(model, dmin=3.0, multiplicity=4, seed=1)
    merged = unmerged.xtal.merge(friedel="merge", reject=6.0)
    with contextlib.suppress(AttributeError):
        ds.xtal.unheard_of  # type: ignore[attr-defined]  # noqa: B018
    return len(frame), merged.xtal.completeness().completeness.item()


if __name__ == "__main__":
    print(*main())
