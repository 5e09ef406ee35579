"""
From images to merged data
==========================

Unmerged files have one row for each observation and a header for each image. What is in them, are
all images good, and what do they make when merged?
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# Simulated: the peptide of the PDB entry 5WKD on 60 images, of which ten are weaker, as if the
# crystal had been out of the beam, and a hundredth of the observations are wrong.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
scales = np.where((np.arange(60) >= 30) & (np.arange(60) < 40), 0.6, 1.0)
noise = xrefl.Noise(outliers=0.01)
simulated = xrefl.simulate_unmerged(
    model, dmin=1.5, multiplicity=20, n_batches=60, scales=scales, noise=noise
)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "unmerged.mtz")
simulated.drop_vars(["I_TRUE", "OUTLIER"]).xtal.to_mtz(path)

# %%
# Opened, nothing is read but headers. Those of images are along ``batch``.

ds = xrefl.open_mtz(path)
print(ds.xtal.is_merged, dict(ds.sizes))
first = ds.sel(batch=1)
print(f"batch 1: {first.batch_phi_start.item()}° to {first.batch_phi_end.item()}°")
print(f"axis {first.batch_axes.item()}, data set {first.batch_dataset_id.item()}")

# %%
# The file has indices of the asymmetric unit, with M/ISYM to tell where they come from. Those at
# which the observations were made are calculated.

original = ds.xtal.to_original_hkl()
columns = ["h", "k", "l", "I", "SIGI"]
print(ds[columns].isel(obs=slice(3)).to_dataframe()[columns].round(1))
print(original[columns].isel(obs=slice(3)).to_dataframe()[columns].round(1))

# %%
# By image: ten have another scale, and a worse R.

batches = ds.xtal.batch_statistics()
batches.xtal.plot.batch("scale", "r_meas", "i_over_sigma")

# %%
# Without these, and without outliers, all is better. Selections of rows are those of xarray.

good = ds.isel(obs=~((ds.BATCH > 30) & (ds.BATCH <= 40)).values)
for name, data, reject in [
    ("all", ds, None),
    ("good images", good, None),
    ("no outliers", good, 6),
]:
    stats = data.xtal.merging_statistics(shells=None, reject=reject)
    print(f"{name:12} R_meas {float(stats.r_meas):.3f}, χ² {float(stats.chi_square):.2f}")

# %%
# R factors and correlations by resolution.

merged, statistics = good.xtal.merge_with_statistics(shells=8, reject=6)
statistics.xtal.plot.r_factors()
print(merged[["IMEAN", "SIGIMEAN", "N"]].xtal.to_dataframe().head(3).round(1))
folder.cleanup()
plt.show()
