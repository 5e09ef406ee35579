"""
Direct summation against FFT
============================

Structure factors are a sum over atoms, or the transform of their density on a grid. The second way
is faster. How good is it, and what do the fineness of the grid and a blur do?
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))

# %%
# The sum first. Of silicon carbide one reflection, with silicon as an ion; of the peptide of the
# PDB entry 5WKD all to 2 Å.

carbide = xrefl.open_model(xrefl.tutorial.path("1011031", kind="model"))
ions = {"Si": xrefl.form_factor("Si", charge=4)}
one = carbide.xtal.structure_factors([(0, 2, 4)], form_factors=ions)
print(f"SiC, 0 2 4: {one.F.item():.4f} electrons")

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
direct = model.xtal.structure_factors(dmin=2.0, method="direct")
exact = direct.xtal.structure_factor("F", "PHI")

# %%
# By FFT with what is the default: the density is blurred, so that atoms are wide enough for the
# grid, and the blur is taken away again.

fft = model.xtal.structure_factors(direct, method="fft").xtal.structure_factor("F", "PHI")
print(f"R of the two: {float(abs(fft - exact).sum() / abs(exact).sum()):.1e}")

# %%
# The steps one by one, with other grids and blurs. Where a curve goes up again the blur has
# become so large that undoing it makes much of small errors.


def deviation(rate, blur):
    """Return Σ|ΔF|/Σ|F| of structure factors by way of a grid."""
    density = model.xtal.density(2.0, rate=rate, blur=blur, cutoff=1e-7)
    f = density.xtal.to_structure_factors(dmin=2.0).xtal.structure_factor("F", "PHI")
    return float(abs(f - exact).sum() / abs(exact).sum())


blurs = np.arange(0, 121, 10)
fig, ax = plt.subplots(layout="constrained")
for rate, marker in [(1.5, "o"), (2.0, "s"), (3.0, "^")]:
    label = f"grid {2 / (2 * rate):.2f} Å, rate {rate}"
    ax.semilogy(blurs, [deviation(rate, b) for b in blurs], f"{marker}-", ms=5, label=label)
ax.set(xlabel="added B / Å²", ylabel="Σ|ΔF| / Σ|F|", ylim=(1e-7, 0.1))
ax.legend(frameon=False)

# %%
# Reflection by reflection: without a blur, waves too short for the grid add errors everywhere. The
# axis is linear in 1/d².

coarse = model.xtal.density(2.0, rate=1.5).xtal.to_structure_factors(dmin=2.0)
error = abs(coarse.xtal.structure_factor("F", "PHI") - exact) / abs(exact).mean()
fig, ax = plt.subplots(layout="constrained")
default = abs(fft - exact) / abs(exact).mean()
for values, marker, label in [(error, "o", "rate 1.5, no blur"), (default, "^", "default blur")]:
    ax.semilogy(values.xtal.inv_d2(), values, marker, ms=4, mfc="none", label=label)
xrefl.plot.resolution_axis(ax)
ax.set(ylabel="|ΔF| / <|F|>")
ax.legend(frameon=False)
plt.show()
