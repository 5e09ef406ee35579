"""Columns that belong together, and columns of other reflections."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from tests.structures import Structure, assert_same_columns, with_all_types
from tests.test_algebra import CELL, miller, one_of_each
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalMismatchError, FormatError, MissingColumnError, XreflError


def test_value_and_sigma_are_both_there_or_neither():
    index = xrefl.HKLIndex.from_miller([1, 2, 3], [0, 0, 0], [0, 0, 0])
    ds = xr.Dataset(
        {"F": ("hkl", [1, np.nan, 3]), "S": ("hkl", [0.1, 0.2, np.nan])}, index.coordinates()
    )
    found = ds.xtal.value_sigma("F", "S")
    assert list(found.data_vars) == ["value", "sigma"]
    np.testing.assert_array_equal(found.value, [1, np.nan, np.nan])
    np.testing.assert_array_equal(found.sigma, [0.1, np.nan, np.nan])
    assert found.dropna("hkl").sizes["hkl"] == 1
    with nothing_computed():
        lazy = ds.chunk(hkl=2).xtal.value_sigma("F", "S")
    xr.testing.assert_identical(lazy.compute(), found)
    with pytest.raises(MissingColumnError, match="no column 'FP'; the columns are F, S"):
        ds.xtal.value_sigma("FP", "S")
    with pytest.raises(FormatError, match="'T' is of <U1, not of numbers"):
        ds.assign(T=("hkl", ["a", "b", "c"])).xtal.value_sigma("F", "T")


def test_the_grid_value_of_the_reference():
    path = xrefl.tutorial.path("5wkd", kind="sf-mmcif")
    ds = xr.open_dataset(path)
    f = ds.xtal.structure_factor("pdbx_FWT", "pdbx_PHWT")
    value = f.sel(hkl=(7, 1, -5)).item() if (7, 1, -5) in map(tuple, miller(ds)) else None
    if value is None:  # the file has an equivalent: 7 1 -5 and -7 1 5 by the twofold axis
        value = f.sel(hkl=(-7, 1, 5)).item()
    assert value == pytest.approx(31.747737884521484 - 57.06287384033203j, rel=1e-6)
    assert f.sel(hkl=(-6, 2, 5)).item() == pytest.approx(-1.3769412 - 0.19008657j, rel=1e-5)


def test_structure_factors_and_back():
    ds = xrefl.tutorial.open("5wkd").load()
    ds["PHWT"][3] = np.nan
    f = ds.xtal.structure_factor("FWT", "PHWT")
    assert f.dtype == np.complex64
    assert np.isnan(f[3].real)
    both = f.xtal.amplitude_phase(amplitude="FWT", phase="PHWT")
    np.testing.assert_allclose(both.FWT, ds.FWT.where(ds.PHWT.notnull()), rtol=1e-6)
    turn = np.exp(1j * np.radians((both.PHWT - ds.PHWT).values.astype(float)))
    np.testing.assert_allclose(turn[ds.PHWT.notnull()], 1, atol=1e-5)
    assert (both.FWT.attrs["mtz_type"], both.PHWT.attrs["mtz_type"]) == ("F", "P")
    assert both.PHWT.dtype == np.float32
    with nothing_computed():
        lazy = ds.chunk(hkl=50).xtal.structure_factor("FWT", "PHWT")
        lazy_both = lazy.xtal.amplitude_phase(amplitude="FWT", phase="PHWT")
    xr.testing.assert_identical(lazy.compute(), f)
    xr.testing.assert_identical(lazy_both.compute(), both)
    cif = xr.open_dataset(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
    assert cif.xtal.structure_factor("pdbx_FWT", "pdbx_PHWT").dtype == np.complex128
    with pytest.raises(FormatError, match="FP is not a column of phases: its mtz_type is 'F'"):
        ds.xtal.structure_factor("FWT", "FP")
    with pytest.raises(FormatError, match="expected structure factors"):
        ds.FP.xtal.amplitude_phase()


@given(st.sampled_from(["P 1", "P 1 21 1", "P 41 21 2", "R 3:R", "F d d 2"]), st.integers(0, 99))
def test_columns_come_to_equivalent_indices(name, seed):
    """Other indices, another order, an overlap, and Friedel mates."""
    group = SpaceGroup(name)
    structure = Structure.random(group, seed)
    rng = np.random.default_rng(seed)
    ours, theirs = (one_of_each(group, int(s)) for s in rng.integers(0, 2**31, 2))
    ours, theirs = ours[rng.random(len(ours)) < 0.8], theirs[rng.random(len(theirs)) < 0.8]
    ds = with_all_types(structure, ours, CELL)
    other = with_all_types(structure, theirs, CELL)
    found = ds[["F"]].xtal.add(other.drop_vars("F"))
    assert (miller(found) == ours).all()
    in_both = {tuple(h) for h in group.to_asu(theirs)[0].tolist()}
    present = np.array([tuple(h) in in_both for h in group.to_asu(ours)[0].tolist()])
    assert found.FOM.notnull().values.tolist() == present.tolist()
    assert_same_columns(found.isel(hkl=present), ds.isel(hkl=present))


def test_plain_alignment_pairs_equal_indices():
    ds = xrefl.tutorial.open("5wkd").load()
    other = ds[["FC"]].isel(hkl=np.random.default_rng(0).permutation(367)[:200])
    found = ds.drop_vars("FC").assign(FC=other.FC)
    assert int(found.FC.notnull().sum()) == 200
    present = found.FC.notnull().values
    assert (found.FC.values[present] == ds.FC.values[present]).all()
    xr.testing.assert_equal(ds.drop_vars("FC").xtal.add(other), found)


def test_missing_values_have_the_types_of_files():
    ds = xrefl.tutorial.open("5wkd").load()[["FP", "FREE"]]
    part = ds.isel(hkl=slice(0, 5)).assign(
        status=("hkl", np.array(["o", "f", "o", "o", "o"])), chosen=("hkl", np.ones(5, bool))
    )
    bare = ds.drop_vars(list(ds.data_vars))
    found = bare.xtal.add(part)
    assert found.FREE.dtype == np.float32
    assert found.FREE.attrs == ds.FREE.attrs
    assert int(found.FREE.isnull().sum()) == 362
    assert found.status.values[[1, 6]].tolist() == ["f", ""]
    assert found.chosen.dtype == bool
    assert found.chosen.sum() == 5
    whole = ds[["FP"]].xtal.add(ds, columns=["FREE"])
    assert whole.FREE.dtype == np.int32
    assert whole.attrs["history"][0] == "columns FREE added from other reflections"
    with nothing_computed():
        lazy = bare.xtal.add(part.chunk(hkl=2))
    xr.testing.assert_identical(lazy.compute(), found)


def test_what_cannot_be_added():
    ds = xrefl.tutorial.open("5wkd")
    with pytest.raises(XreflError, match="there is a column 'FREE' already; drop it first, or re"):
        ds.xtal.add(ds)
    with pytest.raises(MissingColumnError, match="has no column 'HLA'"):
        ds.xtal.add(ds, columns=["HLA"])
    with pytest.raises(CrystalMismatchError, match="unit cells"):
        ds.xtal.add(xrefl.tutorial.open("5e5z"))
