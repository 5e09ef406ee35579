"""
A Fourier transform by hand
===========================

A map is the Fourier transform of its coefficients. What is in it, beside a call of FFT? By hand,
with NumPy, and then by the method that does the same.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# Map coefficients of the PDB entry 5WKD, from its mmCIF file.

ds = xrefl.open_reflections(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
print(ds.xtal.grid_size(), ds.xtal.grid_size(sample_rate=2.6))

# %%
# The reciprocal grid has all mates by symmetry and Friedel's law. Its coordinates are Miller
# indices, in the order of FFT: 0, 1, ..., -1.

grid = ds.xtal.to_grid("pdbx_FWT", "pdbx_PHWT", size=ds.xtal.grid_size(sample_rate=2.6))
print(dict(grid.sizes), f"{grid.sel(h=7, k=1, l=-5).item():.3f}")

# %%
# ρ(x) = 1/V Σ F exp(-2πi h·x). NumPy's inverse transform has the other sign, which the complex
# conjugate mends, and divides by the number of points.

by_hand = np.fft.ifftn(grid.values.conj()).real * grid.size / ds.xtal.cell.volume
print(f"ρ at point 1 2 3: {by_hand[1, 2, 3]:.5f}, σ {by_hand.std():.5f} e/Å³")

# %%
# Half of the grid is enough for a density, which is real.

half = ds.xtal.to_grid("pdbx_FWT", "pdbx_PHWT", size=grid.shape, half_l=True)
of_half = np.fft.irfftn(half.values.conj()) * grid.size / ds.xtal.cell.volume
print(half.shape, f"{of_half[1, 2, 3]:.5f}")

# %%
# All of it by one method. The result has the positions of its points and the crystal.

density = ds.xtal.to_map("pdbx_FWT", "pdbx_PHWT", sample_rate=2.6)
print(f"by method: {density.values[1, 2, 3]:.5f}, σ {float(density.std()):.5f}")
print(f"largest difference: {float(abs(density - by_hand).max()):.1e}")

# %%
# Back: the structure factors of the map are those from which it was made.

back = density.xtal.to_grid()
print(f"{back.sel(h=23, k=-1, l=-3).item():.4f}")

# %%
# The grid and the map: sections l = 0 and z = 0. On the left one lattice point is one pixel; on the
# right the axes a and b are drawn in Å. Symmetry has filled both.

fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
section = abs(grid.sel(l=0)).sortby(["h", "k"]).sel(h=slice(-27, 27), k=slice(-3, 3))
section.where(section > 0).plot(x="h", y="k", ax=left, cmap="viridis", cbar_kwargs={"label": "|F|"})
left.set_title("")
density.xtal.plot.section(z=0, y=(0, 3), x=(0, 0.5), ax=right)
plt.show()
