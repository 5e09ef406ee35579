"""
What an atom scatters
=====================

X-rays see electrons, electrons see the potential, and neutrons see nuclei. How much does an atom
scatter, how does it fall off with resolution, and how wide is its density?
"""

# sphinx_gallery_thumbnail_number = 2
from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))

# %%
# Form factors are looked up by element, kind of radiation and, for X-rays, charge.

iron = xrefl.form_factor("Fe")
print(iron.a, iron.b, iron.c)
print(f"sum of a and c: {sum(iron.a) + iron.c:.4f}, of 26 electrons")
of_electrons = xrefl.form_factor("Fe", "electron")
print(f"f at s² = 0.4 Å⁻²: {iron.sf(0.4):.4f} electrons; {of_electrons.sf(0.4):.4f} Å")
print(f"ρ at r² = 2.3 Å², B = 50 Å²: {iron.density_iso(2.3, 50):.4f} e/Å³")
for hydrogen in ("H", "D"):
    print(f"{hydrogen}: {xrefl.form_factor(hydrogen, 'neutron').sf(0.0):.3f} fm")

# %%
# The axis of resolution is linear in s = 1/(2d), and labelled by d. The potential, which electrons
# see, falls off faster than the electrons do. A nucleus is a point, and scatters alike at all
# angles: hydrogen as much as others, and with the other sign.

s = np.linspace(1e-3, 0.6, 200)
kinds = {"xray": "f / electrons", "electron": "f / Å", "neutron": "b / fm"}
fig, axes = plt.subplots(1, 3, figsize=(8.5, 3.2), layout="constrained")
for ax, (kind, label) in zip(axes, kinds.items(), strict=True):
    for element, style in [("Fe", "-"), ("S", "--"), ("O", "-."), ("H", ":")]:
        f = xrefl.form_factor(element, kind).sf(s**2)
        ax.plot(s, np.broadcast_to(f, s.shape), style, lw=2, label=element)
    ax.set_xticks([1 / (2 * d) for d in (5, 2, 1.3, 1)], [5, 2, 1.3, 1])
    ax.set(xlabel="d / Å", ylabel=label, xlim=(0, 0.6))
axes[0].legend(frameon=False)

# %%
# Electron scattering follows from that of X-rays by the formula of Mott and Bethe: f_e = (Z -
# f_x)/(8π² a₀ s²). Two tables from different calculations agree but for the smallest angles.

bohr = 0.529177  # Å
fig, ax = plt.subplots(layout="constrained")
for element, z, color in [("Fe", 26, "#0072B2"), ("O", 8, "#D55E00")]:
    ax.plot(s, xrefl.form_factor(element, "electron").sf(s**2), c=color, lw=2, label=element)
    bethe = (z - xrefl.form_factor(element).normalized().sf(s**2)) / (8 * np.pi**2 * bohr * s**2)
    ax.plot(s[::8], bethe[::8], "o", c=color, mfc="white", label=f"{element}, Mott-Bethe")
ax.set_xticks([1 / (2 * d) for d in (5, 2, 1.3, 1)], [5, 2, 1.3, 1])
ax.set(xlabel="d / Å", ylabel="f / Å", xlim=(0, 0.6), ylim=(0, 8))
ax.legend(frameon=False)

# %%
# The density of an atom is the transform of its form factor. Its B is that of the motion; the more
# of it, the wider and lower.

r = np.linspace(0, 2, 200)
fig, ax = plt.subplots(layout="constrained")
for b, style in [(10, "-"), (20, "--"), (50, "-.")]:
    ax.plot(r, xrefl.form_factor("O").density_iso(r**2, b), style, lw=2, label=f"O, B = {b} Å²")
ax.set(xlabel="distance / Å", ylabel="density / e Å⁻³", xlim=(0, 2), ylim=(0, None))
ax.legend(frameon=False)
plt.show()
