"""Maps and grids with something out of order: an error of ours or a result, and no change."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import xarray as xr

from xrefl.errors import XreflError

SIZE = (4, 5, 6)
VALUES = [
    None, 5, "x", [1, 2, 3], [0, 0, 0], [4, 5, 6], [1, 2], {}, np.array([4, 5, 6.0]), [np.nan] * 3,
    ["a", "b", "c"], "P 21 21 21", [4, 5, 6, 90, 90, 90], [[1, 2, 3]], -1,
]  # fmt: skip
METHODS = {
    "to_map": {}, "to_grid": {"half_l": True}, "to_structure_factors": {}, "normalize": {},
    "symmetrize": {}, "interpolate": {"points": [1, 2, 3]}, "complete_cell": {}, "d": {},
    "to_ccp4": {"path": io.BytesIO()}, "assign_crystal": {"cell": (10, 10, 10, 90, 90, 90)},
}  # fmt: skip


def a_map():
    values = np.random.default_rng(0).normal(size=SIZE).astype("f4")
    coords = {axis: np.arange(n) / n for axis, n in zip("xyz", SIZE, strict=True)}
    attrs = {"cell": [10, 11, 12, 90, 90, 90], "spacegroup": "P 1"}
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs)


def changed(obj, rng):
    """Return a map or grid with one thing out of order."""
    dim = rng.choice(obj.dims)
    n = obj.sizes[dim]
    kind = rng.randrange(7)
    if kind == 0:
        name = rng.choice(["cell", "spacegroup", "grid", "origin", "labels", "half_l"])
        return obj.assign_attrs({name: rng.choice(VALUES)})
    if kind == 1:
        return obj.isel({dim: slice(rng.randrange(3), rng.randrange(7))})
    if kind == 2:
        return obj.isel({dim: rng.randrange(min(n, 4))}) if n else obj
    if kind == 3:
        return obj.drop_vars(dim, errors="ignore")
    if kind == 4:
        other = rng.choice(["f8", "i4", "bool", "U3", "f2", "M8[s]"])
        return obj.real.astype(other).assign_attrs(obj.attrs)
    if kind == 5:
        at = np.arange(n)
        others = [at, at / 9, at[::-1] / 4, at + 1j, np.zeros(n), np.full(n, np.nan)]
        return obj.assign_coords({dim: rng.choice(others)})
    return obj.rename({dim: f"{dim}2"})


@pytest.mark.parametrize("seed", range(4))
def test_nothing_but_our_errors(seed):
    rng = random.Random(seed)
    rho = a_map()
    whole = [rho, rho.xtal.to_grid(), rho.xtal.to_grid(half_l=True)]
    refused = 0
    for _ in range(200):
        obj = changed(rng.choice(whole), rng)
        before = obj.copy(deep=True)
        name = rng.choice(list(METHODS))
        try:
            getattr(obj.xtal, name)(**METHODS[name])
        except XreflError as error:
            refused += 1
            assert len(str(error)) > 20
        xr.testing.assert_identical(obj, before)
    assert 50 < refused < 195
