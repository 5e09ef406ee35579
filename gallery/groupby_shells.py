"""
Groups of any kind
==================

Crystals may diffract further in one direction than in another. Do they? Statistics that no program
has, such as those by shell and direction, are one line each.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# Shells of resolution are a grouper of xarray, so that all of its functions are at hand: here for
# the data of the PDB entry 5E5Z.

ds = xrefl.tutorial.open("5e5z")[["I", "SIGI"]].load()
shells = ds.xtal.shells(5)
print(ds.groupby(hkl=shells).mean().to_dataframe()[["I", "SIGI"]].round(2))
print(ds.I.groupby(hkl=shells).quantile([0.1, 0.5, 0.9]).to_pandas().round(2))

# %%
# Any column may be a group, also one that was calculated: along which axis is a reflection? The
# vectors of reflections are products of indices and reciprocal axes.

hkl = np.stack([ds.h, ds.k, ds.l], axis=1)
s = abs(hkl @ ds.xtal.cell.fractionalization)
names = np.array(["along a", "along b", "along c*"])
direction = ds.h.copy(data=names[s.argmax(axis=1)]).rename("direction")
print(direction.to_series().value_counts().to_dict())

# %%
# By shell and direction at once. With the centric reflections as a third group, there would be
# three dimensions.

strength = ds.xtal.i_over_sigma("I", "SIGI", by=[shells, direction])
print(strength.to_pandas().round(1))

# %%
# E² without the falloff has a mean of 1. By direction it has not: along c* reflections are stronger
# than their shells, and the more so where d is small.

e2 = ds.xtal.normalize("I", shells=shells, squared=True)
by_direction = ds.xtal.mean(e2, by=[shells, direction])
corrected = ds.xtal.normalize("I", shells=shells, squared=True, anisotropic=True)
after = ds.xtal.mean(corrected, by=[shells, direction])

at = ds.xtal.mean(ds.xtal.inv_d2(), by=shells)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
titles = ["E²", "E², falloff by direction taken out"]
for ax, values, title in zip(axes, [by_direction, after], titles, strict=True):
    for name, color, marker in zip(names, ["#0072B2", "#D55E00", "#009E73"], "osD", strict=True):
        ax.plot(at, values.sel(direction=name), f"{marker}-", c=color, label=name)
    ax.axhline(1, color="0.6", lw=1, zorder=0)
    xrefl.plot.resolution_axis(ax)
    ax.set(title=title)
axes[0].set_ylabel("mean E²")
axes[0].legend(frameon=False)
plt.show()
