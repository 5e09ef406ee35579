"""
From data and a model to a map
==============================

Measured amplitudes have no phases, and a model has no data. Scaled to the data, with the solvent
between its molecules, the model gives the phases of a map, and says how far the map can be trusted.
"""

# sphinx_gallery_thumbnail_number = 4
from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import xrefl

# %%
# The peptide of the PDB entry 5WKD: its data, and its model. A few reflections are marked as free:
# no program has refined the model against them, and here, too, they take no part in any fit.

ds = xrefl.tutorial.open("5wkd")
model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
free = ds.xtal.free_flag()
print(free.attrs["free_value_reason"])

# %%
# What the atoms scatter, by way of their density on a grid. What the solvent scatters, from a mask
# of the space that no atom takes up: this crystal is dry, and little of it is solvent.

atoms = model.xtal.structure_factors(ds, method="fft")
f_calc = atoms.xtal.structure_factor("F", "PHI")

mask = model.xtal.solvent_mask(spacing=0.4)
of_mask = mask.xtal.to_structure_factors(dmin=ds.xtal.resolution[1] - 0.01)
f_mask = of_mask.xtal.structure_factor("F", "PHI")
print(f"solvent: {float(mask.xtal.solvent_fraction()):.0%} of the crystal")

# %%
# Scale, falloff by direction, and the density of the solvent are found in one fit. Without the
# solvent the fit is worse, and the more so for reflections that it has not seen.

with_solvent = xrefl.scale(ds.FP, ds.SIGFP, f_calc, f_mask, free=free)
atoms_alone = xrefl.scale(ds.FP, ds.SIGFP, f_calc, free=free)
print(with_solvent)
print(f"without solvent: R {atoms_alone.r_factor:.2%}, R-free {atoms_alone.r_free:.2%}")

# %%
# R in shells of resolution, of the reflections that were fitted and of the free ones. There are so
# few of the latter that the bars, their standard uncertainties, are long.

ds["MODEL"], ds["ATOMS"] = abs(with_solvent.f_total), abs(atoms_alone.f_total)
shells = ds.xtal.shells(4)
table = ds.xtal.r_factor("FP", "MODEL", by=[shells, free]).to_dataframe("R")["R"].unstack("free")
print(table.loc[shells.labels].round(3))

ax = ds.xtal.plot.r_factor("FP", "MODEL", shells=shells)
ds.xtal.plot.r_factor("FP", "ATOMS", shells=shells, ax=ax)

# %%
# One by one: strong reflections agree well. The weakest are measured stronger than the model has
# them, as errors of any kind would make it.

ds.xtal.plot.agreement("FP", "MODEL")

# %%
# At low resolution the solvent matters, and beyond 3 Å it does not. B_sol is known poorly: the band
# is as wide as one standard uncertainty. Shells of resolution need no exponential, but their
# parameters must be determined, too: here they are three.

in_shells = xrefl.scale(ds.FP, ds.SIGFP, f_calc, f_mask, free=free, solvent="shells")
ax = xrefl.plot.k_mask(with_solvent)
xrefl.plot.k_mask(in_shells, ax=ax)

# %%
# Map coefficients: what agrees gets a large weight, and what the model brings along is taken off
# again. The largest differences of data and model remain in a map of their own.

maps = ds.xtal.map_coefficients_from("FP", "SIGFP", with_solvent.f_total, free=free)
print(f"mean figure of merit: {float(maps.FOM.mean()):.2f}")
density = maps.xtal.to_map(*maps.xtal.map_coefficients("2fofc"), sample_rate=4)
difference = maps.xtal.to_map(*maps.xtal.map_coefficients("fofc"), sample_rate=4)
sigma = (difference - difference.mean()) / difference.std()
print(f"differences from {float(sigma.min()):.1f} to {float(sigma.max()):.1f} σ")

# %%
# A section through the strands, with the border of the mask in orange: in the pockets of solvent
# no density stands out.

ax = density.xtal.plot.section(y=0.5)
mask.xtal.plot.section(y=0.5, levels=[0.5], sigma=False, color="#D55E00", ax=ax)

# %%
# Other programs open the map coefficients under their usual labels.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "5wkd_maps.mtz")
    ds[["FP", "SIGFP", "FREE"]].merge(maps).xtal.to_mtz(path)
    with xrefl.open_mtz(path) as opened:
        print(opened)

plt.show()
