"""
Where to stop for radiation damage
==================================

More images make better means, until the crystal is no longer the same. How does damage show, and
how many images should be merged?
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))

# %%
# Simulated: the peptide of the PDB entry 5WKD on 900 images, once with a B that grows by 15 Å²,
# and once without damage.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
options = {"dmin": 1.5, "multiplicity": 60, "n_batches": 900}
damaged = xrefl.simulate_unmerged(model, b_factors=np.linspace(0, 15, 900), **options)
healthy = xrefl.simulate_unmerged(model, **options)

# %%
# Pairs of equivalent observations differ the more, the more images lie between them: R_d of
# Diederichs (2006) rises with damage, and is level without.

fig, ax = plt.subplots(layout="constrained")
for name, ds, marker in [("damaged", damaged, "o"), ("not damaged", healthy, "s")]:
    dose = ds.xtal.dose_statistics(width=60)
    ax.plot(dose.difference, 100 * dose.rd, f"{marker}-", label=name)
ax.set(xlabel="difference of batch numbers", ylabel="R$_d$ / %", ylim=(0, None))
ax.legend(frameon=False)

# %%
# By batch: a scale that falls, R that is least in the middle, since means are those of all images,
# and a signal that fades.

batches = damaged.xtal.batch_statistics(width=30)
batches.xtal.plot.batch("scale", "r_meas", "i_over_sigma")

# %%
# What if only the first n images were merged? At high resolution, how large would the signal be,
# and how far from the true intensities of the fresh crystal?

truth = model.xtal.structure_factors(dmin=1.5).F ** 2
images = [60, 120, 180, 270, 360, 540, 720, 900]
signal, error = [], []
for n in images:
    merged = damaged.isel(obs=damaged.BATCH.values <= n).xtal.merge()
    outer = merged.xtal.sel_resolution(dmax=1.8)
    signal.append(float((outer.IMEAN / outer.SIGIMEAN).mean()))
    both = outer.assign(truth=truth.assign_attrs(mtz_type="J"))
    both["IMEAN"] *= both.truth.sum() / both.IMEAN.sum()
    error.append(float(both.xtal.r_factor("truth", "IMEAN")))

# %%
# The signal grows for some 400 images. The error, which only a simulation knows, is least at half
# as many: from there on what damage adds is more than what averaging takes away.

fig, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for ax, values, label in zip(
    axes, (signal, error), ("mean I/σ", "R to the true intensities"), strict=True
):
    ax.plot(images, values, "o-")
    ax.set(
        xlabel="images merged", ylabel=label, title="1.8 to 1.5 Å", xlim=(0, None), ylim=(0, None)
    )
plt.show()
