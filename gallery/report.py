"""
A report on data
================

What does a crystallographer look at first: are the data complete, how far do they reach, is the
crystal twinned, and does the model explain them? One call answers, in words and pictures.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import xrefl

# %%
# The data of the PDB entry 5E5Z and its model. What is found is told in words, with the threshold
# and who proposed it; what is grave comes first.

ds = xrefl.tutorial.open("5e5z")
model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
report = ds.xtal.report(model)
for finding in report.findings:
    print(f"{finding.severity:5} {finding.text}")
print("The first is judged by:", report.findings[0].basis)

# %%
# A page for the browser with all pictures, which needs no network. On the command line,
# ``xrefl report 5e5z.mtz 5e5z.pdb -o report.html`` does the same.

with tempfile.TemporaryDirectory() as folder:
    page = Path(folder, "report.html")
    report.to_html(page)
    print(f"{page.stat().st_size / 1e6:.1f} MB")

# %%
# All numbers are there as well, and the curves of the pictures: to compare many data sets, put
# theirs side by side.

reports = {"5e5z": report}
other = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
reports["5wkd"] = xrefl.tutorial.open("5wkd").xtal.report(other)
numbers = {
    entry: {name: value for section in found.sections for name, value in section.values.items()}
    for entry, found in reports.items()
}
wanted = ["completeness", "i_over_sigma", "mean_abs_l", "delta_b", "r_work", "r_free", "cc"]
print(pd.DataFrame(numbers).loc[wanted].astype(float).round(3))

# %%
# R-work by resolution of both, from the curves of their reports.

fig, ax = plt.subplots(layout="constrained")
for (entry, found), style in zip(reports.items(), ["o-", "s--"], strict=True):
    figures = {one.title: one for section in found.sections for one in section.figures}
    curve = figures["R by resolution"].series[0]
    ax.plot(curve.x, curve.y, style, label=f"{entry}, {curve.name}")
xrefl.plot.resolution_axis(ax)
ax.set(ylabel="R-work", ylim=(0, None))
ax.legend(frameon=False)
plt.show()
