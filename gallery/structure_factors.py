"""
From a model to structure factors
=================================

Does a model explain the data? The amplitudes that its atoms would scatter, beside those that were
measured, tell how well, and at which resolution something is missing.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

import xrefl

# %%
# Structure factors of the peptide of the PDB entry 5WKD, for the reflections of its data. Both
# Datasets have the same index, so that they fit together.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
ds = xrefl.tutorial.open("5wkd")
calc = model.xtal.structure_factors(ds)
print(calc)

# %%
# Data are on a scale of their own. One factor brings the model to it, here the one for which the
# squares of the differences are least.

k = float((ds.FP * calc.F).sum() / (calc.F**2).where(ds.FP.notnull()).sum())
ds = ds.assign(F_ATOMS=k * calc.F)
r = float(ds.xtal.r_factor("FP", "F_ATOMS"))
cc = float(ds.xtal.correlation("FP", "F_ATOMS").cc)
print(f"k = {k:.4f}, R = {r:.4f}, correlation {cc:.4f}")

# %%
# In shells of resolution, something is missing at low angles: crystals have water between the
# molecules, and what is nowhere in particular is not in a list of atoms. FC_ALL is of the program
# that refined the model. It has a model of this water, and is scaled by direction as well.

shells = ds.xtal.shells(6)
r_atoms = ds.xtal.r_factor("FP", "F_ATOMS", by=shells)
r_all = ds.xtal.r_factor("FP", "FC_ALL", by=shells)

# %%
# On the left the reflections one by one: those farthest from the line have a large d.

fig, (one_by_one, in_shells) = plt.subplots(1, 2, figsize=(8.5, 3.9), layout="constrained")
shown = ds.isel(hkl=ds.xtal.d().argsort().values)  # those of large d on top
dots = one_by_one.scatter(
    shown.F_ATOMS, shown.FP, c=shown.xtal.d(), s=12, cmap="viridis", norm="log"
)
one_by_one.axline((0, 0), slope=1, color="0.6", lw=1, zorder=0)
most = 1.05 * float(ds.FP.max())
one_by_one.set(xlabel="k |F| of the atoms", ylabel="|F| measured")
one_by_one.set(xlim=(0, most), ylim=(0, most))
bar = fig.colorbar(dots, label="d / Å", ticks=[2, 3, 5, 10, 20])
bar.minorticks_off()
bar.ax.set_yticklabels(["2", "3", "5", "10", "20"])

edges = [float(shells.min_inv_d2), *(shells.dmin[:-1] ** -2.0), float(shells.max_inv_d2)]
in_shells.stairs(r_atoms, edges, baseline=None, lw=2, label="atoms alone")
in_shells.stairs(r_all, edges, baseline=None, lw=2, label="with solvent, FC_ALL")
xrefl.plot.resolution_axis(in_shells)
in_shells.set(ylabel="R factor", ylim=(0, None))
in_shells.legend(frameon=False)
plt.show()
