"""
Map coefficients from a map
===========================

A map file has the density on a grid. Programs that refine or sharpen want structure factors, in an
MTZ file. The Fourier transform of the map gives them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import xrefl

RESOLUTION_LIMIT = 1.5  # Å; None for all that the grid of the map has


def map_to_mtz(source: Path, target: Path) -> None:
    """Write the structure factors of a map to an MTZ file, as FWT and PHWT."""
    density = xrefl.open_ccp4(source).xtal.complete_cell()
    ds = density.xtal.to_structure_factors(dmin=RESOLUTION_LIMIT)
    ds.rename(F="FWT", PHI="PHWT").xtal.to_mtz(target)


# %%
# A map file to begin with: 2mFo-DFc of the PDB entry 5WKD, as refinement left it. Its data reach
# to 1.8 Å.

folder = tempfile.TemporaryDirectory()
map_file, mtz_file = Path(folder.name, "5wkd.ccp4"), Path(folder.name, "5wkd.mtz")

refined = xrefl.tutorial.open("5wkd")
refined.xtal.to_map(*refined.xtal.map_coefficients("2fofc"), sample_rate=3).xtal.to_ccp4(map_file)

# %%
# From the map to the MTZ file. The columns have their types, and the file the crystal of the map.

map_to_mtz(map_file, mtz_file)

with xrefl.open_mtz(mtz_file) as opened:
    written = opened.load()
folder.cleanup()
print(written)

# %%
# The structure factors are those from which the map was made: both Datasets are aligned by Miller
# index, and beyond 1.8 Å there is nothing in the map. The axis is linear in 1/d.

difference = abs(written.FWT - refined.FWT)
print(f"largest difference of amplitudes: {float(difference.max()):.5f}")

fig, ax = plt.subplots(layout="constrained")
ax.plot(written.xtal.inv_d2() ** 0.5, written.FWT, ".", ms=3)
ax.axvline(1 / 1.8, color="0.7", lw=1)
ax.text(1 / 1.8, float(written.FWT.max()), " 1.8 Å")
ax.set_xticks([1 / d for d in (20, 5, 3, 2.5, 2, 1.8, 1.6, 1.5)], [20, 5, 3, 2.5, 2, 1.8, 1.6, 1.5])
ax.set(xlabel="d / Å", ylabel="FWT / scale of the map")
plt.show()
