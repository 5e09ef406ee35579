"""
Crystals indexed in two ways
============================

In some space groups the lattice has more symmetry than the crystal, and each crystal may be
indexed in more than one way. Which of them must be reindexed before all are merged?
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# The lattice of P 4 is as symmetric as that of P 4 2 2: h, k, l and k, h, -l cannot be told apart
# by the positions of reflections.

cell = (32, 32, 40, 90, 90, 90)
print(xrefl.reindexing_operators(cell, "P 4"))

# %%
# Simulated: atoms of the PDB entry 5WKD in such a cell, and 16 small crystals, half of which were
# indexed in the other way.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
model = model.xtal.assign_crystal(cell=cell, spacegroup="P 4")
turned = np.random.default_rng(4).permutation(16) < 8
sets = {}
for number in range(16):
    observed = xrefl.simulate_unmerged(
        model, dmin=2.2, multiplicity=0.8, noise=xrefl.Noise(counts=30), seed=number
    )
    merged = observed.xtal.merge()
    sets[number + 1] = merged.xtal.reindex("k,h,-l").xtal.to_asu() if turned[number] else merged
together = xrefl.concat(sets, dim="crystal")

# %%
# Correlations of all pairs under each operation decide (Brehm & Diederichs, 2014).

found = together.xtal.resolve_ambiguity("IMEAN", dim="crystal")
print(found.reindexing.to_series().value_counts().to_dict())
right = (found.reindexing.values == "k,h,-l") == turned
print("as it was:", right.all() or not right.any())

# %%
# Reindexed, all sets agree. Correlations are means over shells of resolution: over all reflections
# at once the falloff alone would make them high.

resolved = together.xtal.reindex_sets(found, dim="crystal")
shells = together.xtal.shells(5)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.7), layout="compressed")
for ax, data, title in zip(axes, (together, resolved), ("as indexed", "reindexed"), strict=True):
    cc = data.xtal.pairwise_correlation("IMEAN", by=shells, dim="crystal").cc.mean("shell")
    image = ax.imshow(cc, vmin=0.4, vmax=1, cmap="viridis", extent=(0.5, 16.5, 16.5, 0.5))
    ax.set_xticks(range(2, 17, 2))
    ax.set(xlabel="crystal", ylabel="crystal", title=title)
fig.colorbar(image, ax=axes, label="correlation of intensities")

# %%
# How sure each decision is: the correlation with the mean of all others, under the operation that
# was chosen and under the other.

fig, ax = plt.subplots(layout="constrained")
cc = found.cc.transpose("crystal", "operator")
for name, marker, color in zip(found["operator"].values, "os", ["#0072B2", "#D55E00"], strict=True):
    ax.plot(found.crystal, cc.sel(operator=name), marker, c=color, label=name)
ax.set(xlabel="crystal", ylabel="correlation with the others", xticks=found.crystal)
ax.legend(frameon=False, title="operation")
plt.show()
