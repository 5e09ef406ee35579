"""Zarr stores and Parquet files, beside MTZ files of xrefl: python benchmarks/bench_store.py."""

from __future__ import annotations

import shutil

import files
import timing

import xrefl

MTZ, PARQUET = files.FOLDER / "stored.mtz", files.FOLDER / "stored.parquet"


def store(sort=None):
    """Return the path of a store, which is made once."""
    path = files.FOLDER / f"stored-{sort}.zarr"
    if not path.exists():
        xrefl.open_mtz(files.unmerged(), chunks={}).xtal.to_zarr(path, sort=sort)
    return path


def write_zarr(sort=None):
    ds = xrefl.open_mtz(files.unmerged(), chunks={})
    path = files.FOLDER / "written.zarr"
    return lambda: ds.xtal.to_zarr(path, sort=sort, overwrite=True)


def write_sorted():
    return write_zarr("hkl")


def write_parquet():
    ds = xrefl.open_mtz(files.unmerged(), chunks={})
    return lambda: ds.xtal.to_parquet(PARQUET)


def write_mtz():
    ds = xrefl.open_mtz(files.unmerged(), chunks={})
    return lambda: ds.xtal.to_mtz(MTZ)


def open_zarr():
    path = store()
    return lambda: xrefl.open_zarr(path)


def open_mtz():
    path = files.unmerged()
    return lambda: xrefl.open_mtz(path)


def read_zarr():
    path = store()
    return lambda: xrefl.open_zarr(path).load()


def read_mtz():
    path = files.unmerged()
    return lambda: xrefl.open_mtz(path).load()


def read_parquet():
    if not PARQUET.exists():
        write_parquet()()
    return lambda: xrefl.open_parquet(PARQUET).load()


def range_of_zarr():
    path = store("resolution")
    return lambda: xrefl.open_zarr(path, dmin=1.6, dmax=1.7).load()


def range_of_mtz():
    path = files.unmerged()
    return lambda: xrefl.open_mtz(path).xtal.sel_resolution(dmin=1.6, dmax=1.7).load()


def mean_of_zarr():
    path = store()
    return lambda: xrefl.open_zarr(path, chunks={}).I.mean().compute()


def mean_of_mtz():
    path = files.unmerged()
    return lambda: xrefl.open_mtz(path, chunks={}).I.mean().compute()


COMPARISONS = (
    ("open 4,000,000 x 13 observations in Zarr", open_zarr, open_mtz),
    ("read all, Zarr", read_zarr, read_mtz),
    ("read all, Parquet", read_parquet, read_mtz),
    ("mean of a column, Zarr", mean_of_zarr, mean_of_mtz),
    ("read 1.7 to 1.6 Å, Zarr sorted by resolution", range_of_zarr, range_of_mtz),
    ("read MTZ and write, Zarr", write_zarr, write_mtz),
    ("read MTZ and write, Zarr sorted by h, k, l", write_sorted, write_mtz),
    ("read MTZ and write, Parquet", write_parquet, write_mtz),
)


if __name__ == "__main__":
    for folder in files.FOLDER.glob("stored*.zarr"):
        shutil.rmtree(folder)  # of another version, perhaps
    print("| | here | MTZ with xrefl | MTZ / here |\n|---|---|---|---|", flush=True)
    for name, case, mtz_case in COMPARISONS:
        ours, theirs = timing.compare(case, mtz_case)
        print(f"| {name} | {ours:.3g} ms | {theirs:.3g} ms | {theirs / ours:.1f} |", flush=True)
    for path in (files.unmerged(), PARQUET, store(), store("hkl"), store("resolution")):
        size = sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())
        print(f"{path.name}: {size / 1e6:.0f} MB")
