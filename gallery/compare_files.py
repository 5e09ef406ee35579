"""
The same data in two files
==========================

The MTZ file of the PDB entry 5WKD has amplitudes FP, and its mmCIF file has F_meas_au. Are these
the same numbers? If not, how do they differ?
"""

# sphinx_gallery_thumbnail_number = 2
from __future__ import annotations

import matplotlib.pyplot as plt

import xrefl

# %%
# Two files in two formats, with different numbers of reflections. Arithmetic puts values of the
# same Miller indices together, whatever the order of the rows.

mtz = xrefl.tutorial.open("5wkd")
cif = xrefl.open_reflections(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
ratio = (mtz.FP / cif.F_meas_au).dropna("hkl")
print(mtz.sizes["hkl"], "and", cif.sizes["hkl"], "reflections,", ratio.size, "measured in both")
print(f"FP/F_meas_au: {float(ratio.min()):.3f} to {float(ratio.max()):.3f}")

# %%
# One against the other, they look alike.

fig, ax = plt.subplots(figsize=(4.2, 4), layout="constrained")
ax.plot(cif.F_meas_au.reindex_like(mtz), mtz.FP, ".", ms=3)
ax.axline((0, 0), slope=1, color="0.6", lw=1, zorder=0)
ax.set(xlabel="F_meas_au, mmCIF", ylabel="FP, MTZ", xlim=(0, None), ylim=(0, None), aspect=1)

# %%
# Their ratio tells more. It has one curve for each k: along b, the short axis, amplitudes have been
# made larger than along the others.

fig, ax = plt.subplots(layout="constrained")
s = ratio.xtal.inv_d2() ** 0.5
for k, marker, color in [(0, "o", "#0072B2"), (1, "s", "#D55E00"), (2, "^", "#009E73")]:
    ax.plot(s[ratio.k == k], ratio[ratio.k == k], marker, ms=4, c=color, label=f"k = {k}")
ax.axhline(1, color="0.6", lw=1, zorder=0)
ax.set_xticks([1 / d for d in (20, 5, 3, 2.5, 2, 1.8)], [20, 5, 3, 2.5, 2, 1.8])
ax.set(xlabel="d / Å", ylabel="FP / F_meas_au")
ax.legend(frameon=False)

# %%
# A scale that depends on direction is a tensor. Fitted, it leaves next to nothing: FP is
# F_meas_au, scaled by such a factor. B in Å², on Cartesian axes, with the symmetry of the crystal.

found = xrefl.scale(mtz.FP, None, cif.F_meas_au)
print(f"k = {found.k_overall:.3f}, R = {found.r_factor:.0e}")
for name, b in zip(("11", "22", "33", "12", "13", "23"), found.b_overall, strict=True):
    print(f"B{name} = {b:6.2f} Å²")
plt.show()
