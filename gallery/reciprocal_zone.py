"""
Zones of reflections
====================

A precession photograph shows one plane of the reciprocal lattice. It tells at a glance which
reflections are strong, which were not measured, and which the symmetry forbids.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

import xrefl

# %%
# The asymmetric unit of the PDB entry 5E5Z has a quarter of the reflections of this zone; mates by
# symmetry and Friedel's law fill the circle. The areas of the dots are as the amplitudes. In
# P 21, 0 k 0 with odd k is absent: nothing is drawn there. Small crosses are reflections that
# could be there and have no value.

ds = xrefl.tutorial.open("5e5z")
ds.xtal.plot.zone("hk0", "FP")

# %%
# The angle between the axes is that of the reciprocal cell. In the plane of l and h with k = 1 the
# origin is the point nearest to 000, so circles have the same d.

ds.xtal.plot.zone("h1l", "FP")

# %%
# Any column of numbers will do, also one that was just calculated. Negative values have another
# colour: here where the amplitude is weaker than the mean of its shell of resolution. Of a
# condition, as whether a reflection is in the free set, dots are where it is true.

e2 = ds.xtal.normalize("FP") ** 2
fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="compressed")
(e2 - 1).rename("E² - 1").xtal.plot.zone("h0l", ax=axes[0])
(ds.FREE == 0).rename("free set").xtal.plot.zone("h0l", ax=axes[1])
plt.show()
