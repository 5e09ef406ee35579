"""
Which wavelength for selenium
=============================

Near an absorption edge an atom scatters with another phase, which tells Friedel mates apart. At
which wavelength is the signal of selenium large, and what is left of it at a copper anode?
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import xrefl

# %%
# f' and f'' of free atoms after Cromer and Liberman. Energies are in eV; HC is the product of
# energy and wavelength.

print("Se at 10332 eV: f' = {:.5f}, f'' = {:.5f}".format(*xrefl.cromer_liberman("Se", 10332.0)))
molybdenum = xrefl.cromer_liberman("Se", xrefl.HC / 0.71073)
print("Se, Mo Kα:      f' = {:.5f}, f'' = {:.5f}".format(*molybdenum))

# %%
# The edge of selenium is at 0.979 Å. At shorter wavelengths f'' is large; right at it f' has a
# minimum. Sulfur has no edge in this range, but half an electron of f'' at the wavelength of
# copper.

wavelength = np.linspace(0.85, 1.75, 1801)
fig, ax = plt.subplots(layout="constrained")
for element, color in [("Se", "#0072B2"), ("S", "#D55E00")]:
    fp, fpp = xrefl.cromer_liberman(element, xrefl.HC / wavelength)
    ax.plot(wavelength, fpp, c=color, lw=2, label=f"{element}, f''")
    ax.plot(wavelength, fp, "--", c=color, lw=2, label=f"{element}, f'")
ax.axvline(1.5418, color="0.6", lw=1)
ax.text(1.5418, -7.5, " Cu Kα", color="0.3")
ax.set(xlabel="wavelength / Å", ylabel="f', f'' / electrons", xlim=(0.85, 1.75))
ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(0.75, 0.02))

# %%
# What comes of it in the data: one oxygen of the peptide of 5WKD is exchanged for selenium, and the
# mates are compared, at three wavelengths.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
model = model.assign(element=model.element.astype(object))
model.element[int(np.flatnonzero(model.element == "O")[0])] = "Se"
for wavelength in (0.9786, 1.0, 1.5418):
    addends = model.xtal.addends(wavelength=wavelength)
    pairs = model.xtal.structure_factors(dmin=1.8, addends=addends, friedel=True)
    ratio = abs(pairs["F(+)"] - pairs["F(-)"]).mean() / pairs["F(+)"].mean()
    print(f"{wavelength:.4f} Å: <|ΔF|>/<F> = {float(ratio):.1%}")
plt.show()
