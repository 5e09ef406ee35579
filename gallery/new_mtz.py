"""
An MTZ file from numbers
========================

A program of your own has Miller indices and values in arrays. How do they become a file that other
programs read, and how is it given other axes?
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xrefl

# %%
# Two reflections: the index knows the crystal, columns have the letters of the MTZ format, and all
# else is xarray.

cell = xrefl.UnitCell(77.7, 149.5, 62.4, 90, 90, 90)
index = xrefl.HKLIndex.from_miller([4, 4], [13, 13], [8, 9], cell=cell, spacegroup="P 21 21 2")
two = xr.Dataset(
    {
        "FREE": ("hkl", np.array([1, 0], np.int32), {"mtz_type": "I"}),
        "F": ("hkl", np.array([453.9, 102.0], np.float32), {"mtz_type": "F"}),
        "SIGF": ("hkl", np.array([19.12, 27.31], np.float32), {"mtz_type": "Q"}),
    },
    index.coordinates(),
).xtal.assign_crystal(cell=cell, spacegroup="P 21 21 2")
two.attrs["history"] = ["This MTZ file was created today."]

# %%
# Written, and opened again. The limits of resolution are in the header.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "two.mtz")
    two.xtal.to_mtz(path)
    print(xrefl.open_mtz(path).xtal.to_dataframe())
low, high = two.xtal.resolution
print(f"1/d² from {low**-2:.6f} to {high**-2:.6f} Å⁻²")

# %%
# Other axes: the operation is applied to the Miller indices, and space group and cell follow.

cyclic = two.xtal.reindex("k,l,h")
print(cyclic.xtal.spacegroup, cyclic.xtal.cell)
print(cyclic.F.to_series())

# %%
# All reflections to 14 Å, with amplitudes as from the transform of a ball of 10 Å: what is in
# arrays may come from anywhere.

h, k, l = xrefl.miller_indices(cell, "P 21 21 2", 14.0).T
index = xrefl.HKLIndex.from_miller(h, k, l, cell=cell, spacegroup="P 21 21 2")
ball = xr.Dataset(coords=index.coordinates()).xtal.assign_crystal(cell=cell, spacegroup="P 21 21 2")
x = 2 * np.pi * 10 / ball.xtal.d()
ball["F"] = (1e3 * abs(np.sin(x) - x * np.cos(x)) / x**3).assign_attrs(mtz_type="F")

# %%
# The same zone before and after: h and k have become l and h. Along the screw axes every second
# reflection is absent.

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="compressed")
ball.xtal.plot.zone("hk0", "F", ax=axes[0])
ball.xtal.reindex("k,l,h").xtal.plot.zone("h0l", "F", ax=axes[1])
axes[0].set_title("P 21 21 2, zone hk0")
axes[1].set_title("P 21 2 21, zone h0l")
plt.show()
