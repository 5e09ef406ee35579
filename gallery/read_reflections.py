"""
What is in a reflection file
============================

A file of reflections is a table. What crystal is it of, how far does it reach, is it complete, and
where are the strong reflections?
"""

from __future__ import annotations

import matplotlib.pyplot as plt

import xrefl

# %%
# The data of the PDB entry 5E5Z, as they come out of an MTZ file. A column is an array with labels
# (the Miller indices) and attributes.

ds = xrefl.tutorial.open("5e5z")
print(ds)
print(ds.I.attrs)

# %%
# The crystal, and the limits of resolution.

low, high = ds.xtal.resolution
print(ds.xtal.cell)
print(ds.xtal.spacegroup)
print(f"{low:.2f} to {high:.2f} Å")

# %%
# Columns are found by their types, and take the arithmetic and the selections of xarray.

print("standard deviations:", ds.xtal.columns(type="Q"))
print(f"mean intensity: {float(ds.I.mean()):.4f}")
print(ds.I[ds.I > 100].to_series())
print(f"I/σ of 1 2 3: {float((ds.I / ds.SIGI).sel(hkl=(1, 2, 3))):.1f}")

# %%
# How many reflections could there be? As many as there are in the file: those that were not
# measured have a row without values.

possible = xrefl.count_reflections(ds.xtal.cell, ds.xtal.spacegroup, high)
print(f"{possible} possible, {ds.sizes['hkl']} in the file, {int(ds.I.count())} measured")

shells = ds.xtal.shells(5)
print(ds.xtal.completeness(column="I", by=shells).to_dataframe().round(3))

# %%
# A selection is a Dataset again: to 2 Å, a map needs fewer points along each axis.

print(ds.xtal.grid_size(), "to", ds.xtal.sel_resolution(dmin=2.0).xtal.grid_size())

# %%
# Every reflection at its resolution; the axis is linear in 1/d². Those with k = 0 are centric
# here, and spread more widely. Where the signal is weak, some are negative: the background has
# been subtracted.

fig, ax = plt.subplots(layout="constrained")
centric = ds.xtal.centric()
for chosen, marker, color, label in [
    (~centric, "o", "#0072B2", "acentric"),
    (centric, "D", "#D55E00", "centric"),
]:
    ax.plot(ds.xtal.inv_d2()[chosen], ds.I[chosen], marker, ms=4, c=color, mfc="none", label=label)
ax.set_yscale("symlog", linthresh=0.1)
xrefl.plot.resolution_axis(ax)
ax.set(ylabel="I / scale of the file")
ax.legend(frameon=False)
plt.show()
