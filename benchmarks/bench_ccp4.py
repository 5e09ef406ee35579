"""Maps of 300 x 360 x 384 points in files, beside gemmi: python benchmarks/bench_ccp4.py."""

from __future__ import annotations

import files
import numpy as np
import timing

SIZE = (300, 360, 384)
CELL = (90, 100, 110, 90, 90, 90)
LARGE = (400, 800, 800)


def ccp4_map():
    """Return the path of a map of 166 MB."""
    return _made("map.ccp4", SIZE)


def large():
    """Return the path of a map of 1 GB."""
    return _made("large.ccp4", LARGE)


def _made(name, size):
    import xarray as xr

    import xrefl  # registers the accessors

    assert xrefl
    path = files.FOLDER / name
    if not path.exists():
        values = np.random.default_rng(1).normal(size=size).astype(np.float32)
        attrs = {"cell": CELL, "spacegroup": "P 21 21 21"}
        xr.DataArray(values, dims=("x", "y", "z"), attrs=attrs).xtal.to_ccp4(path)
    return path


def read():
    import xrefl

    path = ccp4_map()
    return lambda: xrefl.open_ccp4(path).load()


def gemmi_read():
    import gemmi

    path = str(ccp4_map())
    return lambda: gemmi.read_ccp4_map(path, setup=True)


def read_a_section():
    import xrefl

    path = ccp4_map()
    return lambda: xrefl.open_ccp4(path).isel(z=100).load()


def write():
    import xrefl

    density = xrefl.open_ccp4(ccp4_map()).load()
    return lambda: density.xtal.to_ccp4(files.FOLDER / "ours.ccp4")


def write_z_fastest():
    import xrefl

    density = xrefl.open_ccp4(ccp4_map()).load()
    density = density.copy(data=np.ascontiguousarray(density.values))
    return lambda: density.xtal.to_ccp4(files.FOLDER / "ours.ccp4")


def gemmi_write():
    import gemmi

    ccp4 = gemmi.read_ccp4_map(str(ccp4_map()), setup=True)

    def function():
        ccp4.update_ccp4_header()
        ccp4.write_ccp4_map(str(files.FOLDER / "theirs.ccp4"))

    return function


def _asymmetric_unit():
    """Return the path of a quarter of the cell."""
    import xrefl

    path = files.FOLDER / "quarter.ccp4"
    if not path.exists():
        xrefl.open_ccp4(ccp4_map()).isel(z=slice(0, SIZE[2] // 4 + 1)).xtal.to_ccp4(path)
    return path


def complete():
    import xrefl

    path = _asymmetric_unit()
    return lambda: xrefl.open_ccp4(path).xtal.complete_cell()


def gemmi_complete():
    import gemmi

    path = str(_asymmetric_unit())
    return lambda: gemmi.read_ccp4_map(path, setup=True)


def open_large():
    import xrefl

    path = large()
    return lambda: xrefl.open_ccp4(path)


def gemmi_open_large():
    import gemmi

    path = str(large())
    return lambda: gemmi.read_ccp4_map(path)


COMPARISONS = (
    ("open a map of 1 GB", open_large, gemmi_open_large, "50 ms"),
    ("read 300 x 360 x 384", read, gemmi_read, ""),
    ("read one section of it", read_a_section, gemmi_read, ""),
    ("write it", write, gemmi_write, ""),
    ("write it, z running fastest in memory", write_z_fastest, gemmi_write, ""),
    ("read a quarter and complete the cell", complete, gemmi_complete, ""),
)


if __name__ == "__main__":
    files.FOLDER.mkdir(exist_ok=True)
    timing.table("gemmi", COMPARISONS)
