"""
Signal against resolution
=========================

The ratio of all intensities to their standard deviations, in one picture, tells how strong the data
are, how far they reach, and whether something is wrong with them, such as rings of ice.
"""

# sphinx_gallery_thumbnail_number = 3
from __future__ import annotations

import matplotlib.pyplot as plt

import xrefl
from xrefl.quality.ice import ICE_RINGS

# %%
# The data of the PDB entry 5E5Z are few: each reflection is a dot.

small = xrefl.tutorial.open("5e5z")
print(f"largest I/σ: {float((small.I / small.SIGI).max()):.1f}")
small.xtal.plot.i_over_sigma("I", "SIGI")

# %%
# Simulated observations of a larger crystal: atoms of the PDB entry 5WKD, in another cell. Two
# rings of ice add to the background that was subtracted: too much on one, too little on the other.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
model = model.assign(b_iso=model.b_iso + 12)
model = model.xtal.assign_crystal(cell=(50, 60, 70, 90, 90, 90), spacegroup="P 21 21 21")
ds = xrefl.simulate_unmerged(model, dmin=1.75, multiplicity=6, noise=xrefl.Noise(counts=60))

inv_d2 = ds.xtal.inv_d2()
for ring, excess in zip(ICE_RINGS[1:4:2], (6.0, -2.5), strict=True):
    on_it = (inv_d2 > ring.dmax**-2) & (inv_d2 < ring.dmin**-2)
    ds["I"] = (ds.I + on_it * excess * ds.SIGI).assign_attrs(ds.I.attrs)

# %%
# By hand with Matplotlib: the number of observations in cells of I/σ against 1/d².

fig, ax = plt.subplots(figsize=(5, 4.4), layout="constrained")
cells = ax.hexbin(inv_d2, ds.I / ds.SIGI, gridsize=180, bins="log", cmap="cividis")
xrefl.plot.resolution_axis(ax)
ax.set(ylabel="I/σ(I)")
fig.colorbar(cells, label="observations")

# %%
# By the method, with the vertical axis stretched where most of them are, mean and median, and
# the ranges of ice shaded. Stripes at two of them are plain.

ds.xtal.plot.i_over_sigma("I", "SIGI")

# %%
# Merged, these errors do not average out. In numbers: intensities in a ring over what reflections
# on both sides of it suggest.

merged = ds.xtal.merge()
merged.xtal.plot.i_over_sigma("IMEAN", "SIGIMEAN")
found = merged.xtal.ice_rings("IMEAN", "SIGIMEAN")
print(found.to_dataframe()[["n", "ratio", "z", "strong"]].round(2))
plt.show()
