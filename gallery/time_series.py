"""
Difference maps in time
=======================

A crystal was measured at several times after a flash of light. What changes in it, where, and how
fast?
"""

# sphinx_gallery_thumbnail_number = 2
from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from scipy.optimize import curve_fit

import xrefl

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))

# %%
# Simulated here: in the peptide of the PDB entry 5WKD a water molecule leaves with a time constant
# of 20 ns, and the oxygen of the serine turns with one of 200 ns.

model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
water, hydroxyl = model.seqnum == 402, (model.seqnum == 305) & (model.name == "OG")
turned = model.isel(atom=hydroxyl.values)
turned = turned.assign(xyz=turned.xyz + np.array([0.85, 2.10, 0.19]))


def excited(time):
    """Return the model some nanoseconds after the flash."""
    gone, moved = 1 - np.exp(-time / 20), 1 - np.exp(-time / 200)
    occupancy = model.occupancy * (1 - gone * water - moved * hydroxyl)
    there = turned.assign(occupancy=turned.occupancy * moved)
    return xr.concat([model.assign(occupancy=occupancy), there], dim="atom")


observed = {
    time: xrefl.simulate_unmerged(excited(time), dmin=1.5, multiplicity=20, seed=time)
    for time in [0, 5, 10, 20, 40, 80, 160, 320, 640]  # ns
}

# %%
# Merged, and along a dimension of time: aligned by Miller index, and each operation is for all
# times.

sets = xrefl.concat({time: one.xtal.merge() for time, one in observed.items()}, dim="time")
amplitude = sets.IMEAN.clip(0) ** 0.5
change = (amplitude - amplitude.sel(time=0)).sel(time=slice(5, None))
print((abs(change).sum("hkl") / amplitude.sel(time=0).sum()).to_series().round(4))

# %%
# Maps of the change, with the phases of the model before the flash.

dark = model.xtal.structure_factors(sets)
phase = dark.PHI.assign_attrs(mtz_type="P")
ds = xr.Dataset({"DF": change.assign_attrs(mtz_type="F"), "PHI": phase}, attrs=dark.attrs)
maps = [ds.sel(time=time).xtal.to_map("DF", "PHI", sample_rate=3) for time in ds.time]
series = xr.concat(maps, dim=ds.time, combine_attrs="override")

# %%
# Density at four places against time: where the water molecule was, both places of the oxygen, and
# an atom that stays. Curves are fits of 1 - exp(-t/τ).


def rise(time, a, tau):
    return a * (1 - np.exp(-time / tau))


places = {
    "water": (water, model),
    "oxygen, before": (hydroxyl, model),
    "oxygen, after": (turned.name == "OG", turned),
    "a carbon": ((model.seqnum == 303) & (model.name == "CB"), model),
}
fig, ax = plt.subplots(layout="constrained")
for (name, (which, of)), marker in zip(places.items(), "osD^", strict=True):
    point = of.xyz[which.values].values
    density = np.array([one.xtal.interpolate(point, order=3).item() for one in maps])
    (points,) = ax.semilogx(series.time, density, marker, label=name)
    if name != "a carbon":
        (a, tau), _ = curve_fit(rise, series.time.values, density, p0=(density[-1], 50))
        ax.plot(t := np.geomspace(3, 1000), rise(t, a, tau), c=points.get_color())
        points.set_label(f"{name}, τ = {tau:.0f} ns")
ax.axhline(0, color="0.6", lw=1, zorder=0)
ax.set(xlabel="time / ns", ylabel="change of density / e Å⁻³")
ax.legend(frameon=False)

# %%
# Sections through both places of the oxygen. Full lines are a gain, and dashed ones a loss, in
# steps of 0.2 e/Å³.

levels = np.array([-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6]) / 5
section = {"z": 0.37, "x": (0.36, 0.5), "y": (-0.75, 0.75), "levels": levels, "sigma": False}
fig, axes = plt.subplots(1, 3, figsize=(8.5, 3.4), layout="constrained")
for ax, time in zip(axes, [40, 160, 640], strict=True):
    series.sel(time=time).xtal.plot.section(**section, legend=False, ax=ax)
    ax.set_title(f"{time} ns")
plt.show()
