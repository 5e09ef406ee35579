"""Maps, grids and reflections in chunks: as those in memory, and in little memory."""

from __future__ import annotations

import io
import tracemalloc

import dask
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from tests.test_maps import GROUPS, random_structure_factors

CHUNKS = [{"z": 5}, {"x": 4}, {"y": 7}, {"x": 6, "y": 5, "z": 9}, 8, {}, "auto", "4kiB"]


def close(lazy, expected):
    """Assert that values are the same to the rounding of single precision."""
    assert (
        lazy.dims == expected.dims and lazy.dtype == expected.dtype and lazy.attrs == expected.attrs
    )
    xr.testing.assert_equal(lazy.coords.to_dataset(), expected.coords.to_dataset())
    scale = float(abs(expected).max())
    np.testing.assert_allclose(lazy.compute(), expected, rtol=0, atol=1e-6 * scale)


@pytest.fixture(scope="module")
def ds():
    return random_structure_factors("P 43 21 2", GROUPS["P 43 21 2"])


@pytest.mark.parametrize("name", GROUPS)
def test_maps_in_chunks(name):
    ds = random_structure_factors(name, GROUPS[name])
    expected = ds.xtal.to_map("F", "PHI", sample_rate=3)
    for chunks in ({"z": 5}, {"x": 7}, {"y": 4}):
        with nothing_computed():
            rho = ds.xtal.to_map("F", "PHI", sample_rate=3, chunks=chunks)
        ((dim, size),) = chunks.items()
        assert rho.chunksizes[dim][0] == size and len(rho.chunksizes[dim]) > 1
        close(rho, expected)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("lazy", [False, True])
def test_any_chunks(ds, chunks, lazy):
    expected = ds.xtal.to_map("C", sample_rate=3)
    grid = ds.xtal.to_grid("C", sample_rate=3, half_l=True)
    source = ds.chunk(hkl=100) if lazy else ds
    names = dict(zip("xyz", "hkl", strict=True))
    of_grid = {names[k]: v for k, v in chunks.items()} if isinstance(chunks, dict) else chunks
    with nothing_computed():
        rho = source.xtal.to_map("C", sample_rate=3, chunks=chunks)
        filled = source.xtal.to_grid("C", sample_rate=3, half_l=True, chunks=of_grid)
        patterson = source.assign(F=source.F.assign_attrs(mtz_type="F")).xtal.to_patterson(
            "F", sample_rate=3, chunks=chunks
        )
    assert rho.chunks is not None and filled.chunks is not None
    assert (
        rho.chunks
        == xr.zeros_like(expected)
        .chunk({"z": chunks} if isinstance(chunks, str) else chunks)
        .chunks
    )
    close(rho, expected)
    xr.testing.assert_identical(filled.compute(), grid)
    close(
        patterson,
        ds.assign(F=ds.F.assign_attrs(mtz_type="F")).xtal.to_patterson("F", sample_rate=3),
    )


def test_lazy_columns_give_chunks_of_the_usual_size(ds):
    with dask.config.set({"array.chunk-size": "20kiB"}):
        rho = ds.chunk().xtal.to_map("C", sample_rate=3)
        assert len(rho.chunksizes["z"]) > 1 and len(rho.chunksizes["x"]) == 1
    close(rho, ds.xtal.to_map("C", sample_rate=3))


@pytest.mark.parametrize("name", GROUPS)
def test_reflections_of_maps_in_chunks(name):
    ds = random_structure_factors(name, GROUPS[name])
    rho = ds.xtal.to_map("C", sample_rate=3)
    grid = rho.xtal.to_grid()
    half = rho.xtal.to_grid(half_l=True)
    options = [
        {"dmin": 2.6},
        {},
        {"with_000": True, "with_absent": True, "dmin": 2.5},
        {"unblur": 9.0},
    ]
    for one in options:
        expected = rho.xtal.to_structure_factors(**one)
        f = expected.xtal.structure_factor("F", "PHI")
        scale = float(abs(f).max())
        for source in (
            rho.chunk(z=5),
            rho.chunk(x=3),
            rho.chunk(y=2, z=7),
            grid.chunk(h=5),
            grid.chunk(k=4, l=3),
            half.chunk(h=5, l=3),
        ):
            with nothing_computed():
                lazy = source.xtal.to_structure_factors(**one)
            assert lazy.F.chunks is not None and lazy.F.dtype == np.float32
            xr.testing.assert_equal(lazy.hkl, expected.hkl)
            values = lazy.compute().xtal.structure_factor("F", "PHI")
            np.testing.assert_allclose(values, f, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("size", [(9, 10, 7), (8, 9, 10), (1, 1, 2), (2, 1, 5), (6, 6, 6)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grids_and_maps_of_any_size(size, dtype):
    values = np.random.default_rng(1).normal(size=size).astype(dtype)
    coords = {name: np.arange(n) / n for name, n in zip("xyz", size, strict=True)}
    attrs = {"cell": [10.0, 11.0, 12.0, 80.0, 85.0, 95.0], "spacegroup": "P 1", "grid": list(size)}
    rho = xr.DataArray(values, coords, attrs=attrs, name="map")
    for half in (False, True) if size[2] % 2 == 0 else (False,):
        expected = rho.xtal.to_grid(half_l=half)
        for chunks in ({"z": 2}, {"x": 3, "y": 2}, {"y": 4}):
            with nothing_computed(), dask.config.set({"array.chunk-size": "1kiB"}):
                grid = rho.chunk(chunks).xtal.to_grid(half_l=half)
                back = grid.xtal.to_map()
            if size == (8, 9, 10):
                assert len(grid.chunksizes["k"]) > 1 and len(back.chunksizes["x"]) > 1
            close(grid, expected)
            np.testing.assert_allclose(back.compute(), rho, atol=1e-6)
            assert back.dtype == np.float32
        with nothing_computed():
            cut = expected.chunk(l=2, h=1).xtal.to_map()
        close(cut, expected.xtal.to_map())
    full = rho.xtal.to_structure_factors(with_000=True)
    lazy = rho.chunk(x=1, z=1).xtal.to_structure_factors(with_000=True)
    assert lazy.F.dtype == full.F.dtype
    rounding = 1e-6 if dtype is np.float32 else 1e-13
    np.testing.assert_allclose(lazy.F, full.F, rtol=0, atol=rounding * float(full.F.max()))


def test_files_and_stores(ds, tmp_path):
    expected = ds.xtal.to_map("C", sample_rate=3)
    rho = ds.xtal.to_map("C", sample_rate=3, chunks={"z": 6})
    for chunks in ({"z": 6}, {"x": 5}):
        file = io.BytesIO()
        ds.xtal.to_map("C", sample_rate=3, chunks=chunks).xtal.to_ccp4(file)
        np.testing.assert_allclose(
            xrefl.open_ccp4(file.getvalue()), expected, atol=1e-6 * float(expected.max())
        )
        read = xrefl.open_ccp4(file.getvalue(), chunks={"z": 4})
        back = read.xtal.to_structure_factors(dmin=2.6)
        direct = expected.xtal.to_structure_factors(dmin=2.6)
        np.testing.assert_allclose(back.F, direct.F, atol=1e-5 * float(direct.F.max()))
    rho.to_zarr(tmp_path / "map.zarr", consolidated=False)
    with xr.open_dataarray(
        tmp_path / "map.zarr", engine="zarr", chunks={}, consolidated=False
    ) as stored:
        assert stored.chunksizes["z"][0] == 6
        np.testing.assert_allclose(stored, expected, atol=1e-6 * float(expected.max()))
        again = stored.xtal.to_structure_factors(dmin=2.6)
        np.testing.assert_allclose(again.F, direct.F, atol=1e-5 * float(direct.F.max()))


def test_no_such_chunks(ds):
    with pytest.raises(ValueError, match=r"chunks has \['h'\], but the dimensions are \('x', 'y'"):
        ds.xtal.to_map("C", chunks={"h": 4})
    with pytest.raises(ValueError, match=r"chunks has \['z'\], but the dimensions are \('h', 'k'"):
        ds.xtal.to_grid("C", chunks={"z": 4})


def test_maps_larger_than_what_is_used_of_memory(tmp_path):
    ds = random_structure_factors("P 21 21 21", (90, 100, 110, 90, 90, 90), dmin=4.5)
    size, path = (200, 240, 240), tmp_path / "map.ccp4"
    bytes_of_map = 4 * 200 * 240 * 240
    small = ds.xtal.to_map("C", min_size=(4, 4, 4), chunks={"z": 20})
    small.xtal.to_structure_factors(dmin=9).compute()  # compiles kernels
    tracemalloc.start()
    ds.xtal.to_map("C", exact_size=size, chunks={"z": 8}).xtal.to_ccp4(path)
    _, written = tracemalloc.get_traced_memory()
    with dask.config.set(num_workers=2):
        tracemalloc.reset_peak()
        read = xrefl.open_ccp4(path, chunks={"z": 8})
        back = read.xtal.to_structure_factors(dmin=4.5).compute()
        _, transformed = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        ds.xtal.to_map("C", exact_size=size, chunks={"z": 8}).to_zarr(
            tmp_path / "map.zarr", consolidated=False
        )
        _, stored = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > bytes_of_map
    assert written < bytes_of_map / 5
    assert transformed < bytes_of_map / 4
    assert stored < bytes_of_map * 0.4
    f = back.xtal.structure_factor("F", "PHI")
    np.testing.assert_allclose(f, ds.C, rtol=0, atol=1e-6 * float(abs(ds.C).max()))
