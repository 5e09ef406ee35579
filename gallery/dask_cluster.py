"""
Merging on a cluster
====================

Where the observations are on the disks of a cluster, its workers should read and merge them. What
changes in the script, and do the numbers?
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import dask
import matplotlib.pyplot as plt
from dask.distributed import Client, LocalCluster

import xrefl

# %%
# A file of observations, simulated from atoms of the PDB entry 5WKD in a larger cell.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
model = model.xtal.assign_crystal(cell=(40, 45, 50, 90, 90, 90), spacegroup="P 21 21 21")
simulated = xrefl.simulate_unmerged(model, dmin=1.8, multiplicity=30)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "unmerged.mtz")
simulated.xtal.to_mtz(path)

# %%
# On this computer first, by threads.

by_threads = xrefl.open_mtz(path).xtal.merging_statistics(shells=12)

# %%
# With a client, the same lines are for the workers of its cluster, each of which reads its own
# rows. Here the workers are threads of this process, so that the script runs anywhere; elsewhere
# this is ``Client("tcp://10.0.0.7:8786")``, or a cluster of SLURM or Kubernetes, and the path is
# one that all workers see. Stretches of rows are shorter than usual, so that there are some for
# all of them.

settings = {"xrefl.merging.rows": 2**15, "temporary-directory": folder.name}
with (
    dask.config.set(settings),
    LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster,
    Client(cluster) as client,
):
    print(f"{len(client.scheduler_info()['workers'])} workers")
    ds = xrefl.open_mtz(path)
    statistics = ds.xtal.merging_statistics(shells=12)
    merged = ds.xtal.merge()
print(f"{ds.sizes['obs']:,} observations, {merged.sizes['hkl']:,} reflections")

# %%
# The numbers are the same to rounding; with stretches of the same length they are the same bit by
# bit, however many workers there are.

difference = abs(statistics.r_meas / by_threads.r_meas - 1).max()
print(f"largest relative difference of R_meas: {float(difference):.0e}")

ax = statistics.xtal.plot.shells("i_over_sigma")
folder.cleanup()
plt.show()
