"""
Scaling a model to data
=======================

Data have a scale of their own, and a falloff that may depend on direction. Which parameters bring
the structure factors of a model to them, and how sure are these?
"""

# sphinx_gallery_thumbnail_number = 2
from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))

# %%
# Data and atoms of the PDB entry 5E5Z, a peptide of six residues. This crystal is dry: its solvent
# mask is empty, so that there is no solvent to scale. (``data_to_map.py`` has some.)

ds = xrefl.tutorial.open("5e5z")[["FP", "SIGFP"]]
model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
f_calc = model.xtal.structure_factors(ds, method="fft").xtal.structure_factor("F", "PHI")
mask = model.xtal.solvent_mask(spacing=0.6, radii="refmac")
print(f"solvent: {float(mask.xtal.solvent_fraction()):.0%}")

# %%
# Least squares, all reflections with the same weight: F_total = k exp(-s B s/4) F_calc, with a
# tensor B that has the symmetry of the crystal.

found = xrefl.scale(ds.FP, None, f_calc)
print(f"RMSE: {found.rmse:.4f}, R factor: {found.r_factor:.2%}")
print(found)

# %%
# Each parameter has a standard uncertainty, from the scatter about the fit.

print(found.errors.round(3))

# %%
# What each part is good for, and what weights do: with those by σ the strong reflections count
# less, and R, which knows no weights, is higher.

isotropic = xrefl.scale(ds.FP, None, f_calc, anisotropic=False)
weighted = xrefl.scale(ds.FP, ds.SIGFP, f_calc)
for name, one in [("isotropic", isotropic), ("by direction", found), ("with weights", weighted)]:
    print(f"{name:14} R {one.r_factor:.2%}  RMSE {one.rmse:.2f}  k {one.k_overall:.3f}")

# %%
# By resolution: the direction of falloff matters where d is small.

ds["isotropic"], ds["by_direction"] = isotropic.f_total, found.f_total
shells = ds.xtal.shells(5)
ax = ds.xtal.plot.r_factor("FP", "isotropic", shells=shells)
ds.xtal.plot.r_factor("FP", "by_direction", shells=shells, ax=ax)

# %%
# The falloff by direction: exp(-s B s/4) for directions in the plane of a and c*.

angle = np.linspace(0, 2 * np.pi, 181)
b11, _, b33, _, b13, _ = found.b_overall
b = b11 * np.cos(angle) ** 2 + b33 * np.sin(angle) ** 2 + b13 * np.sin(2 * angle)
fig, ax = plt.subplots(figsize=(6, 4.6), subplot_kw={"projection": "polar"}, layout="constrained")
for d, style in [(3.0, "-"), (1.7, "--")]:
    ax.plot(angle, np.exp(-b / (4 * d**2)), style, lw=2, label=f"d = {d} Å")
ax.set_xticks(np.radians([0, 90, 180, 270]), ["a", "c*", "-a", "-c*"])
ax.set_rgrids([0.5, 1, 1.5, 2], angle=33)
ax.set_title("factor on amplitudes", fontsize="medium")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.05, 0.9))
plt.show()
