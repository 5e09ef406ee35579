"""Write unmerged MTZ files of any size: ``python benchmarks/large_files.py 20 --order hkl``.

The crystal and the columns are those of the unmerged file in `files.py`: P 21 21 21, cell 150 170
190 Å, to 1.5 Å, 1800 batches, 13 columns, 52 bytes for each observation. The observations are
simulated while they are written, so that memory does not grow with the file. The intensities fall
off with B = 25 Å², and the noise is that of `xrefl.Noise()`.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import dask
import numpy as np
import xarray as xr
from files import BATCHES, CELL, FOLDER, GROUP

import xrefl

CHUNK = 2**19  # rows; a chunk and the one that is being written stay small


def observations(millions: float, order: str = "batch") -> xr.Dataset:
    """Return some million observations, lazy, with 13 columns."""
    h, k, l = xrefl.miller_indices(CELL, GROUP, 1.5).T
    index = xrefl.HKLIndex.from_miller(h, k, l, cell=CELL, spacegroup=GROUP)
    truth = xr.Dataset(coords=index.coordinates())
    falloff = np.exp(-12.5 * truth.xtal.inv_d2().values)
    values = np.random.default_rng(1).exponential(1000.0, len(h)) * falloff
    truth["I"] = ("hkl", values, {"mtz_type": "J"})
    ds = xrefl.simulate_unmerged(
        truth,
        multiplicity=millions * 1e6 / len(h),
        n_batches=BATCHES,
        order=order,
        chunks=CHUNK,
    ).drop_vars("I_TRUE")
    # What integration programs write beside, cheap to calculate: where a spot was, and when.
    turn = np.float32(180 / BATCHES)
    more = {
        "FRACTIONCALC": ("R", xr.ones_like(ds.I)),
        "XDET": ("R", (ds.h * np.float32(9.5)) % np.float32(2000)),
        "YDET": ("R", (ds.l * np.float32(7.5)) % np.float32(2000)),
        "ROT": ("R", (ds.BATCH - np.float32(0.5)) * turn),
        "LP": ("R", xr.full_like(ds.I, 0.5)),
        "FLAG": ("I", xr.zeros_like(ds.I)),
    }
    columns = {
        name: column.drop_attrs().assign_attrs(mtz_type=kind, dataset_id=1)
        for name, (kind, column) in more.items()
    }
    return ds.assign(columns)


def write(millions: float, order: str, path: Path) -> None:
    # One chunk after the other, with the kernel on all cores: dask's threads would wait for chunks
    # that are not needed yet.
    with dask.config.set(scheduler="synchronous"):
        observations(millions, order).xtal.to_mtz(path)


def large_file(millions: float, order: str = "batch") -> Path:
    """Return a file of some million observations, which is made once."""
    path = FOLDER / f"unmerged-{millions:g}M-{order}.mtz"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        write(millions, order, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description="Write an unmerged MTZ file.")
    parser.add_argument("millions", type=float, help="millions of observations")
    parser.add_argument("--order", choices=("batch", "hkl"), default="batch")
    parser.add_argument("-o", "--output", type=Path, help="by default in a folder for such files")
    options = parser.parse_args()
    start = time.perf_counter()
    path = options.output
    if path is None:
        path = large_file(options.millions, options.order)
    else:
        write(options.millions, options.order, path)
    seconds, size = time.perf_counter() - start, path.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path}: {size / 1e6:,.0f} MB in {seconds:.1f} s, {size / 1e6 / seconds:.0f} MB/s, "
        f"peak memory {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main()
