"""
Merging more than memory holds
==============================

Observations of a long experiment may be larger than the memory of a computer. How are they merged,
and how good are they?
"""

from __future__ import annotations

import matplotlib.pyplot as plt

import xrefl

# %%
# Simulated observations: atoms of the PDB entry 5WKD in a larger cell, and with more motion. With
# ``chunks`` nothing is calculated yet, as nothing would have been read of a file that was opened
# so.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
model = model.assign(b_iso=model.b_iso + 15)
model = model.xtal.assign_crystal(cell=(40, 45, 50, 90, 90, 90), spacegroup="P 21 21 21")
ds = xrefl.simulate_unmerged(
    model, dmin=1.75, multiplicity=30, noise=xrefl.Noise(counts=20), chunks=2**16
)
print(ds.I)

# %%
# Corrections stay lazy as well: they are applied to a chunk when it is its turn.

polarized = ds.assign(I=ds.I * 1.02, SIGI=ds.SIGI * 1.02)
print(type(polarized.I.data).__name__, f"of {polarized.I.data.npartitions} chunks")

# %%
# Merging and its statistics go over the chunks twice, on all processors. Memory holds the unique
# reflections and the chunks in use, whatever the number of observations.

merged, statistics = polarized.xtal.merge_with_statistics(shells=20)
print(f"{ds.sizes['obs']:,} observations ({ds.nbytes / 1e6:.0f} MB)")
print(f"{merged.sizes['hkl']:,} reflections ({merged.nbytes / 1e6:.1f} MB)")

# %%
# The table of a paper has overall values and those of the outermost shell.

table = xrefl.statistics_table(statistics)
columns = ["dmax", "dmin", "multiplicity", "completeness", "r_meas", "i_over_sigma", "cc_half"]
print(table[columns].iloc[[0, -2, -1]].T.round(3))

# %%
# Where is the limit of the data? By CC1/2 farther out than by R.

limits = xrefl.resolution_estimate(statistics)
print(limits.d.to_series().round(2))
statistics.xtal.plot.cc_half()
plt.show()
