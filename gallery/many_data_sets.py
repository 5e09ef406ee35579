"""
Many data sets side by side
===========================

Twelve crystals were measured, each in part. Do they all have the same structure, or are there
groups that should not be merged with each other?
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

import xrefl

# %%
# Simulated here: the peptide of the PDB entry 5WKD, and a second state, in which residue 303 has
# moved. Every crystal has observations of its own, and some of the reflections only.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
moved = model.assign(xyz=model.xyz + 0.3 * (model.seqnum == 303))
states = [model, moved, model, model, moved, model] * 2

sets = {}
for number, state in enumerate(states, start=1):
    observed = xrefl.simulate_unmerged(state, dmin=1.9, multiplicity=2.0, seed=number)
    sets[number] = observed.xtal.merge()
print("reflections:", [one.sizes["hkl"] for one in sets.values()])

# %%
# Side by side, aligned by Miller index. What a crystal does not have is missing.

together = xrefl.concat(sets, dim="crystal")
print(dict(together.IMEAN.sizes))
print("in all of them:", int(together.IMEAN.notnull().all("crystal").sum()))

# %%
# Correlations of all pairs, over the reflections that both have. Distances √(1 - cc²) make a tree,
# which is cut where there are two branches.

cc = together.xtal.pairwise_correlation("IMEAN", dim="crystal").cc
distances = squareform((1 - cc.clip(-1, 1) ** 2).values ** 0.5, checks=False)
tree = linkage(distances, method="average")
group = together.crystal.copy(data=fcluster(tree, 2, criterion="maxclust"))
print(group.to_series().to_dict())

# %%
# In the order of the tree the two groups are blocks.

order = leaves_list(tree)
fig, ax = plt.subplots(figsize=(5.8, 4.6), layout="compressed")
image = ax.imshow(cc[order, order], cmap="viridis")
labels = together.crystal.values[order]
ax.set_xticks(range(len(order)), labels)
ax.set_yticks(range(len(order)), labels)
ax.set(xlabel="crystal", ylabel="crystal")
fig.colorbar(image, label="correlation of intensities")

# %%
# Each group merged by itself: weighted means over the crystals, without a loop. CC1/2 of sets says
# what mixing them costs.

weights = together.SIGIMEAN**-2
means = together.IMEAN.weighted(weights.fillna(0)).mean("crystal")
print(f"completeness of all together: {float(means.notnull().mean()):.1%}")
for name in (1, 2):
    of_group = together.isel(crystal=(group == name).values)
    found = of_group.xtal.delta_cc_half("IMEAN", sigma="SIGIMEAN", dim="crystal")
    print(f"group {name}: {of_group.sizes['crystal']} crystals, CC1/2 {float(found.cc_half):.4f}")
mixed = together.xtal.delta_cc_half("IMEAN", sigma="SIGIMEAN", dim="crystal")
print(f"mixed: CC1/2 {float(mixed.cc_half):.4f}")
plt.show()
