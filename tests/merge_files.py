"""Files of observations for the tests of the command merge."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr

import xrefl

MODEL = xrefl.tutorial.path("5wkd", kind="model")


@cache
def observed() -> xr.Dataset:
    """Return 3,000 observations, two of them without σ, and one far off."""
    ds = xrefl.simulate_unmerged(xrefl.open_model(MODEL), dmin=1.9, multiplicity=9, n_batches=4)
    ds = ds.drop_vars("I_TRUE").load()
    sigma, intensity = ds["SIGI"].copy(), ds["I"].copy()
    sigma[[5, 50]] = [-1.0, np.nan]
    intensity[100] += 50 * sigma[100]
    return ds.assign(SIGI=sigma, I=intensity)


def partial() -> tuple[xr.Dataset, dict[str, int]]:
    """Return observations of which some have parts in two batches, and what there is of them."""
    ds = xrefl.simulate_unmerged(xrefl.open_model(MODEL), dmin=2.5, multiplicity=6, n_batches=4)
    ds = ds.drop_vars("I_TRUE").load()
    keys = np.stack([ds[name].values for name in ("h", "k", "l", "M/ISYM")])
    _, divided = np.unique(keys, axis=1, return_index=True)  # no two of the same indices
    divided = divided[ds["BATCH"].values[divided] < 4]
    rows = np.sort(np.concatenate([np.arange(ds.sizes["obs"]), divided]), kind="stable")
    second = np.append(False, np.diff(rows) == 0)
    flagged = np.isin(rows, divided)
    share = np.where(flagged, np.where(second, 0.25, 0.75), 1.0).astype(np.float32)
    share[np.flatnonzero(flagged)[:10:2]] = 0.25  # these five are not whole
    out = ds.isel(obs=rows)
    out["I"] = out["I"].copy(data=out["I"].values * share)
    out["M/ISYM"] = out["M/ISYM"].copy(data=out["M/ISYM"].values + 256 * flagged)
    out["BATCH"] = out["BATCH"].copy(data=out["BATCH"].values + second)
    counts = {
        "rows": len(rows),
        "merged": ds.sizes["obs"] - 5,
        "further": len(divided) - 5,
        "left": 10,
    }
    return out.assign(FRACTIONCALC=("obs", share, {"mtz_type": "R"})), counts


def write(place: Path) -> Path:
    """Write the observations in each format."""
    observed().xtal.to_mtz(place / "in.mtz")
    observed().xtal.to_zarr(place / "in.zarr")
    xrefl.to_refln_cif(observed(), place / "in.cif")
    return place
