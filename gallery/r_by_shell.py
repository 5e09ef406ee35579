"""
R factors by shell
==================

One R factor for all data hides where a model is good and where it is not. How do data and model
agree at each resolution, and in the reflections that the model has not seen?
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd

import xrefl

# %%
# Data and structure factors of the PDB entry 5WKD, in four shells of equal volume in reciprocal
# space.

ds = xrefl.tutorial.open("5wkd")
shells = ds.xtal.shells(4, method="dstar3")
print(shells)

# %%
# What is calculated in groups takes them as ``by``. Reflections without a value do not count.

table = ds.xtal.correlation("FP", "FC_ALL", by=shells).to_dataframe()
table["<F/σ>"] = ds.xtal.i_over_sigma("FP", "SIGFP", by=shells)
table["R"] = ds.xtal.r_factor("FP", "FC_ALL", by=shells)
table["R_iso"] = ds.xtal.r_factor("FP", "FC_ALL", by=shells, riso=True)
print(table[["n", "cc", "mean_ratio", "<F/σ>", "R", "R_iso"]].round(4))

# %%
# Flags are groups as well. Which value means free is read from the flags, and the reason is told.

flags = ds.xtal.free_flag()
print(flags.attrs["free_value_reason"])
print(ds.xtal.r_factor("FP", "FC_ALL", by=flags).to_series())

# %%
# Both at once: with two groupings there are two dimensions.

both = ds.xtal.r_factor("FP", "FC_ALL", by=[shells, flags])
print(both.to_pandas().round(4))
share = (flags == flags.attrs["free_value"]).groupby(hkl=shells).mean()
print(pd.Series(100 * share, shells.labels, name="% free").round(2))

# %%
# In a picture: 22 free reflections in four shells say little, as the bars of one standard
# uncertainty tell. FC_ALL has not been brought to the scale of the data, nor is it here.

ds.xtal.plot.r_factor("FP", "FC_ALL", shells=shells)
plt.show()
