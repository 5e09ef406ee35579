"""Reading and writing MTZ files, beside gemmi: python benchmarks/bench_mtz.py."""

from __future__ import annotations

import files
import gemmi
import timing
import xarray as xr

import xrefl

OUTPUT = files.FOLDER / "written.mtz"


def open_and_load_merged():
    path = files.merged()
    return lambda: xr.open_dataset(path, engine="mtz").load()


def gemmi_merged():
    path = str(files.merged())
    return lambda: gemmi.read_mtz_file(path)


def open_unmerged():
    path = files.unmerged()
    return lambda: xr.open_dataset(path, engine="mtz")


def open_and_load_unmerged():
    path = files.unmerged()
    return lambda: xr.open_dataset(path, engine="mtz").load()


def compute_unmerged():
    path = files.unmerged()
    return lambda: xrefl.open_mtz(path, chunks={}).compute()


def mean_of_a_column():
    path = files.unmerged()
    return lambda: xrefl.open_mtz(path, chunks={}).I.mean().compute()


def gemmi_unmerged():
    path = str(files.unmerged())
    return lambda: gemmi.read_mtz_file(path)


def gemmi_mean_of_a_column():
    path = str(files.unmerged())
    return lambda: gemmi.read_mtz_file(path).column_with_label("I").array.mean()


def write_merged():
    ds = xr.open_dataset(files.merged(), engine="mtz").load()
    return lambda: ds.xtal.to_mtz(OUTPUT)


def gemmi_write_merged():
    mtz = gemmi.read_mtz_file(str(files.merged()))
    return lambda: mtz.write_to_file(str(OUTPUT))


def write_unmerged():
    ds = xrefl.open_mtz(files.unmerged(), chunks={})
    return lambda: ds.xtal.to_mtz(OUTPUT)


def gemmi_rewrite_unmerged():
    path = str(files.unmerged())
    return lambda: gemmi.read_mtz_file(path).write_to_file(str(OUTPUT))


COMPARISONS = (
    ("open and read merged, 766,631 x 11", open_and_load_merged, gemmi_merged, "1.0"),
    ("open unmerged, 4,000,000 x 13, lazily", open_unmerged, gemmi_unmerged, "20"),
    ("open and read unmerged", open_and_load_unmerged, gemmi_unmerged, "1.5"),
    ("open and read unmerged, dask", compute_unmerged, gemmi_unmerged, ""),
    ("mean of one unmerged column, dask", mean_of_a_column, gemmi_mean_of_a_column, ""),
    ("write merged", write_merged, gemmi_write_merged, ""),
    ("read and write unmerged, streamed", write_unmerged, gemmi_rewrite_unmerged, ""),
)


if __name__ == "__main__":
    timing.table("gemmi", COMPARISONS)
