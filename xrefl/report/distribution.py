"""How intensities are distributed: moments and the cumulative distribution."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.hkl.select import sel_resolution
from xrefl.quality.distribution import intensity_distribution
from xrefl.quality.l_test import l_test
from xrefl.report.figures import Axis, Graph, Level, Series, resolution
from xrefl.report.findings import Finding, graded
from xrefl.report.section import Section, Table
from xrefl.report.subject import I, Subject
from xrefl.report.words import count, number
from xrefl.statistics import means
from xrefl.statistics.moments import moments
from xrefl.statistics.normalize import normalize

__all__ = ["section"]

KEY, TITLE = "distribution", "Distribution of intensities"
_FEWEST = 50
_EXPECTED = {
    "acentric": {"mean_e": 0.886, "fourth": 2.0, "mean_abs_e2_minus_1": 0.736},
    "centric": {"mean_e": 0.798, "fourth": 3.0, "mean_abs_e2_minus_1": 0.968},
}
_NAMES = {"mean_e": "⟨E⟩", "fourth": "⟨E⁴⟩", "mean_abs_e2_minus_1": "⟨|E² - 1|⟩"}
_TWIN = {"acentric": ("0.940", "1.5", "0.541"), "centric": ("–", "–", "–")}
_LOW, _LOWEST, _HIGH = 1.8, 1.65, 2.3


def section(subject: Subject) -> Section:
    """Return moments of E and N(z), against what Wilson and theory of twins expect."""
    ds = subject.merged
    known = ds.isel(hkl=np.flatnonzero(subject.present))
    limit = float(l_test(known, I, subject.sigma)["dmin"])
    strong = sel_resolution(known, dmin=limit * (1 - 1e-9))
    e2 = _squared(strong)
    found = moments(strong, e2, squared=True)
    if int(found["n"].sum()) < _FEWEST:
        raise MillerIndexError(
            f"there are only {int(found['n'].sum())} reflections, and fewer than {_FEWEST} tell "
            "nothing of their distribution"
        )
    limited = " to the end"
    if limit > subject.limits[1] * 1.001:
        limited = f" to {limit:.2f} Å, where weak data begin"
    return Section(
        KEY,
        TITLE,
        prose=[
            "E² = I/⟨I⟩ at the same resolution, an anisotropic falloff having been taken out; "
            f"reflections are taken{limited}. Twins have too few weak and too few strong "
            "reflections; translational symmetry and noise make too many (Wilson, 1949; Stanley, "
            "1972)."
        ],
        values={
            f"{name}_{kind}": float(found[name].sel(centric=kind))
            for name in _NAMES
            for kind in _EXPECTED
        },
        tables=[_table(found)],
        figures=[_cumulative(intensity_distribution(strong, I)), _by_shell(subject, known)],
        findings=_findings(found),
    )  # fmt: skip


def _squared(ds: xr.Dataset) -> xr.DataArray:
    """Return E² without anisotropy, or with it, if reflections are too few for a tensor."""
    e2 = normalize(ds, I, squared=True, anisotropic=True)
    return e2 if bool(e2.notnull().any()) else normalize(ds, I, squared=True)


def _table(found: xr.Dataset) -> Table:
    rows = []
    for kind, expected in _EXPECTED.items():
        one = found.sel(centric=kind)
        for (name, label), twin in zip(_NAMES.items(), _TWIN[kind], strict=True):
            value = number(one[name], 3)
            rows.append([f"{label}, {kind}", count(one["n"]), value, f"{expected[name]:.3f}", twin])
    return Table("Moments", ["moment", "n", "observed", "expected", "perfect twin"], rows)


def _cumulative(found: xr.Dataset) -> Graph:
    z = found["z"].values
    series = []
    for color, kind in enumerate(("acentric", "centric")):
        one = found.sel(centric=kind)
        if int(one["n"]) >= _FEWEST:
            series.append(Series.of(kind, z, one["observed"].values, style="line", color=color))
            series.append(
                Series.of(f"{kind}, expected", z, one["expected"].values, style="dashed",
                          color=color)
            )  # fmt: skip
    twin = found.sel(centric="acentric")["twin"].values
    series.append(Series.of("acentric, perfect twin", z, twin, style="dashed", color=3))
    return Graph(
        "Cumulative distribution N(z)",
        Axis("z = I/⟨I⟩"),
        Axis("share of reflections below z", limits=(0.0, 1.0)),
        series,
        caption="Howells, Phillips & Rogers, 1950, Acta Cryst. 3, 210.",
    )


def _by_shell(subject: Subject, known: xr.Dataset) -> Graph:
    shells = subject.shells
    found = moments(known, _squared(known), by=shells, squared=True)
    inv_d2 = known[I].copy(data=subject.inv_d2[subject.present])
    at = means.mean(known, inv_d2, by=shells).values
    series = [
        Series.of(kind, at, found["fourth"].sel(centric=kind).values, color=color)
        for color, kind in enumerate(("acentric", "centric"))
        if int(found["n"].sel(centric=kind).sum()) >= _FEWEST
    ]
    return Graph(
        "⟨E⁴⟩ by resolution",
        resolution(),
        Axis("⟨E⁴⟩ = ⟨I²⟩/⟨I⟩²"),
        series,
        levels=[
            Level(2.0, "acentric: 2"),
            Level(1.5, "perfect twin: 1.5"),
            Level(3.0, "centric: 3"),
        ],
    )


def _findings(found: xr.Dataset) -> list[Finding]:
    one = found.sel(centric="acentric")
    n, fourth = int(one["n"]), float(one["fourth"])
    if n < _FEWEST:
        return []
    error = (20 / n) ** 0.5  # the variance of squares of exponentially distributed numbers is 20
    text = f"⟨I²⟩/⟨I⟩² of acentric reflections is {number(fourth)} ± {number(error)}"
    threshold = "1.8 to 2.3; 2 is expected, and 1.5 of perfect twins"
    source = "values of Wilson, 1949, and Stanley, 1972; limits xrefl's own"
    if fourth < _LOW - error:
        grade = graded(fourth + error, _LOW, _LOWEST)
        text = f"{text}: lower than expected, as in twins."
        return [Finding(grade, text, fourth, threshold, source)]
    if fourth > _HIGH + 2 * error:
        more = "higher than expected, as with translational symmetry, anisotropy or noise"
        return [Finding("note", f"{text}: {more}.", fourth, threshold, source)]
    return [Finding("good", f"{text}, about as expected.", fourth, threshold, source)]
