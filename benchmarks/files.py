"""Generated files of the sizes at which times are compared.

P 21 21 21, cell 150 170 190 Å, to 1.5 Å: 766,631 merged reflections with 11 columns (34 MB);
4,000,000 observations with 13 columns in 1800 batches (208 MB). They are made once, in the folder
``xrefl-benchmarks`` of the system's folder for temporary files.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

import xrefl

CELL = (150.0, 170.0, 190.0, 90.0, 90.0, 90.0)
GROUP = "P 21 21 21"
FOLDER = Path(tempfile.gettempdir()) / "xrefl-benchmarks"
OBSERVATIONS, BATCHES = 4_000_000, 1800


def merged() -> Path:
    """Return the merged file."""
    path = FOLDER / "merged.mtz"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rng = np.random.default_rng(1)
        h, k, l = xrefl.miller_indices(CELL, GROUP, 1.5).T
        index = xrefl.HKLIndex.from_miller(h, k, l, cell=CELL, spacegroup=GROUP)
        types = {"FP": "F", "SIGFP": "Q", "I": "J", "SIGI": "Q", "FC": "F", "PHIC": "P", "FOM": "W"}
        variables = {"FREE": ("hkl", rng.integers(0, 20, len(h)), {"mtz_type": "I"})}
        missing = rng.random(len(h)) < 0.02
        for name, kind in types.items():
            values = rng.gamma(2, 50, len(h)).astype(np.float32)
            values[missing] = np.nan
            variables[name] = ("hkl", values, {"mtz_type": kind})
        xr.Dataset(variables, coords=index.coordinates()).xtal.to_mtz(path)
    return path


def unmerged() -> Path:
    """Return the unmerged file."""
    path = FOLDER / "unmerged.mtz"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        rng = np.random.default_rng(2)
        hkl = xrefl.miller_indices(CELL, GROUP, 1.5)
        hkl = hkl[np.sort(rng.integers(0, len(hkl), OBSERVATIONS))]
        columns = {
            "M/ISYM": ("Y", rng.integers(1, 9, OBSERVATIONS)),
            "BATCH": ("B", rng.integers(1, BATCHES + 1, OBSERVATIONS)),
        }
        for name, kind in {"I": "J", "SIGI": "Q"}.items():
            columns[name] = (kind, rng.gamma(2, 50, OBSERVATIONS))
        for name in ("FRACTIONCALC", "XDET", "YDET", "ROT", "LP"):
            columns[name] = ("R", rng.gamma(2, 50, OBSERVATIONS))
        columns["FLAG"] = ("I", np.zeros(OBSERVATIONS))
        start = np.arange(BATCHES) * 0.1
        ds = xr.Dataset(
            {name: ("obs", values, {"mtz_type": kind}) for name, (kind, values) in columns.items()},
            coords={
                "h": ("obs", hkl[:, 0]),
                "k": ("obs", hkl[:, 1]),
                "l": ("obs", hkl[:, 2]),
                "batch": np.arange(1, BATCHES + 1),
                "batch_title": ("batch", [f"Batch {i + 1}" for i in range(BATCHES)]),
                "batch_axes": ("batch", ["PHI"] * BATCHES),
                "batch_dataset_id": ("batch", np.ones(BATCHES, np.int32)),
                "batch_phi_start": ("batch", start),
                "batch_phi_end": ("batch", start + 0.1),
            },
            attrs={"cell": list(CELL), "spacegroup": GROUP},
        )
        ds.xtal.to_mtz(path)
    return path
