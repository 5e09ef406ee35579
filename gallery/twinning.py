"""
Is the crystal twinned
======================

In a twin, domains are turned against each other, and each intensity is the sum of two. How does
that show in the statistics of intensities, and how large is the smaller domain?
"""

# sphinx_gallery_thumbnail_number = 2
from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# Simulated: atoms of the PDB entry 5WKD in a cell of P 4, whose lattice has twofold axes that the
# crystal lacks; then the same with 30 % of the volume turned about one of them.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
model = model.xtal.assign_crystal(cell=(40, 40, 50, 90, 90, 90), spacegroup="P 4")
truth = model.xtal.structure_factors(dmin=1.8)
single = (truth.F**2).assign_attrs(mtz_type="J").to_dataset(name="I")
single = single.assign_attrs(truth.attrs)

law = "k,h,-l"
turned = single.xtal.reindex(law).xtal.to_asu()
twin = single.assign(I=(0.7 * single.I + 0.3 * turned.I).assign_attrs(mtz_type="J"))

rng = np.random.default_rng(0)
for ds in (single, twin):
    ds["SIGI"] = (0.02 * ds.I + 0.02 * float(ds.I.mean())).assign_attrs(mtz_type="Q")
    ds["I"] = (ds.I + ds.SIGI * rng.normal(size=ds.I.size)).assign_attrs(mtz_type="J")

# %%
# Operations of the lattice that could be a twin law.

print(single.xtal.twin_laws().to_dataframe())

# %%
# Normalized intensities spread less in a twin: weak ones and strong ones are rare, since both
# domains are seldom weak at once. <E⁴>/<E²>² is 2 of a single crystal and 1.5 of a perfect twin.

crystals = {"single crystal": single, "twin": twin}
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
for ax, (name, ds) in zip(axes, crystals.items(), strict=True):
    ds.xtal.plot.histogram("I", normalized=True, ax=ax)
    ax.set_title(name)

# %%
# The L-test compares neighbours, and needs no law (Padilla & Yeates, 2003).

fig, ax = plt.subplots(figsize=(5, 4.4), layout="constrained")
for (name, ds), color in zip(crystals.items(), ["#0072B2", "#D55E00"], strict=True):
    found = ds.xtal.l_test("I", "SIGI")
    label = f"{name}: <|L|> = {float(found.mean_abs_l):.3f}"
    ax.plot(found.l, found.observed, c=color, lw=2, label=label)
ax.plot(found.l, found.expected, "--", c="0.4", label="theory, single crystal")
ax.plot(found.l, found.twin, ":", c="0.4", label="theory, perfect twin")
ax.set(xlabel="|L|", ylabel="share of pairs with less", xlim=(0, 1), ylim=(0, 1))
ax.legend(frameon=False)

# %%
# With the law, the fraction follows from pairs of reflections that it relates: some 30 % in the
# twin.

columns = ["alpha_h", "alpha_britton", "alpha_cc", "r_twin"]
for name, ds in crystals.items():
    print(name)
    print(ds.xtal.twin_fractions("I", "SIGI").to_dataframe()[columns].round(3))
plt.show()
