"""
Scaling with outliers
=====================

A few reflections are wrong: behind the beam stop, on a ring of ice, or from another lattice. Least
squares bend to them. Which fits do not, and what do they cost where there are none?
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# Amplitudes that are known: those of the model of the PDB entry 5WKD with a scale, a falloff and
# errors of 5 %.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
calc = model.xtal.structure_factors(dmin=1.5)
f_calc = calc.xtal.structure_factor("F", "PHI")
rng = np.random.default_rng(1)
truth = 2.0 * np.exp(-4.0 * calc.xtal.inv_d2() / 4) * calc.F
clean = (truth * (1 + 0.05 * rng.normal(size=truth.size))).assign_attrs(mtz_type="F")

# %%
# Some of them, at any place, become three times as large.


def spoiled(fraction):
    """Return amplitudes of which a fraction is wrong."""
    wrong = rng.random(clean.size) < fraction
    return clean.where(~wrong, 3 * clean).assign_attrs(clean.attrs)


# %%
# All losses on the same data, from none to 15 % of wrong reflections. k should be 2, and B 4 Å².

losses = ["linear", "soft_l1", "huber", "cauchy", "l1"]
fractions = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.15])
k = np.empty((len(losses), len(fractions)))
b = np.empty_like(k)
for j, fraction in enumerate(fractions):
    data = spoiled(fraction)
    for i, loss in enumerate(losses):
        found = xrefl.scale(data, None, f_calc, loss=loss, anisotropic=False)
        k[i, j], b[i, j] = found.k_overall, found.b_overall[0]

# %%
# Least squares are off by 8 % where one reflection of twenty is wrong, and by half where three
# are. The robust losses hardly notice. Without outliers all agree.

fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]
for values, ax, label, true in zip((k, b), axes, ("k", "B / Å²"), (2, 4), strict=True):
    for one, loss, marker, color in zip(values, losses, "osDv^", colors, strict=True):
        ax.plot(100 * fractions, one, f"{marker}-", c=color, label=loss)
    ax.axhline(true, color="0.6", lw=1, zorder=0)
    ax.set(xlabel="wrong reflections / %", ylabel=label)
axes[0].legend(frameon=False)

# %%
# The wrong ones are then easily found: at 5 %, by how far data are from the fit.

data = spoiled(0.05)
found = xrefl.scale(data, None, f_calc, loss="cauchy", anisotropic=False)
difference = abs(data - abs(found.f_total)) / found.loss_scale
wrong = abs(data / clean - 1) > 0.5
print(f"loss scale {found.loss_scale:.2f}; {int(wrong.sum())} wrong, of which")
print(f"{int((wrong & (difference > 10)).sum())} are beyond 10 times that,")
print(f"as {int((~wrong & (difference > 10)).sum())} of the {int((~wrong).sum())} good ones are")
plt.show()
