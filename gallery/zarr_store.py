"""
A store for all runs
====================

The runs of an experiment come one after the other, and later one run or one range of resolution is
wanted. How are they kept, so that nothing else has to be read?
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import xrefl

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))

# %%
# Three runs of one crystal, simulated from the model of the PDB entry 5WKD. It suffers: B grows by
# 5 Å² with each run.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))


def measured(run):
    """Return the observations of a run, 90 images."""
    damage = 5.0 * (run + np.arange(90) / 90)
    return xrefl.simulate_unmerged(
        model, dmin=1.2, multiplicity=30, n_batches=90, b_factors=damage, seed=run
    )


# %%
# Each is appended when it comes. Rows are sorted by resolution on the way, so that a range of it is
# in few chunks; batch numbers that clash are raised.

folder = tempfile.TemporaryDirectory()
store = Path(folder.name, "experiment.zarr")
for run in range(3):
    measured(run).xtal.to_zarr(
        store, append=True, dataset=f"run {run + 1}", renumber=True, sort="resolution", chunks=8192
    )
size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())

# %%
# What is opened is not read yet. The store takes less space than its numbers in memory.

ds = xrefl.open_zarr(store)
print(
    f"{ds.sizes['obs']:,} observations, {ds.nbytes / 1e6:.1f} MB, in the store {size / 1e6:.1f} MB"
)
print("batches:", ds.batch.values[[0, 89, 90, -1]])

# %%
# A range of resolution, or one run: only chunks that have such rows are read.

shell = xrefl.open_zarr(store, dmin=2.4, dmax=2.5)
print(f"2.4 to 2.5 Å: {shell.sizes['obs']:,} observations")
merged = xrefl.open_zarr(store, dataset="run 2").xtal.merge()
print(f"run 2: {merged.attrs['n_observations']:,} observations, {merged.sizes['hkl']} reflections")

# %%
# How far each run reaches, in the shells of all of them.

shells = ds.xtal.shells(10)
fig, ax = plt.subplots(layout="constrained")
for name, marker in zip(["run 1", "run 2", "run 3"], "osD", strict=True):
    run = xrefl.open_zarr(store, dataset=name)
    strength = run.xtal.i_over_sigma("I", "SIGI", by=shells)
    at = run.xtal.mean(run.xtal.inv_d2(), by=shells)
    ax.plot(at, strength, f"{marker}-", label=name)
xrefl.plot.resolution_axis(ax)
ax.set(ylabel="mean I/σ(I) of observations", ylim=(0, None))
ax.legend(frameon=False)
folder.cleanup()
plt.show()
