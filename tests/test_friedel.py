"""Friedel pairs as columns and along a dimension."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import MillerIndexError, MissingColumnError, NotMergedError, XreflError
from xrefl.hkl.friedel import friedel_mate, friedel_pairs


def pairs(**more: object) -> xr.Dataset:
    """Return a general and two centric reflections, of the second only F(-) was measured."""
    index = xrefl.HKLIndex.from_miller(
        [1, 1, 2], [2, 0, 0], [3, 3, 1], cell=(20, 30, 40, 90, 95, 90), spacegroup="P 1 21 1"
    )
    columns = {
        "F": ("F", [8, 7, 5]), "F(+)": ("G", [9, np.nan, 5]), "SIGF(+)": ("L", [1, np.nan, 2]),
        "F(-)": ("G", [7, 6, 5]), "SIGF(-)": ("L", [3, 4, 2]),
    }  # fmt: skip
    variables = {
        name: ("hkl", np.float32(values), {"mtz_type": kind})
        for name, (kind, values) in columns.items()
    }
    return xr.Dataset(variables | more, index.coordinates())


def test_stacked():
    found = pairs().xtal.stack_friedel()
    assert list(found.data_vars) == ["F", "F_anom", "SIGF_anom"]
    assert found.F_anom.dims == ("hkl", "friedel")
    assert found.F_anom.dtype == np.float32
    np.testing.assert_array_equal(found.F_anom, [[9, 7], [6, np.nan], [5, np.nan]])
    np.testing.assert_array_equal(found.SIGF_anom.sel(friedel="-"), [3, np.nan, np.nan])
    assert (found.F_anom.attrs["mtz_type"], found.SIGF_anom.attrs["mtz_type"]) == ("F", "Q")
    assert found.friedel.values.tolist() == ["+", "-"]
    assert found.sel(hkl=(1, 2, 3), friedel="-").F_anom == 7


def test_unstacked():
    ds = pairs()
    found = ds.xtal.stack_friedel().xtal.unstack_friedel()
    assert list(found.data_vars) == ["F", "F(+)", "F(-)", "SIGF(+)", "SIGF(-)"]
    for name, column in found.data_vars.items():
        assert column.attrs == ds[name].attrs
    np.testing.assert_array_equal(found["F(+)"], [9, 6, 5])
    np.testing.assert_array_equal(found["F(-)"], [7, np.nan, np.nan])
    again = found.xtal.stack_friedel().xtal.unstack_friedel()
    xr.testing.assert_identical(again.assign_attrs(found.attrs), found)


def test_variables_made_by_hand():
    ds = pairs().drop_vars(list(pairs().data_vars)).assign_coords(friedel=["+", "-"])
    for name, kind in {"F": "F", "SIGF": "Q", "I": "J", "SIGI": "Q", "E": "E"}.items():
        ds[name] = (("friedel", "hkl"), np.ones((2, 3)), {"mtz_type": kind})
    found = ds.xtal.unstack_friedel()
    assert {str(n): c.attrs["mtz_type"] for n, c in found.data_vars.items()} == {
        "F(+)": "G", "F(-)": "G", "SIGF(+)": "L", "SIGF(-)": "L", "I(+)": "K", "I(-)": "K",
        "SIGI(+)": "M", "SIGI(-)": "M", "E(+)": "E", "E(-)": "E",
    }  # fmt: skip
    assert "friedel" not in found.dims


def test_columns_stay_lazy():
    chunked = pairs().chunk(hkl=2)
    with nothing_computed():
        stacked = chunked.xtal.stack_friedel()
        back = stacked.xtal.unstack_friedel()
    xr.testing.assert_identical(stacked.compute(), pairs().xtal.stack_friedel())
    xr.testing.assert_identical(back.compute(), pairs().xtal.stack_friedel().xtal.unstack_friedel())


def test_labels():
    kinds = {
        "pdbx_F_plus": "G", "pdbx_F_minus": "G", "pdbx_I_plus_sigma": "M",
        "pdbx_I_minus_sigma": "M", "E(+)": "E", "E(-)": "E", "N(+)": "I", "N(-)": "I",
        "F+": "G", "F-": "G", "a+": "R", "a-": "R", "I(+)": "K",
    }  # fmt: skip
    ds = xr.Dataset({name: ("hkl", [1.0], {"mtz_type": kind}) for name, kind in kinds.items()})
    assert friedel_pairs(ds) == [
        ("pdbx_F_plus", "pdbx_F_minus"),
        ("pdbx_I_plus_sigma", "pdbx_I_minus_sigma"),
        ("E(+)", "E(-)"),
        ("N(+)", "N(-)"),
        ("F+", "F-"),
    ]
    assert friedel_mate(ds, "I(+)") is None
    assert friedel_mate(ds, "pdbx_F_minus") == "pdbx_F_plus"


def test_what_cannot_be_stacked():
    with pytest.raises(MissingColumnError, match=r"no columns of Friedel mates, such as F\(\+\)"):
        pairs()[["F"]].xtal.stack_friedel()
    with pytest.raises(XreflError, match="'F_anom', but there is such a variable; rename it"):
        pairs(F_anom=("hkl", [1, 2, 3])).xtal.stack_friedel()
    with pytest.raises(MissingColumnError, match="no variable has the dimension 'friedel'"):
        pairs().xtal.unstack_friedel()
    stacked = pairs().xtal.stack_friedel()
    with pytest.raises(MillerIndexError, match=r"must be \['\+', '-'\], found \['-'\]"):
        stacked.isel(friedel=[1]).xtal.unstack_friedel()
    with pytest.raises(XreflError, match=r"there is F\(-\) already"):
        stacked.assign({"F(-)": ("hkl", [1, 2, 3])}).xtal.unstack_friedel()
    observations = xr.Dataset({}, {name: ("obs", [1]) for name in "hkl"})
    for method in ("stack_friedel", "unstack_friedel"):
        with pytest.raises(NotMergedError, match="merge them first"):
            getattr(observations.xtal, method)()
