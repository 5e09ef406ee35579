"""
A section of a map
==================

The peptide of the PDB entry 5WKD forms sheets: its strands repeat every 4.8 Å along b, and lie
nearly in planes across it. One section shows a whole strand.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# Contours are in units of σ, the standard deviation of the whole map, and begin at 1 σ. The
# picture is in Å, with the true angle between the axes a and c. A fine grid costs little here.

ds = xrefl.tutorial.open("5wkd")
density = ds.xtal.to_map(*ds.xtal.map_coefficients("2fofc"), sample_rate=4)
ax = density.xtal.plot.section(y=0.5)

# Atoms of the model within 0.6 Å of the plane: all symmetry mates in the cell, moved into the
# picture. What the two have in common is the frame of the cell, a along the horizontal.
model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
cell = model.xtal.cell
xyz = cell.fractionalize(model.xyz)
mates = np.concatenate([op.apply_to_xyz(xyz) for op in model.xtal.spacegroup.operations]) % 1
near = mates[abs(mates[:, 1] - 0.5) * cell.b < 0.6]
beta = np.radians(cell.beta)
across = near[:, 0] * cell.a + near[:, 2] * cell.c * np.cos(beta)
ax.plot(across, near[:, 2] * cell.c * np.sin(beta), "k.", ms=3, label="atoms")
ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1), borderaxespad=0, frameon=False)

# %%
# Where the model explains too little or too much, the difference map has peaks or holes. Sections
# can be drawn into the same axes, in a colour each; negative contours are dashed, and ``label``
# tells the maps apart. ``x`` and ``z`` are ranges here, of which more than one cell may be shown.

difference = ds.xtal.to_map(*ds.xtal.map_coefficients("fofc"), sample_rate=4)
part = {"y": 0, "x": (0, 0.5), "z": (-0.5, 1)}
ax = density.xtal.plot.section(**part, levels=[1.5], color="0.6", label="2mFo-DFc")
difference.xtal.plot.section(**part, levels=[-3, -2.5, 2.5, 3], label="mFo-DFc", ax=ax)

# %%
# A box around one residue, wherever it is. σ of so small a part is another one than that of the
# map: given as a number, it makes contours those of the pictures above.

residue = model.isel(atom=model.seqnum == 303)
box = density.xtal.box_around(residue, 2.0)
box.xtal.plot.section(y=0, sigma=density.std())
plt.show()
