"""
A Patterson map
===============

Without any phases, the intensities tell the vectors between atoms: the Patterson map is the
transform of F². In the sheets of the PDB entry 5WKD the same distances come again and again.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

import xrefl

ds = xrefl.tutorial.open("5wkd")
patterson = ds.xtal.to_patterson("FP", sample_rate=4)
print(patterson.xtal.spacegroup)

# %%
# The twofold axis along b takes every atom to one at the same height, so vectors between these
# mates lie in the section v = 0, the Harker section. The origin has all vectors of length 0: it
# towers above all else, and contours that double each time leave the rest visible.

patterson.xtal.plot.section(y=0, x=(-0.25, 0.25), z=(-0.5, 0.5))

# %%
# Along b, strands follow each other every 4.8 Å, which is the cell edge; half as far up is the
# centred position, at x = 1/2.

patterson.xtal.plot.section(z=0, x=(-0.25, 0.75), y=(-1, 1))
plt.show()
