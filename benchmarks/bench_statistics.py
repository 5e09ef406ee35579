"""Statistics in 20 shells of 766,631 reflections: python benchmarks/bench_statistics.py."""

from __future__ import annotations

import files
import gemmi
import timing
import xarray as xr

N = 20
LABELS = ("FP", "FC")


def _dataset():
    return xr.open_dataset(files.merged(), engine="mtz").load()


def _mtz():
    mtz = gemmi.read_mtz_file(str(files.merged()))
    return mtz, *(mtz.column_with_label(label).array for label in LABELS)


def _binner(mtz, method=gemmi.Binner.Method.EqualCount):
    binner = gemmi.Binner()
    binner.setup(N, method, mtz)
    return binner


def everything():
    ds = _dataset()

    def run():
        shells = ds.xtal.shells(N)
        return (
            shells.assign(ds),
            ds.xtal.r_factor(*LABELS, by=shells),
            ds.xtal.correlation(*LABELS, by=shells),
        )

    return run


def gemmi_everything():
    mtz, fo, fc = _mtz()

    def run():
        bins = _binner(mtz).get_bins(mtz)
        return bins, gemmi.binrfactor(bins, fo, fc), gemmi.bincorr(bins, fo, fc)

    return run


def shells():
    ds = _dataset()
    return lambda: ds.xtal.shells(N)


def gemmi_shells():
    mtz = _mtz()[0]
    return lambda: _binner(mtz)


def shells_dstar3():
    ds = _dataset()
    return lambda: ds.xtal.shells(N, method="dstar3")


def gemmi_shells_dstar3():
    mtz = _mtz()[0]
    return lambda: _binner(mtz, gemmi.Binner.Method.Dstar3)


def assign():
    ds = _dataset()
    shells = ds.xtal.shells(N)
    return lambda: shells.assign(ds)


def gemmi_assign():
    mtz = _mtz()[0]
    binner = _binner(mtz)
    return lambda: binner.get_bins(mtz)


def mean():
    from xrefl.statistics.groups import grouping
    from xrefl.statistics.sums import group_means

    ds = _dataset()
    groups = grouping(ds, ds.xtal.shells(N))
    return lambda: group_means(ds, "FP", by=groups)


def gemmi_mean():
    mtz, fo, _ = _mtz()
    bins = _binner(mtz).get_bins(mtz)
    return lambda: gemmi.binmean(bins, fo)


def r_factor():
    ds = _dataset()
    shells = ds.xtal.shells(N)
    return lambda: ds.xtal.r_factor(*LABELS, by=shells)


def gemmi_r_factor():
    mtz, fo, fc = _mtz()
    binner = _binner(mtz)
    return lambda: gemmi.binrfactor(binner.get_bins(mtz), fo, fc)


def correlation():
    ds = _dataset()
    shells = ds.xtal.shells(N)
    return lambda: ds.xtal.correlation(*LABELS, by=shells)


def gemmi_correlation():
    mtz, fo, fc = _mtz()
    binner = _binner(mtz)
    return lambda: gemmi.bincorr(binner.get_bins(mtz), fo, fc)


def shells_and_assign():
    ds = _dataset()
    return lambda: ds.xtal.shells(N).assign(ds)


def rs_shells_and_assign():
    import reciprocalspaceship as rs

    ds = rs.read_mtz(str(files.merged()))
    return lambda: ds.assign_resolution_bins(bins=N)


def lazy_correlation():
    ds = _dataset()
    shells = ds.xtal.shells(N)
    lazy = ds[list(LABELS)].chunk(hkl=100_000)
    return lambda: lazy.xtal.correlation(*LABELS, by=shells).compute()


COMPARISONS = (
    ("shells, assign, R and CC", everything, gemmi_everything, "2"),
    ("`ds.xtal.shells(20)`, equal counts", shells, gemmi_shells, ""),
    ("the same, equal steps of 1/d³", shells_dstar3, gemmi_shells_dstar3, ""),
    ("`shells.assign(ds)`", assign, gemmi_assign, ""),
    ("mean, shells known", mean, gemmi_mean, ""),
    ("R, shells known by their limits", r_factor, gemmi_r_factor, ""),
    ("CC, shells known by their limits", correlation, gemmi_correlation, ""),
    ("the same, from dask arrays of 8 chunks", lazy_correlation, gemmi_correlation, ""),
)
RS_COMPARISONS = (
    ("shells and assign (assign_resolution_bins)", shells_and_assign, rs_shells_and_assign, "10"),
)


if __name__ == "__main__":
    timing.table("gemmi", COMPARISONS)
    print()
    timing.table("reciprocalspaceship", RS_COMPARISONS)
