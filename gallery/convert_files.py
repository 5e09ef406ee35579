"""
MTZ, mmCIF and SHELX files
==========================

Archives take mmCIF, programs for macromolecules MTZ, and small molecules come with the files of
SHELX. How does one become another, and what is kept?
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import xrefl

# %%
# All of them open by content, whatever they are called.

for name in xrefl.tutorial.examples():
    if name == "1011031":  # a model without reflections
        continue
    ds = xrefl.tutorial.open(name)
    unit = "reflections" if ds.xtal.is_merged else "observations"
    n = ds.sizes["hkl" if ds.xtal.is_merged else "obs"]
    print(f"{xrefl.tutorial.path(name).name:12} {n:5} {unit}: {', '.join(list(ds.data_vars)[:5])}")

# %%
# From mmCIF to MTZ, with the columns that are wanted: tag, label, type and number of the data set.

spec = ["pdbx_r_free_flag FREE I 0", "F_meas_au FP F 1", "F_meas_sigma_au SIGFP Q 1"]
with tempfile.TemporaryDirectory() as folder:
    mtz, cif = Path(folder, "5wkd.mtz"), Path(folder, "5wkd.cif")
    xrefl.cif_to_mtz(xrefl.tutorial.path("5wkd", kind="sf-mmcif"), mtz, spec=spec)
    with xrefl.open_mtz(mtz) as opened:
        converted = opened.load()
    print(len(converted.data_vars) + 3, "columns,", converted.sizes["hkl"], "reflections")

    # and back
    xrefl.mtz_to_cif(mtz, cif)
    with xrefl.open_reflections(cif) as opened:
        again = opened.load()
print(list(again.data_vars))

# %%
# MTZ files have 32-bit numbers, of which the shortest decimals are written: nothing is lost.

original = xrefl.open_reflections(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
error = abs(again.F_meas_au / original.F_meas_au - 1)
print(f"largest relative difference: {float(error.max()):.1e}")

# %%
# A file of the Crystallography Open Database: squared amplitudes of an iron nitride, measured and
# calculated. One reflection alone is far off the line.

nitride = xrefl.tutorial.open("2242624")
print("d / Å:", nitride.xtal.d().values[:3].round(4), "F²:", nitride.F_squared_meas.values[:3])
nitride.xtal.plot.agreement("F_squared_meas", "F_squared_calc")
plt.show()
